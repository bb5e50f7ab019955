//! The hostile AWS: each kind of fault alone, at the place where it hurts most.

use super::{CHANGE, Case, DEATH, Trial};
use anyhow::Result;
use patchbay::chaos::{Chaos, Kind, Shot};

/// The SDK itself asks three times: a fault that is to be felt must last as long.
const FELT: u64 = 3;

fn change(name: &'static str, shots: Vec<Shot>) -> Case<'static> {
    Case { name, shots, script: CHANGE, ending: "✅ Done" }
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_queues_neither_lose_nor_repeat_anything() -> Result<()> {
    let trial = Trial::start(Chaos::scripted([])).await?;
    let early = |queue| Shot::at(Kind::MessageEarly, queue);
    let cases = [
        change("a delivery's message comes twice", vec![Shot::at(Kind::MessageTwice, "EventsQueue").times(2)]),
        change("a run's messages come twice", vec![Shot::at(Kind::MessageTwice, "RunsQueue")]),
        change("a result's messages come twice", vec![Shot::at(Kind::MessageTwice, "ResultsQueue").times(2)]),
        change("messages come again while they are worked on", vec![early("EventsQueue"), early("RunsQueue"), early("ResultsQueue")]),
        change("a result's message comes after the task's end", vec![Shot::at(Kind::MessageLate, "ResultsQueue")]),
        change("messages come in the wrong order", vec![Shot::at(Kind::MessageOutOfOrder, "Queue").times(3)]),
        change("a message is sent, and the answer is lost", vec![Shot::at(Kind::SendUnanswered, "trigger-matcher sqs:SendMessage")]),
        change("a message cannot be sent at first", vec![Shot::at(Kind::SendRefused, "trigger-matcher sqs:SendMessage").times(2)]),
    ];
    trial.one_by_one(&cases).await?;
    trial.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_tables_and_stores_neither_lose_nor_repeat_anything() -> Result<()> {
    let trial = Trial::start(Chaos::scripted([])).await?;
    let cases = [
        change("the run is created, and the answer is lost", vec![Shot::at(Kind::TableUnanswered, "trigger-matcher dynamodb:PutItem")]),
        change(
            "the delivery is claimed, and the answer is lost",
            vec![Shot::at(Kind::TableUnanswered, "trigger-matcher dynamodb:UpdateItem")],
        ),
        change(
            "the launcher's state is saved, and the answer is lost",
            vec![Shot::at(Kind::TableUnanswered, "run-launcher dynamodb:PutItem").times(2)],
        ),
        change(
            "the results' state is saved, and the answer is lost",
            vec![Shot::at(Kind::TableUnanswered, "run-results dynamodb:PutItem").times(2)],
        ),
        change(
            "slots are claimed, and the answer is lost",
            vec![Shot::at(Kind::TableUnanswered, "run-launcher dynamodb:TransactWriteItems")],
        ),
        change("saving is throttled", vec![Shot::at(Kind::TableThrottled, "run-launcher dynamodb:PutItem").times(2)]),
        change("slots are contended", vec![Shot::at(Kind::TableConflict, "run-launcher dynamodb:TransactWriteItems").times(2)]),
        change("slots cannot be given back at first", vec![Shot::at(Kind::TableConflict, "run-results dynamodb:UpdateItem").times(FELT)]),
        change("the result cannot be read at first", vec![Shot::at(Kind::ServiceDown, "run-results s3:GetObject")]),
        change("the vault's key cannot be had at first", vec![Shot::at(Kind::ServiceDown, "run-launcher kms:").times(FELT)]),
    ];
    trial.one_by_one(&cases).await?;
    trial.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_tasks_start_no_second_one_and_leave_none_behind() -> Result<()> {
    let trial = Trial::start(Chaos::scripted([])).await?;
    let dies = |name, shots| Case { name, shots, script: DEATH, ending: "❌" };
    let stopped = |kind| vec![Shot::at(kind, "STOPPED")];
    let cases = [
        change("there is no capacity at first", vec![Shot::at(Kind::StartRefused, "ecs:RunTask")]),
        change("starting is throttled", vec![Shot::at(Kind::StartThrottled, "ecs:RunTask").times(FELT)]),
        change("a task is started, and the answer is lost", vec![Shot::at(Kind::StartUnanswered, "ecs:RunTask").times(FELT)]),
        dies("a task ends before anybody knows that it began", vec![Shot::at(Kind::StartSlow, "ecs:RunTask")]),
        dies("a task's end is told twice", stopped(Kind::TaskEventTwice)),
        dies("a task's end is told late", stopped(Kind::TaskEventLate)),
        change("the end of a task that is done is lost", stopped(Kind::TaskEventLost)),
    ];
    trial.one_by_one(&cases).await?;
    trial.end().await;
    Ok(())
}
