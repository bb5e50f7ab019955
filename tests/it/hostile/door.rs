//! The task gateway from outside, as whoever holds a task's secret may use it: for cases in which the supervisor itself is the
//! attacker's. Its tasks are programs that do nothing, so that the test can speak in their place.

use super::known::{environment, value};
use crate::world::{PATIENCE, World, bin_dir, build_once, script};
use anyhow::{Context, Result, ensure};
use patchbay::stack::forge::{ORGANISATION, PERSON};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::Duration;

/// A run that waits for its task, and what its task was given.
pub(crate) struct Door {
    client: Client,
    pub(crate) url: String,
    pub(crate) workspace: String,
    pub(crate) run: String,
    pub(crate) secret: String,
    pub(crate) thread: u64,
}

/// A world whose tasks never say anything.
pub(crate) async fn world_of_silent_tasks(folder: &std::path::Path) -> Result<World> {
    build_once().await?;
    let binaries = silent_binaries(folder)?;
    World::with(|config| config.bin_dir = binaries).await
}

/// The functions' binaries, and in the place of the task's one that only waits to be stopped.
fn silent_binaries(folder: &std::path::Path) -> Result<PathBuf> {
    for entry in fs::read_dir(bin_dir())?.flatten() {
        let executable = entry.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
        if executable && entry.file_name() != "agent-task" {
            symlink(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    let silent = folder.join("agent-task");
    fs::write(&silent, "#!/bin/sh\nexec sleep 600\n")?;
    fs::set_permissions(&silent, fs::Permissions::from_mode(0o755))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(folder.to_owned())
}

impl Door {
    /// A request in a repository of its own, up to its task's start.
    pub(crate) async fn open(world: &World, name: &str) -> Result<Self> {
        let repository = format!("{ORGANISATION}/{name}");
        world.github.create_repository(ORGANISATION, name, &[("README.md", "# Hello\n")])?;
        let thread = world.github.open_issue(&repository, PERSON, &format!("case {name}"), &script("change it", &["hang"]), &[])?;
        let mut given = None;
        let started = async {
            while given.is_none() {
                let environments = world.stack.aws().tasks().into_iter().map(|task| environment(&task.overrides));
                given = environments.into_iter().find(|environment| {
                    let delivery = value(environment, "PATCHBAY_CORRELATION").unwrap_or_default();
                    world.github.delivery_payload(&delivery).is_ok_and(|payload| payload["repository"]["name"] == name)
                });
                // ECS tells nobody that it was asked to start a task.
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        tokio::time::timeout(PATIENCE, started).await.with_context(|| format!("no task of {name}"))?;
        let given = given.context("a task")?;
        let of = |variable: &str| value(&given, variable).with_context(|| format!("the task has no {variable}"));
        Ok(Self {
            client: Client::new(),
            url: of("PATCHBAY_GATEWAY_URL")?.trim_end_matches('/').to_owned(),
            workspace: of("PATCHBAY_WORKSPACE")?,
            run: of("PATCHBAY_RUN")?,
            secret: of("PATCHBAY_BOOTSTRAP_SECRET")?,
            thread,
        })
    }

    /// One call; the status and the body.
    pub(crate) async fn call(&self, method: Method, route: &str, capability: Option<&str>, body: Option<Value>) -> Result<(u16, Value)> {
        let mut request = self.client.request(method, format!("{}{route}", self.url));
        if let Some(capability) = capability {
            request = request.bearer_auth(capability);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.json().await.unwrap_or_default()))
    }

    /// Trades a secret for a capability of this run.
    pub(crate) async fn exchange_with(&self, run: &str, secret: &str) -> Result<(u16, Value)> {
        let body = json!({ "workspace": self.workspace, "run": run, "attempt": 1, "bootstrap_secret": secret });
        self.call(Method::POST, "/v1/exchange", None, Some(body)).await
    }

    /// This run's own capability.
    pub(crate) async fn capability(&self) -> Result<String> {
        let (status, answer) = self.exchange_with(&self.run, &self.secret).await?;
        ensure!(status == StatusCode::OK.as_u16(), "the exchange was answered with {status}: {answer}");
        Ok(answer["capability"].as_str().context("a capability")?.to_owned())
    }

    /// A result that says so.
    pub(crate) fn result(&self, outcome: Value) -> Value {
        json!({ "run": self.run, "attempt": 1, "outcome": outcome, "summary": null, "agent": "hostile", "isolation": [] })
    }

    /// Hands in a result.
    pub(crate) async fn hand_in(&self, capability: &str, outcome: Value) -> Result<(u16, Value)> {
        self.call(Method::POST, "/v1/result", Some(capability), Some(self.result(outcome))).await
    }
}
