//! The relay: the Unix socket through which the agent's half gets its jobs, reaches the model and reports. Two model
//! routes and nothing else lead to the gateway, with a capability that stays on this side (R22).

use super::gateway::{Gateway, describe};
use super::model_reply::assistant_text;
use super::record::{CallEnd, Record, classify_response};
use crate::job::{DONE_ROUTE, HOLD_ROUTE, JOB_ROUTE, Job, Report, SOCKET, Work};
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{Stream, StreamExt, stream};
use patchbay_domain::task::ModelProvider;
use serde::Deserialize;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::Span;

/// A function's request may not be larger.
const MOST_REQUEST_BYTES: usize = 6 * 1024 * 1024;
/// As much of an answer is kept to find the model's words in it.
const MOST_REMEMBERED_BYTES: usize = 2 * 1024 * 1024;

/// A platform that ends the task signals both halves: the supervisor's own signal may come a little later, and must
/// not find the agent's death told as the agent's fault.
const GONE_GRACE: Duration = Duration::from_secs(3);

/// Where the agent's half is.
#[derive(Clone, Debug, Default)]
struct Half {
    /// It has asked for a job.
    came: bool,
    /// Its report of the present job.
    report: Option<Box<Report>>,
    /// Its connection broke.
    gone: bool,
}

/// How the wait for the agent ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AgentEnd {
    Reported(Box<Report>),
    /// It never asked for a job.
    NeverCame,
    /// It vanished without a word.
    Gone,
    Deadline,
    /// A model call said that there is no point in going on (budget, run over).
    Cut,
}

/// The listening relay; it ends when this is dropped.
pub(crate) struct Relay {
    correlation: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    gateway: Arc<Gateway>,
    job: watch::Sender<Option<Job>>,
    half: watch::Sender<Half>,
    stop: watch::Sender<bool>,
    cut: watch::Sender<bool>,
    record: Mutex<Record>,
    /// The task's span: connections are served by tasks of their own.
    span: Span,
}

impl Relay {
    /// Listens in the work folder. Jobs are given later: the agent's half may come first. `correlation` goes with each.
    ///
    /// # Errors
    /// When the socket cannot be made there.
    pub(crate) fn listen(work_dir: &Path, gateway: Arc<Gateway>, correlation: String) -> io::Result<Self> {
        let path = work_dir.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        let shared = Arc::new(Shared {
            gateway,
            job: watch::Sender::new(None),
            half: watch::Sender::new(Half::default()),
            stop: watch::Sender::new(false),
            cut: watch::Sender::new(false),
            record: Mutex::default(),
            span: Span::current(),
        });
        let app = routes(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "the relay ended");
            }
        });
        Ok(Self { correlation, shared, server })
    }

    /// Gives the agent's half its next job and waits until it is done, gone, out of time or without a point. A job that did
    /// not come to its own end was the last one.
    pub(crate) async fn run(&self, work: Work, come_within: Duration, deadline: Duration) -> AgentEnd {
        let number = self.shared.job.borrow().as_ref().map_or(0, |job| job.number) + 1;
        self.shared.half.send_modify(|half| half.report = None);
        self.shared.job.send_replace(Some(Job { number, correlation: self.correlation.clone(), work }));
        let end = tokio::select! {
            end = self.wait_for_report(come_within) => end,
            () = wait_for(&self.shared.cut, |cut| *cut) => AgentEnd::Cut,
            () = tokio::time::sleep(deadline) => AgentEnd::Deadline,
        };
        if !matches!(end, AgentEnd::Reported(_)) {
            self.stop();
        }
        end
    }

    /// Tells the agent's half to end whatever it does: there is no more work.
    pub(crate) fn stop(&self) {
        self.shared.stop.send_replace(true);
    }

    /// What the model calls came to.
    pub(crate) fn record(&self) -> Record {
        self.shared.record().clone()
    }

    async fn wait_for_report(&self, come_within: Duration) -> AgentEnd {
        let half = &self.shared.half;
        if tokio::time::timeout(come_within, wait_for(half, |half| half.came || half.gone)).await.is_err() {
            return AgentEnd::NeverCame;
        }
        wait_for(half, |half| half.report.is_some() || half.gone).await;
        let report = half.borrow().report.clone();
        match report {
            Some(report) => AgentEnd::Reported(report),
            None => {
                tokio::time::sleep(GONE_GRACE).await;
                AgentEnd::Gone
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, end: CallEnd) {
        if matches!(end, CallEnd::Budget(_) | CallEnd::Over | CallEnd::NoModel(_) | CallEnd::NotAllowed(_)) {
            self.cut.send_replace(true);
        }
        self.record().note(end);
    }
}

/// Waits for a value; whoever calls this holds the sender, so it cannot close.
async fn wait_for<T>(sender: &watch::Sender<T>, wanted: impl FnMut(&T) -> bool) {
    let _ = sender.subscribe().wait_for(wanted).await;
}

fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route(JOB_ROUTE, get(give_job))
        .route(HOLD_ROUTE, get(hold))
        .route(DONE_ROUTE, post(take_report))
        .route("/v1/chat/completions", post(|s, b| forward(s, ModelProvider::Openai, b)))
        .route("/v1/messages", post(|s, b| forward(s, ModelProvider::Anthropic, b)))
        .layer(DefaultBodyLimit::max(MOST_REQUEST_BYTES))
        .with_state(shared)
}

/// The number of the job that the caller had last.
#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u32,
}

async fn give_job(State(shared): State<Arc<Shared>>, Query(After { after }): Query<After>) -> Response {
    shared.half.send_if_modified(|half| !std::mem::replace(&mut half.came, true));
    wait_for(&shared.job, |job| job.as_ref().is_some_and(|job| job.number > after)).await;
    let job = shared.job.borrow().clone();
    Json(job).into_response()
}

/// Answers when the agent is to stop. Dropped with its connection, which is how the agent's death shows.
async fn hold(State(shared): State<Arc<Shared>>) -> &'static str {
    let _gone = GoneOnDrop(Arc::clone(&shared));
    wait_for(&shared.stop, |stop| *stop).await;
    "stop"
}

struct GoneOnDrop(Arc<Shared>);

impl Drop for GoneOnDrop {
    fn drop(&mut self) {
        self.0.half.send_modify(|half| half.gone = true);
    }
}

/// A report of another job than the present one changes nothing.
async fn take_report(State(shared): State<Arc<Shared>>, Json(report): Json<Report>) -> StatusCode {
    if shared.job.borrow().as_ref().is_none_or(|job| job.number != report.number) {
        return StatusCode::CONFLICT;
    }
    shared.half.send_modify(|half| half.report = Some(Box::new(report)));
    StatusCode::NO_CONTENT
}

/// The request goes on whole (a function takes no chunked one), the answer comes back as it arrives.
async fn forward(State(shared): State<Arc<Shared>>, provider: ModelProvider, body: Bytes) -> Response {
    let answer = match shared.gateway.model(provider, body).await {
        Ok(answer) => answer,
        Err(error) => {
            let why = describe(&error);
            tracing::warn!(parent: &shared.span, why, "the gateway did not answer a model call");
            shared.note(CallEnd::Unavailable(why));
            return error_answer(StatusCode::BAD_GATEWAY, "the model cannot be reached");
        }
    };
    let status = answer.status();
    let content_type = answer.headers().get(header::CONTENT_TYPE).cloned();
    let retry_after = answer.headers().get(header::RETRY_AFTER).cloned();
    let body = Body::from_stream(remembering(answer.bytes_stream().boxed(), status.as_u16(), shared));
    let mut response = (status, body).into_response();
    for (name, value) in [(header::CONTENT_TYPE, content_type), (header::RETRY_AFTER, retry_after)] {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn error_answer(status: StatusCode, message: &str) -> Response {
    (status, Json(serde_json::json!({"error": {"code": "unavailable", "type": "api_error", "message": message}}))).into_response()
}

type Chunks = stream::BoxStream<'static, reqwest::Result<Bytes>>;

/// Passes the chunks on, and at their end notes how the call ended and what the model said.
fn remembering(chunks: Chunks, status: u16, shared: Arc<Shared>) -> impl Stream<Item = io::Result<Bytes>> {
    let start = (chunks, Vec::new(), Some(shared));
    stream::unfold(start, move |(mut chunks, mut seen, shared)| async move {
        let shared = shared?;
        match chunks.next().await {
            Some(Ok(chunk)) => {
                let room = MOST_REMEMBERED_BYTES.saturating_sub(seen.len());
                seen.extend_from_slice(&chunk[..chunk.len().min(room)]);
                Some((Ok(chunk), (chunks, seen, Some(shared))))
            }
            Some(Err(error)) => {
                shared.note(CallEnd::Unavailable(format!("the answer broke off: {}", describe(&error))));
                Some((Err(io::Error::other("the answer broke off")), (chunks, seen, None)))
            }
            None => {
                note_end(&shared, status, &seen);
                None
            }
        }
    })
}

fn note_end(shared: &Shared, status: u16, body: &[u8]) {
    let end = classify_response(status, body);
    tracing::info!(parent: &shared.span, status, bytes = body.len(), "model call");
    if end == CallEnd::Answered
        && let Some(text) = assistant_text(body)
    {
        shared.record().reply = Some(text);
    }
    shared.note(end);
}
