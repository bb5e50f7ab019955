//! Capacity: exact under contention, idempotent, and nobody who waits is forgotten (R20).

use crate::build::{run_id, workspace};
use crate::fake::FakeAws;
use futures_util::future::join_all;
use patchbay_aws::tables::runs::{RunsTable, Slot, SlotClaim};
use patchbay_domain::run::SlotScope;
use std::time::Duration;

fn slots(thread: u32, capacity: u32) -> Vec<Slot> {
    vec![
        Slot { scope: SlotScope::Thread, key: format!("thread#1#{thread}"), capacity: 1 },
        Slot { scope: SlotScope::Workspace, key: "workspace".into(), capacity },
    ]
}

async fn open() -> (FakeAws, RunsTable) {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    (aws, table)
}

async fn claim(table: &RunsTable, run: u32, slots: &[Slot]) -> SlotClaim {
    table.claim_slots(&workspace(), &run_id(run), slots).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_claim_at_once_exactly_the_capacity_gets_in() {
    let (_aws, table) = open().await;
    let claims = join_all((0..30).map(|run| {
        let table = table.clone();
        async move { claim(&table, run, &slots(run, 7)).await }
    }))
    .await;
    assert_eq!(claims.iter().filter(|claim| **claim == SlotClaim::Claimed).count(), 7);
    assert_eq!(claims.iter().filter(|claim| **claim == SlotClaim::Busy(SlotScope::Workspace)).count(), 23);
    assert_eq!(table.slot_holders(&workspace(), "workspace").await.unwrap().len(), 7);
}

#[tokio::test]
async fn a_run_that_has_its_places_keeps_them_when_it_claims_again() {
    let (aws, table) = open().await;
    for _ in 0..3 {
        assert_eq!(claim(&table, 1, &slots(1, 1)).await, SlotClaim::Claimed);
    }
    assert_eq!(aws.take_operations(), ["TransactWriteItems"; 3], "one call each");
    assert_eq!(table.slot_holders(&workspace(), "workspace").await.unwrap(), [run_id(1)]);
}

#[tokio::test]
async fn all_places_or_none() {
    let (_aws, table) = open().await;
    claim(&table, 1, &slots(1, 5)).await;
    assert_eq!(claim(&table, 2, &slots(1, 5)).await, SlotClaim::Busy(SlotScope::Thread));
    assert_eq!(table.slot_holders(&workspace(), "workspace").await.unwrap(), [run_id(1)], "no place in the workspace without the thread");
}

#[tokio::test]
async fn who_leaves_is_told_whom_to_wake_longest_waiting_first() {
    let (_aws, table) = open().await;
    claim(&table, 1, &slots(1, 1)).await;
    for run in [5, 3, 4, 5] {
        assert_eq!(claim(&table, run, &slots(run, 1)).await, SlotClaim::Busy(SlotScope::Workspace));
    }
    let woken = table.release_slots(&workspace(), &run_id(1), &slots(1, 1)).await.unwrap();
    assert_eq!(woken, [run_id(5), run_id(3), run_id(4)], "claiming again keeps the turn");
    assert_eq!(claim(&table, 3, &slots(3, 1)).await, SlotClaim::Claimed);
    let woken = table.release_slots(&workspace(), &run_id(3), &slots(3, 1)).await.unwrap();
    assert_eq!(woken, [run_id(5), run_id(4)], "who got in waits no longer");
}

#[tokio::test]
async fn releasing_twice_takes_nobody_elses_place() {
    let (_aws, table) = open().await;
    claim(&table, 1, &slots(1, 1)).await;
    table.release_slots(&workspace(), &run_id(1), &slots(1, 1)).await.unwrap();
    assert_eq!(claim(&table, 2, &slots(2, 1)).await, SlotClaim::Claimed);
    assert_eq!(claim(&table, 3, &slots(3, 1)).await, SlotClaim::Busy(SlotScope::Workspace));
    let woken = table.release_slots(&workspace(), &run_id(1), &slots(1, 1)).await.unwrap();
    assert_eq!(woken, [], "the slot is full: nobody to wake");
    assert_eq!(table.slot_holders(&workspace(), "workspace").await.unwrap(), [run_id(2)]);
}

#[tokio::test]
async fn a_waiting_run_that_gives_up_is_not_woken() {
    let (_aws, table) = open().await;
    claim(&table, 1, &slots(1, 1)).await;
    claim(&table, 2, &slots(2, 1)).await;
    table.release_slots(&workspace(), &run_id(2), &slots(2, 1)).await.unwrap();
    assert_eq!(table.release_slots(&workspace(), &run_id(1), &slots(1, 1)).await.unwrap(), []);
}

#[tokio::test]
async fn releasing_what_was_never_claimed_leaves_no_trace() {
    let (aws, table) = open().await;
    assert_eq!(table.release_slots(&workspace(), &run_id(1), &slots(1, 1)).await.unwrap(), []);
    assert_eq!(aws.rows("runs"), Vec::<serde_json::Value>::new());
}

fn cancelled(codes: [&str; 2]) -> serde_json::Value {
    let reasons = codes.map(|code| serde_json::json!({"Code": code}));
    serde_json::json!({"__type": "TransactionCanceledException", "message": "cancelled", "CancellationReasons": reasons})
}

#[tokio::test]
async fn claims_that_collide_are_tried_again() {
    let (aws, table) = open().await;
    aws.refuse_next_write(cancelled(["None", "TransactionConflict"]));
    aws.refuse_next_write(cancelled(["TransactionConflict", "ConditionalCheckFailed"]));
    assert_eq!(claim(&table, 1, &slots(1, 1)).await, SlotClaim::Claimed);
    assert_eq!(aws.take_operations(), ["TransactWriteItems"; 3]);
}

#[tokio::test]
async fn a_place_that_came_free_before_we_could_wait_is_taken() {
    let (aws, table) = open().await;
    // Full when claimed, free when the run was to be noted as waiting.
    claim(&table, 9, &slots(9, 2)).await;
    aws.refuse_next_write(cancelled(["None", "ConditionalCheckFailed"]));
    aws.take_calls();
    assert_eq!(claim(&table, 1, &slots(1, 2)).await, SlotClaim::Claimed);
    assert_eq!(aws.take_operations(), ["TransactWriteItems", "UpdateItem", "TransactWriteItems"]);
}

#[tokio::test]
async fn a_claim_that_is_cancelled_for_another_reason_is_an_error() {
    let (aws, table) = open().await;
    aws.refuse_next_write(cancelled(["ValidationError", "None"]));
    let error = table.claim_slots(&workspace(), &run_id(1), &slots(1, 1)).await.unwrap_err();
    assert!(error.to_string().contains("ValidationError"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_crowd_of_comers_and_goers_everybody_gets_in_and_nobody_too_many() {
    let (_aws, table) = open().await;
    let work = (0..12).map(|run| {
        let table = table.clone();
        tokio::spawn(async move {
            let slots = slots(run, 3);
            while claim(&table, run, &slots).await != SlotClaim::Claimed {
                tokio::task::yield_now().await;
            }
            let holders = table.slot_holders(&workspace(), "workspace").await.unwrap();
            assert!(holders.contains(&run_id(run)) && holders.len() <= 3, "{holders:?}");
            table.release_slots(&workspace(), &run_id(run), &slots).await.unwrap();
        })
    });
    // A failed one keeps its place, and the others would wait for it for ever.
    for done in tokio::time::timeout(Duration::from_secs(60), join_all(work)).await.expect("everybody gets in") {
        done.unwrap();
    }
    assert_eq!(table.slot_holders(&workspace(), "workspace").await.unwrap(), []);
}
