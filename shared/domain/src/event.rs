//! The event: a delivery in the standard form, the same for every provider.
//! How a provider's payload becomes one lives in the `forge` crate's `convert` modules.

use crate::ids::{ConnectionId, DeliveryId};
use serde::{Deserialize, Serialize};

/// Where an event comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Github,
}

impl Provider {
    /// The word used in ids, keys, routes and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Provider::Github => "github",
        }
    }

    /// The provider whose word this is.
    pub fn from_word(word: &str) -> Option<Self> {
        [Provider::Github].into_iter().find(|provider| provider.as_str() == word)
    }
}

/// One thing that happened at a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub provider: Provider,
    pub delivery: DeliveryId,
    /// The provider's event name, for example `issues` or `issue_comment`.
    pub kind: String,
    /// The provider's action, for example `opened`; absent for events that have none (`push`).
    pub action: Option<String>,
    pub connection: Option<ConnectionId>,
    pub actor: Option<Actor>,
    pub repository: Option<Repository>,
    pub subject: Option<Subject>,
    pub comment: Option<Comment>,
    pub detail: Detail,
}

/// Who did something. `kind` is what the provider says it is; permission is never derived from it (R26).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub id: u64,
    pub login: String,
    pub kind: ActorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    Person,
    App,
    Organization,
}

/// A repository as the provider names it. The id survives renames, owner and name do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    pub id: u64,
    pub owner: String,
    pub name: String,
    pub default_branch: Option<String>,
    pub private: bool,
}

impl Repository {
    /// `owner/name`.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }
}

/// What a thread is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    Issue,
    PullRequest,
    Discussion,
}

/// The issue or pull request that an event belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    pub kind: SubjectKind,
    pub number: u64,
    pub title: String,
    pub body: String,
    pub url: String,
    pub author: Option<Actor>,
    pub open: bool,
    /// A pull request that is not ready for review.
    #[serde(default)]
    pub draft: bool,
    pub labels: Vec<String>,
    /// Head and base, where the payload has them (comments on a pull request do not).
    pub refs: Option<PullRequestRefs>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestRefs {
    pub head_branch: String,
    pub head_sha: String,
    /// The head's repository; `None` for a deleted fork.
    pub head_repository_id: Option<u64>,
    pub base_branch: String,
}

/// A comment in the thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comment {
    pub id: u64,
    pub body: String,
    pub url: String,
    pub author: Option<Actor>,
    /// The App that wrote the comment on somebody's behalf, where the provider says so.
    pub via_app: Option<u64>,
}

/// What only some kinds of event carry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Detail {
    None,
    /// An issue or pull request got or lost a label.
    Label {
        name: String,
    },
    Push(Push),
    Installation(InstallationChange),
    /// A review was submitted: `approved`, `changes_requested`, `commented`.
    Review {
        state: String,
    },
    Release(Release),
    /// `deployment` and `deployment_status`.
    Deployment(Deployment),
    /// `workflow_run`, `check_run` and `check_suite`.
    Check(Check),
    /// `create` and `delete`: a branch or tag came or went.
    Ref(RefChange),
    /// The repository's default branch became another (`repository`, `edited`).
    DefaultBranch {
        before: String,
        after: String,
    },
    /// A schedule's time has come.
    Schedule {
        cron: String,
        at: jiff::Timestamp,
    },
    Manual(Manual),
}

/// A release, as the payload tells it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    pub tag: String,
    pub name: String,
    pub body: String,
    pub url: String,
    /// The branch or commit that its tag was made from.
    pub target: String,
    pub draft: bool,
    pub prerelease: bool,
}

/// A deployment, with the state that a `deployment_status` tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: u64,
    pub environment: String,
    /// Branch, tag or commit, as it was asked for.
    pub git_ref: String,
    pub sha: String,
    pub state: Option<String>,
    pub url: Option<String>,
}

/// A run of the forge's own continuous integration, or of somebody's checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub id: u64,
    /// The workflow's or check's name; a suite's is its App's.
    pub name: String,
    /// `success`, `failure`, …; absent while it is not over.
    pub conclusion: Option<String>,
    pub head_branch: Option<String>,
    pub head_sha: String,
    /// `None` for a deleted fork.
    pub head_repository_id: Option<u64>,
    /// The App that reports it, where the provider says so; `workflow_run` does not.
    #[serde(default)]
    pub app_id: Option<u64>,
    /// Numbers of the pull requests of this repository that it belongs to.
    pub pull_requests: Vec<u64>,
    pub url: String,
}

/// A branch or tag that came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefChange {
    /// The short name.
    pub name: String,
    pub kind: RefKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RefKind {
    Branch,
    Tag,
}

/// Somebody, or a step of another run, starts a workflow by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manual {
    pub workflow: String,
    pub inputs: std::collections::BTreeMap<String, String>,
    /// How many runs started each other up to this one; a limit ends circles.
    pub depth: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// The full ref, for example `refs/heads/main`.
    pub full_ref: String,
    pub before: String,
    pub after: String,
    pub commit_count: u64,
    pub pusher: String,
    pub forced: bool,
    pub deleted: bool,
    /// Paths that the payload's commits say they touched, without repetition; `None` when the payload does not list
    /// every commit, and so nobody knows.
    #[serde(default)]
    pub paths: Option<Vec<String>>,
}

/// The life of an installation (FR-WH-002, FR-WH-003).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstallationChange {
    pub installation_id: u64,
    pub account_id: u64,
    pub account_login: String,
    pub change: InstallationChangeKind,
    /// Repositories that came or are named by the change.
    pub added: Vec<Repository>,
    /// Repositories that went.
    pub removed: Vec<Repository>,
    /// Granted permissions, name → level.
    pub permissions: std::collections::BTreeMap<String, String>,
    /// Whether the installation covers all repositories of the account.
    pub all_repositories: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallationChangeKind {
    Created,
    Deleted,
    Suspended,
    Unsuspended,
    NewPermissions,
    RepositoriesAdded,
    RepositoriesRemoved,
}
