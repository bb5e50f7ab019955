//! SQS event source mappings: what Lambda's pollers do between a queue and a function.
//!
//! Batches and windows, the event's shape, partial failures, and the limit of concurrent invocations. Messages that
//! are not deleted come back by their visibility timeout; that and the dead-letter queue are the queue's own doing.

use super::lambda::{Outcome, Pool};
use super::logs::LogBook;
use crate::aws::{AwsError, MessageAttribute, Queue, REGION, ReceivedMessage};
use crate::template::model::QueueMapping;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Concurrent invocations of a mapping that names no limit.
const DEFAULT_CONCURRENCY: u32 = 5;
/// How long one receive waits for messages.
const LONG_POLL: Duration = Duration::from_secs(20);

/// One mapping, ready to poll.
#[derive(Clone)]
pub(super) struct Poller {
    pub(super) mapping: QueueMapping,
    pub(super) pool: Arc<Pool>,
    pub(super) queue: Queue,
    pub(super) logs: Arc<LogBook>,
}

impl Poller {
    /// Polls until the task is aborted.
    pub(super) async fn run(self) {
        let permits = Arc::new(Semaphore::new(self.mapping.max_concurrency.unwrap_or(DEFAULT_CONCURRENCY) as usize));
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            match self.gather().await {
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => {
                    let poller = self.clone();
                    tokio::spawn(async move {
                        poller.deliver(&batch).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    self.complain(&format!("receiving from {} failed: {error}", self.queue.name()));
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// One batch: the first messages that come, and with a window whatever follows within it.
    async fn gather(&self) -> Result<Vec<ReceivedMessage>, AwsError> {
        let size = self.mapping.batch_size as usize;
        let mut batch = self.queue.receive(size, None, LONG_POLL).await?;
        let until = Instant::now() + self.mapping.batch_window;
        while !batch.is_empty() && batch.len() < size && Instant::now() < until {
            batch.extend(self.queue.receive(size - batch.len(), None, until.saturating_duration_since(Instant::now())).await?);
        }
        Ok(batch)
    }

    /// Invokes the function with a batch and deletes what it has done.
    async fn deliver(&self, batch: &[ReceivedMessage]) {
        let event = sqs_event(&self.queue.arn(), batch).to_string();
        let done = match self.pool.invoke(event.into()).await {
            Outcome::Payload(payload) => succeeded(batch, &payload, self.mapping.partial_failures),
            Outcome::Failed(_) => Vec::new(),
            Outcome::Stream(_) => {
                self.complain(&format!("{} streamed an answer to a queue's batch", self.pool.package()));
                Vec::new()
            }
        };
        for receipt in done {
            if let Err(error) = self.queue.delete(receipt).await {
                self.complain(&format!("deleting from {} failed: {error}", self.queue.name()));
            }
        }
    }

    fn complain(&self, message: &str) {
        self.logs.write("platform", &json!({ "level": "ERROR", "message": message }).to_string());
    }
}

/// The event that Lambda makes of a batch.
pub(crate) fn sqs_event(queue_arn: &str, batch: &[ReceivedMessage]) -> Value {
    let records: Vec<_> = batch
        .iter()
        .map(|message| {
            let attributes: serde_json::Map<_, _> =
                message.message_attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
            json!({
                "messageId": message.message_id,
                "receiptHandle": message.receipt_handle,
                "body": message.body,
                "attributes": message.system_attributes,
                "messageAttributes": attributes,
                "md5OfBody": message.md5_of_body,
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": REGION,
            })
        })
        .collect();
    json!({ "Records": records })
}

fn attribute(value: &MessageAttribute) -> Value {
    json!({
        "dataType": value.data_type, "stringValue": value.string_value, "binaryValue": value.binary_value,
        "stringListValues": [], "binaryListValues": [],
    })
}

/// The receipts of the messages that are done. An answer that names a message which was not in the batch, or none at
/// all, fails the whole batch, as in AWS.
fn succeeded<'a>(batch: &'a [ReceivedMessage], payload: &Bytes, partial_failures: bool) -> Vec<&'a str> {
    let all = || batch.iter().map(|message| message.receipt_handle.as_str()).collect();
    if !partial_failures {
        return all();
    }
    let answer: Value = match serde_json::from_slice(payload) {
        Ok(answer) => answer,
        Err(_) if payload.is_empty() => return all(),
        Err(_) => return Vec::new(),
    };
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return all(),
        Some(Value::Array(failures)) => failures,
        Some(_) => return Vec::new(),
    };
    let failed: BTreeSet<&str> = failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap_or_default()).collect();
    if failed.iter().any(|id| !batch.iter().any(|message| message.message_id == *id)) {
        return Vec::new();
    }
    batch.iter().filter(|message| !failed.contains(message.message_id.as_str())).map(|message| message.receipt_handle.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Aws, AwsConfig, NewMessage, QueueSpec, Redrive};
    use crate::stack::lambda::tests::fixture;

    fn batch() -> Vec<ReceivedMessage> {
        let kind = MessageAttribute { data_type: "String".to_owned(), string_value: Some("x".to_owned()), binary_value: None };
        ["1", "2", "3"]
            .map(|id| ReceivedMessage {
                message_id: format!("m{id}"),
                receipt_handle: format!("r{id}"),
                md5_of_body: String::new(),
                body: "{}".to_owned(),
                system_attributes: [("ApproximateReceiveCount".to_owned(), "1".to_owned())].into(),
                message_attributes: [("kind".to_owned(), kind.clone())].into(),
                receive_count: 1,
            })
            .to_vec()
    }

    #[test]
    fn only_the_named_messages_fail() {
        let check = |payload: &str, partial: bool| {
            let batch = batch();
            succeeded(&batch, &Bytes::copy_from_slice(payload.as_bytes()), partial).join(" ")
        };
        assert_eq!(check(r#"{"batchItemFailures":[{"itemIdentifier":"m2"}]}"#, true), "r1 r3");
        assert_eq!(check(r#"{"batchItemFailures":[]}"#, true), "r1 r2 r3");
        assert_eq!(check("null", true), "r1 r2 r3");
        assert_eq!(check(r#"{"batchItemFailures":[{"itemIdentifier":"m2"}]}"#, false), "r1 r2 r3");
        for nonsense in [r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, r#"{"batchItemFailures":[{"itemIdentifier":"m9"}]}"#, "oops"] {
            assert_eq!(check(nonsense, true), "", "{nonsense}");
        }
    }

    /// One of two messages fails every time: the other is done at once, and it ends in the dead-letter queue.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_batch_with_a_failing_message_loses_only_that_one_to_the_dead_letters() {
        let folder = tempfile::tempdir().unwrap();
        let work = QueueSpec {
            visibility_timeout: Duration::from_secs(1),
            redrive: Some(Redrive { dead_letter_queue: "dead".to_owned(), max_receive_count: 2 }),
            ..QueueSpec::new("work")
        };
        let config = AwsConfig { data_dir: folder.path().to_owned(), queues: vec![work, QueueSpec::new("dead")], ..AwsConfig::default() };
        let aws = Aws::start(config).await.unwrap();
        let (queue, dead) = (aws.queue("work").unwrap(), aws.queue("dead").unwrap());
        for body in ["ok", "fail"] {
            queue.send(NewMessage { body: body.to_owned(), ..NewMessage::default() }).unwrap();
        }
        let function = fixture(Duration::from_secs(20), &[]);
        let mapping = QueueMapping {
            queue: "work".to_owned(),
            batch_size: 10,
            batch_window: Duration::ZERO,
            partial_failures: true,
            max_concurrency: Some(2),
        };
        let poller =
            Poller { mapping, pool: Arc::clone(&function.pool), queue: Queue::Own(queue.clone()), logs: Arc::clone(&function.logs) };
        let polling = tokio::spawn(poller.run());
        let given_up = dead.receive(10, None, Duration::from_secs(20)).await.unwrap();
        assert_eq!(given_up.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["fail"]);
        let left = queue.depth().unwrap();
        assert_eq!((left.visible, left.in_flight), (0, 0));
        polling.abort();
        function.pool.shutdown().await;
        aws.shutdown().await;
    }

    #[test]
    fn a_record_says_what_lambda_says() {
        let event = sqs_event("arn:aws:sqs:us-east-1:000000000000:events", &batch());
        let record = &event["Records"][0];
        assert_eq!(record["messageId"], "m1");
        assert_eq!(record["eventSourceARN"], "arn:aws:sqs:us-east-1:000000000000:events");
        assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
        assert_eq!(record["messageAttributes"]["kind"]["stringValue"], "x");
    }
}
