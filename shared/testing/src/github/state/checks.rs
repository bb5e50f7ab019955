//! What the local GitHub remembers of checks and discussions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// All check runs of one App on one commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CheckSuite {
    pub id: u64,
    /// `None`: the App that is registered here.
    pub app: Option<String>,
    pub head_sha: String,
    /// The branch that the commit headed when the suite was made; none for a fork's.
    pub head_branch: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CheckRun {
    pub id: u64,
    pub suite: u64,
    pub name: String,
    pub external_id: String,
    pub details_url: Option<String>,
    /// `queued`, `in_progress` or `completed`.
    pub status: String,
    pub conclusion: Option<String>,
    pub title: Option<String>,
    pub summary: Option<String>,
    pub annotations: Vec<CheckAnnotation>,
    pub started_at: Timestamp,
    pub completed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckAnnotation {
    pub path: String,
    pub start_line: u64,
    pub end_line: u64,
    /// `notice`, `warning` or `failure`.
    pub annotation_level: String,
    pub message: String,
    pub title: Option<String>,
}

/// A discussion; its number is of the same line as those of issues.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Discussion {
    pub id: u64,
    pub number: u64,
    pub title: String,
    pub body: String,
    pub author: String,
    pub comments: u64,
    pub created_at: Timestamp,
}
