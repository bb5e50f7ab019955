//! The pure heart of Patchbay: words, rules and decisions. No async, no clock, no environment, no AWS.
//!
//! What happened (`event`), what was asked (`command`), what a run may become (`run`), what a task is told
//! and answers (`task`), what an agent may change (`change_set`) and what travels through queues (`envelope`); what
//! a repository wants to happen (`workflow`) and when (`trigger`).

pub mod change_set;
pub mod command;
pub mod envelope;
pub mod event;
pub mod ids;
pub mod markdown;
pub mod metric;
pub mod policy;
pub mod redact;
pub mod run;
pub mod signing;
pub mod task;
pub mod text;
pub mod trigger;
pub mod workflow;
