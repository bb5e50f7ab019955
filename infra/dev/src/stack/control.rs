//! The stack's own routes under `/_patchbay/`: its status, and a schedule's tick on request. No part of Patchbay.
//!
//! A tunnel for a real forge reaches this port too: so all of them want the token that `up` leaves in the data folder.

use super::http::event::scheduled_event;
use super::lambda::{Outcome, Pool};
use crate::aws::{Aws, Queue};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use patchbay_testing::github::LocalGithub;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Weak};

/// What the routes look at.
pub(super) struct Control {
    /// What whoever asks has to bear.
    pub(super) token: String,
    pub(super) pools: Vec<Arc<Pool>>,
    pub(super) queues: Vec<Queue>,
    /// Weak: an open connection must not keep them alive when the stack ends.
    pub(super) aws: Weak<Aws>,
    pub(super) github: Option<Weak<LocalGithub>>,
    pub(super) urls: Value,
}

/// The routes.
pub(super) fn router(control: Arc<Control>) -> Router {
    Router::new()
        .route("/_patchbay/status", get(status))
        .route("/_patchbay/schedules/{function}", post(tick))
        .route("/_patchbay/{*other}", any(nothing_there))
        .layer(middleware::from_fn_with_state(Arc::clone(&control), with_token))
        .with_state(control)
}

async fn with_token(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer ")).unwrap_or_default();
    if verify_slices_are_equal(given, control.token.as_bytes()).is_err() {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "message": "the token is in stack.json of the data folder" }))).into_response();
    }
    next.run(request).await
}

async fn nothing_there() -> (StatusCode, Json<Value>) {
    (StatusCode::NOT_FOUND, Json(json!({ "message": "the stack has no such route" })))
}

async fn status(State(control): State<Arc<Control>>) -> Json<Value> {
    let functions: Map<_, _> =
        control.pools.iter().map(|pool| (pool.package().to_owned(), json!({ "processes": pool.processes() }))).collect();
    let mut queues = Map::new();
    for queue in &control.queues {
        if let (Ok(depth), Ok(oldest)) = (queue.depth().await, queue.oldest()) {
            let oldest_seconds = oldest.map(|age| age.as_secs());
            let counts = json!({
                "visible": depth.visible, "in_flight": depth.in_flight, "delayed": depth.delayed, "oldest_seconds": oldest_seconds
            });
            queues.insert(queue.name().to_owned(), counts);
        }
    }
    Json(json!({
        "ready": true, "urls": control.urls, "functions": functions, "queues": queues,
        "calls": {
            "aws": control.aws.upgrade().map(|aws| aws.calls()),
            "forge": control.github.as_ref().and_then(Weak::upgrade).map(|github| github.calls()),
        },
    }))
}

/// Invokes a function as its schedule would, and says what became of it.
async fn tick(State(control): State<Arc<Control>>, Path(function): Path<String>) -> (StatusCode, Json<Value>) {
    let Some(pool) = control.pools.iter().find(|pool| pool.package() == function) else {
        return (StatusCode::NOT_FOUND, Json(json!({ "message": format!("there is no function {function}") })));
    };
    match pool.invoke(scheduled_event("on-request", jiff::Timestamp::now()).to_string().into()).await {
        Outcome::Failed(failure) => (StatusCode::BAD_GATEWAY, Json(json!({ "kind": failure.kind, "message": failure.message }))),
        Outcome::Payload(_) | Outcome::Stream(_) => (StatusCode::OK, Json(json!({ "message": "done" }))),
    }
}
