//! What the local GitHub remembers: accounts, tokens, installations, repositories with their threads, the delivery log.
//!
//! Plain data that is written to one JSON file. Git objects lie in bare repositories beside it, payloads of deliveries in
//! files of their own.

mod checks;

pub(crate) use checks::{CheckAnnotation, CheckRun, CheckSuite, Discussion};

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::{Access, Level};

/// Everything that survives a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub counters: BTreeMap<IdKind, u64>,
    /// By login in lower case.
    pub accounts: BTreeMap<String, Account>,
    /// By the token itself.
    pub tokens: BTreeMap<String, Token>,
    pub installations: BTreeMap<u64, Installation>,
    pub repositories: BTreeMap<u64, Repository>,
    pub deliveries: BTreeMap<u64, Delivery>,
    /// Names (`owner/name` in lower case) that repositories had before.
    #[serde(default)]
    pub moved: BTreeMap<String, u64>,
    /// Trees with more entries than this are shown truncated; GitHub's own limit is 100,000.
    #[serde(default)]
    pub tree_limit: Option<usize>,
    pub hook: Hook,
}

/// The kinds of ids, each with a counter of its own that starts where GitHub's are today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdKind {
    Account,
    Repository,
    Issue,
    Comment,
    Label,
    Pull,
    Review,
    ReviewComment,
    Installation,
    Delivery,
    CheckSuite,
    CheckRun,
    Discussion,
    DiscussionComment,
    /// Whatever is told in events alone: releases, deployments, workflow runs.
    Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AccountKind {
    User,
    Organization,
    Bot,
}

/// A user, an organization or an App's bot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    pub id: u64,
    pub login: String,
    pub kind: AccountKind,
    pub created_at: Timestamp,
    /// An organization's members by login in lower case; the value says whether the member owns it.
    pub members: BTreeMap<String, bool>,
    /// An organization's teams by slug, with the logins of their members in lower case.
    #[serde(default)]
    pub teams: BTreeMap<String, BTreeSet<String>>,
}

/// What a token stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Token {
    User {
        login: String,
    },
    Installation {
        installation: u64,
        /// Narrowed to these repositories; `None`: all that the installation has.
        repositories: Option<BTreeSet<u64>>,
        permissions: BTreeMap<String, Access>,
        expires_at: Timestamp,
    },
}

/// The App, installed on an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Installation {
    pub id: u64,
    /// Login of the account in lower case.
    pub account: String,
    /// `None`: all repositories of the account.
    pub selected: Option<BTreeSet<u64>>,
    pub permissions: BTreeMap<String, Access>,
    pub events: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub suspended_at: Option<Timestamp>,
    pub suspended_by: Option<String>,
}

/// A repository and its threads; issues and pull requests share one line of numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Repository {
    pub id: u64,
    /// Login of the owner in lower case.
    pub owner: String,
    pub name: String,
    pub description: Option<String>,
    pub private: bool,
    pub archived: bool,
    pub default_branch: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub pushed_at: Timestamp,
    pub issues: BTreeMap<u64, Issue>,
    pub labels: BTreeMap<String, Label>,
    /// Levels given to single people, by login in lower case.
    pub permissions: BTreeMap<String, Level>,
    /// The refs as they were when events were last made of them.
    pub refs: BTreeMap<String, String>,
    /// Commits that GitHub itself signed for the App.
    pub verified: BTreeSet<String>,
    #[serde(default)]
    pub check_suites: BTreeMap<u64, CheckSuite>,
    #[serde(default)]
    pub check_runs: BTreeMap<u64, CheckRun>,
    #[serde(default)]
    pub discussions: BTreeMap<u64, Discussion>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Label {
    pub id: u64,
    pub name: String,
    pub color: String,
    pub description: Option<String>,
}

/// An issue, or the issue side of a pull request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Issue {
    pub id: u64,
    pub number: u64,
    pub title: String,
    pub body: Option<String>,
    pub author: String,
    pub via_app: bool,
    pub open: bool,
    pub state_reason: Option<String>,
    pub locked: bool,
    /// Keys into the repository's labels.
    pub labels: Vec<String>,
    pub assignees: Vec<String>,
    pub comments: Vec<Comment>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub closed_by: Option<String>,
    pub pull: Option<Pull>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Comment {
    pub id: u64,
    pub author: String,
    pub via_app: bool,
    pub body: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Every body that it ever had, with the time to the millisecond.
    pub history: Vec<(Timestamp, String)>,
    pub deleted: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pull {
    pub id: u64,
    pub head_ref: String,
    pub head_sha: String,
    pub base_ref: String,
    pub base_sha: String,
    pub draft: bool,
    pub merged_at: Option<Timestamp>,
    pub merged_by: Option<String>,
    pub merge_commit_sha: Option<String>,
    pub maintainer_can_modify: bool,
    pub reviews: Vec<Review>,
    pub review_comments: Vec<ReviewComment>,
    #[serde(default)]
    pub requested_reviewers: Vec<String>,
    /// Slugs of teams of the organization.
    #[serde(default)]
    pub requested_teams: Vec<String>,
    /// The fork that the head lives in; `None`: the repository itself.
    #[serde(default)]
    pub fork: Option<Fork>,
}

/// A fork, of which nothing exists here but the heads of its pull requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fork {
    pub id: u64,
    pub owner: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Review {
    pub id: u64,
    pub author: String,
    pub body: String,
    /// `COMMENTED`, `APPROVED` or `CHANGES_REQUESTED`.
    pub state: String,
    pub commit_id: String,
    pub submitted_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReviewComment {
    pub id: u64,
    pub review: u64,
    pub author: String,
    pub body: String,
    pub path: String,
    pub line: Option<u64>,
    pub side: String,
    pub diff_hunk: String,
    pub commit_id: String,
    pub in_reply_to: Option<u64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// Where the App's events go.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Hook {
    pub url: Option<String>,
    pub secret: String,
}

/// One attempt to deliver an event; its payload lies in `deliveries/<guid>.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub id: u64,
    pub guid: String,
    pub event: String,
    pub action: Option<String>,
    pub installation: Option<u64>,
    pub repository: Option<u64>,
    pub redelivery: bool,
    pub url: String,
    pub request_headers: BTreeMap<String, String>,
    pub queued_at: Timestamp,
    pub outcome: Option<Outcome>,
}

/// What came of a delivery.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub delivered_at: Timestamp,
    pub seconds: f64,
    pub status: String,
    pub status_code: u16,
    pub response_headers: BTreeMap<String, String>,
    pub response_body: String,
}

impl IdKind {
    fn first(self) -> u64 {
        match self {
            Self::Account => 21_031_067,
            Self::Repository => 886_853_002,
            Self::Issue => 2_844_500_041,
            Self::Comment => 2_992_700_400,
            Self::Label => 7_362_934_389,
            Self::Pull => 2_279_147_437,
            Self::Review => 2_637_895_671,
            Self::ReviewComment => 1_984_312_630,
            Self::Installation => 59_957_387,
            Self::Delivery => 152_345_678_901,
            Self::CheckSuite => 48_211_907_553,
            Self::CheckRun => 55_120_938_811,
            Self::Discussion => 9_120_443,
            Self::DiscussionComment => 14_820_171,
            Self::Told => 261_440_917,
        }
    }
}

impl State {
    /// A new id of its kind, never given out before.
    pub(crate) fn next_id(&mut self, kind: IdKind) -> u64 {
        let next = self.counters.entry(kind).or_insert_with(|| kind.first());
        *next += 1;
        *next
    }

    /// The account of a login, in any case.
    pub(crate) fn account(&self, login: &str) -> Option<&Account> {
        self.accounts.get(&login.to_lowercase())
    }

    /// The repository `owner/name`, in any case.
    pub(crate) fn repository(&self, owner: &str, name: &str) -> Option<&Repository> {
        let name = name.strip_suffix(".git").unwrap_or(name);
        self.repositories
            .values()
            .find(|repository| repository.owner.eq_ignore_ascii_case(owner) && repository.name.eq_ignore_ascii_case(name))
    }

    /// The installation that covers a repository, suspended or not.
    pub(crate) fn installation_of(&self, repository: &Repository) -> Option<&Installation> {
        self.installations.values().find(|installation| installation.covers(repository))
    }

    /// The repositories of an installation, in the order they were made.
    pub(crate) fn repositories_of<'a>(&'a self, installation: &'a Installation) -> impl Iterator<Item = &'a Repository> {
        self.repositories.values().filter(|repository| installation.covers(repository))
    }
}

impl Installation {
    /// Whether the repository belongs to the installation.
    pub(crate) fn covers(&self, repository: &Repository) -> bool {
        self.account == repository.owner && self.selected.as_ref().is_none_or(|ids| ids.contains(&repository.id))
    }
}

impl Repository {
    /// The number of the next issue, pull request or discussion.
    pub(crate) fn next_number(&self) -> u64 {
        let last = self.issues.keys().next_back().max(self.discussions.keys().next_back());
        last.map_or(1, |last| last + 1)
    }
}

impl Issue {
    /// The comments that have not been deleted, oldest first.
    pub(crate) fn visible_comments(&self) -> impl Iterator<Item = &Comment> {
        self.comments.iter().filter(|comment| !comment.deleted)
    }
}

/// The present time to the second, as GitHub's timestamps are.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
