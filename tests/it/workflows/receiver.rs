//! An external workflow engine: receives the calls of `http` steps, checks their signatures by Standard Webhooks' own words
//! and not by our code, and calls back.

use crate::world::PATIENCE;
use anyhow::{Context, Result, ensure};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Mutex, mpsc};

/// One call as it came in.
pub(crate) struct Call {
    headers: HeaderMap,
    raw: String,
    pub(crate) body: Value,
}

/// The engine, on a port of its own.
pub(crate) struct Receiver {
    url: String,
    calls: Mutex<mpsc::UnboundedReceiver<Call>>,
    count: Arc<AtomicUsize>,
    server: tokio::task::JoinHandle<()>,
}

type Inbox = (mpsc::UnboundedSender<Call>, Arc<AtomicUsize>);

impl Receiver {
    pub(crate) async fn start() -> Result<Self> {
        let (sender, calls) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let app = axum::Router::new().route("/hook", post(receive)).with_state((sender, Arc::clone(&count)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap_or_default() });
        Ok(Self { url, calls: Mutex::new(calls), count, server })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The next call.
    pub(crate) async fn call(&self) -> Result<Call> {
        let mut calls = self.calls.lock().await;
        tokio::time::timeout(PATIENCE, calls.recv()).await.context("nobody called")?.context("the receiver ended")
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State((sender, count)): State<Inbox>, headers: HeaderMap, raw: String) -> &'static str {
    count.fetch_add(1, Ordering::SeqCst);
    let body = serde_json::from_str(&raw).unwrap_or_default();
    sender.send(Call { headers, raw, body }).map_or("gone", |()| "taken")
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Result<&str> {
        Ok(self.headers.get(name).with_context(|| format!("the header {name}"))?.to_str()?)
    }

    /// Standard Webhooks: HMAC-SHA256 of `id.timestamp.body` under the secret's bytes.
    pub(crate) fn verify(&self, secret: &str) -> Result<()> {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").context("a secret begins with whsec_")?)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
        mac.update(format!("{}.{}.{}", self.header("webhook-id")?, self.header("webhook-timestamp")?, self.raw).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let given = self.header("webhook-signature")?;
        ensure!(given.split(' ').any(|signature| signature == expected), "the signature {given} is not {expected}");
        Ok(())
    }

    pub(crate) fn callback_url(&self) -> Result<&str> {
        self.body["data"]["callback_url"].as_str().context("a call that is waited for says where to call back")
    }

    /// Posts an answer; gives the status.
    pub(crate) async fn call_back(&self, answer: &Value) -> Result<u16> {
        post_json(self.callback_url()?, answer).await
    }

    pub(crate) async fn call_back_with_another_token(&self) -> Result<u16> {
        let url = self.callback_url()?;
        let (front, _) = url.rsplit_once('/').context("the token is the last part")?;
        post_json(&format!("{front}/{}", "0".repeat(64)), &serde_json::json!({})).await
    }
}

async fn post_json(url: &str, body: &Value) -> Result<u16> {
    Ok(reqwest::Client::new().post(url).json(body).send().await?.status().as_u16())
}
