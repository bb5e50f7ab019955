//! Deliveries that start nothing, because nothing listens to them or because every filter turns them away: claimed and done
//! in one call, and never beside somebody who works on them.

use crate::stage::{REPO, Stage, ends_at};
use crate::workflows::file;
use jiff::{SignedDuration, Timestamp};
use patchbay_app::matching::Matcher;
use patchbay_app::matching::orders::fingerprint;
use patchbay_aws::compress::{compress, decompress, from_inline, to_inline};
use patchbay_aws::lambda::Handled;
use patchbay_aws::tables::deliveries::{Claim, MAX_INLINE_PAYLOAD_BYTES};
use patchbay_domain::envelope::{Body, Delivery, EventMessage};
use patchbay_domain::ids::DeliveryId;

const LOOK: &str = "BatchGetItem";
const DONE: &str = "TransactWriteItems";
const CLAIM: &str = "UpdateItem";

impl Stage {
    /// What the matcher asks of the tables for this delivery, which is done then.
    async fn operations_for(&self, delivery: &Delivery) -> Vec<String> {
        self.operations_of(&self.matcher(), delivery).await
    }

    /// The same of a matcher that may remember something.
    async fn operations_of(&self, matcher: &Matcher, delivery: &Delivery) -> Vec<String> {
        self.cloud.take_table_operations();
        assert_eq!(matcher.handle_message(EventMessage::V1(delivery.clone()), ends_at()).await.unwrap(), Handled::Done);
        self.cloud.take_table_operations()
    }

    /// The claim of a matcher that has until then.
    async fn claim_until(&self, delivery: &Delivery, until: Timestamp) -> Claim {
        let print = fingerprint(delivery, &payload(delivery));
        self.matcher().deliveries.claim("github", "app", &delivery.id, &print, until, Timestamp::now()).await.unwrap()
    }

    /// A repository whose one workflow listens to releases.
    async fn set_for_releases() -> Self {
        let stage = Self::set().await;
        stage.configure(&file("announce", &["release: {}"])).await;
        stage
    }
}

fn payload(delivery: &Delivery) -> Vec<u8> {
    let Body::Inline(text) = &delivery.body else { panic!("inline") };
    decompress(&from_inline(text).unwrap()).unwrap()
}

#[tokio::test]
async fn what_nothing_listens_to_costs_a_look_and_one_write() {
    let stage = Stage::set_for_releases().await;
    let (_, delivery) = stage.opened("dana", "hello");
    assert_eq!(stage.operations_for(&delivery).await, [LOOK, DONE]);
    let decisions = stage.matcher().deliveries.load_decisions("github", "app", &delivery.id, Timestamp::now()).await.unwrap();
    let said: Vec<(&str, &str)> = decisions.iter().map(|decision| (decision.workflow.as_str(), decision.why.as_str())).collect();
    assert_eq!(said, [("built-in", "the App is not mentioned"), ("workflows", "no workflow listens to `issues`")]);
    assert_eq!(stage.operations_for(&delivery).await, [LOOK, DONE, CLAIM], "a duplicate changes nothing");
    assert_eq!(stage.forge.calls(), [""; 0]);
    let (_, other) = stage.opened("dana", "something else");
    let forged = Delivery { id: delivery.id.clone(), ..other };
    assert!(matches!(stage.hear_of(&forged).await.unwrap(), Handled::Drop(_)), "the same id with another body");
}

#[tokio::test]
async fn what_every_filter_turns_away_costs_no_more_once_the_filters_are_known() {
    let stage = Stage::set().await;
    let triggers = ["issues: { types: [opened, labeled], labels: [bug] }", "push: { paths: ['docs/**'] }"];
    stage.configure(&file("triage", &triggers)).await;
    let matcher = stage.matcher();
    let (_, delivery) = stage.opened("dana", "hello");
    assert_eq!(stage.operations_of(&matcher, &delivery).await, [LOOK, CLAIM, "GetItem", DONE], "the file is read and remembered");
    for _ in 0..2 {
        let (_, delivery) = stage.opened("dana", "hello");
        stage.forge.forget();
        assert_eq!(stage.operations_of(&matcher, &delivery).await, [LOOK, DONE]);
        assert_eq!(stage.forge.calls(), ["identity"], "which a process asks GitHub for once");
        let decision = stage.decision(&delivery, "triage").await;
        assert!(!decision.started && decision.why.contains("labels"), "{decision:?}");
        assert_eq!(stage.operations_of(&matcher, &delivery).await, [LOOK, DONE, CLAIM], "a duplicate changes nothing");
    }
    // What only the forge knows is asked for under a claim.
    stage.github.push_commit(REPO, "dana", "main", "feat: Change", &[("src/x.rs", "x\n")]).unwrap();
    let push = stage.latest("push");
    assert_eq!(stage.operations_of(&matcher, &push).await[..2], [LOOK, CLAIM]);
    assert!(stage.runs().is_empty());
    stage.github.open_issue(REPO, "dana", "Broken", "It is.", &["bug"]).unwrap();
    assert_eq!(stage.operations_of(&matcher, &stage.latest("issues")).await[..2], [LOOK, CLAIM]);
    assert_eq!(stage.runs_of("triage").len(), 1);
}

#[tokio::test]
async fn what_somebody_works_on_is_left_to_them_until_they_are_gone() {
    let stage = Stage::set_for_releases().await;
    let (_, delivery) = stage.opened("dana", "hello");
    let until = Timestamp::now() + SignedDuration::from_secs(60);
    assert_eq!(stage.claim_until(&delivery, until).await, Claim::New);
    assert!(matches!(stage.hear_of(&delivery).await.unwrap(), Handled::Later(_)));
    stage.matcher().deliveries.give_back("github", "app", &delivery.id).await.unwrap();
    assert_eq!(stage.operations_for(&delivery).await, [LOOK, DONE, CLAIM, DONE]);
}

#[tokio::test]
async fn whatever_may_start_or_end_something_is_claimed_first() {
    let stage = Stage::set_for_releases().await;
    let claimed_first = async |delivery: &Delivery| {
        let operations = stage.operations_for(delivery).await;
        assert_eq!(operations[..2], [LOOK, CLAIM], "{operations:?}");
    };
    let (number, mention) = stage.opened("dana", "@patchbay change the spelling");
    claimed_first(&mention).await;
    stage.github.close_issue(REPO, number, "dana").unwrap();
    claimed_first(&stage.delivery()).await;
    stage.github.publish_release(REPO, "dana", "v1", "One", "notes").unwrap();
    claimed_first(&stage.latest("release")).await;
    assert_eq!(stage.runs().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_done_and_what_is_too_big_for_a_row_takes_the_longer_way() {
    let stage = Stage::set_for_releases().await;
    let (_, delivery) = stage.opened("dana", "hello");
    let broken = Delivery { id: DeliveryId("broken".into()), body: to_inline(&compress(b"{")), ..delivery.clone() };
    assert_eq!(stage.operations_for(&broken).await, [DONE]);
    let mut seed = 1_u32;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + (seed >> 24) as u8 % 26)
    });
    let text: String = noise.take(2 * MAX_INLINE_PAYLOAD_BYTES).collect();
    let mut json: serde_json::Value = serde_json::from_slice(&payload(&delivery)).unwrap();
    json["issue"]["body"] = text.into();
    let big = Delivery { id: DeliveryId("big".into()), body: to_inline(&compress(json.to_string().as_bytes())), ..delivery };
    assert_eq!(stage.operations_for(&big).await, [LOOK, CLAIM, DONE]);
}
