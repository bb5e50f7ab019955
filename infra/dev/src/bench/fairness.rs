//! One tenant with two thousand queued deliveries, and another whose deliveries come one by one: how long the other's
//! wait from the accepted webhook to the matcher's decision, beside what they wait for when nobody else is there (R20).

use super::endpoint::Endpoint;
use super::figure::{Figure, millis, percentile};
use super::scene::{FILES, PATIENCE, Scene};
use super::{Bench, payload};
use crate::aws::NewMessage;
use crate::stack::forge::PERSON;
use crate::stack::logs::LogLine;
use anyhow::{Context as _, bail};
use patchbay_domain::ids::ConnectionId;
use serde_json::Value;
use std::time::Instant;
use tokio::sync::broadcast::error::RecvError;

const PART: &str = "fairness";
const QUEUED: usize = 2000;
/// Deliveries of the quiet tenant in each of the two situations.
const QUIET: usize = 40;
const TARGET: f64 = 2.0;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let scene = Scene::open(bench, |_| ()).await?;
    let (noisy, quiet) = (tenant(&scene, "noisy").await?, tenant(&scene, "quiet").await?);
    bench.say("fairness: a quiet tenant alone");
    waits(&scene, &quiet, QUIET / 4).await?;
    let idle = waits(&scene, &quiet, QUIET).await?;

    bench.say(&format!("fairness: the same beside {QUEUED} deliveries of another"));
    let queue = scene.stack.aws().queue(&format!("{}-EventsQueue", crate::stack::STACK_NAME)).context("an events queue")?;
    let flood = messages(bench, &noisy).await?;
    for body in flood {
        queue.send(NewMessage { body, group: Some(noisy.group.clone()), ..NewMessage::default() })?;
    }
    let depth_before = queue.depth()?.visible;
    let beside = waits(&scene, &quiet, QUIET).await?;
    let depth_after = queue.depth()?.visible;
    scene.settle().await?;
    scene.close().await;
    let (idle_p95, beside_p95) = (percentile(&idle, 0.95), percentile(&beside, 0.95));
    let how = format!("{beside_p95:.0} ms beside {idle_p95:.0} ms idle; {depth_before} waited at the start and {depth_after} at the end");
    Ok(vec![Figure::at_most(PART, "a quiet tenant's p95", beside_p95 / idle_p95, "×", TARGET).beside(how)])
}

/// An organisation with the App, and a delivery of it that starts nothing.
struct Tenant {
    payload: Value,
    group: String,
}

async fn tenant(scene: &Scene, owner: &str) -> anyhow::Result<Tenant> {
    scene.github.create_org(owner, PERSON)?;
    let installation = scene.github.install_app(owner)?;
    scene.github.create_repository(owner, "talk", &FILES)?;
    scene.github.open_issue(&format!("{owner}/talk"), PERSON, "Talk", "Nobody is asked.", &[])?;
    scene.settle().await?;
    let delivery = scene.github.deliveries().into_iter().rfind(|delivery| delivery.event == "issues").context("a delivery")?;
    let payload = scene.github.delivery_payload(&delivery.guid)?;
    Ok(Tenant { payload, group: ConnectionId::of_installation("github", installation).0 })
}

/// Milliseconds from the accepted webhook to the decision, of deliveries that come one after the other.
async fn waits(scene: &Scene, tenant: &Tenant, count: usize) -> anyhow::Result<Vec<f64>> {
    let secret = std::fs::read_to_string(scene.stack.webhook_secret_file())?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let body = tenant.payload.to_string();
    let mut waits = Vec::new();
    for _ in 0..count {
        let (mut lines, delivery) = (scene.stack.logs().subscribe(), uuid::Uuid::new_v4().to_string());
        let request = client.post(scene.stack.webhook_url()).header("content-type", "application/json");
        let request = request.header("x-github-event", "issues").header("x-github-delivery", &delivery);
        let request = request.header("x-hub-signature-256", payload::signature(&body, secret.trim())?).body(body.clone());
        let answer = request.send().await?;
        anyhow::ensure!(answer.status() == 202, "a webhook was answered {}", answer.status());
        let accepted = Instant::now();
        let decided = async {
            loop {
                match lines.recv().await {
                    Ok(line) if is_decision(&line, &delivery) => return anyhow::Ok(()),
                    Err(RecvError::Closed) => bail!("the log ended"),
                    // A flood writes more than anybody reads; what this waits for may be among it.
                    Err(RecvError::Lagged(lines)) => bail!("{lines} lines of the log were lost"),
                    Ok(_) => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, decided).await.context("no decision")??;
        waits.push(millis(accepted.elapsed()));
    }
    Ok(waits)
}

fn is_decision(line: &LogLine, delivery: &str) -> bool {
    let says = |json: &Value| json["message"] == "event decided" && json["correlation"] == delivery;
    line.source == "trigger-matcher" && line.json.as_ref().is_some_and(says)
}

/// The noisy tenant's deliveries as webhook-intake queues them.
async fn messages(bench: &Bench, tenant: &Tenant) -> anyhow::Result<Vec<String>> {
    let endpoint = Endpoint::plain().await?;
    let intake = super::intake::start_warm(bench, &endpoint).await?;
    let body = tenant.payload.to_string();
    let mut messages = Vec::new();
    for _ in 0..QUEUED {
        intake.invoke(payload::event("issues", &body)?).await?;
        messages.push(endpoint.last_message().context("intake sent nothing")?);
    }
    intake.end().await;
    Ok(messages)
}
