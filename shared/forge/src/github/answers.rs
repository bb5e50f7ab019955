//! The narrow part of the REST API's answers that Patchbay reads, and how it becomes the contract's words.

use crate::{CommentRef, LoggedDelivery, PermissionLevel, PullRequest};
use jiff::Timestamp;
use patchbay_domain::event::{PullRequestRefs, Repository};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct AppAnswer {
    pub(super) id: u64,
    pub(super) slug: String,
}

#[derive(Deserialize)]
pub(super) struct UserAnswer {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) login: String,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

#[derive(Deserialize)]
pub(super) struct InstallationAnswer {
    pub(super) account: UserAnswer,
    pub(super) suspended_at: Option<String>,
    #[serde(default)]
    pub(super) repository_selection: String,
    #[serde(default)]
    pub(super) permissions: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(super) struct RepositoryAnswer {
    pub(super) id: u64,
    name: String,
    owner: UserAnswer,
    default_branch: Option<String>,
    #[serde(default)]
    private: bool,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) disabled: bool,
}

impl RepositoryAnswer {
    pub(super) fn into_repository(self) -> Repository {
        let Self { id, name, owner, default_branch, private, .. } = self;
        Repository { id, owner: owner.login, name, default_branch, private }
    }
}

#[derive(Deserialize)]
pub(super) struct PermissionAnswer {
    permission: String,
    role_name: Option<String>,
    pub(super) user: Option<UserAnswer>,
}

impl PermissionAnswer {
    /// The role where it is one of GitHub's own; a custom role counts as the old permission that it is based on, which
    /// knows neither triage nor maintain.
    pub(super) fn level(&self) -> PermissionLevel {
        let level = |word: &str| match word {
            "admin" => Some(PermissionLevel::Admin),
            "maintain" => Some(PermissionLevel::Maintain),
            "write" => Some(PermissionLevel::Write),
            "triage" => Some(PermissionLevel::Triage),
            "read" => Some(PermissionLevel::Read),
            "none" => Some(PermissionLevel::None),
            _ => None,
        };
        self.role_name.as_deref().and_then(level).or_else(|| level(&self.permission)).unwrap_or(PermissionLevel::None)
    }
}

#[derive(Deserialize)]
pub(super) struct MembershipAnswer {
    /// `active`, or `pending` for somebody invited.
    pub(super) state: String,
}

#[derive(Deserialize)]
pub(super) struct PullRequestAnswer {
    number: u64,
    title: String,
    html_url: String,
    state: String,
    merged_at: Option<Timestamp>,
    user: Option<UserAnswer>,
    head: SideAnswer,
    base: SideAnswer,
}

#[derive(Deserialize)]
struct SideAnswer {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    /// Null for a deleted fork.
    repo: Option<IdAnswer>,
}

#[derive(Deserialize)]
pub(super) struct IdAnswer {
    pub(super) id: u64,
}

impl PullRequestAnswer {
    pub(super) fn into_pull_request(self) -> PullRequest {
        PullRequest {
            number: self.number,
            title: self.title,
            url: self.html_url,
            open: self.state == "open",
            merged: self.merged_at.is_some(),
            author_id: self.user.map(|user| user.id),
            refs: PullRequestRefs {
                head_branch: self.head.branch,
                head_sha: self.head.sha,
                head_repository_id: self.head.repo.map(|repo| repo.id),
                base_branch: self.base.branch,
            },
        }
    }
}

#[derive(Deserialize)]
pub(super) struct CommentAnswer {
    id: u64,
    pub(super) body: Option<String>,
    html_url: String,
    pub(super) user: Option<UserAnswer>,
    pub(super) performed_via_github_app: Option<IdAnswer>,
}

impl CommentAnswer {
    pub(super) fn into_comment(self) -> CommentRef {
        CommentRef { id: self.id, body: self.body.unwrap_or_default(), url: self.html_url }
    }
}

/// The part of an issue that says who is assigned.
#[derive(Deserialize)]
pub(super) struct AssignedAnswer {
    pub(super) assignees: Vec<UserAnswer>,
}

/// Blobs, trees and commits answer with their name; refs with what they point at.
#[derive(Deserialize)]
pub(super) struct ObjectAnswer {
    pub(super) sha: String,
}

#[derive(Deserialize)]
pub(super) struct RefAnswer {
    pub(super) object: ObjectAnswer,
}

#[derive(Deserialize)]
pub(super) struct CommitAnswer {
    pub(super) message: String,
    pub(super) tree: ObjectAnswer,
}

#[derive(Deserialize)]
pub(super) struct DeliveryAnswer {
    id: u64,
    pub(super) guid: String,
    pub(super) delivered_at: Timestamp,
    #[serde(default)]
    redelivery: bool,
    #[serde(default)]
    pub(super) status_code: u16,
    pub(super) event: String,
    action: Option<String>,
}

impl DeliveryAnswer {
    pub(super) fn into_delivery(self) -> LoggedDelivery {
        let Self { id, guid, delivered_at, redelivery, status_code, event, action } = self;
        LoggedDelivery { id, guid, delivered_at, status_code, event, action, redelivery }
    }
}

#[derive(Deserialize)]
pub(super) struct DeliveryDetailAnswer {
    pub(super) guid: String,
    pub(super) event: String,
    pub(super) request: DeliveryRequestAnswer,
}

#[derive(Deserialize)]
pub(super) struct DeliveryRequestAnswer {
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Value>,
    pub(super) payload: Value,
}
