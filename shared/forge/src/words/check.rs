//! Words about check runs: what is shown beside a commit and in a pull request's merge box.

use patchbay_domain::workflow::model::Conclusion;

/// How far a check run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    Queued,
    InProgress,
    /// It is over: a conclusion has to be said.
    Completed,
}

/// A check run as it should be. The same value creates it and brings an existing one up to date.
#[derive(Clone, Copy, Debug)]
pub struct NewCheckRun<'a> {
    /// What people see, and what branch protection may ask for.
    pub name: &'a str,
    /// The commit that it is about.
    pub head_sha: &'a str,
    /// Our own word for it, by which it is found again.
    pub external_id: &'a str,
    pub status: CheckStatus,
    /// Only for [`CheckStatus::Completed`].
    pub conclusion: Option<Conclusion>,
    pub title: &'a str,
    /// Markdown; cut to the forge's limit ([`MAX_SUMMARY_CHARS`]).
    pub summary: &'a str,
    pub annotations: &'a [Annotation],
    /// The page that "Details" leads to; the forge's own if absent.
    pub details_url: Option<&'a str>,
}

/// How long a check run's summary may be at GitHub.
pub const MAX_SUMMARY_CHARS: usize = 65_535;

/// A remark on lines of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    pub path: String,
    /// The first line is 1.
    pub start_line: u32,
    /// Not before `start_line`.
    pub end_line: u32,
    pub level: AnnotationLevel,
    pub message: String,
    pub title: Option<String>,
}

/// How grave a remark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnotationLevel {
    Notice,
    Warning,
    Failure,
}

/// A check run that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRunRef {
    pub id: u64,
    /// The page for people.
    pub url: String,
}
