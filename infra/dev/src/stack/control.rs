//! The stack's own routes under `/_patchbay/`: its status, and a schedule's tick on request. Loopback only, no part of Patchbay.

use super::http::event::scheduled_event;
use super::lambda::{Outcome, Pool};
use crate::aws::{Aws, Queue};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use patchbay_testing::github::LocalGithub;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Weak};

/// What the routes look at.
pub(super) struct Control {
    pub(super) pools: Vec<Arc<Pool>>,
    pub(super) queues: Vec<Queue>,
    /// Weak: an open connection must not keep them alive when the stack ends.
    pub(super) aws: Weak<Aws>,
    pub(super) github: Option<Weak<LocalGithub>>,
    pub(super) urls: Value,
}

/// The routes.
pub(super) fn router(control: Arc<Control>) -> Router {
    Router::new().route("/_patchbay/status", get(status)).route("/_patchbay/schedules/{function}", post(tick)).with_state(control)
}

async fn status(State(control): State<Arc<Control>>) -> Json<Value> {
    let functions: Map<_, _> =
        control.pools.iter().map(|pool| (pool.package().to_owned(), json!({ "processes": pool.processes() }))).collect();
    let mut queues = Map::new();
    for queue in &control.queues {
        if let Ok(depth) = queue.depth().await {
            let depth = json!({ "visible": depth.visible, "in_flight": depth.in_flight, "delayed": depth.delayed });
            queues.insert(queue.name().to_owned(), depth);
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
    match pool.invoke(scheduled_event("on-request").to_string().into()).await {
        Outcome::Failed(failure) => (StatusCode::BAD_GATEWAY, Json(json!({ "kind": failure.kind, "message": failure.message }))),
        Outcome::Payload(_) | Outcome::Stream(_) => (StatusCode::OK, Json(json!({ "message": "done" }))),
    }
}
