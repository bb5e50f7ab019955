//! The external workflow engine of a play: takes the calls of `http` steps, and calls back when the scene says so. As a
//! receiver should, it knows a call that it has had already by its `webhook-id`.
//!
//! Its calls are points of the tap like any other: what calls it can be killed meanwhile.

use super::tap::Tap;
use anyhow::bail;
use axum::extract::{ConnectInfo, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// How often a callback that nobody took is sent again.
const TRIES: u32 = 5;

/// One play's engine, on a port of its own.
pub(super) struct Engine {
    url: String,
    desk: Arc<Desk>,
    server: JoinHandle<()>,
}

struct Desk {
    tap: Arc<Tap>,
    calls: Mutex<BTreeMap<String, Taken>>,
}

/// A call, by its `webhook-id`, however often it came.
#[derive(Clone, Debug)]
struct Taken {
    callback_url: Option<String>,
    answered: bool,
}

impl Engine {
    /// Starts to listen.
    ///
    /// # Errors
    /// When there is no free port.
    pub(super) async fn start(tap: Arc<Tap>) -> anyhow::Result<Self> {
        let desk = Arc::new(Desk { tap, calls: Mutex::default() });
        let router = axum::Router::new().route("/", post(take)).with_state(Arc::clone(&desk));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap_or_default() });
        Ok(Self { url, desk, server })
    }

    /// Where it is called.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// How many different calls it had.
    pub(super) fn calls(&self) -> usize {
        self.desk.lock().len()
    }

    /// Answers every call that waits for it, until the answer is taken; one whose answer was lost has been.
    ///
    /// # Errors
    /// When nobody takes it.
    pub(super) async fn call_back(&self, answer: &str) -> anyhow::Result<()> {
        let client = reqwest::Client::new();
        let waiting: Vec<(String, Taken)> = self.desk.lock().iter().map(|(id, taken)| (id.clone(), taken.clone())).collect();
        for (id, taken) in waiting.into_iter().filter(|(_, taken)| !taken.answered) {
            let Some(url) = taken.callback_url else { continue };
            deliver(&client, &url, answer).await?;
            self.desk.lock().entry(id).and_modify(|taken| taken.answered = true);
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn deliver(client: &reqwest::Client, url: &str, answer: &str) -> anyhow::Result<()> {
    let mut last = String::new();
    for _ in 0..TRIES {
        match client.post(url).header(CONTENT_TYPE, "application/json").body(answer.to_owned()).send().await {
            Ok(reply) if reply.status().is_success() || reply.status() == StatusCode::CONFLICT => return Ok(()),
            Ok(reply) => last = reply.status().to_string(),
            Err(error) => last = error.without_url().to_string(),
        }
    }
    bail!("nobody took the callback in {TRIES} tries: {last}")
}

async fn take(State(desk): State<Arc<Desk>>, ConnectInfo(peer): ConnectInfo<SocketAddr>, headers: HeaderMap, body: String) -> StatusCode {
    desk.tap.at_engine(peer, true);
    let taken = desk.note(&headers, &body);
    desk.tap.at_engine(peer, false);
    taken.map_or(StatusCode::BAD_REQUEST, |()| StatusCode::ACCEPTED)
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Taken>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None`: it is no call of a step.
    fn note(&self, headers: &HeaderMap, body: &str) -> Option<()> {
        let id = headers.get("webhook-id")?.to_str().ok()?.to_owned();
        let body: Value = serde_json::from_str(body).ok()?;
        let callback_url = body["data"]["callback_url"].as_str().map(str::to_owned);
        self.lock().entry(id).or_insert(Taken { callback_url, answered: false });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_comes_twice_is_one() {
        let engine = Engine::start(Arc::default()).await.unwrap();
        let client = reqwest::Client::new();
        for (id, calls) in [("a", 1), ("a", 1), ("b", 2)] {
            let sent = client.post(engine.url()).header("webhook-id", id).body("{}").send().await.unwrap();
            assert_eq!((sent.status(), engine.calls()), (StatusCode::ACCEPTED, calls));
        }
        assert_eq!(client.post(engine.url()).body("{}").send().await.unwrap().status(), StatusCode::BAD_REQUEST);
        engine.call_back("{}").await.unwrap();
    }
}
