//! The code forges that Patchbay speaks to: the contract (`Forge`), its words and its errors, and one module per provider.
//! What a forge's answer means for a run is decided in `app`; nothing here retries a write or knows about runs.

mod error;
pub mod github;
mod open;
mod words;

pub use error::ForgeError;
pub use open::{GithubConfig, open_github};
pub use words::{
    AppIdentity, CloneAccess, CommentRef, DeliveryRequest, Installation, LoggedDelivery, NewCommit, NewPullRequest, PermissionLevel,
    PullRequest, RepoAt, UserPermission,
};

use async_trait::async_trait;
use jiff::Timestamp;
use patchbay_domain::event::Repository;
use patchbay_domain::ids::ConnectionId;

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

    /// What the account named `login` may do in the repository now (R26). Somebody unknown to it may do nothing:
    /// `PermissionLevel::None`. The caller compares `user_id` with the actor it means.
    async fn permission(&self, at: &RepoAt, login: &str) -> Result<UserPermission, ForgeError>;

    /// A fresh read-only token for cloning this one repository, and the URL to clone from (R23).
    async fn clone_access(&self, at: &RepoAt) -> Result<CloneAccess, ForgeError>;

    /// One pull request as it is now.
    async fn pull_request(&self, at: &RepoAt, number: u64) -> Result<PullRequest, ForgeError>;

    /// The App's own comment in the thread whose body contains `marker`; the oldest if there are several. Reads the
    /// newest comments first and gives up after a bounded number of pages.
    async fn find_comment(&self, at: &RepoAt, number: u64, marker: &str) -> Result<Option<CommentRef>, ForgeError>;

    /// Adds a comment to an issue or pull request.
    async fn create_comment(&self, at: &RepoAt, number: u64, body: &str) -> Result<CommentRef, ForgeError>;

    /// Replaces the text of the App's own comment. [`ForgeError::NotFound`] if somebody deleted it.
    async fn update_comment(&self, at: &RepoAt, comment: u64, body: &str) -> Result<(), ForgeError>;

    /// Takes a label off; a label that is not there is success.
    async fn remove_label(&self, at: &RepoAt, number: u64, label: &str) -> Result<(), ForgeError>;

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
