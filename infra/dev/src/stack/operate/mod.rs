//! The routes of the operator's commands under `/_patchbay/`: runs, their logs, and a queue's dead letters.
//!
//! They show what people asked for and what functions logged, and a tunnel for a real forge reaches this port too: so they
//! want the token that `up` leaves in the data folder.

pub mod runs;

use super::logs::LogBook;
use crate::aws::{Aws, Queue};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use runs::Items;
use serde_json::{Value, json};
use std::sync::{Arc, Weak};

/// What the routes look at.
pub(super) struct Operate {
    /// Weak: an open connection must not keep it alive when the stack ends.
    pub(super) aws: Weak<Aws>,
    pub(super) queues: Vec<Queue>,
    pub(super) runs_table: String,
    pub(super) logs: Arc<LogBook>,
    pub(super) token: String,
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;

/// The routes.
pub(super) fn router(operate: Arc<Operate>) -> Router {
    Router::new()
        .route("/_patchbay/runs", get(list_runs))
        .route("/_patchbay/runs/{run}", get(show_run))
        .route("/_patchbay/runs/{run}/logs", get(show_logs))
        .route("/_patchbay/queues/{queue}/redrive", post(redrive))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&operate), with_token))
        .with_state(operate)
}

async fn with_token(State(operate): State<Arc<Operate>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer ")).unwrap_or_default();
    if verify_slices_are_equal(given, operate.token.as_bytes()).is_err() {
        return refused(StatusCode::UNAUTHORIZED, "the token is in stack.json of the data folder").into_response();
    }
    next.run(request).await
}

async fn list_runs(State(operate): State<Arc<Operate>>) -> Answer {
    Ok(Json(json!({ "runs": operate.items().await?.summaries() })))
}

async fn show_run(State(operate): State<Arc<Operate>>, Path(run): Path<String>) -> Answer {
    Ok(Json(json!(operate.run(&run).await?)))
}

/// Every line that a function or the task wrote on the run's behalf, in the order of their times.
async fn show_logs(State(operate): State<Arc<Operate>>, Path(run): Path<String>) -> Answer {
    let run = operate.run(&run).await?.run;
    let logs = Arc::clone(&operate.logs);
    let lines = tokio::task::spawn_blocking(move || logs.lines_about(run.id.as_str(), run.request.delivery.as_str())).await;
    Ok(Json(json!({ "lines": lines.map_err(failed)?.map_err(failed)? })))
}

/// Sends a queue's dead letters to it again.
async fn redrive(State(operate): State<Arc<Operate>>, Path(name): Path<String>) -> Answer {
    let redriven: Vec<_> = operate.queues.iter().filter_map(|queue| Some((queue, queue.dead_letter_queue()?))).collect();
    let Some((queue, dead_letter_queue)) = redriven.iter().find(|(queue, _)| is_called(queue.name(), &name)) else {
        let names: Vec<_> = redriven.iter().map(|(queue, _)| short_name(queue.name())).collect();
        return Err(refused(StatusCode::NOT_FOUND, &format!("there is no queue {name} with dead letters; there are {}", names.join(", "))));
    };
    let moved = queue.take_dead_letters_back().await.map_err(failed)?;
    Ok(Json(json!({ "queue": queue.name(), "dead_letter_queue": dead_letter_queue, "moved": moved })))
}

impl Operate {
    async fn items(&self) -> Result<Items, (StatusCode, Json<Value>)> {
        let aws = self.aws.upgrade().ok_or_else(|| refused(StatusCode::SERVICE_UNAVAILABLE, "the stack ends"))?;
        Ok(Items(aws.items(&self.runs_table).await.map_err(failed)?))
    }

    async fn run(&self, id: &str) -> Result<runs::RunDetails, (StatusCode, Json<Value>)> {
        let found = self.items().await?.details(id).map_err(failed)?;
        found.ok_or_else(|| refused(StatusCode::NOT_FOUND, &format!("there is no run {id}; `patchbay runs` lists those there are")))
    }
}

fn refused(status: StatusCode, message: &str) -> (StatusCode, Json<Value>) {
    (status, Json(json!({ "message": message })))
}

fn failed(error: impl Into<anyhow::Error>) -> (StatusCode, Json<Value>) {
    refused(StatusCode::INTERNAL_SERVER_ERROR, &format!("{:#}", error.into()))
}

/// Whether a person may mean this queue: by its name, by its name in the template, or by the short one.
fn is_called(name: &str, given: &str) -> bool {
    name == given || logical_id(name) == given || short_name(name) == given
}

/// Queues are named after the stack and their logical id, which has no dash.
fn logical_id(name: &str) -> &str {
    name.rsplit_once('-').map_or(name, |(_, id)| id)
}

/// `events` for `EventsQueue`.
fn short_name(name: &str) -> String {
    let id = logical_id(name);
    id.strip_suffix("Queue").unwrap_or(id).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_answers_to_its_long_and_its_short_names() {
        for given in ["patchbay-EventsQueue", "EventsQueue", "events"] {
            assert!(is_called("patchbay-EventsQueue", given), "{given}");
        }
        for given in ["runs", "Events", "", "EventsQueueDlq"] {
            assert!(!is_called("patchbay-EventsQueue", given), "{given}");
        }
    }
}
