//! What containers write: one file per container, and every line to whoever listens.

use std::sync::Arc;

/// One line of a container's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The task's id, the last part of its ARN.
    pub task: String,
    pub container: String,
    /// The line without its end, at most 64 KiB.
    pub line: String,
}

/// Told of every line, in each container's order.
pub type LogSink = Arc<dyn Fn(&LogLine) + Send + Sync>;
