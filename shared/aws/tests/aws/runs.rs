//! Runs under a version condition, the sparse indexes, capabilities and history (R11, R12, R16).

use crate::build::{connection, in_seconds, now, run, run_id, workspace};
use crate::fake::FakeAws;
use futures_util::future::join_all;
use jiff::SignedDuration;
use patchbay_aws::tables::runs::{AuditEntry, Create, DUE_SHARDS, RunsTable, Save};
use patchbay_domain::ids::{RunId, WorkspaceId};
use patchbay_domain::run::state::SWEEP_GRACE_SECONDS;
use patchbay_domain::run::{CancelReason, Effect, PendingEffect, Place, Run, State};

async fn open() -> (FakeAws, RunsTable) {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    (aws, table)
}

fn cancelled(mut run: Run) -> Run {
    run.state = State::Cancelled { reason: CancelReason::ThreadClosed };
    run
}

async fn all_due(table: &RunsTable, before: jiff::Timestamp) -> Vec<(WorkspaceId, RunId)> {
    let mut found = Vec::new();
    for shard in 0..DUE_SHARDS {
        found.extend(table.due(shard, before, 50).await.unwrap());
    }
    found
}

#[tokio::test]
async fn a_run_is_created_once_and_read_back_whole() {
    let (aws, table) = open().await;
    assert_eq!(table.create(&run(1)).await, Ok(Create::Created));
    let other = Run { budget_microusd: 1, ..run(1) };
    assert_eq!(table.create(&other).await, Ok(Create::Exists));
    let loaded = table.load(&workspace(), &run_id(1)).await.unwrap().unwrap();
    assert_eq!(loaded.budget_microusd, run(1).budget_microusd, "the first one stays");
    assert_eq!(Run { created_at: loaded.created_at, updated_at: loaded.updated_at, ..run(1) }, loaded);
    assert_eq!(table.load(&workspace(), &run_id(2)).await, Ok(None));
    assert_eq!(table.load(&WorkspaceId("ws_github_8".into()), &run_id(1)).await, Ok(None), "another tenant's is not found");
    assert_eq!(aws.take_operations(), ["PutItem", "PutItem", "GetItem", "GetItem", "GetItem"], "one call each");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_those_who_save_the_same_version_one_wins() {
    let (_aws, table) = open().await;
    table.create(&run(1)).await.unwrap();
    let tries = (0..20).map(|attempt| {
        let table = table.clone();
        async move { table.save(&Run { attempt, ..run(1) }, 1).await.unwrap() }
    });
    let saved = join_all(tries).await;
    assert_eq!(saved.iter().filter(|save| **save == Save::Saved).count(), 1);
    let loaded = table.load(&workspace(), &run_id(1)).await.unwrap().unwrap();
    assert_eq!(loaded.version, 2);
    assert_eq!(saved[loaded.attempt as usize], Save::Saved, "the winner's is what is stored");
    assert_eq!(table.save(&loaded, 1).await, Ok(Save::Conflict), "an old version");
    assert_eq!(table.save(&loaded, 2).await, Ok(Save::Saved));
    assert_eq!(table.save(&run(2), 1).await, Ok(Save::Conflict), "a run that was never created");
}

#[tokio::test]
async fn a_waiting_run_is_found_when_it_is_due_and_not_before() {
    let (_aws, table) = open().await;
    let wake_at = in_seconds(100);
    let due = wake_at + SignedDuration::from_secs(SWEEP_GRACE_SECONDS);
    table.create(&Run { wake_at: Some(wake_at), ..run(1) }).await.unwrap();
    let later = Run { wake_at: Some(in_seconds(200)), ..run(2) };
    table.create(&later).await.unwrap();
    assert_eq!(all_due(&table, due - SignedDuration::from_secs(1)).await, []);
    assert_eq!(all_due(&table, due).await, [(workspace(), run_id(1))]);
    assert_eq!(all_due(&table, in_seconds(1_000)).await.len(), 2);
    table.save(&cancelled(run(1)), 1).await.unwrap();
    assert_eq!(all_due(&table, in_seconds(1_000)).await, [(workspace(), run_id(2))], "a finished run is never due");
}

#[tokio::test]
async fn a_run_is_active_until_it_is_terminal() {
    let (_aws, table) = open().await;
    for index in 1..=3 {
        let at = in_seconds(10 - i64::from(index));
        table.create(&Run { created_at: at, ..run(index) }).await.unwrap();
    }
    let active = async || table.active_of_connection(&connection()).await;
    assert_eq!(active().await.unwrap(), [3, 2, 1].map(|index| (workspace(), run_id(index))), "oldest first");
    table.save(&cancelled(run(2)), 1).await.unwrap();
    assert_eq!(active().await.unwrap(), [3, 1].map(|index| (workspace(), run_id(index))));
}

#[tokio::test]
async fn a_run_lives_on_until_everything_that_followed_from_it_is_done() {
    let (aws, table) = open().await;
    let pending = PendingEffect { effect: Effect::ReleaseSlots, tries: 0, decided_after: 0, not_before: None, place: Place::Results };
    let ending = Run { outbox: vec![pending], ..cancelled(run(1)) };
    table.create(&ending).await.unwrap();
    let row = |aws: &FakeAws| aws.row("runs", &format!("{}#{}", workspace(), run_id(1)), "run");
    assert!(row(&aws)["ttl"].is_null(), "not while an effect is pending");
    assert!(row(&aws)["due_at"].is_object(), "the pending effect is due");
    table.save(&cancelled(run(1)), 1).await.unwrap();
    let ttl: i64 = row(&aws)["ttl"]["N"].as_str().unwrap().parse().unwrap();
    assert_eq!((ttl - now().as_second() + 60) / 86_400, 90);
    assert!(row(&aws)["due_at"].is_null() && row(&aws)["active_connection"].is_null());
}

#[tokio::test]
async fn a_capability_belongs_to_one_attempt() {
    let (_aws, table) = open().await;
    table.set_capability(&workspace(), &run_id(1), 1, "hash-1").await.unwrap();
    assert_eq!(table.check_capability(&workspace(), &run_id(1), 1).await, Ok(Some("hash-1".to_owned())));
    assert_eq!(table.check_capability(&workspace(), &run_id(1), 2).await, Ok(None));
    assert_eq!(table.check_capability(&workspace(), &run_id(2), 1).await, Ok(None));
}

#[tokio::test]
async fn history_only_grows_and_keeps_its_order() {
    let (_aws, table) = open().await;
    let entry = |seconds, what: &str| AuditEntry { at: in_seconds(seconds), actor: "ada".into(), what: what.into(), detail: String::new() };
    let (first, second) = (entry(1, "authorised"), entry(2, "token_minted"));
    for entry in [&second, &first, &second] {
        table.append_audit(&workspace(), &run_id(1), entry).await.unwrap();
    }
    assert_eq!(table.load_audit(&workspace(), &run_id(1)).await, Ok(vec![first, second]));
    assert_eq!(table.load_audit(&workspace(), &run_id(2)).await, Ok(Vec::new()));
}
