//! ECS: RunTask starts a task's containers as processes of this machine.

mod logs;

pub use logs::{LogLine, LogSink};
