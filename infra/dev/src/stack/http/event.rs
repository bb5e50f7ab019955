//! The event of an HTTP request in payload format 2.0, as API Gateway's HTTP API and function URLs make it.

use crate::aws::{ACCOUNT, REGION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// The route that a request matched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// `POST /webhooks/github` or `$default`.
    pub route_key: String,
    pub path_parameters: Vec<(String, String)>,
}

/// Makes the event. Header names are lower case, repeated headers and query values are joined by commas, cookies stand
/// apart, and a body that is no text by its content type is base64.
pub fn http_event(parts: &Parts, body: &Bytes, matched: &Matched, peer: SocketAddr) -> Value {
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let user_agent = header_text(&parts.headers, header::USER_AGENT.as_str());
    let host = header_text(&parts.headers, header::HOST.as_str());
    let now = jiff::Timestamp::now();
    let request_id = uuid::Uuid::new_v4().to_string();
    let mut event = json!({
        "version": "2.0",
        "routeKey": matched.route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&parts.headers),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "local",
            "http": {
                "method": parts.method.as_str(), "path": path, "protocol": "HTTP/1.1",
                "sourceIp": peer.ip().to_string(), "userAgent": user_agent,
            },
            "requestId": request_id,
            "routeKey": matched.route_key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": false,
    });
    let cookies: Vec<&str> = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
    if !cookies.is_empty() {
        event["cookies"] = cookies.iter().flat_map(|line| line.split(';')).map(|cookie| cookie.trim()).collect();
    }
    if !query.is_empty() {
        event["queryStringParameters"] = query_parameters(query);
    }
    if !matched.path_parameters.is_empty() {
        event["pathParameters"] =
            matched.path_parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into();
    }
    if !body.is_empty() {
        let (text, encoded) = body_text(&parts.headers, body);
        event["body"] = text.into();
        event["isBase64Encoded"] = encoded.into();
    }
    event
}

/// EventBridge's event for a schedule's tick.
pub fn scheduled_event(rule: &str, at: jiff::Timestamp) -> Value {
    json!({
        "version": "0", "id": uuid::Uuid::new_v4().to_string(), "detail-type": "Scheduled Event", "source": "aws.events",
        "account": ACCOUNT, "time": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}")], "detail": {},
    })
}

fn header_text(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

fn headers(headers: &HeaderMap) -> Value {
    let mut joined = Map::new();
    for name in headers.keys().filter(|name| *name != header::COOKIE) {
        let values: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        joined.insert(name.as_str().to_owned(), values.join(",").into());
    }
    Value::Object(joined)
}

fn query_parameters(query: &str) -> Value {
    let mut parameters: Map<String, Value> = Map::new();
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    for (name, value) in query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, ""))) {
        let value = decode(value);
        match parameters.get_mut(&decode(name)) {
            Some(Value::String(earlier)) => *earlier = format!("{earlier},{value}"),
            _ => _ = parameters.insert(decode(name), value.into()),
        }
    }
    Value::Object(parameters)
}

/// The body as AWS puts it into the event: text types as they are, everything else (forms, too) base64.
fn body_text(headers: &HeaderMap, body: &Bytes) -> (String, bool) {
    let kind = header_text(headers, header::CONTENT_TYPE.as_str()).to_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_text = kind.starts_with("text/")
        || matches!(kind, "application/json" | "application/javascript" | "application/xml")
        || kind.ends_with("+json")
        || kind.ends_with("+xml");
    match std::str::from_utf8(body) {
        Ok(text) if is_text => (text.to_owned(), false),
        _ => (STANDARD.encode(body), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn event(request: axum::http::request::Builder, body: &'static [u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let matched = Matched { route_key: "POST /webhooks/github".to_owned(), path_parameters: Vec::new() };
        http_event(&parts, &Bytes::from_static(body), &matched, SocketAddr::from(([127, 0, 0, 1], 5)))
    }

    #[test]
    fn a_json_body_stays_text_and_a_form_becomes_base64() {
        let json = event(Request::post("/webhooks/github").header("Content-Type", "application/json; charset=utf-8"), b"{\"a\":1}");
        assert_eq!((json["body"].as_str(), json["isBase64Encoded"].as_bool()), (Some("{\"a\":1}"), Some(false)));
        let form = event(Request::post("/webhooks/github").header("Content-Type", "application/x-www-form-urlencoded"), b"payload=x");
        assert_eq!((form["body"].as_str(), form["isBase64Encoded"].as_bool()), (Some("cGF5bG9hZD14"), Some(true)));
        let broken = event(Request::post("/webhooks/github").header("Content-Type", "application/json"), b"\xff");
        assert_eq!((broken["body"].as_str(), broken["isBase64Encoded"].as_bool()), (Some("/w=="), Some(true)));
    }

    #[test]
    fn headers_are_lower_case_and_joined_and_cookies_stand_apart() {
        let request = Request::post("/webhooks/github?b=1&b=2&c=a%20b")
            .header("X-GitHub-Event", "issues")
            .header("Accept", "a")
            .header("Accept", "b")
            .header("Cookie", "one=1; two=2");
        let event = event(request, b"");
        assert_eq!(event["headers"], json!({ "x-github-event": "issues", "accept": "a,b" }));
        assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
        assert_eq!(event["queryStringParameters"], json!({ "b": "1,2", "c": "a b" }));
        assert_eq!(event["rawQueryString"], "b=1&b=2&c=a%20b");
        assert!(event.get("body").is_none());
    }

    #[test]
    fn the_context_says_route_method_and_source() {
        let event = event(Request::post("/webhooks/github").header("User-Agent", "GitHub-Hookshot/1"), b"");
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["routeKey"], "POST /webhooks/github");
        let http = &event["requestContext"]["http"];
        assert_eq!((http["method"].as_str(), http["sourceIp"].as_str()), (Some("POST"), Some("127.0.0.1")));
        assert_eq!(http["userAgent"], "GitHub-Hookshot/1");
    }
}
