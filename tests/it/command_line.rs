//! The binary `patchbay` as a person or a script uses it: the demo with the real Aider, and a stack that stays up.

use crate::world::{bin_dir, build_once, project};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A first run installs Aider, which downloads several hundred megabytes.
const DEMO_PATIENCE: Duration = Duration::from_secs(900);
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn patchbay(arguments: &[&str]) -> Command {
    let mut command = Command::new(bin_dir().join("patchbay"));
    command.args(arguments).current_dir(project()).stdin(Stdio::null()).kill_on_drop(true);
    for name in ["PATCHBAY_MODEL_URL", "PATCHBAY_MODEL", "PATCHBAY_MODEL_KEY", "PATCHBAY_MODEL_PROVIDER", "PATCHBAY_AGENT"] {
        command.env_remove(name);
    }
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_shows_a_pull_request_and_an_answer_by_the_real_aider() -> Result<()> {
    build_once().await?;
    let output = tokio::time::timeout(DEMO_PATIENCE, patchbay(&["demo", "--no-build", "--json"]).output()).await??;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the demo ended with {}:\n{stderr}", output.status);
    let shown: Value = serde_json::from_slice(&output.stdout).context("one JSON object on stdout, nothing else")?;

    let pull = &shown["pull_request"];
    assert!(pull["url"].as_str().is_some_and(|url| url.contains("/acme/hello/pull/")), "{pull}");
    assert!(pull["number"].as_u64().is_some() && pull["title"].as_str().is_some_and(|title| !title.is_empty()), "{pull}");
    assert!(pull["branch"].as_str().is_some_and(|branch| branch.starts_with("patchbay/")), "{pull}");
    assert!(pull["files"].as_array().is_some_and(|files| !files.is_empty()), "{pull}");
    assert!(shown["answer"].as_str().is_some_and(|answer| answer.len() > 20), "{}", shown["answer"]);
    let timeline = shown["timeline"].as_array().context("a timeline")?;
    for function in ["webhook-intake", "trigger-matcher", "run-launcher", "task-gateway", "run-results"] {
        assert!(timeline.iter().any(|entry| entry["function"] == function && entry["at_ms"].is_u64()), "{function} is in the timeline");
    }
    assert!(timeline.iter().any(|entry| entry["what"].as_str().is_some_and(|what| what.contains("aider 0."))), "Aider really ran");
    for side in ["forge", "aws"] {
        assert!(shown["calls"][side].as_object().is_some_and(|calls| !calls.is_empty()), "{side} calls are counted");
    }
    Ok(())
}

/// A running `patchbay up`, and what it printed.
pub(crate) struct Up {
    child: Child,
    told: Value,
}

impl Up {
    pub(crate) async fn start(data: &Path) -> Result<Self> {
        build_once().await?;
        let data = data.to_str().context("a path in UTF-8")?;
        let mut command = patchbay(&["up", "--no-build", "--json", "--port", "0", "--data", data]);
        let mut child = command.env("PATCHBAY_AGENT", "scripted").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await??.context("a line on stdout")?;
        Ok(Self { child, told: serde_json::from_str(&line)? })
    }

    pub(crate) fn told(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap_or_default()
    }

    pub(crate) async fn api(&self, method: reqwest::Method, path: &str, body: Value) -> Result<Value> {
        let token = self.told["forge_user"]["token"].as_str().context("a token")?;
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.told("forge_api_url")));
        let request = request.bearer_auth(token).header("user-agent", "journey");
        let request = if body.is_null() { request } else { request.json(&body) };
        Ok(request.send().await?.error_for_status()?.json().await?)
    }

    /// Where the stack's AWS answers, and what is in it.
    pub(crate) fn place(&self) -> &Value {
        &self.told["aws"]
    }

    /// Waits until `top` shows what is waited for, and gives what it showed.
    pub(crate) async fn until(&self, holds: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut top = patchbay(&["top", "--json", "--every", "1", "--data", self.told("data_dir")]).stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(top.stdout.take().context("stdout")?).lines();
        let mut last = String::new();
        let shown = async {
            loop {
                last = lines.next_line().await?.context("top goes on")?;
                let now: Value = serde_json::from_str(&last)?;
                if holds(&now) {
                    return anyhow::Ok(now);
                }
            }
        };
        let shown = tokio::time::timeout(PATIENCE, shown).await;
        let shown = shown.with_context(|| format!("top showed last: {last}"))??;
        drop(lines);
        tokio::time::timeout(PATIENCE, top.wait()).await.context("top ends when nobody reads it any more")??;
        Ok(shown)
    }

    /// What one of the stack's own routes answers to whoever has the token.
    pub(crate) async fn control(&self, path: &str) -> Result<Value> {
        let request = reqwest::Client::new().get(format!("{}/{path}", self.told("control_url")));
        Ok(request.bearer_auth(self.told("control_token")).send().await?.error_for_status()?.json().await?)
    }

    /// As Ctrl-C does.
    pub(crate) async fn interrupt(mut self) -> Result<()> {
        let id = self.child.id().context("it runs")?.to_string();
        Command::new("kill").args(["-INT", &id]).status().await?;
        tokio::time::timeout(PATIENCE, self.child.wait()).await??;
        Ok(())
    }
}

/// The processes that mention a folder in their environment or command line.
fn processes_of(folder: &Path) -> Result<Vec<String>> {
    let mark = folder.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let read = |file: &str| String::from_utf8_lossy(&std::fs::read(entry.path().join(file)).unwrap_or_default()).replace('\0', " ");
        let (command, environment) = (read("cmdline"), read("environ"));
        if command.contains(&mark) || environment.contains(&mark) {
            found.push(command);
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_keeps_its_data_names_its_holder_and_leaves_nothing_behind() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("patchbay-up-").tempdir()?;
    let data = folder.path().join("data");
    let up = Up::start(&data).await?;
    for name in ["webhook_url", "forge_url", "forge_api_url", "webhook_secret_file", "data_dir"] {
        assert!(!up.told(name).is_empty(), "{name}: {}", up.told);
    }
    up.api(reqwest::Method::POST, "/orgs/acme/repos", json!({ "name": "kept", "auto_init": true })).await?;
    let body = "@patchbay ask what is this?\n\n```script\nanswer A repository.\n```";
    up.api(reqwest::Method::POST, "/repos/acme/kept/issues", json!({ "title": "What is this?", "body": body })).await?;
    // Slots are given back after the comment is written.
    up.until(|now| now["runs"]["succeeded"] == 1 && now["slots"] == json!([])).await.context("waited for the answer")?;
    let comments = up.api(reqwest::Method::GET, "/repos/acme/kept/issues/1/comments", Value::Null).await?;
    assert!(comments[0]["body"].as_str().is_some_and(|text| text.contains("A repository.")), "{comments}");

    let second = patchbay(&["up", "--no-build", "--data", data.to_str().context("UTF-8")?]).output().await?;
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    let holder = up.child.id().context("it runs")?.to_string();
    assert!(said.contains(&holder), "a second `up` says who holds the data: {said}");

    let sample = project().join("events/github/issues.opened.json");
    let sent = patchbay(&["send", sample.to_str().context("UTF-8")?, "--event", "issues", "--data", data.to_str().context("UTF-8")?])
        .output()
        .await?;
    assert!(sent.status.success() && String::from_utf8_lossy(&sent.stdout).contains("202"), "{sent:?}");

    up.interrupt().await?;
    assert_eq!(processes_of(folder.path())?, Vec::<String>::new(), "nothing is left behind");

    let again = Up::start(&data).await?;
    let comments = again.api(reqwest::Method::GET, "/repos/acme/kept/issues/1/comments", Value::Null).await?;
    assert!(comments[0]["body"].as_str().is_some_and(|text| text.contains("A repository.")), "{comments}");
    again.interrupt().await
}

#[tokio::test(flavor = "multi_thread")]
async fn send_says_what_is_wrong() -> Result<()> {
    build_once().await?;
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_str().context("UTF-8")?;
    let sample = project().join("events/github/issues.opened.json");
    for (file, data) in [(sample.to_str().context("UTF-8")?, data), ("/does/not/exist.json", data)] {
        let sent = patchbay(&["send", file, "--event", "issues", "--data", data]).output().await?;
        assert!(!sent.status.success());
        let said = String::from_utf8_lossy(&sent.stderr).into_owned();
        assert!(said.len() > 20 && !said.contains("backtrace") && !said.contains("panicked"), "{said}");
    }
    Ok(())
}
