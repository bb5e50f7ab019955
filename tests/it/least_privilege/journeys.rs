//! One of everything that Patchbay can be asked for, and of what can go wrong meanwhile, in one stack.
//!
//! Each journey waits for what a person would see. What time alone would bring (a run that is due) is brought about in
//! the table, and what only misfortune brings by refused calls.

use crate::intake::Sender;
use crate::world::{HELLO, PATIENCE, World, script};
use anyhow::{Context, Result, ensure};
use patchbay::aws::{AwsError, Call, Moment, TaskStatus};
use patchbay::stack::forge::{ORGANISATION, PERSON};
use patchbay::stack::{STACK_NAME, StackConfig};
use patchbay_testing::github::{Fault, ForgeCall, Moment as ForgeMoment};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What goes wrong as long as its flag is up.
#[derive(Clone, Default)]
pub(super) struct Mishaps(Arc<Flags>);

#[derive(Default)]
struct Flags {
    /// ECS starts the task, but its answer is lost, and run-launcher cannot find out.
    launcher_is_blind: AtomicBool,
    /// It has tried to.
    launcher_looked: AtomicBool,
    /// ECS does not take the task.
    start_is_refused: AtomicBool,
    /// task-gateway cannot read the runs, so that it does not tell a task that its run is gone.
    gateway_is_blind: AtomicBool,
    /// The forge says, once, that its limit is reached for so many seconds.
    forge_is_exhausted_for: AtomicU64,
}

impl Mishaps {
    /// Lets the flags have their effect.
    pub(super) fn arrange(&self, config: &mut StackConfig) {
        let (aws, forge) = (Arc::clone(&self.0), Arc::clone(&self.0));
        config.faults = Some(Arc::new(move |call, moment| aws.refuse(call, moment)));
        config.forge_faults = Some(Arc::new(move |call, moment| forge.answer(call, moment)));
    }
}

impl Flags {
    fn refuse(&self, call: &Call, moment: Moment) -> Option<AwsError> {
        let up = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        let started = call.operation == "RunTask" && moment == Moment::After;
        let looks = call.operation == "ListTasks" && call.caller == "run-launcher";
        if call.operation == "RunTask" && moment == Moment::Before && up(&self.start_is_refused) {
            return Some(AwsError::refused("InvalidParameterException", "No such subnet."));
        }
        if call.caller == "task-gateway" && call.service == "dynamodb" && up(&self.gateway_is_blind) {
            return Some(AwsError::refused("ThrottlingException", "Rate exceeded"));
        }
        if !up(&self.launcher_is_blind) || !(started || looks) {
            return None;
        }
        self.launcher_looked.fetch_or(looks, Ordering::SeqCst);
        Some(AwsError::refused("ThrottlingException", "Rate exceeded"))
    }

    fn answer(&self, call: &ForgeCall, moment: ForgeMoment) -> Option<Fault> {
        if moment != ForgeMoment::Before {
            return None;
        }
        let seconds = if call.path.ends_with("/permission") { self.forge_is_exhausted_for.swap(0, Ordering::SeqCst) } else { 0 };
        let body = json!({ "message": "You have exceeded a secondary rate limit" }).to_string();
        (seconds > 0).then(|| Fault::Answer { status: 429, headers: vec![("retry-after", seconds.to_string())], body })
    }
}

/// Text that does not get smaller by compression.
fn noise(bytes: usize) -> String {
    (0..bytes / 32).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect()
}

/// Plays everything. The order matters only in the end: an uninstalled App is asked for nothing more.
pub(super) async fn play_all(world: &World, mishaps: &Mishaps) -> Result<()> {
    changes_and_answers(world).await?;
    super::workflows::play_all(world).await?;
    large_payloads(world).await?;
    waiting_for_the_forge(world, mishaps).await?;
    a_lost_start(world, mishaps).await?;
    failing_tasks(world, mishaps).await?;
    what_the_reaper_finds(world, mishaps).await?;
    leaving(world).await
}

async fn changes_and_answers(world: &World) -> Result<()> {
    // Long enough for its next stage to be shown.
    world.issue("Slow", &script("ask it slowly", &["sleep 17", "answer Slowly."]))?;
    let number = world.issue("Greet", &script("greet by name", &["write hello.py print(1)\\n", "model hello"]))?;
    world.comment_with(number, "✅ Done").await?;
    let number = world.issue("Why?", &script("ask why?", &["answer Because."]))?;
    world.comment_with(number, "Because.").await?;
    for command in ["help", "status", "why", "retry"] {
        world.comment(number, &format!("@patchbay {command}"))?;
    }
    let number = world.issue("Two", &script("the first", &["sleep 4", "answer One."]))?;
    world.comment_with(number, "⚙️").await?;
    world.comment(number, &script("ask the second", &["answer Two."]))?;
    world.comment_with(number, "Two.").await?;
    let body = script("", &["write new.txt hello\\n"]).replace("@patchbay", "");
    let number = world.issue("By label", &body)?;
    world.github.label(HELLO, number, PERSON, "patchbay")?;
    world.comment_with(number, "✅ Done").await?;
    world.settle().await
}

/// One that is kept in the bucket by trigger-matcher, and one that webhook-intake must put there already.
async fn large_payloads(world: &World) -> Result<()> {
    let sender = Sender::of(world)?;
    let number = world.issue("Later", "Nobody is asked yet.")?;
    world.comment(number, "Nobody is asked here either.")?;
    world.settle().await?;
    let sample = world.github.deliveries().into_iter().rfind(|d| d.event == "issue_comment").context("a delivery")?;
    for (name, bytes) in [("large", 800_000), ("larger", 4_000_000)] {
        let mut payload = world.github.delivery_payload(&sample.guid)?;
        payload["comment"]["body"] = Value::String(script(&format!("ask it {name}"), &[&format!("answer I read the {name} one.")]));
        payload["noise"] = Value::String(noise(bytes));
        ensure!(sender.post("issue_comment", name, serde_json::to_vec(&payload)?).await?.status() == 202, "{name}");
        world.comment_with(number, &format!("I read the {name} one.")).await?;
    }
    Ok(())
}

async fn waiting_for_the_forge(world: &World, mishaps: &Mishaps) -> Result<()> {
    mishaps.0.forge_is_exhausted_for.store(1, Ordering::SeqCst);
    let number = world.issue("Patience", &script("ask it", &["answer At last."]))?;
    world.comment_with(number, "At last.").await?;
    // For longer than a queue can hold a new message back.
    world.settle().await?;
    mishaps.0.forge_is_exhausted_for.store(1_000, Ordering::SeqCst);
    let number = world.issue("More patience", &script("ask it", &["answer In the end."]))?;
    let events = world.stack.aws().queue(&format!("{STACK_NAME}-EventsQueue")).context("the events queue")?;
    let hidden = async {
        while events.next_visible_in()?.is_none_or(|left| left < Duration::from_secs(900)) {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, hidden).await.context("waited for a message to be hidden")??;
    world.stack.aws().pass_time_for_queues(Duration::from_secs(1_001))?;
    world.comment_with(number, "In the end.").await.map(drop)
}

/// A task whose start nobody heard of: run-launcher looks for it, and run-results stops it because somebody said stop.
async fn a_lost_start(world: &World, mishaps: &Mishaps) -> Result<()> {
    world.settle().await?;
    mishaps.0.launcher_is_blind.store(true, Ordering::SeqCst);
    let number = world.issue("Stopped", &script("wait", &["hang"]))?;
    let started = async {
        while !running(world) || !mishaps.0.launcher_looked.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    tokio::time::timeout(PATIENCE, started).await.context("waited for a task and for run-launcher to look for it")?;
    world.comment(number, "@patchbay stop")?;
    world.comment_with(number, "⏹️ Stopped by").await?;
    mishaps.0.launcher_is_blind.store(false, Ordering::SeqCst);
    world.settle().await
}

fn running(world: &World) -> bool {
    world.stack.aws().tasks().iter().any(|task| task.last_status == TaskStatus::Running)
}

async fn failing_tasks(world: &World, mishaps: &Mishaps) -> Result<()> {
    let number = world.issue("Kill", &script("change it", &["hang"]))?;
    world.comment_with(number, "⚙️").await?;
    world.kill_supervisors().await?;
    world.comment_with(number, "exit code 137").await?;
    mishaps.0.start_is_refused.store(true, Ordering::SeqCst);
    let number = world.issue("Refused", &script("change it", &["hang"]))?;
    world.comment_with(number, "❌").await?;
    mishaps.0.start_is_refused.store(false, Ordering::SeqCst);
    world.settle().await
}

async fn what_the_reaper_finds(world: &World, mishaps: &Mishaps) -> Result<()> {
    // A run whose task is silent, one that waits for it, and then the first one's deadline.
    let number = world.issue("Silent", &script("wait", &["hang"]))?;
    world.comment_with(number, "⚙️").await?;
    world.comment(number, &script("ask the next", &["answer Free at last."]))?;
    world.comment_with(number, "another run of this thread").await?;
    make_due(world, false).await?;
    world.stack.tick("run-reaper").await?;
    make_due(world, true).await?;
    world.stack.tick("run-reaper").await?;
    world.comment_with(number, "took too long").await?;
    world.comment_with(number, "Free at last.").await?;
    world.settle().await?;

    // A task whose run is gone.
    let number = world.issue("Orphan", &script("wait", &["hang"]))?;
    world.comment_with(number, "⚙️").await?;
    mishaps.0.gateway_is_blind.store(true, Ordering::SeqCst);
    for run in runs(world).await?.into_iter().filter(|run| run.contains_key("due_at")) {
        let key = json!({ "pk": run["pk"], "sk": run["sk"] });
        table_call(world, "DeleteItem", json!({ "Key": key })).await?;
    }
    world.stack.tick("run-reaper").await?;
    mishaps.0.gateway_is_blind.store(false, Ordering::SeqCst);
    world.settle().await?;
    ensure!(!running(world), "the orphan was stopped");
    Ok(())
}

async fn leaving(world: &World) -> Result<()> {
    let installation = world.installation()?;
    let other = format!("{ORGANISATION}/other");
    world.github.create_repository(ORGANISATION, "other", &[("README.md", "# Other\n")])?;
    world.settle().await?;
    world.github.remove_repository(installation, &other)?;
    let number = world.issue("Last", &script("wait", &["hang"]))?;
    world.comment_with(number, "⚙️").await?;
    world.github.uninstall_app(installation)?;
    world.settle().await
}

async fn runs(world: &World) -> Result<Vec<serde_json::Map<String, Value>>> {
    let items = world.stack.aws().items(&format!("{STACK_NAME}-RunsTable")).await?;
    Ok(items.into_iter().filter(|item| item.contains_key("run")).collect())
}

/// Lets every run that waits for something be due now; and its deadline be over.
async fn make_due(world: &World, deadline: bool) -> Result<()> {
    loop {
        let mut changed_meanwhile = false;
        for item in runs(world).await?.into_iter().filter(|item| item.contains_key("due_at")) {
            let past = "2000-01-01T00:00:00Z";
            let mut run: Value = serde_json::from_str(item["run"]["S"].as_str().context("a run is JSON")?)?;
            if deadline && run["deadline_at"].is_string() {
                run["deadline_at"] = json!(past);
            }
            let input = json!({
                "Key": { "pk": item["pk"], "sk": item["sk"] },
                "UpdateExpression": "SET due_at = :past, #run = :run",
                "ConditionExpression": "version = :version",
                "ExpressionAttributeNames": { "#run": "run" },
                "ExpressionAttributeValues": { ":past": { "S": past }, ":run": { "S": run.to_string() }, ":version": item["version"] },
            });
            changed_meanwhile |= !table_call(world, "UpdateItem", input).await?;
        }
        if !changed_meanwhile {
            return Ok(());
        }
    }
}

/// One call to the runs table, by somebody who is no function. False if its condition did not hold.
async fn table_call(world: &World, operation: &str, mut input: Value) -> Result<bool> {
    input["TableName"] = json!(format!("{STACK_NAME}-RunsTable"));
    let request = reqwest::Client::new().post(world.stack.aws().endpoint()).body(input.to_string());
    let request = request.header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    let signature = "AWS4-HMAC-SHA256 Credential=LOCALjourney/20261120/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
    let request = request.header("authorization", signature).header("content-type", "application/x-amz-json-1.0");
    let request = request.header("x-amz-date", "20261120T000000Z");
    let answer = request.send().await?;
    let (done, said) = (answer.status().is_success(), answer.text().await?);
    ensure!(done || said.contains("ConditionalCheckFailed"), "{operation}: {said}");
    Ok(done)
}
