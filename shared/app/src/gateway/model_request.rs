//! What may be asked of the model: the agent's request, read, bounded and written anew with the configured model.
//! Fields that are not known to be harmless are left out, because they could cost more or reach further.

use super::meter::{Estimate, tokens_of};
use patchbay_domain::task::ModelProvider;
use serde_json::{Map, Value, json};

/// The longest answer that may be asked for.
pub(super) const MAX_OUTPUT_TOKENS: u64 = 32_000;
/// What is set aside where the agent names no limit, and asked for where little of the budget is left.
pub(super) const MODEST_OUTPUT_TOKENS: u64 = 4_096;
const MAX_REQUEST_BYTES: usize = 6_000_000;

const OPENAI_FIELDS: [&str; 17] = [
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "stop",
    "stream",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "response_format",
    "reasoning_effort",
    "functions",
    "function_call",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
];
const ANTHROPIC_FIELDS: [&str; 11] =
    ["messages", "system", "max_tokens", "temperature", "top_p", "top_k", "stop_sequences", "stream", "tools", "tool_choice", "thinking"];

/// A request that may be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ModelRequest {
    fields: Map<String, Value>,
    provider: ModelProvider,
    pub(super) stream: bool,
    pub(super) estimate: Estimate,
}

impl ModelRequest {
    /// Reads the agent's body for `provider` and puts `model` in place of whatever it names.
    ///
    /// # Errors
    /// A sentence for the agent: what cannot be asked.
    pub(super) fn parse(provider: ModelProvider, body: &[u8], model: &str) -> Result<Self, String> {
        if body.len() > MAX_REQUEST_BYTES {
            return Err(format!("a request has at most {MAX_REQUEST_BYTES} bytes"));
        }
        let asked: Map<String, Value> = serde_json::from_slice(body).map_err(|_| "the request is not a JSON object".to_owned())?;
        if !asked.get("messages").is_some_and(Value::is_array) {
            return Err("the request has no messages".into());
        }
        let allowed: &[&str] = match provider {
            ModelProvider::Openai => &OPENAI_FIELDS,
            ModelProvider::Anthropic => &ANTHROPIC_FIELDS,
        };
        let mut fields: Map<String, Value> =
            asked.into_iter().filter(|(name, value)| allowed.contains(&name.as_str()) && !value.is_null()).collect();
        check_tools(&fields)?;
        check_sources(&fields)?;
        fields.insert("model".into(), json!(model));
        let stream = fields.get("stream").and_then(Value::as_bool).unwrap_or(false);
        if stream && provider == ModelProvider::Openai {
            fields.insert("stream_options".into(), json!({ "include_usage": true }));
        }
        let mut request = Self { fields, provider, stream, estimate: Estimate { input_tokens: tokens_of(body.len()), output_tokens: 0 } };
        request.bound_output(MAX_OUTPUT_TOKENS);
        Ok(request)
    }

    /// Bounds the answer's length, and counts on what is then possible.
    fn bound_output(&mut self, max: u64) {
        if self.provider == ModelProvider::Anthropic {
            self.fields.entry("max_tokens").or_insert(json!(MODEST_OUTPUT_TOKENS));
        }
        let mut bound = None;
        for name in ["max_tokens", "max_completion_tokens"] {
            if let Some(asked) = self.fields.get_mut(name) {
                let tokens = asked.as_u64().unwrap_or(MODEST_OUTPUT_TOKENS).clamp(1, max);
                *asked = json!(tokens);
                bound = Some(tokens.max(bound.unwrap_or(0)));
            }
        }
        self.bound_thinking(bound.unwrap_or(max));
        self.estimate.output_tokens = bound.unwrap_or(MODEST_OUTPUT_TOKENS.min(max));
    }

    /// Anthropic refuses a thinking budget that leaves nothing to say.
    fn bound_thinking(&mut self, max: u64) {
        let too_much = self
            .fields
            .get("thinking")
            .and_then(|thinking| thinking.get("budget_tokens"))
            .and_then(Value::as_u64)
            .is_some_and(|budget| budget >= max);
        if too_much {
            self.fields.remove("thinking");
        }
    }

    /// The same request with a short answer, for a budget that is nearly spent; `None` if it asks for no more anyway.
    pub(super) fn modest(&self) -> Option<Self> {
        let mut modest = self.clone();
        modest.bound_output(MODEST_OUTPUT_TOKENS);
        (modest.estimate.output_tokens < self.estimate.output_tokens).then_some(modest)
    }

    /// The body to send.
    pub(super) fn body(&self) -> Vec<u8> {
        // A map of JSON values always becomes JSON.
        serde_json::to_vec(&self.fields).unwrap_or_default()
    }
}

/// Tools that the provider would run itself (search, code, remote servers) reach out of the sandbox.
fn check_tools(fields: &Map<String, Value>) -> Result<(), String> {
    let tools = fields.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let own = |tool: &Value| matches!(tool.get("type").map(|kind| kind.as_str()), None | Some(Some("function" | "custom")));
    if tools.iter().all(own) { Ok(()) } else { Err("only tools that the agent runs itself can be offered to the model".into()) }
}

/// A picture or document named by its address would be fetched by the provider: a way out for whatever the address says.
fn check_sources(fields: &Map<String, Value>) -> Result<(), String> {
    let messages = fields.get("messages").into_iter().chain(fields.get("system"));
    if messages.into_iter().any(names_address) {
        Err("contents can be sent to the model, addresses of contents cannot".into())
    } else {
        Ok(())
    }
}

fn names_address(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(names_address),
        Value::Object(fields) => fields.iter().any(|(name, value)| match (name.as_str(), value) {
            ("url" | "image_url" | "file_url", Value::String(url)) => !url.starts_with("data:"),
            // Arguments of the agent's own tools are its own business.
            ("input" | "arguments", _) => false,
            (_, value) => names_address(value),
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::ModelProvider::{Anthropic, Openai};
    use super::*;

    fn parse(provider: ModelProvider, body: Value) -> Result<(Value, Estimate), String> {
        let request = ModelRequest::parse(provider, body.to_string().as_bytes(), "the-model")?;
        Ok((serde_json::from_slice(&request.body()).unwrap(), request.estimate))
    }

    #[test]
    fn the_model_is_the_configured_one_and_unknown_fields_are_left_out() {
        let asked = json!({ "model": "expensive", "messages": [], "service_tier": "priority", "n": 20, "user": "x", "temperature": 0 });
        assert_eq!(parse(Openai, asked).unwrap().0, json!({ "model": "the-model", "messages": [], "temperature": 0 }));
    }

    #[test]
    fn a_stream_tells_its_usage() {
        let (sent, _) = parse(Openai, json!({ "messages": [], "stream": true, "stream_options": { "include_usage": false } })).unwrap();
        assert_eq!(sent["stream_options"], json!({ "include_usage": true }));
        let (sent, _) = parse(Anthropic, json!({ "messages": [], "stream": true })).unwrap();
        assert_eq!(sent.get("stream_options"), None);
    }

    #[test]
    fn an_answer_has_a_greatest_length() {
        let (sent, estimate) = parse(Openai, json!({ "messages": [], "max_tokens": 1_000_000 })).unwrap();
        assert_eq!((sent["max_tokens"].as_u64(), estimate.output_tokens), (Some(MAX_OUTPUT_TOKENS), MAX_OUTPUT_TOKENS));
        let (sent, estimate) = parse(Openai, json!({ "messages": [] })).unwrap();
        assert_eq!((sent.get("max_tokens"), estimate.output_tokens), (None, MODEST_OUTPUT_TOKENS));
        let (sent, _) = parse(Anthropic, json!({ "messages": [] })).unwrap();
        assert_eq!(sent["max_tokens"], json!(MODEST_OUTPUT_TOKENS));
        let (sent, _) = parse(Openai, json!({ "messages": [], "max_completion_tokens": -5 })).unwrap();
        assert_eq!(sent["max_completion_tokens"], json!(MODEST_OUTPUT_TOKENS));
    }

    #[test]
    fn a_nearly_spent_budget_buys_a_shorter_answer() {
        let body = json!({ "messages": [], "max_tokens": 20_000, "thinking": { "type": "enabled", "budget_tokens": 10_000 } }).to_string();
        let request = ModelRequest::parse(Anthropic, body.as_bytes(), "m").unwrap();
        let modest = request.modest().unwrap();
        assert_eq!(modest.estimate.output_tokens, MODEST_OUTPUT_TOKENS);
        assert!(request.fields.contains_key("thinking") && !modest.fields.contains_key("thinking"));
        assert_eq!(modest.modest(), None);
    }

    #[test]
    fn the_provider_fetches_and_runs_nothing_on_the_agents_behalf() {
        let picture =
            |url: &str| json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": url } }] }] });
        assert!(parse(Openai, picture("https://evil.test/?secret")).is_err());
        assert!(parse(Openai, picture("data:image/png;base64,AAAA")).is_ok());
        let document = json!({ "messages": [{ "role": "user", "content": [{ "type": "document", "source": { "type": "url", "url": "http://x" } }] }] });
        assert!(parse(Anthropic, document).is_err());
        assert!(parse(Anthropic, json!({ "messages": [], "tools": [{ "type": "web_search_20250305", "name": "web_search" }] })).is_err());
        assert!(parse(Anthropic, json!({ "messages": [], "tools": [{ "name": "edit", "input_schema": {} }] })).is_ok());
        let call = json!({ "messages": [{ "role": "assistant", "content": [{ "type": "tool_use", "input": { "url": "https://x" } }] }] });
        assert!(parse(Anthropic, call).is_ok());
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for body in ["", "[]", "{}", "{\"messages\": 1}", "nonsense"] {
            assert!(ModelRequest::parse(Openai, body.as_bytes(), "m").is_err(), "{body}");
        }
        assert!(ModelRequest::parse(Openai, &vec![b' '; MAX_REQUEST_BYTES + 1], "m").is_err());
    }
}
