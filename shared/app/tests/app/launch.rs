//! Starting a task: one task per attempt whatever RunTask answers (R17), slots that are waited for (R20), and requests
//! that cannot be carried out.

use crate::ecs::RunFault;
use crate::stage::{CAPACITY, REPO, Stage, ends_at, message};
use patchbay_app::services::{slots_to_claim, started_by};
use patchbay_aws::tables::core::ConnectionStatus;
use patchbay_domain::event::SubjectKind;
use patchbay_domain::run::{Effect, Input, QueuedBecause, Run, State, TaskEnd};
use patchbay_domain::task::{Brief, FailureCode};
use serde_json::Value;
use sha2::{Digest, Sha256};

impl Stage {
    fn fault(&self, fault: Option<RunFault>) {
        self.cloud.seen().ecs.fault = fault;
    }

    fn starts(&self) -> Vec<Value> {
        self.cloud.seen().ecs.starts.clone()
    }

    async fn failure(&self, run: &Run) -> FailureCode {
        match self.stored(run).await.state {
            State::Failed { failure } => failure.code,
            other => panic!("{other:?}"),
        }
    }
}

/// One variable of the supervisor's environment.
pub(crate) fn variable(start: &Value, name: &str) -> String {
    let environment = start["overrides"]["containerOverrides"][0]["environment"].as_array().unwrap();
    environment.iter().find(|pair| pair["name"] == name).unwrap()["value"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_try_of_an_attempt_asks_for_the_same_task_with_the_same_secret() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    stage.fault(Some(RunFault::Broken));
    stage.launch(&run).await;
    let waiting = stage.stored(&run).await;
    assert_eq!((waiting.state, waiting.outbox[0].effect), (State::Starting, Effect::StartTask));
    stage.fault(None);
    stage.time_passes(&run).await;
    stage.launch(&run).await;
    let starts = stage.starts();
    assert!(starts.len() >= 2);
    assert!(starts.iter().all(|start| *start == starts[0]), "{starts:#?}");
    assert_eq!(variable(&starts[0], "PATCHBAY_BOOTSTRAP_SECRET").len(), 64);
    assert_eq!(stage.cloud.seen().ecs.tasks.len(), 1);
}

#[tokio::test]
async fn every_attempt_and_every_run_has_a_token_and_a_secret_of_its_own() {
    let stage = Stage::set().await;
    let (one, other) = (stage.working().await, stage.working().await);
    stage.tell(&one, Input::TaskEnded { attempt: 1, end: TaskEnd::Lost }).await;
    stage.drain().await;
    assert_eq!(stage.stored(&one).await.attempt, 2);
    assert_ne!(one.id, other.id);
    let starts = stage.starts();
    let secret = |start: &Value| (start["clientToken"].clone(), variable(start, "PATCHBAY_BOOTSTRAP_SECRET"));
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        assert_ne!(secret(&starts[a]).0, secret(&starts[b]).0);
        assert_ne!(secret(&starts[a]).1, secret(&starts[b]).1);
    }
}

#[tokio::test]
async fn a_task_that_started_without_our_hearing_of_it_is_found_and_its_brief_left_alone() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    stage.fault(Some(RunFault::LostAnswer));
    stage.launch(&run).await;
    let brief = stage.cloud.rows("vault");
    let starts = stage.starts().len();
    stage.fault(None);
    stage.time_passes(&run).await;
    stage.launch(&run).await;
    let after = stage.stored(&run).await;
    assert_eq!(after.task.unwrap().arn, stage.cloud.seen().ecs.tasks[0].arn);
    assert_eq!((stage.starts().len(), stage.cloud.seen().ecs.tasks.len()), (starts, 1));
    assert_eq!(stage.cloud.rows("vault"), brief);
}

#[tokio::test]
async fn the_task_exchanges_its_secret_for_the_brief_that_it_needs() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let start = stage.starts().remove(0);
    assert_eq!(start["startedBy"], started_by(&run));
    assert!(start["overrides"]["containerOverrides"].as_array().unwrap().iter().all(|container| container["name"] == "supervisor"));
    let hash = hex::encode(Sha256::digest(variable(&start, "PATCHBAY_BOOTSTRAP_SECRET")));
    assert!(stage.vault().exchange(&run.workspace, &run.id, 1, &hash).await.unwrap());
    let brief = stage.vault().take_brief(&run.workspace, &run.id, 1).await.unwrap().unwrap();
    let brief: Brief = serde_json::from_slice(&brief).unwrap();
    assert_eq!(
        (brief.run, brief.base_branch.as_str(), brief.thread.and_then(|thread| thread.closes_issue)),
        (run.id.clone(), "main", Some(run.thread.as_ref().unwrap().number))
    );
    assert!(brief.clone_url.ends_with("/acme/hello.git") && !brief.clone_token.is_empty());
    assert!(brief.limits.deadline_at < run.deadline_at.unwrap(), "the task has time to say that its time is up");
    let kept: String = stage.cloud.rows("vault").iter().chain(&stage.cloud.rows("runs")).map(Value::to_string).collect();
    assert!(!kept.contains(&brief.clone_token));
}

#[tokio::test]
async fn no_room_at_ecs_is_waited_for_and_a_request_that_can_never_work_is_not() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    stage.fault(Some(RunFault::Failure("RESOURCE:MEMORY")));
    stage.launch(&run).await;
    assert_eq!(stage.stored(&run).await.state, State::Starting);
    assert!(stage.cloud.take_sent().iter().any(|message| message.queue == "runs" && message.delay > 0));
    stage.fault(Some(RunFault::Failure("MISSING")));
    stage.time_passes(&run).await;
    stage.launch(&run).await;
    assert_eq!(stage.failure(&run).await, FailureCode::Infrastructure);
}

#[tokio::test]
async fn a_second_run_of_a_thread_waits_and_starts_when_the_first_is_over() {
    let stage = Stage::set().await;
    let first = stage.working().await;
    let second = stage.request_in(SubjectKind::Issue, first.thread.as_ref().unwrap().number, "again").await;
    stage.launch(&second).await;
    let waiting = stage.stored(&second).await;
    assert_eq!(waiting.state, State::Queued { because: QueuedBecause::ThreadBusy });
    assert!(waiting.wake_at.is_some() && waiting.outbox.is_empty(), "{waiting:?}");
    let sent = stage.cloud.take_sent();
    assert!(sent.len() == 1 && sent[0].queue == "runs" && (1..=30).contains(&sent[0].delay), "{sent:?}");
    assert!(stage.said(&second)[1].body.contains("another run of this thread"));
    assert_eq!(stage.starts().len(), 1);

    stage.tell(&first, Input::TaskEnded { attempt: 1, end: TaskEnd::Exited { code: 1 } }).await;
    stage.drain().await;
    assert!(matches!(stage.stored(&second).await.state, State::Running { .. }), "the freed slot wakes it at once");
}

#[tokio::test]
async fn a_waiting_run_that_nobody_woke_tries_again_at_its_time() {
    let stage = Stage::set().await;
    let first = stage.working().await;
    let second = stage.request_in(SubjectKind::Issue, first.thread.as_ref().unwrap().number, "again").await;
    stage.launch(&second).await;
    let slots = slots_to_claim(&first, &CAPACITY);
    stage.services.dispatch.runs.release_slots(&first.workspace, &first.id, &slots).await.unwrap();
    stage.launch(&second).await;
    assert!(matches!(stage.stored(&second).await.state, State::Running { .. }));
}

#[tokio::test]
async fn a_waiting_run_has_one_message_on_its_way_however_often_it_is_woken_early() {
    let stage = Stage::set().await;
    let first = stage.working().await;
    let second = stage.request_in(SubjectKind::Issue, first.thread.as_ref().unwrap().number, "again").await;
    for _ in 0..4 {
        stage.launch(&second).await;
    }
    let waiting = stage.stored(&second).await;
    assert!(matches!(waiting.state, State::Queued { .. }) && waiting.wake_at.is_some(), "{waiting:?}");
    let delayed = stage.cloud.take_sent().into_iter().filter(|sent| sent.delay > 0).count();
    assert_eq!(delayed, 1);
}

#[tokio::test]
async fn a_full_repository_is_waited_for() {
    let stage = Stage::set().await;
    for _ in 0..5 {
        stage.working().await;
    }
    let sixth = stage.request().await;
    stage.launch(&sixth).await;
    assert_eq!(stage.stored(&sixth).await.state, State::Queued { because: QueuedBecause::Capacity });
    assert_eq!(stage.starts().len(), 5);
}

#[tokio::test]
async fn no_task_starts_where_the_app_is_not_installed_any_more() {
    let stage = Stage::set().await;
    for status in [ConnectionStatus::Suspended, ConnectionStatus::Deleted] {
        let run = stage.request().await;
        stage.note_connection(status).await;
        stage.launch(&run).await;
        assert_eq!(stage.failure(&run).await, FailureCode::CloneFailed);
    }
    assert!(stage.starts().is_empty() && stage.cloud.rows("vault").is_empty());
}

#[tokio::test]
async fn a_deployment_without_a_model_says_so_and_starts_nothing() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    let mut launcher = stage.launcher();
    launcher.agent.model = None;
    launcher.handle_message(message(&run), ends_at()).await.unwrap();
    assert_eq!(stage.failure(&run).await, FailureCode::NoModel);
    stage.drain().await;
    assert!(stage.starts().is_empty() && stage.said(&run)[0].body.contains("No model is configured."));
}

#[tokio::test]
async fn a_pull_request_from_a_fork_starts_no_task() {
    let stage = Stage::set().await;
    stage.github.push_commit(REPO, "dana", "feature", "feat: x", &[("x", "x\n")]).unwrap();
    let number = stage.github.open_pull(REPO, "dana", "feature", "main", "x", "").unwrap();
    let run = stage.request_in(SubjectKind::PullRequest, number, "d").await;
    *stage.forge.head_repository.lock().unwrap() = Some(999);
    stage.launch(&run).await;
    assert_eq!(stage.failure(&run).await, FailureCode::Fork);
    assert!(stage.starts().is_empty());
}
