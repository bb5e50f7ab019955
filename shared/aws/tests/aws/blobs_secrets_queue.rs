//! Blobs, secrets and queues at the protocol: what is sent, how often, and what comes of a no.

use crate::build::{run_id, workspace};
use crate::fake::FakeAws;
use futures_util::future::join_all;
use patchbay_aws::AwsError;
use patchbay_aws::blobs::{Blobs, delivery_key, result_key};
use patchbay_aws::queue::{MAX_MESSAGE_BYTES, Queue};
use patchbay_aws::secrets::Secrets;
use patchbay_domain::event::Provider;
use patchbay_domain::ids::DeliveryId;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn a_blob_is_put_and_got_by_its_key() {
    let aws = FakeAws::start().await;
    let blobs = Blobs::new(&aws.config(), "bucket");
    aws.answer(200, Value::String(String::new()));
    blobs.put("results/a.json", b"{\"a\":1}".to_vec(), "application/json").await.unwrap();
    aws.answer(200, Value::String("{\"a\":1}".into()));
    assert_eq!(blobs.get("results/a.json").await.unwrap().as_deref(), Some(&b"{\"a\":1}"[..]));
    let calls = aws.take_calls();
    assert_eq!(
        calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(),
        ["PUT /bucket/results/a.json", "GET /bucket/results/a.json"]
    );
    assert_eq!(calls[0].body, json!({"a": 1}), "the body goes as it is, not in signed chunks");
}

#[tokio::test]
async fn a_blob_that_is_not_there_is_none_and_no_error() {
    let aws = FakeAws::start().await;
    let blobs = Blobs::new(&aws.config(), "bucket");
    aws.answer(404, Value::String("<Error><Code>NoSuchKey</Code><Message>no</Message></Error>".into()));
    assert_eq!(blobs.get("k").await, Ok(None));
    aws.answer(404, Value::String(String::new()));
    assert_eq!(blobs.exists("k").await, Ok(false));
    aws.answer(200, Value::String(String::new()));
    assert_eq!(blobs.exists("k").await, Ok(true));
    aws.answer(403, Value::String("<Error><Code>AccessDenied</Code><Message>no</Message></Error>".into()));
    assert!(matches!(blobs.get("k").await, Err(AwsError::Permanent(_))), "forbidden is not absent");
}

#[test]
fn blob_keys_are_what_the_template_expects() {
    assert_eq!(delivery_key(Provider::Github, &DeliveryId("d1".into())), "deliveries/github/d1.zst");
    assert_eq!(result_key(&workspace(), &run_id(1), 2), format!("results/ws_github_7/{}/2.json", run_id(1)));
}

#[tokio::test]
async fn a_secret_is_fetched_once_by_however_many() {
    let aws = FakeAws::start().await;
    let secrets = Secrets::new(&aws.config());
    aws.answer(200, json!({"SecretString": "{\"key\":\"one\"}"}));
    let all = join_all((0..10).map(|_| secrets.get_json::<Value>("webhook"))).await;
    assert!(all.iter().all(|secret| secret.as_ref().unwrap()["key"] == "one"));
    assert_eq!(aws.take_operations(), ["GetSecretValue"]);
    aws.answer(200, json!({"SecretString": "{\"key\":\"two\"}"}));
    let fresh: Value = secrets.refresh_older_than("webhook", Duration::ZERO).await.unwrap();
    assert_eq!(fresh["key"], "two");
    assert_eq!(secrets.get_json::<Value>("webhook").await.unwrap()["key"], "two");
    assert_eq!(aws.take_operations(), ["GetSecretValue"]);
}

#[tokio::test]
async fn a_failed_fetch_is_not_remembered() {
    let aws = FakeAws::start().await;
    let secrets = Secrets::new(&aws.config());
    aws.answer(400, json!({"__type": "AccessDeniedException", "message": "no"}));
    assert!(matches!(secrets.get_json::<Value>("webhook").await, Err(AwsError::Permanent(_))));
    aws.answer(200, json!({"SecretString": "{}"}));
    assert_eq!(secrets.get_json::<Value>("webhook").await, Ok(json!({})));
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_is_looked_up_again_until_it_can() {
    let aws = FakeAws::start().await;
    let secrets = Secrets::new(&aws.config());
    for text in ["not json", "", "{}"] {
        aws.answer(200, json!({"SecretString": text}));
    }
    for _ in 0..2 {
        assert!(matches!(secrets.get_json::<Value>("webhook").await, Err(AwsError::Permanent(_))));
    }
    assert_eq!(secrets.get_json::<Value>("webhook").await, Ok(json!({})));
}

#[tokio::test]
async fn a_run_message_carries_its_tenant_as_group_and_its_delay() {
    let aws = FakeAws::start().await;
    let queue = Queue::new(&aws.config(), "http://queue/1/runs");
    for _ in 0..2 {
        aws.answer(200, json!({"MessageId": "m1"}));
    }
    queue.send_run(&workspace(), &run_id(1), 0).await.unwrap();
    queue.send_run(&workspace(), &run_id(1), 5_000).await.unwrap();
    let calls = aws.take_calls();
    assert_eq!(calls.len(), 2, "one call each");
    assert_eq!(calls[0].body["MessageGroupId"], "ws_github_7");
    let body: Value = serde_json::from_str(calls[0].body["MessageBody"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({"v": "1", "workspace": "ws_github_7", "run": run_id(1)}));
    assert!(calls[0].body["DelaySeconds"].is_null());
    assert_eq!(calls[1].body["DelaySeconds"], 900, "what SQS can hold back");
}

#[tokio::test]
async fn a_message_that_cannot_fit_is_not_sent() {
    let aws = FakeAws::start().await;
    let queue = Queue::new(&aws.config(), "http://queue/1/events");
    let text = "x".repeat(MAX_MESSAGE_BYTES - 1);
    assert_eq!(queue.send(&text, "g", 0).await, Err(AwsError::TooLarge));
    assert_eq!(aws.take_operations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_queue_that_does_not_answer_is_transient() {
    let queue = Queue::new(&patchbay_aws::AwsConfig::at_endpoint("http://127.0.0.1:9"), "http://queue/1/events");
    assert!(matches!(queue.send(&"x", "g", 0).await, Err(AwsError::Transient(_))));
}
