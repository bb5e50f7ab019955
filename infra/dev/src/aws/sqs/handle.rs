//! A queue for this process: what event source mappings poll and tests look into. These calls are not counted.

use super::{Depth, NewMessage, ReceivedMessage, Sqs};
use crate::aws::error::AwsError;
use std::sync::Arc;
use std::time::Duration;

/// One queue. Cheap to clone.
#[derive(Clone)]
pub struct QueueHandle {
    sqs: Arc<Sqs>,
    name: String,
}

impl QueueHandle {
    pub(in crate::aws) fn new(sqs: Arc<Sqs>, name: &str) -> Option<Self> {
        sqs.spec(name).ok()?;
        Some(Self { sqs, name: name.to_owned() })
    }

    /// The queue's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL by which SDK clients address the queue.
    pub fn url(&self) -> String {
        self.sqs.url(&self.name)
    }

    /// The queue's ARN.
    pub fn arn(&self) -> String {
        super::arn(&self.name)
    }

    /// Receives up to `max` messages and hides them for `visibility` (`None`: the queue's own); waits up to `wait`
    /// (at most 20 s) for the first. An empty list when none came.
    ///
    /// # Errors
    /// Only when the store fails.
    pub async fn receive(&self, max: usize, visibility: Option<Duration>, wait: Duration) -> Result<Vec<ReceivedMessage>, AwsError> {
        self.sqs.receive(&self.name, max, visibility, wait).await
    }

    /// Deletes a received message. Deleting again, or with an outdated receipt, changes nothing and is no error.
    ///
    /// # Errors
    /// `ReceiptHandleIsInvalid` for text that never was a receipt.
    pub fn delete(&self, receipt_handle: &str) -> Result<(), AwsError> {
        self.sqs.delete(&self.name, receipt_handle)
    }

    /// Hides a received message for `visibility` from now on; zero returns it at once.
    ///
    /// # Errors
    /// `InvalidParameterValue` when the message is gone or visible again, or for more than 12 hours.
    pub fn change_visibility(&self, receipt_handle: &str, visibility: Duration) -> Result<(), AwsError> {
        self.sqs.change_visibility(&self.name, receipt_handle, visibility)
    }

    /// Sends a message. Returns its id.
    ///
    /// # Errors
    /// `InvalidParameterValue` or `InvalidMessageContents` for what SQS would refuse.
    pub fn send(&self, message: NewMessage) -> Result<String, AwsError> {
        self.sqs.send(&self.name, message)
    }

    /// How many messages the queue holds now.
    ///
    /// # Errors
    /// Only when the store fails.
    pub fn depth(&self) -> Result<Depth, AwsError> {
        self.sqs.depth(&self.name)
    }

    /// How long ago the oldest message was sent, whatever its state; `None` for an empty queue.
    ///
    /// # Errors
    /// Only when the store fails.
    pub fn oldest(&self) -> Result<Option<Duration>, AwsError> {
        self.sqs.oldest(&self.name)
    }

    /// After how long the next message that cannot be received now (in flight or delayed) can be; `None` without one.
    ///
    /// # Errors
    /// Only when the store fails.
    pub fn next_visible_in(&self) -> Result<Option<Duration>, AwsError> {
        self.sqs.next_visible_in(&self.name)
    }

    /// Forgets every message.
    ///
    /// # Errors
    /// Only when the store fails.
    pub fn purge(&self) -> Result<(), AwsError> {
        self.sqs.purge(&self.name)
    }
}
