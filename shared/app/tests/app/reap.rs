//! What the sweep finds again: lost messages, deadlines, silent and orphan tasks (R16, R18, R19, I4, I5).

use crate::runs::{answer, in_seconds};
use crate::stage::Stage;
use crate::watched_forge::Fault;
use jiff::{SignedDuration, Timestamp};
use patchbay_app::reap::Sweep;
use patchbay_app::services::started_by;
use patchbay_domain::run::{CancelReason, Input, Outcome, Run, State, TaskEnd};
use patchbay_domain::task::FailureCode;
use patchbay_forge::ForgeError;

/// A time at least so far ahead at which the sweep does, or does not, look for failed deliveries.
pub(crate) fn minute(seconds: i64, deliveries: bool) -> Timestamp {
    let mut at = in_seconds(seconds);
    while ((at.as_second() / 60) % 5 == 0) != deliveries {
        at += SignedDuration::from_secs(60);
    }
    at
}

impl Stage {
    pub(crate) async fn sweep(&self, at: Timestamp) -> Sweep {
        self.reaper().sweep(at).await.unwrap()
    }

    /// Its task has said nothing for more than three minutes.
    async fn fall_silent(&self, run: &Run) {
        self.edit(run, |run| run.task.as_mut().unwrap().last_seen_at = in_seconds(-200)).await;
    }

    fn queues(&self) -> Vec<String> {
        self.cloud.take_sent().into_iter().map(|message| message.queue).collect()
    }
}

fn stop() -> Input {
    Input::Cancel { reason: CancelReason::Stopped { by: "dana".into() } }
}

#[tokio::test]
async fn a_run_whose_message_was_lost_is_sent_again_but_not_at_once() {
    let stage = Stage::set().await;
    stage.request().await;
    assert_eq!(stage.sweep(Timestamp::now()).await, Sweep::default());
    assert_eq!(stage.queues(), [""; 0]);
    assert_eq!(stage.sweep(minute(60, false)).await.due, 1);
    assert_eq!(stage.queues(), ["runs"]);
}

#[tokio::test]
async fn what_a_finished_run_still_has_to_say_is_sent_to_its_place() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    stage.tell(&run, stop()).await;
    stage.cloud.take_sent();
    stage.sweep(minute(60, false)).await;
    assert_eq!(stage.queues(), ["results"]);
    stage.apply(&run).await;
    stage.cloud.take_sent();
    assert_eq!(stage.sweep(minute(60, false)).await.due, 0, "nothing is left to do");
}

#[tokio::test]
async fn a_run_past_its_deadline_fails_and_its_task_is_stopped() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let arn = stage.stored(&run).await.task.unwrap().arn;
    stage.sweep(minute(0, false)).await;
    assert_eq!(stage.stored(&run).await, run, "not before its deadline");
    stage.edit(&run, |run| run.deadline_at = Some(in_seconds(-1))).await;
    stage.sweep(minute(0, false)).await;
    let after = stage.stored(&run).await;
    assert!(matches!(&after.state, State::Failed { failure } if failure.code == FailureCode::TimedOut), "{:?}", after.state);
    stage.drain().await;
    assert_eq!(stage.cloud.seen().ecs.stopped, [arn]);
    assert!(stage.said(&run)[0].body.contains("took too long"));
}

#[tokio::test]
async fn a_result_that_nobody_was_told_of_comes_before_the_deadline() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.store_result(&run, 1, answer("It is 42.")).await;
    stage.edit(&run, |run| run.deadline_at = Some(in_seconds(-1))).await;
    stage.sweep(minute(0, false)).await;
    assert_eq!(stage.stored(&run).await.state, State::Succeeded { outcome: Outcome::Answer });
}

#[tokio::test]
async fn a_silent_task_that_is_alive_is_left_alone() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.fall_silent(&run).await;
    stage.sweep(minute(0, false)).await;
    let after = stage.stored(&run).await;
    assert_eq!((&after.state, after.attempt), (&run.state, 1));
    assert!(after.task.unwrap().last_seen_at > in_seconds(-60), "looked at again in three minutes");
}

#[tokio::test]
async fn a_silent_task_that_nobody_knows_any_more_is_started_again() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.cloud.seen().ecs.tasks.clear();
    stage.fall_silent(&run).await;
    stage.sweep(minute(0, false)).await;
    assert_eq!((stage.stored(&run).await.attempt, stage.queues()), (2, vec!["runs".to_owned()]));
}

#[tokio::test]
async fn a_silent_task_whose_stop_was_never_heard_of_ends_its_run() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let arn = run.task.clone().unwrap().arn;
    stage.cloud.seen().ecs.end(&arn, "EssentialContainerExited", Some(3));
    stage.sweep(minute(0, false)).await;
    assert_eq!(stage.stored(&run).await, run, "not looked at while it is not silent");
    stage.fall_silent(&run).await;
    stage.sweep(minute(0, false)).await;
    let after = stage.stored(&run).await;
    assert!(matches!(&after.state, State::Failed { failure } if failure.code == FailureCode::AgentCrashed), "{:?}", after.state);
}

#[tokio::test]
async fn a_task_outlives_its_run_by_three_minutes_and_no_more() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let arn = run.task.clone().unwrap().arn;
    stage.tell(&run, stop()).await;
    for (ago, orphans) in [(-100, 0), (-200, 1)] {
        stage.edit(&run, |run| run.updated_at = in_seconds(ago)).await;
        assert_eq!(stage.sweep(Timestamp::now()).await.orphans, orphans, "{ago}");
    }
    assert_eq!(stage.cloud.seen().ecs.stopped, [arn]);
}

#[tokio::test]
async fn only_tasks_that_no_run_is_at_work_with_are_stopped() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.tell(&run, Input::TaskEnded { attempt: 1, end: TaskEnd::Lost }).await;
    let second = stage.start(&run).await;
    {
        let mut seen = stage.cloud.seen();
        seen.ecs.put("arn:foreign", "ecs-svc/123");
        seen.ecs.put("arn:unknown", "ws_github_1/run_00/1");
    }
    assert_eq!(stage.sweep(minute(0, false)).await.orphans, 2);
    let first = run.task.unwrap().arn;
    assert_eq!(stage.cloud.seen().ecs.stopped, [first, "arn:unknown".to_owned()]);
    assert_eq!(started_by(&second), format!("{}/{}/2", run.workspace, run.id));
}

#[tokio::test]
async fn a_broken_forge_does_not_keep_the_sweep_from_its_other_work() {
    let stage = Stage::set().await;
    stage.request().await;
    stage.cloud.seen().ecs.put("arn:unknown", "ws_github_1/run_00/1");
    stage.forge.fault("failed_deliveries", Fault::Refuse(ForgeError::Transient("502".into())));
    assert!(stage.reaper().sweep(minute(60, true)).await.is_err());
    assert_eq!(stage.queues(), ["runs"]);
    assert_eq!(stage.cloud.seen().ecs.stopped, ["arn:unknown"]);
}
