//! The budget: never overspent, whoever calls at the same time (R20).

use crate::build::{run_id, workspace};
use crate::fake::FakeAws;
use futures_util::future::join_all;
use patchbay_aws::tables::runs::{Reservation, RunsTable};
use patchbay_domain::task::Usage;

const BUDGET: u64 = 1_000;

async fn open() -> (FakeAws, RunsTable) {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    (aws, table)
}

async fn reserve(table: &RunsTable, amount: u64) -> Reservation {
    table.reserve(&workspace(), &run_id(1), amount, BUDGET).await.unwrap()
}

fn used(cost_microusd: u64) -> Usage {
    Usage { model_calls: 1, input_tokens: 10, output_tokens: 5, cost_microusd }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reservations_at_the_same_time_never_pass_the_budget() {
    let (_aws, table) = open().await;
    let tries = join_all((0..40).map(|_| reserve(&table, 90))).await;
    assert_eq!(tries.iter().filter(|made| **made == Reservation::Reserved).count(), 11, "11 × 90 fit, 12 do not");
}

#[tokio::test]
async fn what_was_not_used_can_be_reserved_again() {
    let (aws, table) = open().await;
    assert_eq!(reserve(&table, 900).await, Reservation::Reserved);
    assert_eq!(reserve(&table, 101).await, Reservation::Exhausted);
    table.settle(&workspace(), &run_id(1), 900, &used(300)).await.unwrap();
    assert_eq!(reserve(&table, 701).await, Reservation::Exhausted);
    assert_eq!(reserve(&table, 700).await, Reservation::Reserved);
    table.settle(&workspace(), &run_id(1), 700, &Usage::default()).await.unwrap();
    assert_eq!(table.usage(&workspace(), &run_id(1)).await, Ok(used(300)), "a failed call costs nothing");
    assert_eq!(aws.take_operations().len(), 7, "one call each");
}

#[tokio::test]
async fn a_call_that_cost_more_than_was_reserved_still_counts_whole() {
    let (_aws, table) = open().await;
    reserve(&table, 100).await;
    table.settle(&workspace(), &run_id(1), 100, &used(1_500)).await.unwrap();
    assert_eq!(reserve(&table, 1).await, Reservation::Exhausted);
    assert_eq!(table.usage(&workspace(), &run_id(1)).await.unwrap().cost_microusd, 1_500);
}

#[tokio::test]
async fn an_amount_over_the_budget_needs_no_call() {
    let (aws, table) = open().await;
    assert_eq!(reserve(&table, BUDGET + 1).await, Reservation::Exhausted);
    assert_eq!(aws.take_operations(), Vec::<String>::new());
    assert_eq!(reserve(&table, BUDGET).await, Reservation::Reserved);
}

#[tokio::test]
async fn a_run_without_calls_has_used_nothing() {
    let (_aws, table) = open().await;
    assert_eq!(table.usage(&workspace(), &run_id(1)).await, Ok(Usage::default()));
}
