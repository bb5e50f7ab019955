//! A queue for this process, wherever SQS is: what mappings poll, rules send to, and status looks into.

use super::error::AwsError;
use super::foreign::ForeignQueue;
use super::sqs::{Depth, NewMessage, QueueHandle, ReceivedMessage};
use std::sync::Arc;
use std::time::Duration;

/// One queue. Cheap to clone.
#[derive(Clone)]
pub enum Queue {
    /// Of this emulation. Calls are not counted.
    Own(QueueHandle),
    /// Of another emulator.
    Foreign(Arc<ForeignQueue>),
}

impl Queue {
    /// The queue's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Own(queue) => queue.name(),
            Self::Foreign(queue) => queue.name(),
        }
    }

    /// The queue's ARN.
    pub fn arn(&self) -> String {
        match self {
            Self::Own(queue) => queue.arn(),
            Self::Foreign(queue) => queue.arn().to_owned(),
        }
    }

    /// Receives up to `max` messages and hides them for `visibility` (`None`: the queue's own); waits up to `wait`
    /// (at most 20 s) for the first. An empty list when none came.
    ///
    /// # Errors
    /// When the queue's service fails.
    pub async fn receive(&self, max: usize, visibility: Option<Duration>, wait: Duration) -> Result<Vec<ReceivedMessage>, AwsError> {
        match self {
            Self::Own(queue) => queue.receive(max, visibility, wait).await,
            Self::Foreign(queue) => queue.receive(max, visibility, wait).await,
        }
    }

    /// Deletes a received message.
    ///
    /// # Errors
    /// For text that never was a receipt, or when the queue's service fails.
    pub async fn delete(&self, receipt_handle: &str) -> Result<(), AwsError> {
        match self {
            Self::Own(queue) => queue.delete(receipt_handle),
            Self::Foreign(queue) => queue.delete(receipt_handle).await,
        }
    }

    /// Sends a message. Returns its id.
    ///
    /// # Errors
    /// What SQS would refuse, or when the queue's service fails.
    pub async fn send(&self, message: NewMessage) -> Result<String, AwsError> {
        match self {
            Self::Own(queue) => queue.send(message),
            Self::Foreign(queue) => queue.send(message).await,
        }
    }

    /// How many messages the queue holds now.
    ///
    /// # Errors
    /// When the queue's service fails.
    pub async fn depth(&self) -> Result<Depth, AwsError> {
        match self {
            Self::Own(queue) => queue.depth(),
            Self::Foreign(queue) => queue.depth().await,
        }
    }

    /// How long ago the oldest message was sent; `None` for an empty queue and for another emulator's.
    ///
    /// # Errors
    /// When the store fails.
    pub fn oldest(&self) -> Result<Option<Duration>, AwsError> {
        match self {
            Self::Own(queue) => queue.oldest(),
            Self::Foreign(..) => Ok(None),
        }
    }
}
