//! Deliveries as GitHub sends them become runs once (R5, R11, I2), for people who may ask, where the App is installed.

use crate::runs::in_seconds;
use crate::stage::{REPO, Stage, ends_at, message};
use crate::watched_forge::Fault;
use jiff::Timestamp;
use patchbay_aws::compress::{compress, to_inline};
use patchbay_aws::lambda::Handled;
use patchbay_aws::tables::core::ConnectionStatus;
use patchbay_domain::envelope::{Delivery, EventMessage, StopOrder};
use patchbay_domain::event::Provider;
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::run::{CancelReason, Run, State};
use patchbay_forge::ForgeError;
use patchbay_testing::github::Level;

impl Stage {
    /// Starts hearing of what happens at the forge.
    pub(crate) fn listen(&self) {
        self.github.set_permission(REPO, "robin", Level::Read).unwrap();
        self.github.set_webhook(&format!("{}/hook", self.cloud.url), "secret");
    }

    /// The latest event, as intake queues it.
    pub(crate) fn delivery(&self) -> Delivery {
        let sent = self.github.deliveries().pop().unwrap();
        self.delivery_named(&sent.guid, &sent.event)
    }

    pub(crate) fn delivery_named(&self, guid: &str, event: &str) -> Delivery {
        let body = serde_json::to_vec(&self.github.delivery_payload(guid).unwrap()).unwrap();
        Delivery {
            provider: Provider::Github,
            endpoint: "app".into(),
            id: DeliveryId(guid.to_owned()),
            event: event.to_owned(),
            received_at: Timestamp::now(),
            body: to_inline(&compress(&body)),
        }
    }

    /// Somebody opens an issue with this text.
    pub(crate) fn opened(&self, login: &str, text: &str) -> (u64, Delivery) {
        let number = self.github.open_issue(REPO, login, "Spelling", text, &[]).unwrap();
        (number, self.delivery())
    }

    pub(crate) async fn hear_of(&self, delivery: &Delivery) -> anyhow::Result<Handled> {
        self.matcher().handle_message(EventMessage::V1(delivery.clone()), ends_at()).await
    }

    pub(crate) async fn hear_well(&self, delivery: &Delivery) {
        assert_eq!(self.hear_of(delivery).await.unwrap(), Handled::Done);
    }

    /// Whether the forge could not be asked, and the delivery comes again.
    pub(crate) async fn is_put_off(&self, delivery: &Delivery) -> bool {
        matches!(self.hear_of(delivery).await, Ok(Handled::Again(_)))
    }

    /// Why the delivery did what it did.
    async fn why(&self, delivery: &Delivery) -> String {
        let decisions = self.matcher().deliveries.load_decisions("github", "app", &delivery.id, Timestamp::now()).await.unwrap();
        assert_eq!(decisions.len(), 1, "{decisions:?}");
        decisions[0].why.clone()
    }

    /// All runs there are.
    pub(crate) fn runs(&self) -> Vec<Run> {
        let rows = self.cloud.rows("runs");
        rows.iter().filter_map(|row| serde_json::from_str(row["run"]["S"].as_str()?).ok()).collect()
    }

    pub(crate) fn said_in(&self, number: u64) -> Vec<String> {
        let comments = self.github.comments(REPO, number).into_iter();
        comments.filter(|comment| comment.author == "patchbay[bot]").map(|comment| comment.body).collect()
    }
}

#[tokio::test]
async fn one_delivery_is_one_run_however_often_it_comes() {
    let stage = Stage::set().await;
    stage.listen();
    let (number, delivery) = stage.opened("dana", "@patchbay change the spelling");
    for _ in 0..3 {
        stage.hear_well(&delivery).await;
    }
    let runs = stage.runs();
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].thread.as_ref().unwrap().number, runs[0].request.requester.login.as_str()), (number, "dana"));
    assert_eq!((&runs[0].workspace, &runs[0].request.delivery), (&stage.connection.workspace, &delivery.id));
    let sent = stage.cloud.take_sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].body, serde_json::to_value(message(&runs[0])).unwrap());
    assert_eq!(stage.why(&delivery).await, format!("run {}", runs[0].id));
}

#[tokio::test]
async fn two_at_once_with_one_delivery_make_one_run() {
    let stage = Stage::set().await;
    stage.listen();
    let (_, delivery) = stage.opened("dana", "@patchbay change the spelling");
    stage.forge.fault("permission", Fault::Hold);
    let second = async {
        stage.forge.happened().await;
        let handled = stage.hear_of(&delivery).await.unwrap();
        assert!(matches!(handled, Handled::Later(until) if until > in_seconds(55)), "{handled:?}");
        stage.forge.release();
    };
    let (first, ()) = tokio::join!(stage.hear_of(&delivery), second);
    assert_eq!(first.unwrap(), Handled::Done);
    assert_eq!((stage.runs().len(), stage.cloud.take_sent().len()), (1, 1));
}

#[tokio::test]
async fn a_known_delivery_with_another_body_is_dropped() {
    let stage = Stage::set().await;
    stage.listen();
    let (_, delivery) = stage.opened("dana", "@patchbay change the spelling");
    stage.hear_well(&delivery).await;
    let (_, other) = stage.opened("dana", "@patchbay delete everything");
    let forged = Delivery { id: delivery.id.clone(), ..other };
    assert!(matches!(stage.hear_of(&forged).await.unwrap(), Handled::Drop(_)));
    assert_eq!((stage.runs().len(), stage.cloud.take_sent().len()), (1, 1));
}

#[tokio::test]
async fn a_matcher_that_died_after_creating_the_run_is_made_good_by_the_next() {
    let stage = Stage::set().await;
    stage.listen();
    let (_, delivery) = stage.opened("dana", "@patchbay change the spelling");
    stage.cloud.seen().refused_sends = 1;
    assert!(stage.hear_of(&delivery).await.is_err());
    assert_eq!((stage.runs().len(), stage.cloud.take_sent().len()), (1, 0));
    stage.hear_well(&delivery).await;
    assert_eq!((stage.runs().len(), stage.cloud.take_sent().len()), (1, 1));
    let run = &stage.runs()[0];
    let history = stage.services.dispatch.runs.load_audit(&run.workspace, &run.id).await.unwrap();
    let authorised: Vec<_> = history.iter().filter(|entry| entry.what == "authorised").collect();
    assert_eq!(authorised.len(), 1, "{history:?}");
    assert_eq!((authorised[0].actor.as_str(), authorised[0].at), ("dana", run.created_at));
}

#[tokio::test]
async fn who_may_not_write_is_told_so_once_per_thread() {
    let stage = Stage::set().await;
    stage.listen();
    let (number, first) = stage.opened("robin", "@patchbay change the spelling");
    stage.hear_well(&first).await;
    stage.github.comment(REPO, number, "robin", "@patchbay please!").unwrap();
    let second = stage.delivery();
    stage.hear_well(&second).await;
    let said = stage.said_in(number);
    assert!(said.len() == 1 && said[0].contains("people who can write"), "{said:?}");
    assert!(stage.runs().is_empty() && stage.cloud.take_sent().is_empty());
    assert_eq!(stage.why(&second).await, "robin has no write permission");
}

#[tokio::test]
async fn a_refusal_whose_answer_was_lost_is_not_said_twice_and_one_that_failed_is_said_after_all() {
    let stage = Stage::set().await;
    stage.listen();
    for fault in [Fault::LoseAnswer, Fault::Refuse(ForgeError::Transient("502".into()))] {
        let (number, delivery) = stage.opened("robin", "@patchbay change the spelling");
        stage.forge.fault("create_comment", fault.clone());
        assert!(stage.is_put_off(&delivery).await, "{fault:?}");
        stage.hear_well(&delivery).await;
        assert_eq!(stage.said_in(number).len(), 1, "{fault:?}");
        stage.forge.forget();
    }
}

#[tokio::test]
async fn a_reply_whose_answer_was_lost_is_not_given_twice() {
    let stage = Stage::set().await;
    stage.listen();
    for command in ["help", "status", "why", "retry"] {
        let (number, delivery) = stage.opened("dana", &format!("@patchbay {command}"));
        stage.forge.fault("create_comment", Fault::LoseAnswer);
        assert!(stage.is_put_off(&delivery).await, "{command}");
        stage.hear_well(&delivery).await;
        assert_eq!(stage.said_in(number).len(), 1, "{command}");
        stage.forge.forget();
    }
}

#[tokio::test]
async fn a_rate_limited_delivery_comes_again_at_the_forges_time() {
    let stage = Stage::set().await;
    stage.listen();
    let (_, delivery) = stage.opened("dana", "@patchbay change the spelling");
    for (seconds, put_off) in [(300, Handled::Again as fn(Timestamp) -> Handled), (3_000, Handled::Later)] {
        let retry_at = in_seconds(seconds);
        stage.forge.fault("permission", Fault::Refuse(ForgeError::RateLimited { retry_at }));
        assert_eq!(stage.hear_of(&delivery).await.unwrap(), put_off(retry_at), "a queue holds nothing back for longer than 15 minutes");
    }
    stage.hear_well(&delivery).await;
    assert_eq!(stage.runs().len(), 1);
}

#[tokio::test]
async fn a_delivery_waits_for_a_forge_in_trouble_ever_longer_and_a_day_at_most() {
    let stage = Stage::set().await;
    stage.listen();
    let (_, mut delivery) = stage.opened("dana", "@patchbay change the spelling");
    for (age, wait) in [(1, Some(5)), (60, Some(60)), (7_200, Some(900)), (90_000, None)] {
        delivery.received_at = in_seconds(-age);
        stage.forge.fault("permission", Fault::Refuse(ForgeError::Transient("502".into())));
        match (stage.hear_of(&delivery).await, wait) {
            (Ok(Handled::Again(at)), Some(wait)) => assert!(at > in_seconds(wait - 3) && at < in_seconds(wait + 3), "{age}: {at}"),
            (Err(_), None) => {}
            (other, _) => panic!("{age}: {other:?}"),
        }
    }
    stage.hear_well(&delivery).await;
    assert_eq!(stage.runs().len(), 1, "what was put off is not lost");
}

#[tokio::test]
async fn an_installation_that_is_not_in_the_books_is_looked_up_at_the_forge_once() {
    let stage = Stage::without_connection().await;
    stage.listen();
    for _ in 0..2 {
        let (_, delivery) = stage.opened("dana", "@patchbay change the spelling");
        stage.hear_well(&delivery).await;
    }
    let noted = stage.services.core.load_connection(&stage.at.connection).await.unwrap().unwrap();
    assert_eq!((noted.status, &noted.workspace), (ConnectionStatus::Active, &stage.connection.workspace));
    assert_eq!((stage.forge.count("installation"), stage.runs().len()), (1, 2));
}

#[tokio::test]
async fn an_installation_that_the_forge_does_not_know_starts_nothing() {
    let stage = Stage::without_connection().await;
    stage.listen();
    let (_, delivery) = stage.opened("dana", "@patchbay change the spelling");
    stage.forge.fault("installation", Fault::Refuse(ForgeError::NotFound("gone".into())));
    stage.hear_well(&delivery).await;
    assert_eq!(stage.why(&delivery).await, "the App is not installed any more");
    assert_eq!(stage.services.core.load_connection(&stage.at.connection).await.unwrap(), None);
    assert!(stage.runs().is_empty());
}

#[tokio::test]
async fn a_suspended_installation_is_ignored_without_a_call() {
    let stage = Stage::set().await;
    stage.listen();
    stage.note_connection(ConnectionStatus::Suspended).await;
    let (_, delivery) = stage.opened("dana", "@patchbay change the spelling");
    stage.hear_well(&delivery).await;
    assert_eq!(stage.why(&delivery).await, "the installation is suspended");
    assert!(stage.runs().is_empty() && stage.forge.calls().is_empty());
}

#[tokio::test]
async fn an_uninstall_ends_what_runs_and_a_late_word_does_not_bring_it_back() {
    let stage = Stage::set().await;
    stage.listen();
    let run = stage.working().await;
    stage.github.suspend_app(stage.connection.installation_id).unwrap();
    let suspended = stage.delivery();
    stage.github.uninstall_app(stage.connection.installation_id).unwrap();
    let deleted = stage.delivery();
    stage.hear_well(&deleted).await;
    stage.hear_well(&suspended).await;
    assert_eq!(stage.stored(&run).await.state, State::Cancelled { reason: CancelReason::Uninstalled });
    let noted = stage.services.core.load_connection(&stage.at.connection).await.unwrap().unwrap();
    assert_eq!(noted.status, ConnectionStatus::Deleted);
    stage.drain().await;
    assert_eq!(stage.forge.calls(), [""; 0]);
    assert_eq!(stage.cloud.seen().ecs.stopped.len(), 1);
}

#[tokio::test]
async fn stop_and_a_closed_thread_end_what_runs_there_and_nothing_else() {
    let stage = Stage::set().await;
    stage.listen();
    let elsewhere = stage.working().await;
    for closing in [false, true] {
        let (number, asked) = stage.opened("dana", "@patchbay change the spelling");
        stage.hear_well(&asked).await;
        if closing {
            stage.github.close_issue(REPO, number, "dana").unwrap();
        } else {
            stage.github.comment(REPO, number, "dana", "@patchbay stop").unwrap();
        }
        stage.hear_well(&stage.delivery()).await;
        let run = stage.runs().into_iter().find(|run| run.thread.as_ref().unwrap().number == number).unwrap();
        let by = CancelReason::Stopped { by: "dana".into() };
        assert_eq!(run.state, State::Cancelled { reason: if closing { CancelReason::ThreadClosed } else { by } });
    }
    assert_eq!(stage.stored(&elsewhere).await.state, elsewhere.state);
}

#[tokio::test]
async fn an_operators_stop_ends_the_run_once_and_is_noted_under_their_name() {
    let stage = Stage::set().await;
    let run = stage.working().await;
    let order = |run: &Run| EventMessage::StopV1(StopOrder { workspace: run.workspace.clone(), run: run.id.clone(), by: "grace".into() });
    for _ in 0..2 {
        assert_eq!(stage.matcher().handle_message(order(&run), ends_at()).await.unwrap(), Handled::Done);
    }
    stage.drain().await;
    let ended = stage.stored(&run).await;
    assert_eq!(ended.state, State::Cancelled { reason: CancelReason::StoppedByOperator { by: "grace".into() } });
    assert_eq!(stage.cloud.seen().ecs.stopped.len(), 1);
    let said = stage.said(&run);
    assert!(said.len() == 1 && said[0].body.contains("whoever operates Patchbay") && !said[0].body.contains("grace"), "{said:?}");
    let audit = stage.services.dispatch.runs.load_audit(&run.workspace, &run.id).await.unwrap();
    let stops: Vec<_> = audit.iter().filter(|entry| entry.what == "cancelled").collect();
    assert!(stops.len() == 1 && stops[0].actor == "grace" && stops[0].detail.contains("operator"), "{audit:?}");

    let unknown = Run { id: patchbay_domain::ids::RunId("run_none".into()), ..run };
    let handled = stage.matcher().handle_message(order(&unknown), ends_at()).await.unwrap();
    assert!(matches!(&handled, Handled::Drop(why) if why.contains("run_none")), "{handled:?}");
}

#[tokio::test]
async fn retry_makes_a_new_run_of_the_last_request_once() {
    let stage = Stage::set().await;
    stage.listen();
    let (number, asked) = stage.opened("dana", "@patchbay change the spelling");
    stage.hear_well(&asked).await;
    stage.github.comment(REPO, number, "dana", "@patchbay stop").unwrap();
    stage.hear_well(&stage.delivery()).await;
    stage.github.comment(REPO, number, "dana", "@patchbay retry").unwrap();
    let retry = stage.delivery();
    stage.cloud.seen().refused_sends = 1;
    assert!(stage.hear_of(&retry).await.is_err());
    stage.hear_well(&retry).await;
    let (first, again): (Vec<Run>, Vec<Run>) = stage.runs().into_iter().partition(|run| run.request.delivery == asked.id);
    assert_eq!((first.len(), again.len()), (1, 1));
    assert_eq!(again[0].request.prompt, first[0].request.prompt);
}
