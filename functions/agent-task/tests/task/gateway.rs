//! A task gateway of the test's: one run, a scripted model, everything that was said to it kept for the test.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use patchbay_domain::task::{Brief, ExchangeRequest, ProgressRequest, TaskResult};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

pub(crate) const SECRET: &str = "bootstrap-secret-canary";
pub(crate) const CAPABILITY: &str = "ws_github_1.run_1.1.capability-canary";

/// What the model answers: status and JSON body, for the agent's calls and for the commit message's.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) status: u16,
    pub(crate) agent: Value,
    pub(crate) commit: Commit,
}

/// What comes back when the commit message is asked for.
#[derive(Clone)]
pub(crate) enum Commit {
    Text(&'static str),
    Unavailable,
    Never,
}

#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) stages: Vec<String>,
    pub(crate) model_calls: Vec<Value>,
    pub(crate) refused: Vec<String>,
}

pub(crate) struct Gateway {
    pub(crate) url: String,
    pub(crate) heard: Mutex<Heard>,
    pub(crate) stage: watch::Sender<String>,
    pub(crate) result: watch::Sender<Option<TaskResult>>,
    /// How many model calls there were.
    pub(crate) calls: watch::Sender<usize>,
    pub(crate) go_on: watch::Sender<bool>,
    brief: Mutex<Option<Brief>>,
    exchanged: Mutex<bool>,
    model: Model,
}

impl Gateway {
    pub(crate) async fn start(brief: Brief, model: Model) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            heard: Mutex::default(),
            stage: watch::Sender::new(String::new()),
            result: watch::Sender::new(None),
            calls: watch::Sender::new(0),
            go_on: watch::Sender::new(true),
            brief: Mutex::new(Some(brief)),
            exchanged: Mutex::new(false),
            model,
        });
        let app = Router::new()
            .route("/v1/exchange", post(exchange))
            .route("/v1/brief", get(give_brief))
            .route("/v1/progress", post(progress))
            .route("/v1/model/chat/completions", post(call_model))
            .route("/v1/model/messages", post(call_model))
            .route("/v1/result", post(take_result))
            .layer(axum::extract::DefaultBodyLimit::max(6 << 20))
            .with_state(Arc::clone(&gateway));
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        gateway
    }

    /// As if somebody had used the bootstrap secret before.
    pub(crate) fn spend_secret(&self) {
        *self.exchanged.lock().unwrap() = true;
    }

    /// As if the brief had been read before.
    pub(crate) fn spend_brief(&self) {
        self.brief.lock().unwrap().take();
    }

    /// Waits until the task says that it is in this stage.
    pub(crate) async fn reached(&self, stage: &str) {
        let heard = |s: &String| s == stage;
        tokio::time::timeout(super::bench::PATIENCE, self.stage.subscribe().wait_for(heard)).await.expect("stage not reached").unwrap();
    }

    /// Waits until the agent has called the model.
    pub(crate) async fn called(&self) {
        tokio::time::timeout(super::bench::PATIENCE, self.calls.subscribe().wait_for(|n| *n > 0)).await.expect("no model call").unwrap();
    }

    fn admit(&self, headers: &HeaderMap, what: &str) -> Result<(), Box<Response>> {
        let sent = headers.get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default();
        if sent == format!("Bearer {CAPABILITY}") {
            return Ok(());
        }
        self.heard.lock().unwrap().refused.push(what.to_owned());
        Err(Box::new(error(StatusCode::UNAUTHORIZED)))
    }
}

fn error(status: StatusCode) -> Response {
    (status, Json(json!({"error": {"code": "test", "message": "said by the test's gateway"}}))).into_response()
}

async fn exchange(State(gateway): State<Arc<Gateway>>, Json(request): Json<ExchangeRequest>) -> Response {
    let mut exchanged = gateway.exchanged.lock().unwrap();
    if request.bootstrap_secret != SECRET || std::mem::replace(&mut *exchanged, true) {
        return error(StatusCode::UNAUTHORIZED);
    }
    Json(json!({"capability": CAPABILITY})).into_response()
}

async fn give_brief(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    if let Err(refusal) = gateway.admit(&headers, "brief") {
        return *refusal;
    }
    let brief = gateway.brief.lock().unwrap().take();
    brief.map_or_else(|| error(StatusCode::GONE), |b| Json(b).into_response())
}

async fn progress(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, Json(request): Json<ProgressRequest>) -> Response {
    if let Err(refusal) = gateway.admit(&headers, "progress") {
        return *refusal;
    }
    let stage = request.stage.unwrap_or_default();
    gateway.heard.lock().unwrap().stages.push(stage.clone());
    gateway.stage.send_replace(stage);
    Json(json!({"go_on": *gateway.go_on.borrow()})).into_response()
}

async fn call_model(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, Json(call): Json<Value>) -> Response {
    if let Err(refusal) = gateway.admit(&headers, "model") {
        return *refusal;
    }
    let about_commit = call.to_string().contains("Write the commit message.");
    gateway.heard.lock().unwrap().model_calls.push(call);
    gateway.calls.send_modify(|n| *n += 1);
    let status = StatusCode::from_u16(gateway.model.status).unwrap();
    if about_commit {
        return match gateway.model.commit {
            Commit::Text(text) => Json(super::bench::reply(text)).into_response(),
            Commit::Unavailable => error(StatusCode::SERVICE_UNAVAILABLE),
            Commit::Never => std::future::pending().await,
        };
    }
    (status, Json(gateway.model.agent.clone())).into_response()
}

async fn take_result(State(gateway): State<Arc<Gateway>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refusal) = gateway.admit(&headers, "result") {
        return *refusal;
    }
    gateway.result.send_replace(Some(serde_json::from_slice(&body).expect("a task result")));
    Response::builder().status(202).body(Body::empty()).unwrap()
}
