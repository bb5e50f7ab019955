//! One batch: what fails, fails alone (R14).

use crate::fake::FakeAws;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::lambda::{Batches, Handled, Message};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

fn event(bodies: &[&str]) -> Value {
    let records = bodies.iter().enumerate().map(|(index, body)| {
        json!({
            "messageId": format!("m{index}"), "receiptHandle": format!("r{index}"), "body": body,
            "attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1700000000000", "MessageGroupId": "ws"},
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:runs", "eventSource": "aws:sqs",
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}

async fn handle(aws: &FakeAws, bodies: &[&str], time: Duration, handler: impl AsyncFn(Message) -> anyhow::Result<Handled>) -> Vec<String> {
    let batches = Batches::new(&aws.config(), handler);
    let response = batches.handle(serde_json::from_value(event(bodies)).unwrap(), SystemTime::now() + time).await;
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

const PLENTY: Duration = Duration::from_secs(60);

async fn by_its_word(message: Message) -> anyhow::Result<Handled> {
    match message.body.as_str() {
        "retry" => Ok(Handled::Retry),
        "drop" => Ok(Handled::Drop("poison".into())),
        "error" => anyhow::bail!("broken"),
        "panic" => panic!("at the disco"),
        "hang" => std::future::pending().await,
        _ => Ok(Handled::Done),
    }
}

#[tokio::test]
async fn only_what_failed_is_named() {
    let aws = FakeAws::start().await;
    let failed = handle(&aws, &["ok", "retry", "drop", "error", "panic", "fine"], PLENTY, by_its_word).await;
    assert_eq!(failed, ["m1", "m3", "m4"]);
    assert_eq!(aws.take_operations(), Vec::<String>::new(), "no calls of its own");
}

#[tokio::test]
async fn a_hanging_message_is_given_up_in_time_to_tell_the_others_success() {
    let aws = FakeAws::start().await;
    let begun = std::time::Instant::now();
    let failed = handle(&aws, &["ok", "hang"], Duration::from_millis(2_300), by_its_word).await;
    assert_eq!(failed, ["m1"]);
    assert!(begun.elapsed() < Duration::from_millis(2_300), "before Lambda's own end");
}

#[tokio::test]
async fn a_message_for_later_is_hidden_and_reported_as_failed() {
    let aws = FakeAws::start().await;
    aws.answer(200, json!({}));
    let at = Timestamp::now() + SignedDuration::from_secs(120);
    let failed = handle(&aws, &["x"], PLENTY, async |_| Ok(Handled::Later(at))).await;
    assert_eq!(failed, ["m0"]);
    let calls = aws.take_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].name, "AmazonSQS.ChangeMessageVisibility");
    assert_eq!(calls[0].body["ReceiptHandle"], "r0");
    assert!(calls[0].body["QueueUrl"].as_str().unwrap().ends_with("/123456789012/runs"));
    let seconds = calls[0].body["VisibilityTimeout"].as_i64().unwrap();
    assert!((119..=120).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_message_that_comes_again_is_a_new_one_of_its_group_and_the_old_one_is_done() {
    let aws = FakeAws::start().await;
    let at = Timestamp::now() + SignedDuration::from_secs(120);
    aws.answer(200, json!({"MessageId": "m", "MD5OfMessageBody": "9dd4e461268c8034f5c8564e155c67a6"}));
    assert_eq!(handle(&aws, &["x"], PLENTY, async |_| Ok(Handled::Again(at))).await, [""; 0]);
    let calls = aws.take_calls();
    assert_eq!(calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["AmazonSQS.SendMessage"]);
    assert!(calls[0].body["QueueUrl"].as_str().unwrap().ends_with("/123456789012/runs"));
    assert_eq!((&calls[0].body["MessageBody"], &calls[0].body["MessageGroupId"]), (&json!("x"), &json!("ws")));
    let seconds = calls[0].body["DelaySeconds"].as_i64().unwrap();
    assert!((119..=120).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_again_stays_in_its_queue() {
    let aws = FakeAws::start().await;
    aws.answer(400, json!({"__type": "AccessDeniedException", "message": "no"}));
    assert_eq!(handle(&aws, &["x"], PLENTY, async |_| Ok(Handled::Again(Timestamp::now()))).await, ["m0"]);
}

#[tokio::test]
async fn a_first_failure_is_tried_again_soon_and_later_ones_in_the_queues_own_time() {
    let aws = FakeAws::start().await;
    aws.answer(200, json!({}));
    let batches = Batches::new(&aws.config(), by_its_word);
    let mut first = event(&["retry", "error"]);
    first["Records"][1]["attributes"]["ApproximateReceiveCount"] = json!("1");
    let response = batches.handle(serde_json::from_value(first).unwrap(), SystemTime::now() + PLENTY).await;
    assert_eq!(response.batch_item_failures.len(), 2);
    let calls = aws.take_calls();
    assert_eq!(calls.len(), 1, "only the one that failed for the first time");
    assert_eq!(calls[0].body["ReceiptHandle"], "r1");
    assert!((9..=10).contains(&calls[0].body["VisibilityTimeout"].as_i64().unwrap()));
}

#[tokio::test]
async fn a_message_that_cannot_be_hidden_still_comes_again() {
    let aws = FakeAws::start().await;
    aws.answer(400, json!({"__type": "ReceiptHandleIsInvalid", "message": "no"}));
    let failed = handle(&aws, &["x"], PLENTY, async |_| Ok(Handled::Later(Timestamp::now()))).await;
    assert_eq!(failed, ["m0"]);
}

#[tokio::test]
async fn the_same_message_twice_is_handled_one_after_the_other_and_others_at_once() {
    let aws = FakeAws::start().await;
    let (running, most, pairs) = (Cell::new(0), Cell::new(0), RefCell::new(Vec::<String>::new()));
    let failed = handle(&aws, &["same", "other", "same", "third"], PLENTY, async |message| {
        assert!(!pairs.borrow().contains(&message.body), "the same body is being handled already");
        pairs.borrow_mut().push(message.body.clone());
        running.set(running.get() + 1);
        most.set(most.get().max(running.get()));
        tokio::task::yield_now().await;
        running.set(running.get() - 1);
        pairs.borrow_mut().retain(|body| *body != message.body);
        Ok(Handled::Done)
    })
    .await;
    assert_eq!(failed, Vec::<String>::new());
    assert_eq!(most.get(), 3);
}

#[tokio::test]
async fn a_message_brings_what_sqs_says_about_it() {
    let aws = FakeAws::start().await;
    let seen = RefCell::new(None);
    handle(&aws, &["{\"a\": 1}"], PLENTY, async |message| {
        seen.replace(Some(message));
        Ok(Handled::Done)
    })
    .await;
    let message = seen.into_inner().unwrap();
    assert_eq!((message.id.as_str(), message.receive_count, message.queue.as_str()), ("m0", 2, "runs"));
    assert_eq!((message.group.as_deref(), message.sent_at.unwrap().as_second()), (Some("ws"), 1_700_000_000));
    assert_eq!(message.parse::<Value>().unwrap(), json!({"a": 1}));
    assert_eq!(message.holder(), "m0#2");
    assert!(message.ends_at > Timestamp::now());
}

#[tokio::test]
async fn a_malformed_body_is_not_quoted() {
    let aws = FakeAws::start().await;
    let failed = handle(&aws, &["{\"token\": canary}"], PLENTY, async |message| {
        let error = message.parse::<Value>().unwrap_err().to_string();
        assert!(error.contains("line 1") && !error.contains("canary"), "{error}");
        Ok(Handled::Drop(error))
    })
    .await;
    assert_eq!(failed, Vec::<String>::new());
}
