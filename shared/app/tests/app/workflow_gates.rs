//! Concurrency groups and cooldowns: whose place a new run takes, and when it may begin.

use crate::runs::in_seconds;
use crate::stage::Stage;
use crate::workflows::file;
use patchbay_domain::run::{CancelReason, QueuedBecause, Run, State};

impl Stage {
    /// dana opens an issue; the run that starts, of all those of the workflow.
    async fn next_run(&self, workflow: &str) -> Run {
        let before = self.runs_of(workflow).len();
        let (_, delivery) = self.opened("dana", "hello");
        self.hear_well(&delivery).await;
        let mut runs = self.runs_of(workflow);
        assert_eq!(runs.len(), before + 1);
        runs.pop().unwrap()
    }
}

fn with(line: &str) -> String {
    file("triage", &["issues: {}"]).replace("    steps:", &format!("    {line}\n    steps:"))
}

#[tokio::test]
async fn a_new_run_of_a_group_ends_the_one_before() {
    let stage = Stage::set().await;
    stage.configure(&with("concurrency: { group: '{{ event.repository.name }}', cancel: true }")).await;
    let first = stage.next_run("triage").await;
    let second = stage.next_run("triage").await;
    assert_eq!(stage.stored(&first).await.state, State::Cancelled { reason: CancelReason::Superseded { by: second.id.to_string() } });
    assert!(!stage.stored(&second).await.state.is_terminal());
}

#[tokio::test]
async fn runs_of_different_groups_leave_each_other_alone() {
    let stage = Stage::set().await;
    stage.configure(&with("concurrency: { group: 'issue-{{ event.subject.number }}', cancel: true }")).await;
    let first = stage.next_run("triage").await;
    stage.next_run("triage").await;
    assert!(!stage.stored(&first).await.state.is_terminal());
}

#[tokio::test]
async fn a_group_that_does_not_cancel_is_waited_for() {
    let stage = Stage::set().await;
    stage.configure(&with("concurrency: { group: all, cancel: false }")).await;
    let run = stage.next_run("triage").await;
    assert_eq!(run.plan.unwrap().group.as_deref(), Some("all"));
    assert_eq!(run.state, State::Queued { because: QueuedBecause::New });
}

#[tokio::test]
async fn within_a_cooldown_the_newest_event_waits_and_takes_the_place_of_the_one_that_waited() {
    let stage = Stage::set().await;
    let text = with("concurrency: { group: all, cancel: false }").replace("    steps:", "    cooldown: 10m\n    steps:");
    stage.configure(&text).await;
    let first = stage.next_run("triage").await;
    assert_eq!(first.plan.as_ref().unwrap().not_before, None);
    let second = stage.next_run("triage").await;
    let at = second.plan.as_ref().unwrap().not_before.unwrap();
    assert!(at > in_seconds(500) && at < in_seconds(610), "{at}");
    assert_eq!(second.state, State::Queued { because: QueuedBecause::Cooldown });
    let third = stage.next_run("triage").await;
    assert_eq!(third.plan.as_ref().unwrap().not_before, Some(at));
    assert_eq!(stage.stored(&second).await.state, State::Cancelled { reason: CancelReason::Superseded { by: third.id.to_string() } });
    assert!(!stage.stored(&first).await.state.is_terminal());
}
