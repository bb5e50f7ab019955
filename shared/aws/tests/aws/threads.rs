//! Threads: their runs, and what is said only once.

use crate::build::{in_seconds, now, run_id, workspace};
use crate::fake::FakeAws;
use futures_util::future::join_all;
use patchbay_aws::tables::threads::ThreadsTable;

#[tokio::test]
async fn a_threads_runs_come_newest_first() {
    let aws = FakeAws::start().await;
    let table = ThreadsTable::new(&aws.config(), "threads");
    assert_eq!(table.runs_of(&workspace(), 1, 5).await.unwrap(), []);
    for index in [2, 1, 3, 3] {
        table.remember_run(&workspace(), 1, 5, &run_id(index), in_seconds(index.into())).await.unwrap();
    }
    table.remember_run(&workspace(), 1, 6, &run_id(9), now()).await.unwrap();
    assert_eq!(table.runs_of(&workspace(), 1, 5).await.unwrap(), [run_id(3), run_id(2), run_id(1)]);
    // A later try at the same delivery.
    table.remember_run(&workspace(), 1, 5, &run_id(2), in_seconds(9)).await.unwrap();
    assert_eq!(table.runs_of(&workspace(), 1, 5).await.unwrap(), [run_id(2), run_id(3), run_id(1)], "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_is_said_once_per_thread_and_key() {
    let aws = FakeAws::start().await;
    let table = ThreadsTable::new(&aws.config(), "threads");
    let ws = workspace();
    let first = join_all((0..20).map(|_| table.claim_once(&ws, 1, 5, "no_permission"))).await;
    assert_eq!(first.into_iter().filter(|won| *won.as_ref().unwrap()).count(), 1);
    assert!(table.claim_once(&ws, 1, 6, "no_permission").await.unwrap(), "another thread");
    assert!(table.claim_once(&ws, 1, 5, "other").await.unwrap(), "another key");
}

#[tokio::test]
async fn what_was_said_long_ago_may_be_said_again() {
    let aws = FakeAws::start().await;
    let table = ThreadsTable::new(&aws.config(), "threads");
    table.claim_once(&workspace(), 1, 5, "no_permission").await.unwrap();
    let mut row = aws.rows("threads").remove(0);
    row["ttl"]["N"] = "1".into();
    aws.put_row("threads", &row);
    assert!(table.claim_once(&workspace(), 1, 5, "no_permission").await.unwrap());
}
