//! How long Patchbay itself takes, one issue after the other: from the accepted webhook until the agent's process works,
//! and from the accepted result until the pull request is there. The agent's own time is in neither.

use super::Bench;
use super::figure::{Figure, percentile};
use super::scene::{FILES, PATIENCE, REQUEST, Scene};
use crate::stack::forge::{ORGANISATION, PERSON};
use crate::stack::logs::LogLine;
use anyhow::{Context as _, bail};
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;

const PART: &str = "latency";
/// Issues that are measured, after one that starts the functions' processes.
const ISSUES: u64 = 20;
const TARGET_MS: f64 = 1000.0;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let scene = Scene::open(bench, |_| ()).await?;
    scene.github.create_repository(ORGANISATION, "latency", &FILES)?;
    let repository = format!("{ORGANISATION}/latency");
    scene.settle().await?;
    let (mut to_agent, mut to_pull) = (Vec::new(), Vec::new());
    for issue in 0..=ISSUES {
        bench.say(&format!("latency: issue {issue} of {ISSUES}"));
        let (agent, pull) = one_issue(&scene, &repository).await?;
        if issue > 0 {
            to_agent.push(agent);
            to_pull.push(pull);
        }
        scene.settle().await?;
    }
    scene.close().await;
    let figure = |name: &str, values: &[f64]| {
        let beside = format!("{} issues one by one; p95 {:.0} ms", values.len(), percentile(values, 0.95));
        Figure::at_most(PART, format!("{name}: p50"), percentile(values, 0.5), "ms", TARGET_MS).beside(beside)
    };
    Ok(vec![figure("accepted webhook → agent started", &to_agent), figure("result accepted → pull request", &to_pull)])
}

/// Somebody asks for a change in a repository (`owner/name`), and gets it: milliseconds from the webhook to the agent and
/// from the result to the pull request.
pub(super) async fn one_issue(scene: &Scene, repository: &str) -> anyhow::Result<(f64, f64)> {
    let mut lines = scene.stack.logs().subscribe();
    let pulls_before = scene.github.pulls(repository).len();
    scene.github.open_issue(repository, PERSON, "Change it", REQUEST, &[])?;
    let accepted = seen(&mut lines, "webhook-intake", |line| line["message"] == "webhook accepted" && line["event"] == "issues").await?;
    // The task's lines have it among their fields.
    let started = seen(&mut lines, "agent-task/agent", |line| line["fields"]["message"] == "the agent starts").await?;
    let stored = seen(&mut lines, "task-gateway", |line| line["message"] == "result stored").await?;
    let opened = |github: &patchbay_testing::github::LocalGithub| (github.pulls(repository).len() > pulls_before).then_some(());
    scene.github.wait_for("the pull request", PATIENCE, opened).await?;
    let pull = scene.stack.logs().now_ms();
    Ok((started.saturating_sub(accepted) as f64, pull.saturating_sub(stored) as f64))
}

/// When such a line of this source came, in the log book's milliseconds.
async fn seen(lines: &mut Receiver<Arc<LogLine>>, source: &str, is_wanted: impl Fn(&Value) -> bool) -> anyhow::Result<u64> {
    let search = async {
        loop {
            match lines.recv().await {
                Ok(line) if line.source == source && line.json.as_ref().is_some_and(&is_wanted) => return anyhow::Ok(line.at_ms),
                Ok(_) => {}
                Err(error) => bail!("the log cannot be followed: {error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, search).await.with_context(|| format!("{source} does not say what it should"))?
}
