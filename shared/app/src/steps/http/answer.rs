//! What an answer or a callback leaves behind: its text, and each scalar at the top of a JSON object by its name.

use patchbay_domain::run::plan::Outputs;
use patchbay_domain::workflow::limits::{MAX_NAME_CHARS, MAX_OUTPUT_CHARS};
use serde_json::Value;

/// Names that one answer may bring.
const MAX_NAMES: usize = 100;

/// The outputs of a text; `body` is always the text itself, cut.
pub(crate) fn outputs_of(text: &str) -> Outputs {
    let mut outputs = Outputs::new();
    if let Ok(Value::Object(fields)) = serde_json::from_str(text) {
        let scalars = fields.into_iter().filter_map(|(name, value)| Some((name, scalar(value)?)));
        outputs.extend(scalars.filter(|(name, _)| name.chars().count() <= MAX_NAME_CHARS).take(MAX_NAMES));
    }
    outputs.insert("body".to_owned(), cut(text));
    outputs
}

fn scalar(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(cut(&text)),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_OUTPUT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_at_the_top_become_outputs_and_the_rest_stays_text() {
        let text = r#"{"id": 7, "ok": true, "note": "fine", "none": null, "deep": {"x": 1}, "list": [1], "body": "forged"}"#;
        let outputs = outputs_of(text);
        let read: Vec<(&str, &str)> = outputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("body", text), ("id", "7"), ("none", ""), ("note", "fine"), ("ok", "true")]);
    }

    #[test]
    fn what_is_no_object_is_text_alone() {
        for text in ["", "fine", "[1, 2]", "\"x\"", "{broken", &"[".repeat(100_000)] {
            assert_eq!(outputs_of(text).keys().collect::<Vec<_>>(), ["body"]);
        }
    }

    #[test]
    fn nothing_grows_beyond_its_limit() {
        let many: String = (0..500).map(|n| format!("\"n{n}\":{n},")).collect();
        let outputs = outputs_of(&format!("{{{many}\"{}\":1,\"long\":\"{}\"}}", "x".repeat(65), "y".repeat(40_000)));
        assert!(outputs.len() <= MAX_NAMES + 1 && outputs.values().all(|value| value.chars().count() <= MAX_OUTPUT_CHARS));
        assert!(outputs.keys().all(|name| name.len() <= MAX_NAME_CHARS));
    }
}
