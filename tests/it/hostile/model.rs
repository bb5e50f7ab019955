//! A model that is the attacker's: it tells each case's agent what to do, writes the commit message that the case wants, and
//! keeps everything that it was asked.

use super::case::{Attack, Case};
use super::known::Vaults;
use anyhow::{Context, Result};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::net::TcpListener;

const COMMIT: &str = "feat: change it\n\nThe request asked for it.";

/// What the model says in each case, and what it heard.
pub(crate) struct Model {
    cases: Arc<Vec<Case>>,
    vaults: OnceLock<Vaults>,
    heard: Mutex<BTreeMap<String, Vec<String>>>,
}

impl Model {
    /// For these cases.
    pub(crate) fn of(cases: Arc<Vec<Case>>) -> Arc<Self> {
        Arc::new(Self { cases, vaults: OnceLock::new(), heard: Mutex::default() })
    }

    /// Listens; returns the address up to and with `/v1`. It ends with the test's runtime.
    pub(crate) async fn listen(self: &Arc<Self>) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(self));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(url)
    }

    /// Tells it every secret of the stack.
    pub(crate) fn learn(&self, vaults: Vaults) {
        let _ = self.vaults.set(vaults);
    }

    /// What it was asked in a case.
    pub(crate) fn heard(&self, name: &str) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default()
    }

    fn reply(&self, asked: &str) -> Result<String> {
        let name = asked.split("case ").nth(1).context("no case is named")?;
        let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default().push(asked.to_owned());
        let known = self.vaults.get().context("nothing was learnt")?.known(&name);
        let wants_commit = asked.ends_with("Write the commit message.");
        let mut lines = Vec::new();
        for case in self.cases.iter().filter(|case| case.run_name() == name) {
            match &case.attack {
                Attack::Agent { commit: Some(commit), .. } if wants_commit => return Ok(commit(&known).join("\n")),
                Attack::Agent { script, .. } if !wants_commit => lines.extend(script(&known)),
                _ => {}
            }
        }
        Ok(if wants_commit { COMMIT.to_owned() } else { lines.join("\n") })
    }
}

async fn answer(State(model): State<Arc<Model>>, Json(request): Json<Value>) -> Json<Value> {
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let asked: Vec<&str> = messages.iter().filter_map(|message| message["content"].as_str()).collect();
    let said = model.reply(&asked.join("\n")).unwrap_or_else(|error| format!("exit 9\n{error:#}"));
    Json(json!({
        "id": "chatcmpl-hostile", "object": "chat.completion", "created": 0, "model": request["model"],
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": said }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20 },
    }))
}
