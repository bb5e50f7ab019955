//! The one place where a message can be treated worse than SQS usually does, within what SQS may do.

use std::sync::Arc;
use std::time::Duration;

/// When the hook is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueMoment {
    /// A message is being stored.
    Send,
    /// There are messages to receive, and somebody receives.
    Receive,
}

/// What a standard queue may do to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueFault {
    /// It is delivered twice, under one id.
    Twice,
    /// It becomes visible this much later.
    Late(Duration),
    /// It becomes visible again after this, whatever the visibility timeout.
    Early(Duration),
    /// The newest comes first.
    OutOfOrder,
}

/// Asked with the queue's name; `None`: all as usual.
pub type QueueHook = Arc<dyn Fn(&str, QueueMoment) -> Option<QueueFault> + Send + Sync>;
