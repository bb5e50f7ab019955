//! Every text that a person reads in a thread, one function each. Pure; what the agent wrote arrives here and leaves inert
//! (R34).
//!
//! `status` is the status comment, `advice` what to do about a failure, `plan` what a workflow's steps did, `pull_request` commits and
//! pull requests, `replies` answers to commands, `decisions` why a workflow did or did not start, `verified` what came of a workflow's own check.

mod advice;
pub(crate) mod decisions;
mod plan;
mod pull_request;
mod replies;
mod status;
mod verified;

pub use pull_request::{commit_message, pull_request_body, pull_request_title, run_trailer};
pub use replies::{help_message, no_permission_message, nothing_to_retry_message, status_reply_message, stop_message, why_message};
pub use status::{failed_check, status_message, usage_message};
pub(crate) use verified::{no_base_failure, no_image_failure};

use patchbay_domain::ids::RunId;

/// The hidden marker by which a run's status comment is found again (R33).
pub fn status_marker(run: &RunId) -> String {
    format!("<!-- patchbay:status {run} -->")
}

/// The hidden marker of a reply that is posted once for a key (a delivery, or once in a thread).
pub fn reply_marker(key: &str) -> String {
    format!("<!-- patchbay:reply {key} -->")
}

/// The hidden marker of the comment that a step writes (R33).
pub fn step_marker(run: &RunId, index: usize) -> String {
    format!("<!-- patchbay:step {run}/{index} -->")
}

/// The hidden marker of the one comment of a key in a thread. `key` must be plain: letters, digits, single dashes.
pub fn keyed_marker(workflow: &str, key: &str) -> String {
    format!("<!-- patchbay:key {workflow}/{key} -->")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars { text.to_owned() } else { format!("{} …", text.chars().take(chars).collect::<String>()) }
}

#[cfg(test)]
mod tests;
