//! EventBridge says that a task's state changed: whose task it was, whether it ended, and whether it left a result (R18).

use crate::runs::answer;
use crate::stage::{Stage, ends_at, message};
use patchbay_app::results::ResultsMessage;
use patchbay_app::services::started_by;
use patchbay_aws::lambda::Handled;
use patchbay_domain::run::{Outcome, Run, State};
use patchbay_domain::task::FailureCode;
use serde_json::{Value, json};

/// An "ECS Task State Change" of this shape, as EventBridge sends it.
fn event(started_by: Value, status: &str, stop_code: &str, exit_code: Value) -> Value {
    json!({
        "version": "0", "id": "e1", "detail-type": "ECS Task State Change", "source": "aws.ecs", "account": "1", "region": "us-east-1",
        "time": "2026-11-20T10:00:00Z", "resources": ["arn:task"],
        "detail": {
            "taskArn": "arn:task", "clusterArn": "arn:cluster", "lastStatus": status, "desiredStatus": "STOPPED", "startedBy": started_by,
            "stopCode": stop_code, "stoppedReason": "because", "version": 5,
            "containers": [{ "name": "supervisor", "lastStatus": status, "exitCode": exit_code }, { "name": "agent", "reason": "killed" }],
        },
    })
}

impl Stage {
    async fn hear(&self, event: &Value) -> Handled {
        self.results().handle_message(ResultsMessage::parse(&event.to_string()).unwrap(), ends_at()).await.unwrap()
    }

    async fn hear_stop(&self, run: &Run, stop_code: &str, exit_code: Value) -> Run {
        assert_eq!(self.hear(&event(json!(started_by(run)), "STOPPED", stop_code, exit_code)).await, Handled::Done);
        self.stored(run).await
    }
}

#[tokio::test]
async fn words_about_tasks_that_say_nothing_about_the_run_change_nothing() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let ours = started_by(&run);
    let table = [
        ("running", event(json!(ours), "RUNNING", "", json!(null)), false),
        ("a service's task", event(json!("ecs-svc/123"), "STOPPED", "ServiceSchedulerInitiated", json!(0)), true),
        ("nobody's task", event(Value::Null, "STOPPED", "UserInitiated", json!(0)), true),
        ("an older attempt", event(json!(ours.replace("/1", "/0")), "STOPPED", "EssentialContainerExited", json!(1)), false),
        ("an unknown run", event(json!("ws_github_1/run_00/1"), "STOPPED", "EssentialContainerExited", json!(1)), true),
    ];
    for (what, event, dropped) in table {
        let handled = stage.hear(&event).await;
        assert_eq!(matches!(handled, Handled::Drop(_)), dropped, "{what}: {handled:?}");
        assert_eq!(stage.stored(&run).await, run, "{what}");
    }
    assert!(stage.cloud.take_sent().is_empty() && stage.forge.calls().is_empty());
}

#[tokio::test]
async fn a_word_without_the_fields_that_only_some_have_is_still_understood() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let bare = json!({ "detail": { "taskArn": "arn:task", "lastStatus": "STOPPED", "startedBy": started_by(&run) } });
    assert_eq!(stage.hear(&bare).await, Handled::Done);
    assert_eq!(stage.stored(&run).await.attempt, 2, "the platform's doing");
}

#[test]
fn what_is_neither_ours_nor_eventbridges_is_an_error() {
    for body in ["", "{}", "null", r#"{"v":"2","workspace":"w","run":"r"}"#, r#"{"detail":{"lastStatus":"STOPPED"}}"#] {
        assert!(ResultsMessage::parse(body).is_err(), "{body}");
    }
}

#[tokio::test]
async fn our_own_message_is_told_from_eventbridges() {
    let stage = Stage::set().await;
    let run = stage.request().await;
    let ours = ResultsMessage::parse(&serde_json::to_string(&message(&run)).unwrap()).unwrap();
    assert!(matches!(ours, ResultsMessage::Run(own) if own == message(&run)));
    let theirs = ResultsMessage::parse(&event(Value::Null, "STOPPED", "", Value::Null).to_string()).unwrap();
    assert!(matches!(theirs, ResultsMessage::TaskEnded(_)));
}

#[tokio::test]
async fn a_task_that_the_platform_ended_is_started_again_twice_and_then_the_run_fails() {
    let stage = Stage::set().await;
    let mut run = stage.working().await;
    for attempt in 2..=3 {
        let again = stage.hear_stop(&run, "SpotInterruption", json!(143)).await;
        assert_eq!((again.attempt, &again.state, &again.task), (attempt, &State::Starting, &None));
        stage.drain().await;
        run = stage.stored(&run).await;
        assert!(matches!(run.state, State::Running { .. }), "{:?}", run.state);
    }
    let over = stage.hear_stop(&run, "SpotInterruption", json!(143)).await;
    assert!(matches!(&over.state, State::Failed { failure } if failure.code == FailureCode::Infrastructure), "{:?}", over.state);
    assert_eq!(stage.cloud.seen().ecs.tasks.len(), 3);
}

#[tokio::test]
async fn a_task_that_ended_by_itself_without_a_result_is_not_started_again() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let over = stage.hear_stop(&run, "EssentialContainerExited", json!(3)).await;
    assert!(matches!(&over.state, State::Failed { failure } if failure.code == FailureCode::AgentCrashed), "{:?}", over.state);
    stage.drain().await;
    assert_eq!(stage.cloud.seen().ecs.starts.len(), 1);
    assert!(stage.said(&run)[0].body.contains("exit code 3"), "{}", stage.said(&run)[0].body);
}

#[tokio::test]
async fn a_stop_that_overtakes_its_result_is_no_failure() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    stage.store_result(&run, 1, answer("It is 42.")).await;
    let over = stage.hear_stop(&run, "EssentialContainerExited", json!(0)).await;
    assert_eq!(over.state, State::Succeeded { outcome: Outcome::Answer });
    assert!(stage.said(&run)[0].body.contains("It is 42."));
}

#[tokio::test]
async fn a_stop_that_overtakes_the_answer_of_run_task_is_the_runs_own() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let starting = stage.edit(&run, |run| (run.state, run.task) = (State::Starting, None)).await;
    let again = stage.hear_stop(&starting, "TaskFailedToStart", Value::Null).await;
    assert_eq!((again.attempt, again.state), (2, State::Starting));
}

#[tokio::test]
async fn the_same_stop_twice_ends_one_attempt_only() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    for _ in 0..2 {
        assert_eq!(stage.hear_stop(&run, "SpotInterruption", json!(143)).await.attempt, 2);
    }
}
