//! The HTTP response that a function's returned value means, in payload format 2.0.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Status, headers and cookies, as a buffered response and a stream's prelude both say them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Head {
    pub(super) status_code: Option<u16>,
    headers: BTreeMap<String, Value>,
    multi_value_headers: BTreeMap<String, Vec<String>>,
    cookies: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Buffered {
    #[serde(flatten)]
    head: Head,
    body: Option<String>,
    is_base64_encoded: bool,
}

/// The response of a returned payload: an object with `statusCode` is one, any other JSON is a body with status 200.
/// `None` if the payload is none of both, which AWS answers with an error.
pub fn buffered_reply(payload: &Bytes) -> Option<Response> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    if value.get("statusCode").is_none() {
        let body = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        return respond(&Head::default(), "application/json", Body::from(body));
    }
    let buffered: Buffered = serde_json::from_value(value).ok()?;
    let body = buffered.body.unwrap_or_default();
    let body = if buffered.is_base64_encoded { STANDARD.decode(body).ok()? } else { body.into_bytes() };
    respond(&buffered.head, "text/plain;charset=UTF-8", Body::from(body))
}

/// A response with this head; `content_type` is used where the head names none. `None` if the head is not valid HTTP.
pub(super) fn respond(head: &Head, content_type: &'static str, body: Body) -> Option<Response> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(head.status_code.unwrap_or(200)).ok()?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in &head.headers {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name: HeaderName = name.parse().ok()?;
        // The server frames the body itself.
        if name != header::CONTENT_LENGTH && name != header::TRANSFER_ENCODING {
            headers.insert(name, text.parse().ok()?);
        }
    }
    for (name, values) in &head.multi_value_headers {
        let name: HeaderName = name.parse().ok()?;
        for value in values {
            headers.append(name.clone(), value.parse().ok()?);
        }
    }
    for cookie in &head.cookies {
        headers.append(header::SET_COOKIE, cookie.parse().ok()?);
    }
    Some(response)
}

/// AWS's own answers: `{"message": …}`.
pub(super) fn platform_reply(status: StatusCode, message: &str) -> Response {
    let mut response = Response::new(Body::from(json!({ "message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(payload: &str) -> Option<(u16, String, String)> {
        let response = buffered_reply(&Bytes::copy_from_slice(payload.as_bytes()))?;
        let status = response.status().as_u16();
        let kind = response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), 1000).await.unwrap();
        Some((status, kind, String::from_utf8(body.to_vec()).unwrap()))
    }

    #[tokio::test]
    async fn an_object_with_a_status_is_a_response() {
        let answer = check(r#"{"statusCode":202,"headers":{"Content-Type":"application/json"},"body":"{}","isBase64Encoded":false}"#).await;
        assert_eq!(answer, Some((202, "application/json".to_owned(), "{}".to_owned())));
        let answer = check(r#"{"statusCode":200,"headers":{},"body":"aGk=","isBase64Encoded":true}"#).await;
        assert_eq!(answer, Some((200, "text/plain;charset=UTF-8".to_owned(), "hi".to_owned())));
    }

    #[tokio::test]
    async fn a_bare_value_is_the_body() {
        assert_eq!(check(r#"{"ok":true}"#).await, Some((200, "application/json".to_owned(), r#"{"ok":true}"#.to_owned())));
        assert_eq!(check(r#""hello""#).await, Some((200, "application/json".to_owned(), "hello".to_owned())));
    }

    #[tokio::test]
    async fn a_payload_that_is_no_response_is_none() {
        assert_eq!(check("not json").await, None);
        assert_eq!(check(r#"{"statusCode":9999}"#).await, None);
        assert_eq!(check(r#"{"statusCode":200,"body":"!","isBase64Encoded":true}"#).await, None);
    }

    #[tokio::test]
    async fn cookies_become_headers() {
        let response = buffered_reply(&Bytes::from_static(br#"{"statusCode":200,"cookies":["a=1","b=2"]}"#)).unwrap();
        assert_eq!(response.headers().get_all(header::SET_COOKIE).iter().count(), 2);
    }
}
