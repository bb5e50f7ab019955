//! A call as data: method, route template (for logs: few different texts, no tenant's names) and the path built from it.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Everything but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One call to the REST API.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) template: &'static str,
    /// Path and query.
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// The media type to ask for.
    pub(super) accept: &'static str,
}

/// GitHub's JSON, what nearly every call asks for.
const JSON: &str = "application/vnd.github+json";
/// A unified diff instead, of a pull request or a commit.
pub(super) const DIFF: &str = "application/vnd.github.diff";

impl Call {
    /// Fills `template`'s `{…}` with `parts` in order. A part may not leave its segment, except in `{…+}`, which keeps
    /// slashes (for branch names).
    pub(super) fn new(method: Method, template: &'static str, parts: &[&str]) -> Self {
        Self { method, template, path: fill(template, parts), body: None, accept: JSON }
    }

    pub(super) fn get(template: &'static str, parts: &[&str]) -> Self {
        Self::new(Method::GET, template, parts)
    }

    pub(super) fn post(template: &'static str, parts: &[&str], body: Value) -> Self {
        Self::new(Method::POST, template, parts).with_body(body)
    }

    pub(super) fn patch(template: &'static str, parts: &[&str], body: Value) -> Self {
        Self::new(Method::PATCH, template, parts).with_body(body)
    }

    pub(super) fn delete(template: &'static str, parts: &[&str]) -> Self {
        Self::new(Method::DELETE, template, parts)
    }

    /// A deletion that says what exactly.
    pub(super) fn delete_with(template: &'static str, parts: &[&str], body: Value) -> Self {
        Self::delete(template, parts).with_body(body)
    }

    /// Asks for another media type.
    pub(super) fn accepting(self, accept: &'static str) -> Self {
        Self { accept, ..self }
    }

    /// Adds query parameters.
    pub(super) fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.path = format!("{}?{}", self.path, query.join("&"));
        self
    }

    /// Replaces the query by one that the forge wrote itself.
    pub(super) fn with_raw_query(mut self, query: &str) -> Self {
        let path = self.path.split('?').next().unwrap_or_default();
        self.path = format!("{path}?{query}");
        self
    }

    fn with_body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Method and template, for errors and logs.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}

fn fill(template: &str, parts: &[&str]) -> String {
    let mut path = String::with_capacity(template.len() + 64);
    let mut parts = parts.iter();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let part = parts.next().copied().unwrap_or_default();
        path.push_str(before);
        if name.ends_with('+') {
            path.push_str(&part.split('/').map(encode).collect::<Vec<_>>().join("/"));
        } else {
            path.push_str(&encode(part));
        }
        rest = after;
    }
    path.push_str(rest);
    path
}

/// Dots alone would be resolved by servers and proxies, so they are encoded, too.
fn encode(text: &str) -> String {
    match text {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(text, ENCODED).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_leave_their_place_in_the_path() {
        let check = |template, parts: &[&str], expected: &str| assert_eq!(Call::get(template, parts).path, expected);
        check("/app", &[], "/app");
        check("/repos/{owner}/{repo}/x", &["acme", "hello"], "/repos/acme/hello/x");
        check("/repos/{owner}/{repo}/x", &["..", "a/b?c#d"], "/repos/%2E%2E/a%2Fb%3Fc%23d/x");
        check("/users/{login}", &["patchbay[bot]"], "/users/patchbay%5Bbot%5D");
        check("/git/refs/heads/{branch+}", &["patchbay/12-ä b"], "/git/refs/heads/patchbay/12-%C3%A4%20b");
        check("/git/refs/heads/{branch+}", &["../../x"], "/git/refs/heads/%2E%2E/%2E%2E/x");
    }

    #[test]
    fn queries_are_encoded_and_replaced() {
        let call = Call::get("/x", &[]).with_query(&[("head", "acme:a&b"), ("page", "1")]);
        assert_eq!(call.path, "/x?head=acme%3Aa%26b&page=1");
        assert_eq!(call.with_raw_query("cursor=v1_9").path, "/x?cursor=v1_9");
    }
}
