//! One SQS batch: isolation of its messages from each other, and the answer that names the failed ones.

use super::{Handled, Message};
use crate::config::{AwsConfig, dns_suffix};
use crate::error::AwsError;
use crate::queue::MAX_DELAY_SECONDS;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::metric;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};
use tracing::Instrument;

/// How long before Lambda's own end an unfinished message is given up, so that its neighbours' success is still told.
const RESERVE: Duration = Duration::from_secs(2);
/// A message that failed for the first time comes again after this: most of what fails passes within seconds, and the queue's
/// visibility timeout is minutes. From the second time on that is the pace, so that a longer trouble does not use up the
/// queue's `maxReceiveCount`.
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(10);
/// The longest that SQS hides a message.
const MAX_VISIBILITY_SECONDS: i64 = 43_200;

/// Handles batches with one handler. Used by `run_sqs`; public for tests of handlers without a Runtime API.
pub struct Batches<F> {
    sqs: aws_sdk_sqs::Client,
    region: String,
    endpoint: Option<String>,
    handler: F,
}

impl<F> Batches<F>
where
    F: AsyncFn(Message) -> anyhow::Result<Handled>,
{
    /// A batch handler that reaches SQS through `aws` for messages that come later.
    pub fn new(aws: &AwsConfig, handler: F) -> Self {
        Self { sqs: aws.sqs(), region: aws.region().to_owned(), endpoint: aws.sqs_endpoint(), handler }
    }

    /// Handles every message, and answers which failed. `deadline` is when Lambda ends the invocation.
    pub async fn handle(&self, event: SqsEvent, deadline: SystemTime) -> SqsBatchResponse {
        let time_left = deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(RESERVE);
        let give_up = tokio::time::Instant::now() + time_left;
        let ends_at = Timestamp::try_from(deadline).unwrap_or(Timestamp::MAX);
        let chains = by_body(event.records).into_iter().map(|chain| async move {
            let mut failed = Vec::new();
            for record in chain {
                failed.extend(self.handle_record(record, ends_at, give_up).await);
            }
            failed
        });
        let mut response = SqsBatchResponse::default();
        for id in join_all(chains).await.into_iter().flatten() {
            response.add_failure(id);
        }
        response
    }

    /// The message's id if it failed.
    async fn handle_record(&self, record: SqsMessage, ends_at: Timestamp, give_up: tokio::time::Instant) -> Option<String> {
        let receipt = record.receipt_handle.clone();
        let arn = record.event_source_arn.clone().unwrap_or_default();
        let message = message(record, &arn, ends_at);
        let id = message.id.clone();
        let is_first = message.receive_count == 1;
        let (body, group) = (message.body.clone(), message.group.clone());
        let span = tracing::info_span!(
            "message",
            message_id = id,
            queue = message.queue,
            receive_count = message.receive_count,
            correlation = tracing::field::Empty
        );
        let work = async {
            let handled = self.isolate(message, give_up).await;
            match handled {
                Handled::Done => None,
                Handled::Drop(reason) => {
                    tracing::warn!(reason, "message dropped");
                    None
                }
                Handled::Retry => {
                    if is_first && tokio::time::Instant::now() < give_up {
                        self.hide_until(&arn, receipt, Timestamp::now() + FIRST_RETRY).await;
                    }
                    Some(id)
                }
                Handled::Later(at) => {
                    self.hide_until(&arn, receipt, at).await;
                    Some(id)
                }
                Handled::Again(at) => match self.send_again(&arn, body, group, at).await {
                    Ok(()) => None,
                    Err(error) => {
                        tracing::warn!(%error, "the message could not be sent again; the queue brings it back");
                        Some(id)
                    }
                },
            }
        };
        work.instrument(span).await
    }

    /// The handler's answer; `Retry` for an error, a panic, or no answer in time.
    async fn isolate(&self, message: Message, give_up: tokio::time::Instant) -> Handled {
        // The call is inside the caught future: a handler may panic before its first await.
        let work = AssertUnwindSafe(async { (self.handler)(message).await }).catch_unwind();
        match tokio::time::timeout_at(give_up, work).await {
            Ok(Ok(Ok(handled))) => handled,
            Ok(Ok(Err(error))) => {
                tracing::error!(error = format!("{error:#}"), "message failed");
                Handled::Retry
            }
            Ok(Err(panic)) => {
                metrics::counter!(metric::MESSAGE_PANICKED).increment(1);
                tracing::error!(error = panic_text(panic.as_ref()), "message panicked");
                Handled::Retry
            }
            Err(_) => {
                tracing::error!("message was not handled in time");
                Handled::Retry
            }
        }
    }

    /// If this call fails, the queue's own visibility timeout decides when the message comes again.
    async fn hide_until(&self, arn: &str, receipt: Option<String>, at: Timestamp) {
        let seconds = seconds_until(at, Timestamp::now(), MAX_VISIBILITY_SECONDS);
        let request = self.sqs.change_message_visibility().queue_url(self.queue_url(arn));
        let changed = request.set_receipt_handle(receipt).visibility_timeout(seconds).send().await;
        match changed {
            Ok(_) => tracing::info!(seconds, "message comes later"),
            Err(error) => tracing::warn!(error = %AwsError::from(error), "visibility was not changed"),
        }
    }

    async fn send_again(&self, arn: &str, body: String, group: Option<String>, at: Timestamp) -> Result<(), AwsError> {
        let seconds = seconds_until(at, Timestamp::now(), i64::from(MAX_DELAY_SECONDS));
        let request = self.sqs.send_message().queue_url(self.queue_url(arn)).message_body(body).set_message_group_id(group);
        request.delay_seconds(seconds).send().await?;
        tracing::info!(seconds, "message comes again");
        Ok(())
    }

    /// SQS's address of the queue that `arn:aws:sqs:<region>:<account>:<name>` names.
    fn queue_url(&self, arn: &str) -> String {
        let parts: Vec<&str> = arn.split(':').collect();
        let account = parts.get(4).copied().unwrap_or_default();
        let name = queue_name(arn);
        match &self.endpoint {
            Some(endpoint) => format!("{}/{account}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://sqs.{}.{}/{account}/{name}", self.region, dns_suffix(&self.region)),
        }
    }
}

/// Messages with the same body say the same thing twice: they must not run against each other.
fn by_body(records: Vec<SqsMessage>) -> Vec<Vec<SqsMessage>> {
    let mut chains: Vec<Vec<SqsMessage>> = Vec::new();
    for record in records {
        match chains.iter_mut().find(|chain| chain[0].body == record.body) {
            Some(chain) => chain.push(record),
            None => chains.push(vec![record]),
        }
    }
    chains
}

fn message(record: SqsMessage, arn: &str, ends_at: Timestamp) -> Message {
    let attribute = |name: &str| record.attributes.get(name).cloned();
    let sent_ms = attribute("SentTimestamp").and_then(|text| text.parse().ok());
    Message {
        receive_count: attribute("ApproximateReceiveCount").and_then(|text| text.parse().ok()).unwrap_or(1),
        group: attribute("MessageGroupId"),
        sent_at: sent_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        queue: queue_name(arn).to_owned(),
        ends_at,
        id: record.message_id.unwrap_or_default(),
        body: record.body.unwrap_or_default(),
    }
}

fn queue_name(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

/// Whole seconds, at least one: hidden for none, a message would be handed out again at once.
fn seconds_until(at: Timestamp, now: Timestamp, most: i64) -> i32 {
    let wait = at.duration_since(now).max(SignedDuration::ZERO);
    let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
    i32::try_from(seconds.clamp(1, most)).unwrap_or(1)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic without a text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_hidden_for_whole_seconds_within_what_sqs_takes() {
        let now = Timestamp::from_second(1_000).unwrap();
        let check = |at_ms: i64, expected| {
            assert_eq!(seconds_until(Timestamp::from_millisecond(at_ms).unwrap(), now, MAX_VISIBILITY_SECONDS), expected)
        };
        check(1_030_000, 30);
        check(1_030_001, 31);
        check(999_000, 1);
        check(100_000_000, 43_200);
    }
}
