//! What a delivery and a change cost in calls, counted by the stack. A call more than these is a decision, not an accident:
//! the forge's calls are limited per hour, and AWS's are paid one by one.

use crate::world::{HELLO, World, script};
use anyhow::Result;
use patchbay::bench::{CHANGE_BUDGET, IGNORED_BUDGET, aws_calls, forge_calls, risen};
use std::collections::BTreeMap;

/// Listens to what nobody does here.
const TURNED_AWAY: &str =
    "workflows:\n  triage:\n    on:\n      issues: { types: [opened], labels: [bug] }\n    steps:\n      - file: { path: README.md }\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_ignored_delivery_costs_one_outbound_call_of_intake_and_few_in_all() -> Result<()> {
    let world = World::start().await?;
    expect_few_calls(&world, "nothing listens to it").await?;
    world.configure(TURNED_AWAY)?;
    world.settle().await?;
    expect_few_calls(&world, "a filter turns it away").await?;
    world.end().await;
    Ok(())
}

async fn expect_few_calls(world: &World, what: &str) -> Result<()> {
    // The first delivery of a process may read secrets, a repository's first event reads its configuration.
    world.issue("Before", "Nobody is asked.")?;
    world.settle().await?;
    let before = aws_calls(&world.stack);
    world.issue("A note", "Nobody is asked here either.")?;
    world.settle().await?;
    let calls = risen(&before, &aws_calls(&world.stack));
    let of_intake: BTreeMap<&str, u64> = of(&calls, "webhook-intake");
    assert_eq!(of_intake, BTreeMap::from([("sqs:SendMessage", 1)]), "{what}: exactly one outbound call per delivery");
    let all: u64 = calls.values().sum();
    assert!(all <= IGNORED_BUDGET, "{what}: {all} calls at AWS: {calls:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_needs_few_calls_at_the_forge() -> Result<()> {
    let world = World::start().await?;
    // A repository's first event reads its configuration.
    world.issue("Before", "Nobody is asked.")?;
    world.settle().await?;
    world.github.reset_calls();
    let number = world.issue("Greet by name", &script("greet by name", &["write hello.py print(\"hi\")\\n", "write new.md # New\\n"]))?;
    world.comment_with(number, "✅ Done").await?;
    world.settle().await?;
    assert_eq!(world.github.pulls(HELLO).len(), 1);
    let calls = world.github.calls();
    let all = forge_calls(&calls);
    assert!(all <= CHANGE_BUDGET, "{all} calls at the forge: {calls:#?}");
    // A count that sees nothing would hold nothing.
    assert_eq!(calls.get("POST /repos/{owner}/{repo}/pulls"), Some(&1), "{calls:#?}");
    world.end().await;
    Ok(())
}

/// The calls of one function, by action.
fn of<'a>(calls: &'a BTreeMap<String, u64>, function: &str) -> BTreeMap<&'a str, u64> {
    let split = |(name, count): (&'a String, &u64)| (name.split_once(' ').unwrap_or((name, "")), *count);
    calls.iter().map(split).filter(|((caller, _), _)| *caller == function).map(|((_, action), count)| (action, count)).collect()
}
