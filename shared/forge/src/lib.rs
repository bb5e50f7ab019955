//! The code forges that Patchbay speaks to: the contract (`Forge`), its words and its errors, and one module per provider.
//! What a forge's answer means for a run is decided in `app`; nothing here retries a write or knows about runs.

mod error;
pub mod github;
mod open;
mod words;

pub use error::ForgeError;
pub use open::{GithubConfig, open_github};
pub use words::check::{Annotation, AnnotationLevel, CheckRunRef, CheckStatus, MAX_SUMMARY_CHARS, NewCheckRun};
pub use words::content::{CommitContext, FileText, MAX_FILE_BYTES, PathList, PullRequestContext};
pub use words::{
    AppIdentity, CloneAccess, CommentRef, DeliveryRequest, Installation, LoggedDelivery, NewCommit, NewPullRequest, PermissionLevel,
    PullRequest, RepoAt, UserPermission,
};

use async_trait::async_trait;
use jiff::Timestamp;
use patchbay_domain::event::{Repository, SubjectKind};
use patchbay_domain::ids::ConnectionId;
use patchbay_domain::workflow::model::{CloseReason, ContextPart};

/// What Patchbay needs of a code forge. Every call is made as the App itself, with a token that is narrowed to the one
/// repository and to what the call needs (R37). Writes are tried once: whoever calls looks for the effect before trying
/// again (R33). A provider that cannot do a thing answers [`ForgeError::Unsupported`].
#[async_trait]
pub trait Forge: Send + Sync {
    /// Who the App is; asked once per process. `bot_user_id` stays `None` where the forge does not tell.
    async fn identity(&self) -> Result<AppIdentity, ForgeError>;

    /// An installation of the App, as the forge knows it. [`ForgeError::NotFound`] if there is none (any more).
    async fn installation(&self, connection: &ConnectionId) -> Result<Installation, ForgeError>;

    /// The repository as it is now, default branch included. [`ForgeError::Permanent`] for an archived or disabled one.
    async fn repository(&self, at: &RepoAt) -> Result<Repository, ForgeError>;

    /// The repository of that name as the installation sees it now, for example the organisation's `.github`. `None` if
    /// there is none, or if the App is not installed on it.
    async fn repository_by_name(&self, connection: &ConnectionId, owner: &str, name: &str) -> Result<Option<Repository>, ForgeError>;

    /// What the account named `login` may do in the repository now (R26). Somebody unknown to it may do nothing:
    /// `PermissionLevel::None`. The caller compares `user_id` with the actor it means.
    async fn permission(&self, at: &RepoAt, login: &str) -> Result<UserPermission, ForgeError>;

    /// Whether `login` belongs to the team `@organisation/team_slug` now; somebody invited does not yet. A team that does
    /// not exist has no members. [`ForgeError::Permanent`] if the App may not read members, in words for its owner.
    async fn is_team_member(&self, at: &RepoAt, organisation: &str, team_slug: &str, login: &str) -> Result<bool, ForgeError>;

    /// A text file of the repository at a branch, tag or commit; at the default branch's head if `git_ref` is `None`. `None`
    /// if there is no such file, or no such ref. A link to a file of the repository is followed.
    /// [`ForgeError::Permanent`], in words for people, for what is no text file: a folder, a submodule, a link that leads
    /// nowhere, bytes that are not UTF-8, more than [`MAX_FILE_BYTES`].
    async fn read_file(&self, at: &RepoAt, path: &str, git_ref: Option<&str>) -> Result<Option<FileText>, ForgeError>;

    /// The paths that differ between two commits, both trees read whole. With zeros as `before` (a new branch), what
    /// differs from where `after` left the default branch; the default branch's own first push differs from itself in
    /// nothing, so do not ask for it. Not complete if the forge does not show a tree whole, or a commit is not there (any
    /// more).
    async fn changed_paths(&self, at: &RepoAt, before: &str, after: &str) -> Result<PathList, ForgeError>;

    /// The paths that a pull request changes; not complete from GitHub's limit of 3,000 files on.
    async fn pull_request_paths(&self, at: &RepoAt, number: u64) -> Result<PathList, ForgeError>;

    /// A fresh read-only token for cloning this one repository, and the URL to clone from (R23).
    async fn clone_access(&self, at: &RepoAt) -> Result<CloneAccess, ForgeError>;

    /// One pull request as it is now.
    async fn pull_request(&self, at: &RepoAt, number: u64) -> Result<PullRequest, ForgeError>;

    /// The wanted parts of a pull request as text, each cut to `max_chars` characters; what lies beyond is not even read.
    async fn pull_request_context(
        &self,
        at: &RepoAt,
        number: u64,
        parts: &[ContextPart],
        max_chars: usize,
    ) -> Result<PullRequestContext, ForgeError>;

    /// A commit (branches and tags name one, too) as text; of `parts`, diff and files make sense. Message, diff and files
    /// are each cut to `max_chars` characters.
    async fn commit_context(&self, at: &RepoAt, sha: &str, parts: &[ContextPart], max_chars: usize) -> Result<CommitContext, ForgeError>;

    /// The App's own comment in the thread whose body contains `marker`; the oldest if there are several. Reads the
    /// newest comments first and gives up after a bounded number of pages.
    async fn find_comment(&self, at: &RepoAt, number: u64, marker: &str) -> Result<Option<CommentRef>, ForgeError>;

    /// Adds a comment to an issue or pull request.
    async fn create_comment(&self, at: &RepoAt, number: u64, body: &str) -> Result<CommentRef, ForgeError>;

    /// Replaces the text of the App's own comment. [`ForgeError::NotFound`] if somebody deleted it.
    async fn update_comment(&self, at: &RepoAt, comment: u64, body: &str) -> Result<(), ForgeError>;

    /// Puts labels on an issue or pull request; the forge makes those that do not exist. Without labels nothing is sent.
    async fn add_labels(&self, at: &RepoAt, number: u64, labels: &[String]) -> Result<(), ForgeError>;

    /// Takes a label off; a label that is not there is success.
    async fn remove_label(&self, at: &RepoAt, number: u64, label: &str) -> Result<(), ForgeError>;

    /// Assigns people to an issue or pull request. [`ForgeError::Permanent`] names those whom the forge would not take
    /// (they have to have access to the repository, and there is room for ten); the others are assigned.
    async fn add_assignees(&self, at: &RepoAt, number: u64, logins: &[String]) -> Result<(), ForgeError>;

    /// Takes people off; who is not assigned is success.
    async fn remove_assignees(&self, at: &RepoAt, number: u64, logins: &[String]) -> Result<(), ForgeError>;

    /// Asks people and teams (by slug) of the organisation for a review. [`ForgeError::Permanent`] if one of them has no
    /// access or is the author: then nobody is asked.
    async fn request_reviewers(&self, at: &RepoAt, number: u64, users: &[String], teams: &[String]) -> Result<(), ForgeError>;

    /// Closes an issue with a reason, or a pull request without merging; a closed one is success.
    /// [`ForgeError::Unsupported`] for discussions.
    async fn close_thread(&self, at: &RepoAt, number: u64, kind: SubjectKind, reason: CloseReason) -> Result<(), ForgeError>;

    /// The App's own check run of that name and `external_id` on a commit; the newest if there are several.
    async fn find_check_run(&self, at: &RepoAt, sha: &str, name: &str, external_id: &str) -> Result<Option<CheckRunRef>, ForgeError>;

    /// Creates a check run. Annotations beyond the forge's limit per request follow in further requests, the conclusion
    /// with the last: when one of these fails, the run exists; find it and update it.
    async fn create_check_run(&self, at: &RepoAt, check: &NewCheckRun<'_>) -> Result<CheckRunRef, ForgeError>;

    /// Brings the App's own check run up to date; its name and commit stay. Annotations only ever get more: as many as it
    /// has already are taken for the first of `check.annotations`, and the rest is added.
    async fn update_check_run(&self, at: &RepoAt, id: u64, check: &NewCheckRun<'_>) -> Result<(), ForgeError>;

    /// The commit a branch points at, `None` if there is no such branch.
    async fn branch_head(&self, at: &RepoAt, branch: &str) -> Result<Option<String>, ForgeError>;

    /// The message of a commit.
    async fn commit_message(&self, at: &RepoAt, sha: &str) -> Result<String, ForgeError>;

    /// Writes a commit on top of `base_sha` that no ref points at yet, and returns its SHA. It names neither author nor
    /// committer, so that the forge signs it as the App's own.
    async fn write_commit(&self, at: &RepoAt, commit: &NewCommit<'_>) -> Result<String, ForgeError>;

    /// Creates a branch; [`ForgeError::Conflict`] if it exists.
    async fn create_branch(&self, at: &RepoAt, branch: &str, sha: &str) -> Result<(), ForgeError>;

    /// Moves a branch forward, never by force; [`ForgeError::Conflict`] if `sha` does not descend from its head.
    async fn advance_branch(&self, at: &RepoAt, branch: &str, sha: &str) -> Result<(), ForgeError>;

    /// Deletes a branch; one that is gone already is success.
    async fn delete_branch(&self, at: &RepoAt, branch: &str) -> Result<(), ForgeError>;

    /// The newest pull request, in any state, whose head is this branch of this very repository.
    async fn find_pull_request(&self, at: &RepoAt, head_branch: &str) -> Result<Option<PullRequest>, ForgeError>;

    /// Opens a pull request, or returns the open one that has the same head and base.
    async fn open_pull_request(&self, at: &RepoAt, new: &NewPullRequest<'_>) -> Result<PullRequest, ForgeError>;

    /// Closes a pull request without merging; a closed one is success.
    async fn close_pull_request(&self, at: &RepoAt, number: u64) -> Result<(), ForgeError>;

    /// The deliveries since `since` that never succeeded, the latest attempt of each, oldest first (R8).
    async fn failed_deliveries(&self, since: Timestamp) -> Result<Vec<LoggedDelivery>, ForgeError>;

    /// Asks the forge to deliver again what its log knows as `delivery` ([`LoggedDelivery::id`]).
    async fn redeliver(&self, delivery: u64) -> Result<(), ForgeError>;

    /// What was sent with a delivery, from the forge's log; for deliveries too big to come in by the front door (R7).
    async fn delivery_request(&self, delivery: u64) -> Result<DeliveryRequest, ForgeError>;
}
