//! Function URLs: one loopback port per function, payload format 2.0, buffered or streamed responses.

use super::api::EVENT_LIMIT;
use super::event::{Matched, http_event};
use super::reply::{Head, buffered_reply, platform_reply, respond};
use crate::aws::Moment;
use crate::stack::lambda::{Outcome, Pool};
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{Request, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Between a streamed response's prelude and its body.
const SEPARATOR: [u8; 8] = [0; 8];
/// A prelude is small; what has no separator within this has no prelude.
const PRELUDE_LIMIT: usize = 128 * 1024;

/// A request to a function's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlCall {
    /// The function's package.
    pub function: String,
    pub method: String,
    pub path: String,
}

/// What happens to a request in place of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// The connection closes.
    Drop,
    /// Nothing, until the caller gives up.
    Hang,
}

/// Asked before a function is invoked over its URL, and after it has begun its answer; `None` lets the request go on.
pub type UrlFaultHook = Arc<dyn Fn(&UrlCall, Moment) -> Option<UrlFault> + Send + Sync>;

/// A function behind its URL.
#[derive(Clone)]
pub struct FunctionFace {
    pub pool: Arc<Pool>,
    /// `InvokeMode: RESPONSE_STREAM`.
    pub streaming: bool,
    pub faults: Option<UrlFaultHook>,
}

impl FunctionFace {
    async fn ask(&self, call: &UrlCall, moment: Moment) {
        match self.faults.as_ref().and_then(|hook| hook(call, moment)) {
            None => {}
            // The connection's task ends by unwinding, without a panic's message: the socket closes, nothing is sent.
            Some(UrlFault::Drop) => std::panic::resume_unwind(Box::new("the connection is dropped")),
            Some(UrlFault::Hang) => std::future::pending().await,
        }
    }
}

/// Answers one request to a function URL.
pub async fn handle_request(
    State(face): State<FunctionFace>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let too_large =
        || platform_reply(StatusCode::PAYLOAD_TOO_LARGE, "Request must be smaller than 6291456 bytes for the InvokeFunction operation");
    let Ok(body) = axum::body::to_bytes(body, EVENT_LIMIT).await else { return too_large() };
    let matched = Matched { route_key: "$default".to_owned(), path_parameters: Vec::new() };
    let event = http_event(&parts, &body, &matched, peer).to_string();
    if event.len() > EVENT_LIMIT {
        return too_large();
    }
    let call = UrlCall { function: face.pool.package().to_owned(), method: parts.method.to_string(), path: parts.uri.path().to_owned() };
    face.ask(&call, Moment::Before).await;
    let response = match face.pool.invoke(event.into()).await {
        Outcome::Stream(chunks) => streamed_reply(chunks).await,
        // With RESPONSE_STREAM only a streamed response has a prelude: a returned value goes out as it is.
        Outcome::Payload(payload) if face.streaming => respond(&Head::default(), "application/octet-stream", Body::from(payload)),
        Outcome::Payload(payload) => buffered_reply(&payload),
        Outcome::Failed(_) => None,
    };
    face.ask(&call, Moment::After).await;
    response.unwrap_or_else(|| platform_reply(StatusCode::BAD_GATEWAY, "Internal Server Error"))
}

/// The response of a stream: its prelude is the head, what follows is handed on as it comes.
/// `None` if the stream breaks before its prelude is whole, or the prelude is not valid.
pub(super) async fn streamed_reply(mut chunks: mpsc::Receiver<Result<Bytes, std::io::Error>>) -> Option<Response> {
    let mut start = BytesMut::new();
    let (head, first) = loop {
        match chunks.recv().await {
            Some(Ok(chunk)) => start.extend_from_slice(&chunk),
            Some(Err(_)) => return None,
            None => return respond(&Head::default(), "application/octet-stream", Body::from(start.freeze())),
        }
        if let Some(at) = find_separator(&start) {
            let prelude = start.split_to(at);
            let first = start.split_off(SEPARATOR.len()).freeze();
            break (serde_json::from_slice(&prelude).ok()?, first);
        }
        if start.len() > PRELUDE_LIMIT {
            break (Head::default(), start.freeze());
        }
    };
    let rest = stream::unfold((Some(first), chunks), |(first, mut chunks)| async move {
        match first.filter(|first| !first.is_empty()) {
            Some(first) => Some((Ok(first), (None, chunks))),
            None => chunks.recv().await.map(|chunk| (chunk, (None, chunks))),
        }
    });
    respond(&head, "application/octet-stream", Body::from_stream(rest))
}

fn find_separator(bytes: &[u8]) -> Option<usize> {
    bytes.windows(SEPARATOR.len()).position(|window| window == SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt as _;

    #[tokio::test]
    async fn a_prelude_split_over_chunks_becomes_the_head_and_chunks_pass_one_by_one() {
        let (sender, chunks) = mpsc::channel(8);
        for chunk in [&b"{\"statusCode\":201,\"headers\":{\"content-type\":\"text/event-stream\"}}\0\0\0"[..], b"\0\0\0\0\0first"] {
            sender.send(Ok(Bytes::copy_from_slice(chunk))).await.unwrap();
        }
        let response = streamed_reply(chunks).await.unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = response.into_body().into_data_stream();
        assert_eq!(body.next().await.unwrap().unwrap(), "first");
        sender.send(Ok(Bytes::from_static(b"second"))).await.unwrap();
        assert_eq!(body.next().await.unwrap().unwrap(), "second");
        drop(sender);
        assert!(body.next().await.is_none());
    }

    #[tokio::test]
    async fn a_stream_that_breaks_before_its_prelude_is_no_response() {
        let (sender, chunks) = mpsc::channel(8);
        sender.send(Ok(Bytes::from_static(b"{\"sta"))).await.unwrap();
        sender.send(Err(std::io::Error::other("gone"))).await.unwrap();
        assert!(streamed_reply(chunks).await.is_none());
    }
}
