//! Deliveries that never arrived are asked for again, or taken from the forge's log (R7, R8).

use crate::reap::minute;
use crate::stage::{REPO, Stage, ends_at};
use crate::watched_forge::Fault;
use patchbay_aws::lambda::Handled;
use patchbay_domain::envelope::EventMessage;
use patchbay_forge::ForgeError;
use patchbay_testing::github::{DeliveryView, LocalGithub};
use std::time::Duration;

impl Stage {
    /// dana opens an issue and comments with these texts; a webhook with the first word of a pair in it gets its status.
    async fn deliver(&self, answers: &[(&'static str, u16)], texts: &[&str]) -> Vec<DeliveryView> {
        self.cloud.seen().hook_answers = answers.to_vec();
        self.github.set_webhook(&format!("{}/hook", self.cloud.url), "secret");
        let number = self.github.open_issue(REPO, "dana", "t", "b", &[]).unwrap();
        for text in texts {
            self.github.comment(REPO, number, "dana", text).unwrap();
        }
        self.attempts(texts.len() + 1).await
    }

    /// The log as soon as it holds so many attempts, all answered.
    async fn attempts(&self, count: usize) -> Vec<DeliveryView> {
        let look = |github: &LocalGithub| {
            let log = github.deliveries();
            (log.len() == count && log.iter().all(|attempt| attempt.status_code.is_some())).then_some(log)
        };
        self.github.wait_for("the attempts", Duration::from_secs(20), look).await.unwrap()
    }

    /// The names of those that were asked for again, with the answers that they got.
    fn asked_again(&self) -> Vec<(String, Option<u16>)> {
        let again = self.github.deliveries().into_iter().filter(|attempt| attempt.redelivery);
        again.map(|attempt| (attempt.guid, attempt.status_code)).collect()
    }
}

fn guid_of(log: &[DeliveryView], status: u16) -> String {
    log.iter().find(|attempt| attempt.status_code == Some(status)).unwrap().guid.clone()
}

#[tokio::test]
async fn failed_deliveries_are_asked_for_again_unless_they_were_refused_for_good() {
    let stage = Stage::set().await;
    let answers = [("answer-503", 503), ("answer-400", 400), ("answer-401", 401)];
    let log = stage.deliver(&answers, &["answer-400", "answer-503", "answer-401", "answer-202"]).await;
    stage.cloud.seen().hook_answers.clear();
    assert_eq!(stage.sweep(minute(70, true)).await.redelivered, 1);
    stage.attempts(6).await;
    assert_eq!(stage.asked_again(), [(guid_of(&log, 503), Some(202))]);
    assert_eq!(stage.sweep(minute(70, true)).await.redelivered, 0, "what arrived is not asked for again");
}

#[tokio::test]
async fn a_tick_that_comes_late_counts_by_the_minute_for_which_it_was_scheduled() {
    let stage = Stage::set().await;
    stage.deliver(&[("answer-503", 503)], &["answer-503"]).await;
    let now = minute(70, false);
    let sweep = stage.reaper().sweep_scheduled(minute(70, true), now).await.unwrap();
    assert_eq!(sweep.redelivered, 1);
    assert_eq!(stage.reaper().sweep_scheduled(now, minute(70, true)).await.unwrap().redelivered, 0);
}

#[tokio::test]
async fn the_log_is_not_read_every_minute_and_not_for_what_is_just_under_way() {
    let stage = Stage::set().await;
    stage.deliver(&[("answer-503", 503)], &["answer-503"]).await;
    assert_eq!(stage.sweep(minute(70, false)).await.redelivered, 0);
    assert_eq!(stage.forge.count("failed_deliveries"), 0);
    let mut just_now = minute(-300, true);
    while just_now + jiff::SignedDuration::from_secs(300) < jiff::Timestamp::now() {
        just_now += jiff::SignedDuration::from_secs(300);
    }
    assert_eq!(stage.sweep(just_now).await.redelivered, 0);
    assert_eq!(stage.forge.count("failed_deliveries"), 1);
}

#[tokio::test]
async fn a_delivery_that_cannot_be_asked_for_does_not_keep_the_others_from_being() {
    let stage = Stage::set().await;
    let log = stage.deliver(&[("answer-503", 503), ("answer-500", 500)], &["answer-503", "answer-500"]).await;
    stage.cloud.seen().hook_answers.clear();
    stage.forge.fault("redeliver", Fault::Refuse(ForgeError::Permanent("the log has lost it".into())));
    assert!(stage.reaper().sweep(minute(70, true)).await.is_err());
    stage.attempts(4).await;
    assert_eq!(stage.asked_again(), [(guid_of(&log, 500), Some(202))]);
}

#[tokio::test]
async fn a_delivery_too_large_for_the_front_door_is_taken_from_the_log_once() {
    let stage = Stage::set().await;
    stage.deliver(&[("change the spelling", 413)], &["@patchbay change the spelling"]).await;
    assert_eq!(stage.sweep(minute(70, true)).await.redelivered, 1);
    assert_eq!(stage.asked_again(), []);
    let sent = stage.cloud.receive().unwrap();
    assert_eq!(sent.queue, "events");
    let message = EventMessage::parse(sent.body.as_str().unwrap()).unwrap();
    assert_eq!(stage.matcher().handle_message(message, ends_at()).await.unwrap(), Handled::Done);
    assert_eq!(stage.cloud.receive().unwrap().queue, "runs");
    assert_eq!(stage.sweep(minute(70, true)).await.redelivered, 0);
}
