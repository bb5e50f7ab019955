//! Looking at what happened, in process and without a token: for assertions, and for the demo's summary.
//!
//! What does not exist is `None` or empty: waiting for it is the usual next step.

use std::collections::BTreeMap;

use anyhow::Result;
use jiff::Timestamp;
use serde_json::Value;

use super::LocalGithub;
use super::access::Access;
use super::seed::repository_id;
use super::state::{Comment, Delivery, Issue, Repository, Token};
use super::world::World;

/// An issue, or the issue side of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssueView {
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The login of who opened it.
    pub author: String,
    /// Whether it is open.
    pub open: bool,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// Whether it is a pull request.
    pub is_pull: bool,
    /// The address of its page.
    pub url: String,
}

/// A comment that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentView {
    /// Its id.
    pub id: u64,
    /// The login of who wrote it.
    pub author: String,
    /// Its text now.
    pub body: String,
    /// The address of it on its thread's page.
    pub url: String,
}

/// Every text that a comment ever had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentHistory {
    /// Its id.
    pub id: u64,
    /// The login of who wrote it.
    pub author: String,
    /// Each text with the time from which it stood.
    pub bodies: Vec<(Timestamp, String)>,
    /// Whether it has been deleted since.
    pub deleted: bool,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullView {
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text.
    pub body: String,
    /// The login of who opened it.
    pub author: String,
    /// Whether it is open.
    pub open: bool,
    /// Whether it is a draft.
    pub draft: bool,
    /// Its branch.
    pub head: String,
    /// The newest commit of its branch.
    pub head_sha: String,
    /// The branch that it is to be merged into.
    pub base: String,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// The address of its page.
    pub url: String,
}

/// A file that a pull request changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileView {
    /// Its path.
    pub path: String,
    /// `added`, `removed`, `modified` or `renamed`.
    pub status: String,
    /// Lines added.
    pub additions: u64,
    /// Lines deleted.
    pub deletions: u64,
}

/// An installation token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenView {
    /// The token itself.
    pub token: String,
    /// The names of the repositories that it is narrowed to; empty: all.
    pub repositories: Vec<String>,
    /// What it lets its bearer do.
    pub permissions: BTreeMap<String, Access>,
}

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryView {
    /// The attempt's id.
    pub id: u64,
    /// The event's id, the same for all attempts.
    pub guid: String,
    /// The event's name.
    pub event: String,
    /// Its action, if it has one.
    pub action: Option<String>,
    /// Whether it was asked for.
    pub redelivery: bool,
    /// The answer's status; `None` while it has not been attempted.
    pub status_code: Option<u16>,
    /// How long the answer took, in milliseconds.
    pub milliseconds: Option<u64>,
}

impl LocalGithub {
    pub(super) fn see<T>(&self, repository: &str, look: impl FnOnce(&World, &Repository) -> Option<T>) -> Option<T> {
        self.store.look(|world| look(world, world.state.repositories.get(&repository_id(world, repository)?)?))
    }

    /// The id and `owner/name` of every repository, in the order they were made.
    #[must_use]
    pub fn repositories(&self) -> Vec<(u64, String)> {
        let full_name = |world: &World, one: &Repository| {
            let owner = world.state.account(&one.owner).map_or(one.owner.as_str(), |owner| owner.login.as_str());
            format!("{owner}/{}", one.name)
        };
        self.store.look(|world| world.state.repositories.values().map(|one| (one.id, full_name(world, one))).collect())
    }

    /// An issue or pull request.
    #[must_use]
    pub fn issue(&self, repository: &str, number: u64) -> Option<IssueView> {
        self.see(repository, |world, found| Some(issue_view(world, found, found.issues.get(&number)?)))
    }

    /// All issues of a repository, without pull requests, in the order of their numbers.
    #[must_use]
    pub fn issues(&self, repository: &str) -> Vec<IssueView> {
        let list = |world: &World, found: &Repository| {
            found.issues.values().filter(|issue| issue.pull.is_none()).map(|issue| issue_view(world, found, issue)).collect()
        };
        self.see(repository, |world, found| Some(list(world, found))).unwrap_or_default()
    }

    /// The comments of a thread, oldest first.
    #[must_use]
    pub fn comments(&self, repository: &str, number: u64) -> Vec<CommentView> {
        let list = |world: &World, found: &Repository, issue: &Issue| {
            let url = issue_view(world, found, issue).url;
            let view = |comment: &Comment| CommentView {
                id: comment.id,
                author: comment.author.clone(),
                body: comment.body.clone(),
                url: format!("{url}#issuecomment-{}", comment.id),
            };
            issue.visible_comments().map(view).collect()
        };
        self.see(repository, |world, found| Some(list(world, found, found.issues.get(&number)?))).unwrap_or_default()
    }

    /// Every comment that a thread ever had, with every text that it ever had.
    #[must_use]
    pub fn comment_history(&self, repository: &str, number: u64) -> Vec<CommentHistory> {
        let history = |comment: &Comment| CommentHistory {
            id: comment.id,
            author: comment.author.clone(),
            bodies: comment.history.clone(),
            deleted: comment.deleted,
        };
        self.see(repository, |_, found| Some(found.issues.get(&number)?.comments.iter().map(history).collect())).unwrap_or_default()
    }

    /// All pull requests of a repository, open or not, in the order of their numbers.
    #[must_use]
    pub fn pulls(&self, repository: &str) -> Vec<PullView> {
        let list = |world: &World, found: &Repository| found.issues.values().filter_map(|issue| pull_view(world, found, issue)).collect();
        self.see(repository, |world, found| Some(list(world, found))).unwrap_or_default()
    }

    /// The files that a pull request changes.
    ///
    /// # Errors
    /// When there is no such pull request.
    pub fn pull_files(&self, repository: &str, number: u64) -> Result<Vec<FileView>> {
        let files = self.store.look(|world| world.pull_files(repository_id(world, repository).unwrap_or_default(), number))?;
        let view = |file: super::git_diff::FileDiff| FileView {
            path: file.path,
            status: file.status.to_owned(),
            additions: file.additions,
            deletions: file.deletions,
        };
        Ok(files.into_iter().map(view).collect())
    }

    /// The unified diff of a pull request.
    #[must_use]
    pub fn pull_diff(&self, repository: &str, number: u64) -> Option<String> {
        self.see(repository, |world, found| {
            let pull = found.issues.get(&number)?.pull.as_ref()?;
            let git = world.git(found.id);
            let from = git.merge_base(&pull.base_sha, &pull.head_sha)?;
            git.diff_text(&from, &pull.head_sha).ok()
        })
    }

    /// The newest commit of a branch.
    #[must_use]
    pub fn branch_head(&self, repository: &str, branch: &str) -> Option<String> {
        self.see(repository, |world, found| world.git(found.id).ref_target(&format!("refs/heads/{branch}")))
    }

    /// The branches of a repository.
    #[must_use]
    pub fn branches(&self, repository: &str) -> Vec<String> {
        let strip = |name: &String| name.strip_prefix("refs/heads/").map(str::to_owned);
        self.see(repository, |world, found| Some(world.git(found.id).refs().ok()?.keys().filter_map(strip).collect())).unwrap_or_default()
    }

    /// A file at a branch, tag or commit.
    #[must_use]
    pub fn file(&self, repository: &str, revision: &str, path: &str) -> Option<Vec<u8>> {
        self.see(repository, |world, found| {
            let git = world.git(found.id);
            git.read_blob(&git.entry_at(&git.resolve(revision)?, path)?.sha)
        })
    }

    /// The messages of a branch's commits, newest first.
    #[must_use]
    pub fn commit_messages(&self, repository: &str, revision: &str) -> Vec<String> {
        self.see(repository, |world, found| {
            let git = world.git(found.id);
            let shas = git.history(&git.resolve(revision)?, &[], 1_000).ok()?;
            Some(shas.iter().filter_map(|sha| git.read_commit(sha)).map(|commit| commit.message).collect())
        })
        .unwrap_or_default()
    }

    /// Whether a commit would be shown as verified.
    #[must_use]
    pub fn is_verified(&self, repository: &str, sha: &str) -> bool {
        self.see(repository, |_, found| Some(found.verified.contains(sha))).unwrap_or(false)
    }

    /// Every installation token that is out, oldest first: what a thief would like to have.
    #[must_use]
    pub fn installation_tokens(&self) -> Vec<TokenView> {
        let view = |world: &World, (token, kind): (&String, &Token)| {
            let Token::Installation { repositories, permissions, expires_at, .. } = kind else { return None };
            let name = |id: &u64| world.state.repositories.get(id).map(|found| found.name.clone());
            let repositories = repositories.iter().flatten().filter_map(name).collect();
            Some((*expires_at, TokenView { token: token.clone(), repositories, permissions: permissions.clone() }))
        };
        let mut tokens: Vec<_> = self.store.look(|world| world.state.tokens.iter().filter_map(|token| view(world, token)).collect());
        tokens.sort_by_key(|(expires_at, _)| *expires_at);
        tokens.into_iter().map(|(_, token)| token).collect()
    }

    /// Every attempt to deliver an event, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryView> {
        let view = |delivery: &Delivery| DeliveryView {
            id: delivery.id,
            guid: delivery.guid.clone(),
            event: delivery.event.clone(),
            action: delivery.action.clone(),
            redelivery: delivery.redelivery,
            status_code: delivery.outcome.as_ref().map(|outcome| outcome.status_code),
            milliseconds: delivery.outcome.as_ref().map(|outcome| (outcome.seconds * 1_000.0) as u64),
        };
        self.store.look(|world| world.state.deliveries.values().map(view).collect())
    }

    /// The payload of an event, as it was sent.
    ///
    /// # Errors
    /// When no event has that id.
    pub fn delivery_payload(&self, guid: &str) -> Result<Value> {
        Ok(serde_json::from_slice(&self.store.look(|world| world.payload(guid))?)?)
    }
}

fn label_names(found: &Repository, issue: &Issue) -> Vec<String> {
    issue.labels.iter().filter_map(|key| found.labels.get(key)).map(|label| label.name.clone()).collect()
}

fn issue_view(world: &World, found: &Repository, issue: &Issue) -> IssueView {
    let page = if issue.pull.is_some() { "pull" } else { "issues" };
    IssueView {
        number: issue.number,
        title: issue.title.clone(),
        body: issue.body.clone().unwrap_or_default(),
        author: issue.author.clone(),
        open: issue.open,
        labels: label_names(found, issue),
        is_pull: issue.pull.is_some(),
        url: format!("{}/{page}/{}", world.repository_web_url(found), issue.number),
    }
}

fn pull_view(world: &World, found: &Repository, issue: &Issue) -> Option<PullView> {
    let pull = issue.pull.as_ref()?;
    let shared = issue_view(world, found, issue);
    Some(PullView {
        number: issue.number,
        title: shared.title,
        body: shared.body,
        author: shared.author,
        open: issue.open,
        draft: pull.draft,
        head: pull.head_ref.clone(),
        head_sha: pull.head_sha.clone(),
        base: pull.base_ref.clone(),
        labels: shared.labels,
        url: shared.url,
    })
}
