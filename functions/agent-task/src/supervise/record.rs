//! What the relay saw of the model: how the last call ended, and the model's last words. This, not the agent,
//! says why an agent stopped.

use patchbay_domain::task::{Failure, FailureCode};
use serde_json::Value;

/// How a model call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallEnd {
    Answered,
    /// 402: the run's budget is used up.
    Budget(String),
    /// 409: nobody wants this run any more.
    Over,
    /// No model or no key is configured at the gateway.
    NoModel(String),
    /// The run's model is not among those that the operator allows.
    NotAllowed(String),
    /// The provider will not do it: 401, 403, 404, and other complaints about the request.
    Refused(String),
    /// 408, 429, 5xx, no connection, an answer that broke off: it might work later.
    Unavailable(String),
}

/// Everything remembered about one task's model calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) calls: u64,
    pub(crate) last: Option<CallEnd>,
    /// The model's last whole answer.
    pub(crate) reply: Option<String>,
}

impl Record {
    /// Remembers the end of one call.
    pub(crate) fn note(&mut self, end: CallEnd) {
        self.calls += 1;
        self.last = Some(end);
    }

    /// Why the task failed, if its last model call did not get an answer.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let (code, detail) = match self.last.as_ref()? {
            CallEnd::Answered | CallEnd::Over => return None,
            CallEnd::Budget(said) => (FailureCode::Budget, format!("The run's budget is used up: {said}")),
            CallEnd::NoModel(said) => (FailureCode::NoModel, format!("No model is set up: {said}")),
            CallEnd::NotAllowed(said) => (FailureCode::ModelNotAllowed, format!("The model may not be used: {said}")),
            CallEnd::Refused(said) => (FailureCode::ModelRefused, format!("The model's provider refused: {said}")),
            CallEnd::Unavailable(said) => (FailureCode::ModelUnavailable, format!("The model could not be reached: {said}")),
        };
        Some(Failure { code, detail })
    }
}

/// What an error status and its body say (`{"error": {"code", "message"}}`, or a provider's variant of it).
pub(crate) fn classify_response(status: u16, body: &[u8]) -> CallEnd {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &json["error"];
    let code = error["code"].as_str().or(error["type"].as_str()).unwrap_or_default();
    let message = error["message"].as_str().or(error.as_str()).unwrap_or_default();
    let said: String = message.chars().filter(|c| !c.is_control()).take(300).collect();
    let said = if said.is_empty() { format!("status {status}") } else { format!("{said} (status {status})") };
    match status {
        200..=299 => CallEnd::Answered,
        _ if code.contains("no_model") || code.contains("not_configured") => CallEnd::NoModel(said),
        _ if code == "model_not_allowed" => CallEnd::NotAllowed(said),
        402 => CallEnd::Budget(said),
        409 => CallEnd::Over,
        408 | 425 | 429 | 500.. => CallEnd::Unavailable(said),
        _ => CallEnd::Refused(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_why_the_model_did_not_answer() {
        let check = |status: u16, body: &str, expected: Option<FailureCode>| {
            let mut record = Record::default();
            record.note(classify_response(status, body.as_bytes()));
            assert_eq!(record.failure().map(|f| f.code), expected, "{status} {body}");
        };
        check(200, "{}", None);
        check(402, r#"{"error":{"code":"budget","message":"2.00 of 2.00 USD"}}"#, Some(FailureCode::Budget));
        check(401, r#"{"error":{"code":"invalid_api_key","message":"bad key"}}"#, Some(FailureCode::ModelRefused));
        check(403, "", Some(FailureCode::ModelRefused));
        check(403, r#"{"error":{"code":"model_not_allowed","message":"not `x`"}}"#, Some(FailureCode::ModelNotAllowed));
        check(404, "not json", Some(FailureCode::ModelRefused));
        check(400, r#"{"error":{"code":"content_filter"}}"#, Some(FailureCode::ModelRefused));
        check(409, "", None);
        check(429, "", Some(FailureCode::ModelUnavailable));
        check(500, r#"{"error":"broken"}"#, Some(FailureCode::ModelUnavailable));
        check(529, r#"{"type":"error","error":{"type":"overloaded_error"}}"#, Some(FailureCode::ModelUnavailable));
        check(503, r#"{"error":{"code":"no_model","message":"the secret holds no key"}}"#, Some(FailureCode::NoModel));
    }

    #[test]
    fn only_the_last_call_counts() {
        let mut record = Record::default();
        record.note(CallEnd::Unavailable("once".into()));
        record.note(CallEnd::Answered);
        assert_eq!(record.failure(), None);
        assert_eq!(record.calls, 2);
    }

    #[test]
    fn a_providers_message_is_quoted_without_control_characters_and_cut() {
        let body = serde_json::json!({"error": {"message": format!("bad\u{1b}[31m\n{}", "x".repeat(500))}}).to_string();
        let CallEnd::Refused(said) = classify_response(400, body.as_bytes()) else { panic!("not refused") };
        assert!(said.starts_with("bad[31mxxx") && said.len() < 330, "{said}");
    }
}
