//! Lambda's Runtime API for one function process: next, response (also streaming), error, init error.
//!
//! Each process has a listener of its own, so a seat never has to guess who calls. What becomes of a reply is `pool`'s.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot};

/// What Lambda takes as a buffered response: 6 MB and a little for its envelope.
const RESPONSE_LIMIT: usize = 6 * 1024 * 1024 + 100;

/// One event on its way to a process.
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) event: Bytes,
    pub(crate) arn: String,
    pub(crate) timeout: Duration,
    /// Told when the process has taken the event: the timeout runs from here.
    pub(crate) taken: oneshot::Sender<()>,
    pub(crate) reply: oneshot::Sender<Reply>,
}

/// What a process made of an event.
pub(crate) enum Reply {
    Payload(Bytes),
    Stream { chunks: mpsc::Receiver<Result<Bytes, std::io::Error>>, ended: oneshot::Receiver<()> },
    Error(Bytes),
    ResponseTooLarge,
}

/// One process's place at the Runtime API.
pub(crate) struct Seat {
    inbox: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    current: Mutex<Option<(String, oneshot::Sender<Reply>)>>,
    /// Set at the first `next`: the process came up.
    ready: std::sync::atomic::AtomicBool,
}

impl Seat {
    pub(crate) fn new(inbox: mpsc::Receiver<Invocation>) -> Arc<Self> {
        Arc::new(Self { inbox: tokio::sync::Mutex::new(inbox), current: Mutex::new(None), ready: false.into() })
    }

    /// Whether the process ever asked for an event.
    pub(crate) fn was_ready(&self) -> bool {
        self.ready.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Drops whatever waits for this process: their receivers learn that it is gone.
    pub(crate) fn close(&self) {
        self.take_current();
        if let Ok(mut inbox) = self.inbox.try_lock() {
            inbox.close();
            while inbox.try_recv().is_ok() {}
        }
    }

    fn take_current(&self) -> Option<(String, oneshot::Sender<Reply>)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The reply slot of this request, once.
    fn answer(&self, request_id: &str) -> Option<oneshot::Sender<Reply>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|(id, _)| id == request_id) { current.take().map(|(_, reply)| reply) } else { None }
    }
}

/// The routes of one seat.
pub(crate) fn router(seat: Arc<Seat>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(seat)
}

async fn next(State(seat): State<Arc<Seat>>) -> Response {
    seat.ready.store(true, std::sync::atomic::Ordering::Release);
    let Some(invocation) = seat.inbox.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = SystemTime::now() + invocation.timeout;
    let deadline_ms = deadline.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let headers = [
        ("lambda-runtime-aws-request-id", invocation.request_id.clone()),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", invocation.arn),
        ("lambda-runtime-trace-id", trace_id(&invocation.request_id)),
        ("content-type", "application/json".to_owned()),
    ];
    *seat.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((invocation.request_id, invocation.reply));
    // Whoever waited may have gone: the function runs all the same, as it would in Lambda.
    _ = invocation.taken.send(());
    (headers, invocation.event).into_response()
}

/// An X-Ray trace header made of the request id's digits.
fn trace_id(request_id: &str) -> String {
    let digits: String = request_id.chars().filter(char::is_ascii_hexdigit).chain(std::iter::repeat('0')).take(32).collect();
    format!("Root=1-{}-{};Parent={};Sampled=0", &digits[..8], &digits[8..], &digits[..16])
}

async fn response(State(seat): State<Arc<Seat>>, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let Some(reply) = seat.answer(&id) else { return unknown_request(&id) };
    let streaming = headers.get("lambda-runtime-function-response-mode").is_some_and(|mode| mode == "streaming");
    if streaming {
        forward(reply, body).await;
    } else {
        match axum::body::to_bytes(body, RESPONSE_LIMIT).await {
            Ok(bytes) => _ = reply.send(Reply::Payload(bytes)),
            Err(_) => {
                _ = reply.send(Reply::ResponseTooLarge);
                let text = "Exceeded maximum allowed payload size (6291556 bytes).";
                return (StatusCode::PAYLOAD_TOO_LARGE, Json(json!({ "errorType": "RequestEntityTooLarge", "errorMessage": text })))
                    .into_response();
            }
        }
    }
    accepted()
}

/// Hands on each chunk as it comes. A client that went away does not stop the function; its rest is read and dropped.
async fn forward(reply: oneshot::Sender<Reply>, body: Body) {
    let (sender, chunks) = mpsc::channel(16);
    let (ended_sender, ended) = oneshot::channel();
    _ = reply.send(Reply::Stream { chunks, ended });
    let mut stream = body.into_data_stream();
    while let Some(chunk) = stream.next().await {
        let broken = chunk.is_err();
        _ = sender.send(chunk.map_err(std::io::Error::other)).await;
        if broken {
            break;
        }
    }
    drop(sender);
    _ = ended_sender.send(());
}

async fn error(State(seat): State<Arc<Seat>>, Path(id): Path<String>, body: Bytes) -> Response {
    let Some(reply) = seat.answer(&id) else { return unknown_request(&id) };
    _ = reply.send(Reply::Error(body));
    accepted()
}

/// The process ends by itself after this; its last lines say why.
async fn init_error(State(_): State<Arc<Seat>>, _body: Bytes) -> Response {
    accepted()
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "status": "OK" }))).into_response()
}

fn unknown_request(id: &str) -> Response {
    let text = format!("{id} is no running invocation of this process");
    (StatusCode::BAD_REQUEST, Json(json!({ "errorType": "InvalidRequestID", "errorMessage": text }))).into_response()
}
