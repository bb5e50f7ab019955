//! What starts a workflow: an event kind with its filters, in the semantics of GitHub Actions. Pure; what the event
//! itself does not say (changed paths, permissions, team membership) is asked for as a need and given as a fact.
//!
//! `filters` is what is written, `compile` checks it and makes it ready, `decide` says whether an event starts, with
//! reasons. `kinds` is the table of events. Patterns are in `pattern` and `list`, cron in `schedule`; each family of filters
//! has a module of its own.

mod author;
mod branch;
pub mod compile;
pub mod decide;
pub mod facts;
pub mod filters;
pub mod kinds;
mod label;
pub mod list;
mod origin;
mod outcome;
mod path;
pub mod pattern;
pub mod reason;
pub mod schedule;
mod text;

pub use compile::{CompiledTrigger, FilterProblem, compile};
pub use decide::{Decision, decide, kind_of};
pub use facts::{ChangedPaths, Facts, Need, Permission, team_key};
pub use filters::{Filters, Trigger};
pub use list::{MAX_PATTERNS, PatternList, Selection};
pub use pattern::{MAX_PATTERN_CHARS, Pattern, PatternError};
pub use reason::{How, Reason};
pub use schedule::{Cron, CronError};
pub use text::MAX_REGEX_CHARS;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// The kinds of event that can start a workflow, by the words of GitHub Actions where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Push,
    PullRequest,
    PullRequestReview,
    PullRequestReviewComment,
    Issues,
    IssueComment,
    Release,
    Deployment,
    DeploymentStatus,
    WorkflowRun,
    CheckRun,
    CheckSuite,
    Discussion,
    DiscussionComment,
    Create,
    Delete,
    /// Cron, UTC.
    Schedule,
    /// A command, the API, or a `run_workflow` step.
    Manual,
}

impl EventKind {
    /// Every kind, in the order of the documentation.
    pub const ALL: [EventKind; 18] = [
        EventKind::Push,
        EventKind::PullRequest,
        EventKind::PullRequestReview,
        EventKind::PullRequestReviewComment,
        EventKind::Issues,
        EventKind::IssueComment,
        EventKind::Release,
        EventKind::Deployment,
        EventKind::DeploymentStatus,
        EventKind::WorkflowRun,
        EventKind::CheckRun,
        EventKind::CheckSuite,
        EventKind::Discussion,
        EventKind::DiscussionComment,
        EventKind::Create,
        EventKind::Delete,
        EventKind::Schedule,
        EventKind::Manual,
    ];

    /// The word in configuration files; for all but `schedule` and `manual` also the forge's event name.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Push => "push",
            EventKind::PullRequest => "pull_request",
            EventKind::PullRequestReview => "pull_request_review",
            EventKind::PullRequestReviewComment => "pull_request_review_comment",
            EventKind::Issues => "issues",
            EventKind::IssueComment => "issue_comment",
            EventKind::Release => "release",
            EventKind::Deployment => "deployment",
            EventKind::DeploymentStatus => "deployment_status",
            EventKind::WorkflowRun => "workflow_run",
            EventKind::CheckRun => "check_run",
            EventKind::CheckSuite => "check_suite",
            EventKind::Discussion => "discussion",
            EventKind::DiscussionComment => "discussion_comment",
            EventKind::Create => "create",
            EventKind::Delete => "delete",
            EventKind::Schedule => "schedule",
            EventKind::Manual => "manual",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
