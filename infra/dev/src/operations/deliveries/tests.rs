//! How a delivery's rows are read, counted and named.

use super::super::records::tests::item;
use super::*;
use aws_sdk_dynamodb::primitives::Blob;

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn rows() -> Vec<Item> {
    let packed = zstd::bulk::compress(b"{\"ref\":\"x\"}", 1).unwrap();
    let key = "github#app#d1";
    let reasons = r#"[{"filter":"branches","value":"x","pattern":"main","matched":false,"how":"matched_none","new":1}]"#;
    vec![
        item(key, "claim", &[("done", AttributeValue::Bool(true)), ("ttl", AttributeValue::N("2000000000".into()))]),
        item(
            key,
            "payload",
            &[("event", s("push")), ("received_at", s("2026-11-20T10:00:00.000000000Z")), ("body", AttributeValue::B(Blob::new(packed)))],
        ),
        item(
            key,
            "decision#repository/docs#7",
            &[("started", AttributeValue::Bool(false)), ("why", s("no")), ("reasons", s(reasons)), ("repository_day", s("d"))],
        ),
        item(key, "decision#built-in", &[("started", AttributeValue::Bool(true)), ("why", s("asked")), ("reasons", s("not JSON"))]),
    ]
}

#[test]
fn a_deliverys_rows_are_read_together() {
    let delivery = stored("github#app#d1", &rows()).unwrap();
    assert_eq!((delivery.id.as_str(), delivery.event.as_str(), delivery.done), ("d1", "push", true));
    assert_eq!(delivery.received_at, "2026-11-20T10:00:00Z".parse().ok());
    let Some(Body::Inline(text)) = &delivery.body else { panic!("{delivery:?}") };
    assert_eq!(unpack(&STANDARD.decode(text).unwrap()).unwrap(), b"{\"ref\":\"x\"}");
    let names: Vec<_> = delivery.decisions.iter().map(|d| (d.workflow.as_str(), d.started, d.reasons.len())).collect();
    assert_eq!(names, [("built-in", true, 0), ("docs", false, 1)], "reasons that cannot be read are left out");
    assert_eq!(delivery.decisions[1].reasons[0].how, "matched_none");
    let sources: Vec<_> = delivery.decisions.iter().map(|decision| decision.source.as_deref()).collect();
    assert_eq!(sources, [None, Some("repository")]);
    assert!(stored("github#app#d1", &[]).is_none());
}

#[test]
fn what_is_kept_is_counted_as_dynamodb_does() {
    // pk 2+13, sk 2+5, done 4+1, ttl 3+6
    assert_eq!(size(&rows()[0]), 36);
    let cost = stored("github#app#d1", &rows()).unwrap().cost;
    assert_eq!((cost.rows, cost.write_units), (4, 3 + 2 + 3 + 2));
    let long = item("github#app#d1", "payload", &[("body", AttributeValue::B(Blob::new(vec![0; 3000])))]);
    assert_eq!(write_units(&long), 6);
}

#[test]
fn a_delivery_that_is_run_again_gets_a_number() {
    let id = |text: &str| DeliveryId(text.to_owned());
    assert_eq!(replay_id(&id("d1"), 1), id("d1-replay-1"));
    assert_eq!(replay_id(&id("d1-replay-1"), 2), id("d1-replay-2"), "not a replay of a replay");
    assert_eq!(replay_id(&id("d1-replay-x"), 1), id("d1-replay-x-replay-1"));
}

#[test]
fn what_dynamodb_has_not_yet_taken_away_is_gone_all_the_same() {
    let at = |second| Timestamp::from_second(second).unwrap();
    assert!(expired(&rows()[0], at(2_000_000_000)) && !expired(&rows()[0], at(1_999_999_999)));
    assert!(!expired(&rows()[1], at(2_000_000_000)));
}
