//! Claims, decisions and payloads of deliveries (R5, R43).

use crate::build::{delivery, in_seconds, now};
use crate::fake::FakeAws;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::AwsError;
use patchbay_aws::compress::{compress, to_inline};
use patchbay_aws::tables::deliveries::{Claim, Decision, DeliveriesTable, MAX_INLINE_PAYLOAD_BYTES};
use patchbay_domain::envelope::Body;
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::run::plan::WorkflowSource;
use patchbay_domain::trigger::{How, Reason};

async fn claim(table: &DeliveriesTable, sha: &str, lease_until: Timestamp, now: Timestamp) -> Claim {
    table.claim("github", "app", &DeliveryId("d1".into()), sha, lease_until, now).await.unwrap()
}

fn decision(why: &str) -> Decision {
    let repository = Some("acme/hello".into());
    Decision { workflow: "built-in".into(), started: true, why: why.into(), repository, event: "issues".into(), ..Decision::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_get_one_new_claim() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    let until = in_seconds(60);
    let claims = join_all((0..50).map(|_| claim(&table, "sha-1", until, now()))).await;
    assert_eq!(claims.iter().filter(|claim| **claim == Claim::New).count(), 1);
    assert_eq!(claims.iter().filter(|claim| **claim == Claim::Busy { until }).count(), 49);
}

#[tokio::test]
async fn a_delivery_is_taken_up_again_until_it_is_done() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    let (start, end) = (now(), in_seconds(60));
    assert_eq!(claim(&table, "sha-1", end, start).await, Claim::New);
    assert_eq!(aws.take_operations(), ["UpdateItem"], "one call");
    assert_eq!(claim(&table, "sha-1", end, start).await, Claim::Busy { until: end });
    assert_eq!(claim(&table, "sha-2", end, start).await, Claim::OtherBody);
    let later = end + SignedDuration::from_secs(60);
    assert_eq!(claim(&table, "sha-2", later, end).await, Claim::OtherBody, "not even when the lease ran out");
    assert_eq!(claim(&table, "sha-1", later, end).await, Claim::TakenUp);
    assert_eq!(claim(&table, "sha-1", later, end).await, Claim::Busy { until: later });
    aws.take_calls();
    table.complete(&delivery("d1", Body::Stored("k".into())), "sha-1", &[decision("because")], end).await.unwrap();
    assert_eq!(aws.take_operations(), ["TransactWriteItems"], "one call");
    assert_eq!(claim(&table, "sha-1", later, later).await, Claim::Done);
    assert_eq!(claim(&table, "sha-2", later, later).await, Claim::OtherBody);
}

#[tokio::test]
async fn what_nobody_claimed_is_claimed_and_done_at_once() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    let delivery = delivery("d1", Body::Stored("k".into()));
    let complete = async |why: &str| table.complete_unclaimed(&delivery, "sha-1", &[decision(why)], now()).await.unwrap();
    assert!(complete("because").await);
    assert_eq!(aws.take_operations(), ["TransactWriteItems"], "one call");
    assert!(!complete("otherwise").await);
    assert_eq!(table.load_decisions("github", "app", &delivery.id, now()).await.unwrap(), [decision("because")]);
    assert_eq!(claim(&table, "sha-1", in_seconds(60), now()).await, Claim::Done);
    assert_eq!(claim(&table, "sha-2", in_seconds(60), now()).await, Claim::OtherBody);
}

#[tokio::test]
async fn what_somebody_claimed_is_not_done_beside_them() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    let delivery = delivery("d1", Body::Stored("k".into()));
    claim(&table, "sha-1", now(), now()).await;
    assert!(!table.complete_unclaimed(&delivery, "sha-1", &[decision("because")], now()).await.unwrap());
    assert!(table.load_decisions("github", "app", &delivery.id, now()).await.unwrap().is_empty());
    assert_eq!(claim(&table, "sha-1", in_seconds(60), now()).await, Claim::TakenUp);
}

#[tokio::test]
async fn a_lease_given_back_can_be_taken_at_once_but_a_done_delivery_cannot() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    let id = DeliveryId("d1".into());
    claim(&table, "sha-1", in_seconds(60), now()).await;
    table.give_back("github", "app", &id).await.unwrap();
    assert_eq!(claim(&table, "sha-1", in_seconds(60), now()).await, Claim::TakenUp);
    table.complete(&delivery("d1", Body::Stored("k".into())), "sha-1", &[decision("because")], now()).await.unwrap();
    table.give_back("github", "app", &id).await.unwrap();
    assert_eq!(claim(&table, "sha-1", in_seconds(60), now()).await, Claim::Done);
}

#[tokio::test]
async fn a_claim_is_kept_for_eight_days_and_a_decision_for_fourteen() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    claim(&table, "sha-1", in_seconds(60), now()).await;
    table.complete(&delivery("d1", Body::Stored("k".into())), "sha-1", &[decision("because")], now()).await.unwrap();
    let days = |sk: &str| {
        let ttl: i64 = aws.row("deliveries", "github#app#d1", sk)["ttl"]["N"].as_str().unwrap().parse().unwrap();
        (ttl - now().as_second() + 60) / 86_400
    };
    assert_eq!((days("claim"), days("decision#built-in")), (8, 14));
}

#[tokio::test]
async fn decisions_are_cut_listed_and_gone_in_time() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    let delivery = delivery("d1", Body::Stored("k".into()));
    let long: String = "ä".repeat(500);
    table.complete(&delivery, "sha-1", &[decision(&long)], now()).await.unwrap();
    let found = table.load_decisions("github", "app", &delivery.id, now()).await.unwrap();
    assert_eq!(found, [decision(&"ä".repeat(200))]);
    let listed = table.list_of_repository("github", "acme/hello", now(), 10).await.unwrap();
    assert_eq!(listed, [("app".to_owned(), delivery.id.clone())]);
    let after = now() + SignedDuration::from_hours(24 * 14);
    assert_eq!(table.load_decisions("github", "app", &delivery.id, after).await.unwrap(), []);
}

#[tokio::test]
async fn a_payload_is_kept_inline_or_as_a_key_for_seven_days() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    let inline = to_inline(&compress(b"{\"action\":\"opened\"}"));
    for body in [inline, Body::Stored("deliveries/github/d1.zst".into())] {
        let delivery = delivery("d1", body.clone());
        table.complete(&delivery, "sha-1", &[decision("because")], now()).await.unwrap();
        assert_eq!(table.load_payload("github", "app", &delivery.id, now()).await.unwrap(), Some(body));
        let after = now() + SignedDuration::from_hours(24 * 7 + 1);
        assert_eq!(table.load_payload("github", "app", &delivery.id, after).await.unwrap(), None);
    }
    let too_big = to_inline(&vec![0; MAX_INLINE_PAYLOAD_BYTES + 1]);
    assert_eq!(table.complete(&delivery("d2", too_big), "sha-1", &[decision("because")], now()).await, Err(AwsError::TooLarge));
}

#[tokio::test]
async fn many_decisions_are_kept_whole_and_found_by_their_thread() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    let delivery = delivery("d1", Body::Stored("k".into()));
    let reason = |pattern: &str| Reason::new("labels", How::MatchedNone, "question", Some(pattern));
    let considered = Decision {
        workflow: "triage".into(),
        source: Some(WorkflowSource::Organization),
        version: Some("0f".into()),
        started: false,
        run: None,
        reasons: vec![reason("bug")],
        thread: Some(7),
        ..decision("no")
    };
    let built_in = Decision { thread: Some(7), ..decision("ignored") };
    let wordy = Decision { workflow: "wordy".into(), reasons: vec![reason(&"x".repeat(200)); 40], ..considered.clone() };
    table.complete(&delivery, "sha-1", &[built_in.clone(), considered.clone(), wordy], now()).await.unwrap();
    assert_eq!(aws.take_operations(), ["TransactWriteItems"], "one call");
    let found = table.load_decisions("github", "app", &delivery.id, now()).await.unwrap();
    assert_eq!(found.len(), 3);
    assert!(found.contains(&built_in) && found.contains(&considered), "{found:?}");
    let kept = found.iter().find(|decision| decision.workflow == "wordy").unwrap().reasons.len();
    assert!(kept > 5 && kept < 40, "{kept}");
    let of_thread = |number| table.list_of_thread("github", "acme/hello", number, now(), 10);
    assert_eq!(of_thread(7).await.unwrap(), [("app".to_owned(), delivery.id.clone())]);
    assert_eq!(of_thread(8).await.unwrap(), []);
    assert_eq!(table.list_of_repository("github", "acme/hello", now(), 10).await.unwrap().len(), 1);
}
