//! What goes into the `Forge` contract and what comes out of it, beside the domain's own types. Check runs and contents
//! have words of their own in `check` and `content`.

pub(crate) mod check;
pub(crate) mod content;

use jiff::Timestamp;
use patchbay_domain::change_set::FileChange;
use patchbay_domain::event::{PullRequestRefs, Repository};
use patchbay_domain::ids::ConnectionId;
use secrecy::SecretString;
use std::collections::BTreeMap;

/// Where a call goes: the repository (addressed by owner and name, tokens narrowed by its id) and the connection that
/// gives access to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoAt {
    pub connection: ConnectionId,
    pub repository: Repository,
}

/// What an account may do in a repository, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PermissionLevel {
    None,
    Read,
    Triage,
    Write,
    Maintain,
    Admin,
}

/// The forge's answer about one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPermission {
    /// The numeric id behind the login that was asked for; 0 if the forge knows no such collaborator.
    pub user_id: u64,
    pub level: PermissionLevel,
}

/// Who the App is at the forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppIdentity {
    pub app_id: u64,
    /// The name people mention: `@slug`.
    pub slug: String,
    /// The account that the App's comments and commits appear under.
    pub bot_user_id: Option<u64>,
}

/// How to clone, read-only.
#[derive(Clone, Debug)]
pub struct CloneAccess {
    /// `https://…/owner/name.git`, without credentials.
    pub url: String,
    /// The password of user `x-access-token`.
    pub token: SecretString,
    pub expires_at: Timestamp,
}

/// A pull request as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    pub number: u64,
    pub title: String,
    /// The page for people.
    pub url: String,
    pub open: bool,
    pub merged: bool,
    pub author_id: Option<u64>,
    pub refs: PullRequestRefs,
}

/// An installation of the App on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    pub account_id: u64,
    pub account_login: String,
    pub suspended: bool,
    /// Whether it covers all repositories of the account.
    pub all_repositories: bool,
    /// Granted permissions, name → level.
    pub permissions: BTreeMap<String, String>,
}

/// A comment that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentRef {
    pub id: u64,
    pub body: String,
    /// The page for people.
    pub url: String,
}

/// A commit to write: the files on top of `base_sha`.
#[derive(Clone, Copy, Debug)]
pub struct NewCommit<'a> {
    pub base_sha: &'a str,
    pub message: &'a str,
    pub files: &'a [FileChange],
}

/// A pull request to open, within one repository.
#[derive(Clone, Copy, Debug)]
pub struct NewPullRequest<'a> {
    /// The branch with the change.
    pub head: &'a str,
    /// The branch it should go into.
    pub base: &'a str,
    pub title: &'a str,
    pub body: &'a str,
    pub draft: bool,
}

/// One attempt in the forge's delivery log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedDelivery {
    /// The attempt's number, with which it is redelivered or read.
    pub id: u64,
    /// The delivery's name, the same for all its attempts.
    pub guid: String,
    pub delivered_at: Timestamp,
    /// Our answer; 0 or 5xx from the forge itself if there was none.
    pub status_code: u16,
    pub event: String,
    pub action: Option<String>,
    pub redelivery: bool,
}

/// What the forge sent with a delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRequest {
    /// The delivery's name.
    pub guid: String,
    pub event: String,
    /// The request's headers; names as the forge writes them.
    pub headers: BTreeMap<String, String>,
    pub payload: serde_json::Value,
}
