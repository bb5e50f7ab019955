//! What GitHub means when it says no: status, headers and body become a `ForgeError`. Pure; the clock is an argument.

use crate::ForgeError;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

/// GitHub's advice when a limit answer does not say how long to wait.
const UNSAID_WAIT: SignedDuration = SignedDuration::from_secs(60);
/// No limit of GitHub's is longer than an hour; a header that says so is wrong.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(3600);
/// How much of GitHub's own words goes into an error.
const MAX_WORDS: usize = 300;

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    message: Option<String>,
    errors: Option<Vec<Value>>,
}

/// Turns an unsuccessful answer into what to do about it. `call` names method and route for the text.
pub(super) fn refusal(call: &str, status: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> ForgeError {
    let said = words(body);
    let text = format!("{call}: {} {said}", status.as_u16());
    let lower = said.to_lowercase();
    match status.as_u16() {
        429 => ForgeError::RateLimited { retry_at: retry_at(headers, now) },
        403 if is_limit(headers, &lower) => ForgeError::RateLimited { retry_at: retry_at(headers, now) },
        301 | 302 | 307 | 308 => ForgeError::Moved(text),
        401 => ForgeError::Unauthorized(text),
        403 if lower.contains("suspended") => ForgeError::Unauthorized(text),
        404 | 410 => ForgeError::NotFound(text),
        // A diff that is too big to be shown as one.
        406 => ForgeError::Unsupported(text),
        409 => ForgeError::Conflict(text),
        422 if lower.contains("reference does not exist") => ForgeError::NotFound(text),
        422 if lower.contains("already exists") || lower.contains("not a fast forward") => ForgeError::Conflict(text),
        408 | 500..=599 => ForgeError::Transient(text),
        _ => ForgeError::Permanent(text),
    }
}

/// Every answer carries rate-limit headers; only an empty budget, an explicit wait or the words mean a limit.
fn is_limit(headers: &HeaderMap, said: &str) -> bool {
    headers.contains_key("retry-after")
        || number(headers, "x-ratelimit-remaining") == Some(0)
        || said.contains("rate limit")
        || said.contains("abuse detection")
}

fn retry_at(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    let told = number(headers, "retry-after").map(|seconds| now.saturating_add(SignedDuration::from_secs(seconds)));
    let reset = || match number(headers, "x-ratelimit-remaining") {
        Some(0) => number(headers, "x-ratelimit-reset").and_then(|second| Timestamp::from_second(second).ok()),
        _ => None,
    };
    let wanted = told.and_then(Result::ok).or_else(reset).unwrap_or(now + UNSAID_WAIT);
    wanted.clamp(now + SignedDuration::from_secs(1), now + LONGEST_WAIT)
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// GitHub's message and the messages of its single errors, on one line and cut.
fn words(body: &[u8]) -> String {
    let parsed: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let details = parsed.errors.unwrap_or_default();
    let details = details.iter().filter_map(|error| match error {
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => {
            let field = |name: &str| fields.get(name).and_then(Value::as_str);
            field("message").map(str::to_owned).or_else(|| Some(format!("{} {}", field("field")?, field("code")?)))
        }
        _ => None,
    });
    let all = parsed.message.into_iter().chain(details).collect::<Vec<_>>().join("; ");
    all.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    fn answer(status: u16, pairs: &[(&'static str, &str)], body: &str) -> ForgeError {
        refusal("GET /x", StatusCode::from_u16(status).unwrap(), &headers(pairs), body.as_bytes(), now())
    }

    #[test]
    fn limits_say_when_to_come_back() {
        let reset = (now() + SignedDuration::from_secs(600)).as_second().to_string();
        let secondary = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
        type Row<'a> = (u16, &'a [(&'static str, &'a str)], &'a str, i64);
        let table: &[Row<'_>] = &[
            (429, &[("retry-after", "30")], "", 30),
            (429, &[], "", 60),
            (429, &[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")], "", 60),
            (403, &[("retry-after", "7")], "{}", 7),
            (403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)], "{}", 600),
            (403, &[("retry-after", "5"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)], "{}", 5),
            (403, &[("x-ratelimit-remaining", "4000"), ("x-ratelimit-reset", &reset)], secondary, 60),
            (429, &[("retry-after", "-5")], "", 1),
            (429, &[("retry-after", "9223372036854775807")], "", 3600),
            (429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "9223372036854775807")], "", 60),
            (429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "4102444800")], "", 3600),
        ];
        for (status, pairs, body, seconds) in table {
            let expected = ForgeError::RateLimited { retry_at: now() + SignedDuration::from_secs(*seconds) };
            assert_eq!(answer(*status, pairs, body), expected, "{status} {pairs:?} {body}");
        }
    }

    #[test]
    fn every_other_refusal_has_its_meaning() {
        let name = |error: ForgeError| match error {
            ForgeError::NotFound(_) => "not found",
            ForgeError::Unauthorized(_) => "unauthorized",
            ForgeError::RateLimited { .. } => "limited",
            ForgeError::Conflict(_) => "conflict",
            ForgeError::Unsupported(_) => "unsupported",
            ForgeError::Transient(_) => "transient",
            ForgeError::Moved(_) => "moved",
            ForgeError::Permanent(_) => "permanent",
        };
        let exists = r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for acme:x."}]}"#;
        for (status, body, expected) in [
            (401, r#"{"message":"Bad credentials"}"#, "unauthorized"),
            (403, r#"{"message":"Resource not accessible by integration"}"#, "permanent"),
            (403, r#"{"message":"This installation has been suspended"}"#, "unauthorized"),
            (404, r#"{"message":"Not Found"}"#, "not found"),
            (410, r#"{"message":"Issues are disabled for this repo"}"#, "not found"),
            (409, r#"{"message":"Git Repository is empty."}"#, "conflict"),
            (422, r#"{"message":"Reference already exists"}"#, "conflict"),
            (422, r#"{"message":"Update is not a fast forward"}"#, "conflict"),
            (422, r#"{"message":"Reference does not exist"}"#, "not found"),
            (422, exists, "conflict"),
            (422, r#"{"message":"Validation Failed","errors":["No commits between main and x"]}"#, "permanent"),
            (406, r#"{"message":"Sorry, the diff exceeded the maximum number of lines (20000)"}"#, "unsupported"),
            (408, "", "transient"),
            (500, "", "transient"),
            (502, "<html>Unicorn!</html>", "transient"),
            (301, "", "moved"),
            (307, r#"{"message":"Temporary Redirect"}"#, "moved"),
            (304, "", "permanent"),
            (400, r#"{"message":"Problems parsing JSON"}"#, "permanent"),
            (451, "", "permanent"),
        ] {
            assert_eq!(name(answer(status, &[("x-ratelimit-remaining", "4999")], body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_text_holds_githubs_words_on_one_short_line() {
        let body = r#"{"message":"Validation\nFailed","errors":[{"field":"head","code":"invalid"},"plain",{"message":"told"},3]}"#;
        assert_eq!(answer(422, &[], body), ForgeError::Permanent("GET /x: 422 Validation Failed; head invalid; plain; told".into()));
        let long = format!(r#"{{"message":"{}"}}"#, "ä".repeat(5000));
        assert!(answer(400, &[], &long).to_string().chars().count() < 350);
    }
}
