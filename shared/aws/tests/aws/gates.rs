//! Concurrency groups and cooldowns: the newest arrival holds the gate, and nobody who is to be ended is forgotten.

use crate::build::{in_seconds, now, run_id, workspace};
use crate::fake::FakeAws;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::tables::runs::{Arrival, GateClaim, RunsTable};
use patchbay_domain::ids::RunId;
use serde_json::json;
use std::sync::LazyLock;

static START: LazyLock<Timestamp> = LazyLock::new(now);

/// So many seconds after one moment that is the same for the whole test, however long it takes.
fn at(seconds: i64) -> Timestamp {
    *START + SignedDuration::from_secs(seconds)
}

async fn group(table: &RunsTable, run: &RunId, at: Timestamp) -> GateClaim {
    table.claim_group(&workspace(), "g", Arrival { run, at }).await.unwrap()
}

async fn cooldown(table: &RunsTable, run: &RunId, at: Timestamp) -> GateClaim {
    table.claim_cooldown(&workspace(), "c", Arrival { run, at }, 600).await.unwrap()
}

fn ends(claim: &GateClaim) -> Vec<RunId> {
    match claim {
        GateClaim::Holds { ends, .. } => ends.clone(),
        GateClaim::Late { by } => panic!("late: {by}"),
    }
}

#[tokio::test]
async fn the_newest_of_a_group_ends_the_one_before_until_that_is_settled() {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    let (first, second, third) = (run_id(1), run_id(2), run_id(3));
    assert_eq!(group(&table, &first, at(1)).await, GateClaim::Holds { not_before: None, ends: vec![] });
    for _ in 0..2 {
        assert_eq!(ends(&group(&table, &second, at(2)).await), std::slice::from_ref(&first), "until somebody says that it was told");
    }
    let mut both = ends(&group(&table, &third, at(3)).await);
    both.sort();
    let mut expected = [first.clone(), second.clone()];
    expected.sort();
    assert_eq!(both, expected);
    table.settle_gate(&workspace(), "g", &both).await.unwrap();
    assert_eq!(ends(&group(&table, &third, at(3)).await), []);
    aws.take_calls();
    table.settle_gate(&workspace(), "g", &[]).await.unwrap();
    assert_eq!(aws.take_operations(), [""; 0]);
}

#[tokio::test]
async fn who_comes_late_does_not_take_the_gate_from_a_newer_run() {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    group(&table, &run_id(2), at(2)).await;
    assert_eq!(group(&table, &run_id(1), at(1)).await, GateClaim::Late { by: run_id(2) });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_at_once_the_newest_holds_the_gate_and_all_others_are_ended_or_late() {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    let runs: Vec<RunId> = (0..6).map(run_id).collect();
    let newest = &runs[5];
    let claims = join_all(runs.iter().zip(0..).map(|(run, later)| {
        let table = table.clone();
        async move { table.claim_group(&workspace(), "g", Arrival { run, at: at(later) }).await.unwrap() }
    }))
    .await;
    let mut over: Vec<RunId> =
        claims.iter().zip(&runs).filter(|(claim, _)| matches!(claim, GateClaim::Late { .. })).map(|(_, run)| run.clone()).collect();
    over.extend(ends(&group(&table, newest, at(5)).await));
    over.sort();
    let mut expected = runs[..5].to_vec();
    expected.sort();
    assert_eq!(over, expected);
}

#[tokio::test]
async fn a_cooldown_lets_one_start_and_one_wait() {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    let (first, second, third) = (run_id(1), run_id(2), run_id(3));
    assert_eq!(cooldown(&table, &first, at(1)).await, GateClaim::Holds { not_before: None, ends: vec![] });
    let GateClaim::Holds { not_before: Some(until), ends: ended } = cooldown(&table, &second, at(2)).await else { panic!("waits") };
    assert!(until > in_seconds(500) && until <= in_seconds(601) && ended.is_empty(), "{until}");
    for _ in 0..2 {
        let claim = cooldown(&table, &third, at(3)).await;
        assert_eq!(claim, GateClaim::Holds { not_before: Some(until), ends: vec![second.clone()] });
    }
    assert_eq!(cooldown(&table, &second, at(2)).await, GateClaim::Late { by: third });
}

#[tokio::test]
async fn after_the_cooldown_the_next_starts_at_once() {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    cooldown(&table, &run_id(1), at(1)).await;
    let mut row = aws.rows("runs").pop().unwrap();
    row["start_at_ms"] = json!({ "N": in_seconds(-601).as_millisecond().to_string() });
    aws.put_row("runs", &row);
    assert_eq!(cooldown(&table, &run_id(2), at(2)).await, GateClaim::Holds { not_before: None, ends: vec![] });
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_ours() {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    aws.lose_next_write();
    assert_eq!(group(&table, &run_id(1), at(1)).await, GateClaim::Holds { not_before: None, ends: vec![] });
}
