//! The assistant's words out of a model's answer, whichever of the two APIs and whether streamed or not.

use serde_json::Value;

/// The text of the answer, `None` where it holds none.
pub(crate) fn assistant_text(body: &[u8]) -> Option<String> {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(whole) => whole_text(&whole),
        Err(_) => streamed_text(&String::from_utf8_lossy(body)),
    };
    Some(text).filter(|t| !t.trim().is_empty())
}

/// OpenAI: `choices[0].message.content`; Anthropic: the `text` blocks of `content`.
fn whole_text(answer: &Value) -> String {
    if let Some(text) = answer["choices"][0]["message"]["content"].as_str() {
        return text.to_owned();
    }
    let blocks = answer["content"].as_array().map(Vec::as_slice).unwrap_or_default();
    blocks.iter().filter_map(|b| b["text"].as_str()).collect()
}

/// OpenAI: `choices[0].delta.content`; Anthropic: `delta.text` of `content_block_delta`.
fn streamed_text(events: &str) -> String {
    let data = events.lines().filter_map(|l| l.strip_prefix("data:")).filter_map(|d| serde_json::from_str::<Value>(d.trim()).ok());
    data.map(|e| e["choices"][0]["delta"]["content"].as_str().or(e["delta"]["text"].as_str()).unwrap_or_default().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_found_in_every_shape() {
        let check = |body: &str, expected: Option<&str>| assert_eq!(assistant_text(body.as_bytes()).as_deref(), expected, "{body}");
        check(r#"{"choices":[{"message":{"role":"assistant","content":"hello"}}]}"#, Some("hello"));
        check(r#"{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#, Some("ab"));
        check(
            "data: {\"choices\":[{\"delta\":{\"content\":\"he\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"y\"}}]}\n\ndata: [DONE]\n",
            Some("hey"),
        );
        check("event: content_block_delta\ndata: {\"delta\":{\"type\":\"text_delta\",\"text\":\"yo\"}}\n\n", Some("yo"));
        check(r#"{"choices":[{"message":{"content":null}}]}"#, None);
        check("", None);
        check("[]", None);
    }
}
