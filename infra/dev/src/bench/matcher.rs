//! trigger-matcher's cost per event in a deployment with ten and with ten thousand installations: the same delivery of a
//! suspended installation, so that its connection is looked up and nothing follows.

use super::Bench;
use super::endpoint::Endpoint;
use super::figure::{Figure, median, millis};
use super::scene::{Scene, sqs_message};
use super::subject::Subject;
use crate::stack::forge::{ORGANISATION, PERSON};
use anyhow::Context as _;
use patchbay_domain::ids::ConnectionId;
use serde_json::{Map, Value};

const PART: &str = "matcher";
const FEW: u64 = 10;
const MANY: u64 = 10_000;
/// Numbers of installations that the local GitHub does not give.
const FIRST: u64 = 5_000_000;
const PROCESSES: usize = 5;
const WARM_UP: usize = 30;
const EVENTS: usize = 150;
/// What processes of one binary differ by on a busy machine.
const FLAT: f64 = 1.1;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let scene = Scene::open(bench, |_| ()).await?;
    scene.github.create_repository(ORGANISATION, "matched", &super::scene::FILES)?;
    scene.settle().await?;
    let installation = installation(&scene)?;
    scene.github.open_issue(&format!("{ORGANISATION}/matched"), PERSON, "Ask", "@patchbay status", &[])?;
    scene.settle().await?;
    let delivery = scene.github.deliveries().into_iter().rfind(|delivery| delivery.event == "issues").context("a delivery")?;
    let payload = scene.github.delivery_payload(&delivery.guid)?;
    scene.github.suspend_app(installation)?;
    scene.settle().await?;
    let template = rows_of(&scene, installation).await?;

    add_installations(&scene, &template, installation, 0..FEW).await?;
    let few = costs(bench, &scene, &payload, FEW).await?;
    add_installations(&scene, &template, installation, FEW..MANY).await?;
    let many = costs(bench, &scene, &payload, MANY).await?;
    scene.close().await;
    let compare = |few: &[f64], many: &[f64]| {
        let (few, many) = (median(few), median(many));
        (many / few, format!("{many:.0} µs with {MANY} installations, {few:.0} µs with {FEW}"))
    };
    let ((cpu, cpu_beside), (p50, p50_beside)) = (compare(&few.0, &many.0), compare(&few.1, &many.1));
    // Of the time, most is the local table's, which is a file; DynamoDB's does not depend on how much it holds.
    let p50 = Figure::listed(PART, "p50 per event, with the local table's time", p50, "×").beside(p50_beside);
    Ok(vec![Figure::at_most(PART, "CPU per event", cpu, "×", FLAT).beside(cpu_beside), p50])
}

fn installation(scene: &Scene) -> anyhow::Result<u64> {
    let created = scene.github.deliveries().into_iter().find(|delivery| delivery.event == "installation").context("an installation")?;
    scene.github.delivery_payload(&created.guid)?["installation"]["id"].as_u64().context("its id")
}

/// The rows of the core table that name an installation.
async fn rows_of(scene: &Scene, installation: u64) -> anyhow::Result<Vec<Map<String, Value>>> {
    let connection = ConnectionId::of_installation("github", installation).0;
    let table = scene.table("TABLE_CORE")?;
    let rows: Vec<_> = scene.stack.aws().items(&table).await?;
    let rows: Vec<_> = rows.into_iter().filter(|row| Value::Object(row.clone()).to_string().contains(&connection)).collect();
    anyhow::ensure!(!rows.is_empty(), "the installation left no row");
    Ok(rows)
}

/// The same rows for other installations.
async fn add_installations(scene: &Scene, rows: &[Map<String, Value>], known: u64, which: std::ops::Range<u64>) -> anyhow::Result<()> {
    let known = ConnectionId::of_installation("github", known).0;
    let mut items = Vec::new();
    for index in which {
        let other = ConnectionId::of_installation("github", FIRST + index).0;
        for row in rows {
            items.push(serde_json::from_str(&Value::Object(row.clone()).to_string().replace(&known, &other))?);
        }
    }
    scene.stack.aws().put_items(&scene.table("TABLE_CORE")?, items).await
}

/// CPU and median latency per event of each process, in microseconds. Every event is of another of the installations.
async fn costs(bench: &Bench, scene: &Scene, payload: &Value, installations: u64) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let (mut cpu, mut latency) = (Vec::new(), Vec::new());
    let environment = scene.environment("trigger-matcher")?;
    for process in 1..=PROCESSES {
        bench.say(&format!("matcher: {installations} installations, process {process} of {PROCESSES}"));
        let subject = Subject::start(&bench.bin_dir.join("trigger-matcher"), &environment).await?;
        let events = messages(bench, payload, installations).await?;
        let (warm_up, measured) = events.split_at(WARM_UP);
        for event in warm_up {
            subject.invoke(sqs_message("events", event)).await?;
        }
        let before = subject.settled_cpu().await?;
        let mut took = Vec::new();
        for event in measured {
            let (time, answer) = subject.invoke(sqs_message("events", event)).await?;
            anyhow::ensure!(!String::from_utf8_lossy(&answer).contains("itemIdentifier"), "an event failed");
            took.push(millis(time) * 1000.0);
        }
        cpu.push(millis(subject.settled_cpu().await?.saturating_sub(before)) * 1000.0 / measured.len() as f64);
        latency.push(median(&took));
        subject.end().await;
    }
    Ok((cpu, latency))
}

/// Deliveries as webhook-intake queues them, of installations all over the range.
async fn messages(bench: &Bench, payload: &Value, installations: u64) -> anyhow::Result<Vec<String>> {
    let endpoint = Endpoint::plain().await?;
    let intake = super::intake::start_warm(bench, &endpoint).await?;
    let mut messages = Vec::new();
    for index in 0..(WARM_UP + EVENTS) as u64 {
        let mut payload = payload.clone();
        payload["installation"]["id"] = (FIRST + index * (installations / FEW) % installations).into();
        intake.invoke(super::payload::event("issues", &payload.to_string())?).await?;
        messages.push(endpoint.last_message().context("intake sent nothing")?);
    }
    intake.end().await;
    Ok(messages)
}
