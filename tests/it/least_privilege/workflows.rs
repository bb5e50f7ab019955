//! Workflows of a repository's own file: steps that lead out of it and back, gates, a broken file, a schedule.

use crate::workflows::receiver::Receiver;
use crate::world::{HELLO, World};
use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use patchbay::stack::forge::PERSON;
use patchbay_testing::github::CheckRunView;
use serde_json::json;

/// Plays all of them.
pub(super) async fn play_all(world: &World) -> Result<()> {
    let receiver = Receiver::start().await?;
    let diary = world.issue("Diary", "Nobody is asked here.")?;
    world.in_force(&file(receiver.url(), diary)).await?;
    calling_out(world, &receiver).await?;
    gates(world).await?;
    a_broken_file(world, &file(receiver.url(), diary)).await?;
    a_process_that_has_read_nothing(world).await?;
    a_schedule(world, diary).await
}

fn file(receiver: &str, diary: u64) -> String {
    format!(
        r#"
workflows:
  outward:
    on: {{ issues: {{ types: [labeled], labels: [outward] }} }}
    steps:
      - http: {{ url: "{receiver}", wait: true }}
      - run_workflow: {{ workflow: chore, inputs: {{ number: "{{{{ event.subject.number }}}}" }} }}
  chore:
    on: manual
    steps:
      - comment: {{ body: "The chore is done.", number: "{{{{ event.inputs.number }}}}" }}
  answered:
    on: {{ issues: {{ types: [labeled], labels: [answered] }} }}
    steps:
      - agent:
          mode: ask
          prompt: |
            ```script
            answer Asked.
            ```
      - http: {{ url: "{receiver}", wait: true }}
  gated:
    on: {{ issue_comment: {{ body: "^again" }} }}
    concurrency: {{ group: "gated-{{{{ event.subject.number }}}}", cancel: true }}
    cooldown: 1s
    steps:
      - comment: {{ body: "Once more." }}
  diary:
    on: {{ schedule: {{ cron: ['0 4 * * *'] }} }}
    steps:
      - comment: {{ body: "It is four o'clock.", number: "{diary}" }}
"#
    )
}

/// A callback wakes whoever performs the next step, and after the last step whoever says how it ended.
async fn calling_out(world: &World, receiver: &Receiver) -> Result<()> {
    let number = world.issue("Out and on", "Nobody is asked here.")?;
    world.github.label(HELLO, number, PERSON, "outward")?;
    ensure!(receiver.call().await?.call_back(&json!({})).await? == 202, "the first callback");
    world.comment_with(number, "The chore is done.").await?;
    let number = world.issue("Out and over", "Nobody is asked here.")?;
    world.github.label(HELLO, number, PERSON, "answered")?;
    let call = receiver.call().await?;
    // The call's own answer may still be on its way.
    world.settle().await?;
    ensure!(call.call_back(&json!({})).await? == 202, "the second callback");
    world.comment_with(number, "✅").await?;
    world.settle().await
}

async fn gates(world: &World) -> Result<()> {
    let number = world.issue("Again and again", "Nobody is asked here.")?;
    world.comment(number, "again")?;
    world.comment_with(number, "Once more.").await?;
    world.settle().await
}

/// The last good version stays in force, and the row notes what is wrong.
async fn a_broken_file(world: &World, good: &str) -> Result<()> {
    let sha = world.configure(&good.replace("steps:", "stepz:"))?;
    let check: CheckRunView = world.check_run(&sha, "patchbay / configuration").await?;
    ensure!(check.conclusion.as_deref() == Some("failure"), "{check:#?}");
    world.in_force(good).await?;
    world.settle().await
}

/// It reads the configuration's text from the table.
async fn a_process_that_has_read_nothing(world: &World) -> Result<()> {
    world.stack.pool("trigger-matcher").context("trigger-matcher")?.recycle();
    let number = world.issue("After a restart", "Nobody is asked here.")?;
    world.comment(number, "again")?;
    world.comment_with(number, "Once more.").await?;
    world.settle().await
}

/// Ticked at a minute at which nothing else is done but what is done every minute.
async fn a_schedule(world: &World, diary: u64) -> Result<()> {
    let after_four = Timestamp::now() + SignedDuration::from_hours(25);
    let first_minute = Timestamp::from_second(after_four.as_second() / 3600 * 3600 + 60)?;
    world.stack.tick_at("run-reaper", first_minute).await?;
    world.comment_with(diary, "four o'clock").await?;
    world.settle().await
}
