//! The loop of a function: SQS batches item by item, other events as they come.
//!
//! One message's panic, error or hang fails that message alone (R14); messages with the same body are handled one after
//! the other, the rest at once. What a message means is the handler's affair.

mod batch;

use crate::config::AwsConfig;
use crate::telemetry;
use aws_lambda_events::event::sqs::SqsEvent;
use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use batch::Batches;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// The message's work is done; it is deleted.
    Done,
    /// The message comes again at this time (at most 12 hours ahead). Every coming counts against the queue's
    /// `maxReceiveCount`: for waits that may repeat, `Again`.
    Later(Timestamp),
    /// The message is sent anew, to come at this time (at most 15 minutes ahead; longer waits are cut), and this one is
    /// deleted: a wait that may repeat without ever becoming a dead letter. The handler says how often.
    Again(Timestamp),
    /// Something failed that may pass; the message comes again after seconds the first time, then after the queue's
    /// visibility timeout.
    Retry,
    /// The message can never be handled; it is logged with this reason and deleted.
    Drop(String),
}

/// One message from a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub body: String,
    /// How often SQS has handed it out, this time included.
    pub receive_count: u32,
    /// The message group (tenant), if it has one.
    pub group: Option<String>,
    pub sent_at: Option<Timestamp>,
    /// The queue's name.
    pub queue: String,
    /// When Lambda ends the invocation: leases end after it, work before it.
    pub ends_at: Timestamp,
}

impl Message {
    /// The body as JSON. The error names the place, not the content.
    pub fn parse<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_str(&self.body).map_err(|e| anyhow::anyhow!("message body: line {}, column {}", e.line(), e.column()))
    }

    /// A name for leases taken on this message's behalf: different for every message and every time it is received.
    pub fn holder(&self) -> String {
        format!("{}#{}", self.id, self.receive_count)
    }
}

/// Serves a queue: calls `handler` for every message of every batch until Lambda ends the process. An `Err` from the
/// handler is logged and means `Retry`. No AWS calls of its own, but one per `Later` and one per first
/// failure.
pub async fn run_sqs<F>(aws: &AwsConfig, handler: F) -> Result<(), Error>
where
    F: AsyncFn(Message) -> anyhow::Result<Handled>,
{
    let batches = Batches::new(aws, handler);
    run_raw(async |event: LambdaEvent<SqsEvent>| {
        let deadline = event.context.deadline();
        Ok::<_, Error>(batches.handle(event.payload, deadline).await)
    })
    .await
}

/// As `run_raw`, without a span around each event: for a function whose lines name what they are about themselves, and
/// in which a span, written and read again for one line, is a good part of the cost.
pub async fn run_spanless<E, R, F, Err>(handler: F) -> Result<(), Error>
where
    E: for<'de> Deserialize<'de>,
    R: Serialize,
    F: AsyncFn(LambdaEvent<E>) -> Result<R, Err>,
    Err: Into<lambda_runtime::Diagnostic> + std::fmt::Debug,
{
    let handler = &handler;
    Runtime::new(service_fn(move |event| async move {
        let answer = handler(event).await;
        telemetry::flush_metrics();
        answer
    }))
    .run()
    .await
}

/// Serves events of the caller's own narrow type with a buffered response; metrics are flushed after each.
pub async fn run_raw<E, R, F, Err>(handler: F) -> Result<(), Error>
where
    E: for<'de> Deserialize<'de>,
    R: Serialize,
    F: AsyncFn(LambdaEvent<E>) -> Result<R, Err>,
    Err: Into<lambda_runtime::Diagnostic> + std::fmt::Debug,
{
    let handler = &handler;
    lambda_runtime::run(service_fn(move |event| async move {
        let answer = handler(event).await;
        telemetry::flush_metrics();
        answer
    }))
    .await
}
