//! Who may perform, when, and how long: leases, postponed and hopeless effects, and what a cancel takes back (R13, R16, R21).

use crate::runs::in_seconds;
use crate::stage::{REPO, Stage, ends_at};
use crate::watched_forge::Fault;
use patchbay_aws::lambda::Handled;
use patchbay_domain::run::state::Lease;
use patchbay_domain::run::{CancelReason, Effect, Input, PendingEffect, Place, Run, State};
use patchbay_forge::ForgeError;
use std::cell::Cell;

fn lease(seconds: i64) -> Lease {
    Lease { holder: "somebody else".into(), until: in_seconds(seconds) }
}

fn stop() -> Input {
    Input::Cancel { reason: CancelReason::Stopped { by: "dana".into() } }
}

fn tries(run: &Run, effect: Effect) -> Option<u32> {
    run.outbox.iter().find(|pending| pending.effect == effect).map(|pending| pending.tries)
}

#[tokio::test]
async fn whoever_finds_the_lease_of_another_does_nothing() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    let leased = stage.edit(&run, |run| run.lease = Some(lease(60))).await;
    assert_eq!(stage.launch(&run).await, Handled::Done);
    assert_eq!(stage.stored(&run).await, leased);
    assert!(stage.forge.calls().is_empty() && stage.cloud.take_sent().is_empty());
}

#[tokio::test]
async fn a_lease_that_ended_is_taken_over_and_given_back() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    stage.edit(&run, |run| run.lease = Some(lease(-1))).await;
    stage.launch(&run).await;
    let after = stage.stored(&run).await;
    assert!(matches!(after.state, State::Running { .. }), "{:?}", after.state);
    assert_eq!((after.lease, after.outbox), (None, vec![]));
}

#[tokio::test]
async fn the_lease_outlives_the_invocation_by_half_a_minute() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    let ends_at = ends_at();
    let seen = Cell::new(None);
    let look = async |run: &Run, pending: &PendingEffect| {
        seen.set(stage.stored(run).await.lease.map(|lease| lease.until.duration_since(ends_at).as_secs()));
        Ok(Input::Postponed { effect: pending.effect, retry_at: in_seconds(60) })
    };
    stage.driver(Place::Launch).drive(&run.workspace, &run.id, ends_at, look).await.unwrap();
    assert_eq!(seen.get(), Some(30));
}

#[tokio::test]
async fn a_fact_is_noted_even_by_those_who_lost_their_lease_and_then_they_stop() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    stage.forge.fault("create_comment", Fault::Hold);
    let other = lease(60);
    let take_over = async {
        stage.forge.happened().await;
        stage.edit(&run, |run| run.lease = Some(other.clone())).await;
        stage.forge.release();
    };
    tokio::join!(stage.launch(&run), take_over);
    let after = stage.stored(&run).await;
    assert_eq!(after.status_comment, Some(stage.said(&run)[0].id));
    assert_eq!(tries(&after, Effect::UpdateStatus), None);
    assert_eq!((after.lease.as_ref(), tries(&after, Effect::ClaimSlots)), (Some(&other), Some(0)));
}

#[tokio::test]
async fn a_rate_limited_effect_waits_for_the_forges_time_while_the_others_go_on() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    let retry_at = in_seconds(120);
    stage.forge.fault("create_comment", Fault::Refuse(ForgeError::RateLimited { retry_at }));
    stage.launch(&run).await;
    let after = stage.stored(&run).await;
    assert!(matches!(after.state, State::Running { .. }), "{:?}", after.state);
    assert_eq!(after.outbox.iter().map(|p| (p.effect, p.not_before)).collect::<Vec<_>>(), [(Effect::UpdateStatus, Some(retry_at))]);
    let sent = stage.cloud.take_sent();
    assert_eq!(sent.iter().map(|message| message.queue.as_str()).collect::<Vec<_>>(), ["runs"]);
    assert!((110..=121).contains(&sent[0].delay), "{sent:?}");

    stage.launch(&run).await;
    assert_eq!(stage.forge.count("create_comment"), 1, "not before its time");
    stage.time_passes(&run).await;
    stage.launch(&run).await;
    assert_eq!(stage.said(&run).len(), 1);
}

#[tokio::test]
async fn a_rate_limit_that_lasts_longer_than_sqs_can_wait_is_waited_for_in_the_item() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    let retry_at = in_seconds(3600);
    stage.forge.fault("create_comment", Fault::Refuse(ForgeError::RateLimited { retry_at }));
    stage.launch(&run).await;
    assert_eq!(stage.cloud.take_sent()[0].delay, 900);
    assert!(stage.stored(&run).await.outbox[0].not_before >= Some(retry_at));
}

#[tokio::test]
async fn an_effect_that_keeps_failing_is_given_up_after_twenty_tries_once_the_run_is_over() {
    let stage = Stage::set().await;
    let check = async |cancelled: bool, before: u32, left: Option<u32>| {
        let run = stage.request().await;
        if cancelled {
            stage.tell(&run, stop()).await;
        }
        let run = stage.edit(&run, |run| run.outbox.retain(|pending| pending.effect == Effect::UpdateStatus)).await;
        let run = stage.edit(&run, |run| run.outbox[0].tries = before).await;
        let fail = async |_: &Run, _: &PendingEffect| anyhow::bail!("nobody knows why");
        stage.driver(run.outbox[0].place).drive(&run.workspace, &run.id, ends_at(), fail).await.unwrap();
        let after = stage.stored(&run).await;
        assert_eq!(tries(&after, Effect::UpdateStatus), left, "cancelled: {cancelled}, {before} tries before");
        assert!(after.outbox.iter().all(|pending| pending.not_before > Some(in_seconds(0))), "{:?}", after.outbox);
    };
    check(true, 18, Some(19)).await;
    check(true, 19, None).await;
    check(false, 40, Some(41)).await;
}

#[tokio::test]
async fn what_appears_while_a_run_is_being_cancelled_is_taken_back() {
    let stage = Stage::set().await;
    for call in ["write_commit", "create_branch", "open_pull_request"] {
        let run = stage.working().await;
        stage.store_result(&run, 1, stage.change("spelling.txt", "hello\n")).await;
        stage.forge.fault(call, Fault::Hold);
        let cancel = async {
            stage.forge.happened().await;
            stage.tell(&run, stop()).await;
            stage.forge.release();
        };
        tokio::join!(stage.apply(&run), cancel);
        stage.drain().await;
        let after = stage.stored(&run).await;
        assert!(matches!(after.state, State::Cancelled { .. }) && after.outbox.is_empty(), "{call}: {after:?}");
        assert_eq!(stage.branches(), [""; 0], "{call}");
        assert!(stage.github.pulls(REPO).iter().all(|pull| !pull.open), "{call}");
        // Not left to the forge, which closes what lost its branch.
        assert_eq!(stage.forge.count("close_pull_request"), usize::from(call == "open_pull_request"), "{call}");
        let said = stage.said(&run);
        assert!(said.len() == 1 && said[0].body.contains("What had been written was taken back."), "{call}: {said:?}");
        assert!(stage.cloud.seen().ecs.stopped.contains(&after.task.unwrap().arn), "{call}");
        assert!(stage.services.dispatch.runs.slot_holders(&run.workspace, "workspace").await.unwrap().is_empty(), "{call}");
        stage.forge.forget();
    }
}

#[tokio::test]
async fn what_a_dead_performer_may_have_written_is_taken_back_by_the_next() {
    let stage = Stage::set().await;
    for call in ["create_branch", "open_pull_request"] {
        let run = stage.working().await;
        stage.store_result(&run, 1, stage.change("spelling.txt", "hello\n")).await;
        stage.forge.fault(call, Fault::Die);
        tokio::select! {
            handled = stage.apply(&run) => panic!("{handled:?}"),
            () = stage.forge.happened() => {}
        }
        assert_eq!(stage.branches(), [run.branch_name()], "{call}");
        stage.tell(&run, stop()).await;
        stage.time_passes(&run).await;
        stage.drain().await;
        assert_eq!(stage.branches(), [""; 0], "{call}");
        assert!(stage.github.pulls(REPO).iter().all(|pull| !pull.open), "{call}");
        stage.forge.forget();
    }
}

#[tokio::test]
async fn after_an_uninstall_nothing_is_written_and_everything_is_freed() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let arn = stage.stored(&run).await.task.unwrap().arn;
    stage.tell(&run, Input::Cancel { reason: CancelReason::Uninstalled }).await;
    stage.drain().await;
    assert_eq!(stage.forge.calls(), [""; 0]);
    assert_eq!(stage.cloud.seen().ecs.stopped, [arn]);
    assert!(stage.services.dispatch.runs.slot_holders(&run.workspace, "workspace").await.unwrap().is_empty());
    assert!(stage.stored(&run).await.outbox.is_empty());
}

#[tokio::test]
async fn a_message_about_a_run_that_does_not_exist_is_dropped() {
    let stage = Stage::set().await;
    let mut run = stage.request().await;
    run.id.0 = "run_none".into();
    assert!(matches!(stage.launch(&run).await, Handled::Drop(_)));
    assert!(matches!(stage.apply(&run).await, Handled::Drop(_)));
}
