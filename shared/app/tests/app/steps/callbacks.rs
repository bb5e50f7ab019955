//! A step that waits for a callback: who may answer it, how often, and what happens if nobody does.

use super::calls::Receiver;
use super::{assert_done, failure, issue, outcomes};
use crate::stage::Stage;
use jiff::{SignedDuration, Timestamp};
use patchbay_app::callback::{CallbackPath, CallbackReply, MAX_CALLBACK_BYTES};
use patchbay_domain::run::plan::StepStatus;
use patchbay_domain::run::{CancelReason, Input, Run};
use patchbay_domain::task::FailureCode;

const STEPS: &str = "
- { id: engine, timeout: 2h, http: { url: 'URL', wait: true } }
- comment: { body: 'It is {{ steps.engine.outputs.state }}, {{ steps.engine.outputs.body | length }}.' }
";

impl Stage {
    /// A run that waits, and its receiver.
    async fn waiting(&self) -> (Run, Receiver) {
        let receiver = Receiver::start(Vec::new()).await;
        let run = self.played(&issue(self.new_issue()), &STEPS.replace("URL", &receiver.url)).await;
        assert!(matches!(run.plan.as_ref().unwrap().steps[0].status, StepStatus::Waiting { .. }), "{run:?}");
        assert!(run.outbox.is_empty(), "nobody works while it waits: {:?}", run.outbox);
        (run, receiver)
    }

    async fn call_back(&self, url: &str, body: &[u8]) -> CallbackReply {
        let parts: Vec<&str> = url.rsplit('/').take(4).collect();
        let path = CallbackPath { workspace: parts[3], run: parts[2], step: parts[1], token: parts[0] };
        self.callback().handle(path, body).await
    }
}

fn url_of(receiver: &Receiver) -> String {
    receiver.body()["data"]["callback_url"].as_str().unwrap().to_owned()
}

fn status(reply: &CallbackReply) -> u16 {
    match reply {
        CallbackReply::Accepted(_) => 202,
        CallbackReply::Refused { status, .. } => *status,
        CallbackReply::Unavailable => 503,
    }
}

#[tokio::test]
async fn a_callback_lets_the_run_go_on_once_with_what_it_says() {
    let stage = Stage::set().await;
    let (run, receiver) = stage.waiting().await;
    stage.cloud.take_sent();
    let body = br#"{"state": "built"}"#;
    assert_eq!(stage.call_back(&url_of(&receiver), body).await, CallbackReply::Accepted(run.id.clone()));
    assert_eq!(status(&stage.call_back(&url_of(&receiver), body).await), 409, "a token works once");
    stage.drain().await;
    let run = stage.stored(&run).await;
    assert_done(&run);
    assert!(stage.said(&run)[0].body.ends_with("It is built, 18."), "{:?}", stage.said(&run));
    assert_eq!(status(&stage.call_back(&url_of(&receiver), body).await), 409);
}

#[tokio::test]
async fn a_wrong_token_and_a_run_that_is_none_look_the_same() {
    let stage = Stage::set().await;
    let (run, receiver) = stage.waiting().await;
    let url = url_of(&receiver);
    let (front, token) = url.rsplit_once('/').unwrap();
    let other = if token.starts_with('0') { '1' } else { '0' };
    let forged = [
        format!("{front}/{other}{}", &token[1..]),
        format!("{front}/"),
        format!("{front}/{token}0"),
        url.replace("/0/", "/1/"),
        url.replace("/0/", "/x/"),
        url.replace(run.id.as_str(), "run_00000000000000000000000000000000"),
        url.replace(run.workspace.as_str(), "ws_github_1"),
    ];
    let first = stage.call_back(&forged[0], b"{}").await;
    assert_eq!(status(&first), 401);
    for url in &forged {
        assert_eq!(stage.call_back(url, b"not even JSON").await, first, "{url}");
    }
    // The run has been erased since.
    let secret = stage.signing().secret().await.unwrap();
    let gone = patchbay_domain::ids::RunId("run_gone".into());
    let token = secret.callback_token(&run.workspace, &gone, 0);
    assert_eq!(stage.call_back(&format!("/{}/run_gone/0/{token}", run.workspace), b"{}").await, first);
    assert_eq!(outcomes(&stage.stored(&run).await), ["open", "open"]);
}

#[tokio::test]
async fn what_is_no_json_or_too_much_of_it_is_refused_and_may_be_sent_again() {
    let stage = Stage::set().await;
    let (_, receiver) = stage.waiting().await;
    let url = url_of(&receiver);
    let large = format!("\"{}\"", "x".repeat(MAX_CALLBACK_BYTES));
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    for (body, expected) in [("{", 400), ("\u{1}", 400), (deep.as_str(), 400), (large.as_str(), 413), ("", 202)] {
        assert_eq!(status(&stage.call_back(&url, body.as_bytes()).await), expected, "{:?}", body.chars().take(10).collect::<String>());
    }
}

#[tokio::test]
async fn a_callback_may_come_before_the_answer_to_the_call() {
    let stage = Stage::set().await;
    let receiver = Receiver::start(Vec::new()).await;
    let run = stage.planned(&issue(stage.new_issue()), &STEPS.replace("URL", &receiver.url)).await;
    let token = stage.signing().secret().await.unwrap().callback_token(&run.workspace, &run.id, 0);
    let url = format!("/{}/{}/0/{token}", run.workspace, run.id);
    assert_eq!(status(&stage.call_back(&url, b"{\"state\": \"quick\"}").await), 202);
    let run = stage.play(&run).await;
    assert_done(&run);
    assert!(stage.said(&run)[0].body.contains("It is quick"));
}

#[tokio::test]
async fn a_step_that_waits_for_no_callback_takes_none() {
    let stage = Stage::set().await;
    let run = stage.planned(&issue(stage.new_issue()), "- http: { url: 'http://127.0.0.1:1/' }").await;
    let token = stage.signing().secret().await.unwrap().callback_token(&run.workspace, &run.id, 0);
    assert_eq!(status(&stage.call_back(&format!("/{}/{}/0/{token}", run.workspace, run.id), b"{}").await), 409);
}

#[tokio::test]
async fn a_run_that_nobody_calls_back_fails_at_its_time_and_one_that_is_stopped_takes_no_callback() {
    let stage = Stage::set().await;
    let (late, receiver) = stage.waiting().await;
    assert!(late.deadline_at.unwrap() > Timestamp::now() + SignedDuration::from_secs(7_000), "the step's own time counts");
    let late = stage.edit(&late, |run| run.deadline_at = Some(Timestamp::now())).await;
    let late = stage.tell(&late, Input::DeadlinePassed).await;
    assert_eq!(failure(&late).code, FailureCode::TimedOut);
    assert_eq!(status(&stage.call_back(&url_of(&receiver), b"{}").await), 409);
    let (stopped, receiver) = stage.waiting().await;
    stage.tell(&stopped, Input::Cancel { reason: CancelReason::Stopped { by: "dana".into() } }).await;
    assert_eq!(status(&stage.call_back(&url_of(&receiver), b"{}").await), 409);
}

#[tokio::test]
async fn a_callback_that_no_queue_takes_is_taken_all_the_same() {
    let stage = Stage::set().await;
    let (run, receiver) = stage.waiting().await;
    stage.cloud.seen().refused_sends = 10;
    assert_eq!(status(&stage.call_back(&url_of(&receiver), b"{}").await), 202);
    stage.cloud.seen().refused_sends = 0;
    assert_eq!(outcomes(&stage.stored(&run).await)[0], "success");
}
