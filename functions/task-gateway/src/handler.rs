//! A Function URL's event in, one call of the use case, a streamed answer out. Also answers that are whole are streamed:
//! the function has one kind of response.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use lambda_runtime::streaming::Response;
use lambda_runtime::{LambdaEvent, MetadataPrelude};
use patchbay_app::gateway::{Gateway, GatewayError, Reply, ReplyBody};
use patchbay_aws::telemetry;
use patchbay_domain::task::ModelProvider;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use tracing::Instrument;

type Body = BoxStream<'static, Result<Bytes, lambda_runtime::Error>>;

/// What is read of a Function URL's event (payload format 2.0).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    raw_path: String,
    /// Names in lower case.
    #[serde(default)]
    headers: HashMap<String, String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RequestContext,
}

#[derive(Deserialize)]
struct RequestContext {
    http: Http,
}

#[derive(Deserialize)]
struct Http {
    method: String,
}

/// One call of a task. Never an error: what goes wrong is an answer.
pub(crate) async fn handle(app: &Gateway, event: LambdaEvent<Request>) -> Result<Response<Body>, Infallible> {
    let request = event.payload;
    let span = tracing::info_span!("call", method = %request.request_context.http.method, path = %request.raw_path, correlation = tracing::field::Empty);
    let reply = route(app, &request).instrument(span).await.unwrap_or_else(GatewayError::into_reply);
    if matches!(reply.body, ReplyBody::Whole(_)) {
        telemetry::flush_metrics();
    }
    Ok(respond(reply))
}

async fn route(app: &Gateway, request: &Request) -> Result<Reply, GatewayError> {
    let authorization = request.headers.get("authorization").map(String::as_str);
    let body = body_of(request)?;
    match (request.request_context.http.method.as_str(), request.raw_path.as_str()) {
        ("POST", "/v1/exchange") => app.exchange(&body).await,
        ("GET", "/v1/brief") => app.brief(authorization).await,
        ("POST", "/v1/progress") => app.progress(authorization, &body).await,
        ("POST", "/v1/result") => app.result(authorization, &body).await,
        ("POST", "/v1/model/chat/completions") => app.call_model(authorization, ModelProvider::Openai, &body).await,
        ("POST", "/v1/model/messages") => app.call_model(authorization, ModelProvider::Anthropic, &body).await,
        _ => Err(GatewayError::not_found()),
    }
}

fn body_of(request: &Request) -> Result<Cow<'_, [u8]>, GatewayError> {
    let text = request.body.as_deref().unwrap_or_default();
    match request.is_base64_encoded {
        false => Ok(Cow::Borrowed(text.as_bytes())),
        true => STANDARD.decode(text).map(Cow::Owned).map_err(|_| GatewayError::unreadable_body()),
    }
}

fn respond(reply: Reply) -> Response<Body> {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(CONTENT_TYPE, &reply.content_type);
    if let Some(retry_after) = &reply.retry_after {
        set(RETRY_AFTER, retry_after);
    }
    let status_code = http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let stream = match reply.body {
        ReplyBody::Whole(bytes) => stream::iter([Ok(Bytes::from(bytes))]).boxed(),
        ReplyBody::Stream(chunks) => {
            stream::unfold(chunks, async |mut chunks| chunks.recv().await.map(|chunk| (Ok(chunk), chunks))).boxed()
        }
    };
    Response { metadata_prelude: MetadataPrelude { status_code, headers, cookies: Vec::new() }, stream }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(event: serde_json::Value) -> Request {
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_function_urls_event_is_read_with_and_without_base64() {
        let event = |body: &str, encoded: bool| {
            request(serde_json::json!({
                "version": "2.0", "rawPath": "/v1/progress", "headers": { "authorization": "Bearer x" }, "body": body,
                "isBase64Encoded": encoded, "requestContext": { "http": { "method": "POST", "sourceIp": "192.0.2.1" } },
            }))
        };
        assert_eq!(&*body_of(&event("{}", false)).unwrap(), b"{}");
        assert_eq!(&*body_of(&event("e30=", true)).unwrap(), b"{}");
        assert_eq!(body_of(&event("{}", true)).unwrap_err().status, 400);
        let bare = request(serde_json::json!({ "rawPath": "/", "requestContext": { "http": { "method": "GET" } } }));
        assert!(body_of(&bare).unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_streamed_answer_ends_with_its_channel() {
        let (chunks, receiver) = tokio::sync::mpsc::channel(2);
        let reply = Reply { status: 200, content_type: "text/event-stream".into(), retry_after: None, body: ReplyBody::Stream(receiver) };
        let response = respond(reply);
        chunks.send(Bytes::from("data: 1\n\n")).await.unwrap();
        drop(chunks);
        assert_eq!(response.metadata_prelude.headers["content-type"], "text/event-stream");
        let read: Vec<Bytes> = response.stream.map(Result::unwrap).collect().await;
        assert_eq!(read, [Bytes::from("data: 1\n\n")]);
    }

    #[test]
    fn a_refusal_keeps_its_status_and_when_to_come_back() {
        let error = GatewayError { retry_after: Some("7".into()), ..GatewayError::not_found() };
        let response = respond(error.into_reply());
        assert_eq!(response.metadata_prelude.status_code, 404);
        assert_eq!(response.metadata_prelude.headers["retry-after"], "7");
    }
}
