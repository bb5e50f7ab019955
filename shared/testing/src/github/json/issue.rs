//! Issues, comments and labels.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::super::access::Level;
use super::super::state::{Account, AccountKind, Comment, Issue, Label, Repository};
use super::super::world::World;
use super::account::extend;
use super::repository::full_name;
use super::{app, node_id, time, user};

impl World {
    /// The simple user of a login, or null if the account is gone.
    pub(crate) fn user_json(&self, login: &str) -> Value {
        self.state.account(login).map_or(Value::Null, |account| user(&self.urls, account))
    }

    /// `{api}/repos/{owner}/{name}`.
    pub(crate) fn repository_api_url(&self, repository: &Repository) -> String {
        format!("{}/repos/{}", self.urls.api, full_name(&self.state, repository))
    }

    /// `{web}/{owner}/{name}`.
    pub(crate) fn repository_web_url(&self, repository: &Repository) -> String {
        format!("{}/{}", self.urls.web, full_name(&self.state, repository))
    }

    /// How GitHub names the author's relation to the repository.
    pub(crate) fn author_association(&self, repository: &Repository, login: &str) -> &'static str {
        let login = login.to_lowercase();
        let owner = self.state.account(&repository.owner);
        if repository.owner == login {
            return "OWNER";
        }
        if owner.is_some_and(|owner| owner.members.contains_key(&login)) {
            return "MEMBER";
        }
        if self.state.account(&login).is_some_and(|account| account.kind == AccountKind::Bot) {
            return "NONE";
        }
        match repository.permissions.get(&login) {
            Some(level) if *level > Level::None => "COLLABORATOR",
            _ => "NONE",
        }
    }

    fn app_json(&self, via_app: bool) -> Value {
        if via_app { app(self) } else { Value::Null }
    }
}

/// The labels that GitHub gives every new repository.
const DEFAULT_LABELS: [&str; 9] =
    ["bug", "documentation", "duplicate", "enhancement", "good first issue", "help wanted", "invalid", "question", "wontfix"];

/// A label.
pub(crate) fn label(repository_url: &str, label: &Label) -> Value {
    json!({
        "id": label.id,
        "node_id": node_id("Label", label.id),
        "url": format!("{repository_url}/labels/{}", utf8_percent_encode(&label.name, NON_ALPHANUMERIC)),
        "name": label.name,
        "color": label.color,
        "default": DEFAULT_LABELS.contains(&label.name.as_str()),
        "description": label.description,
    })
}

/// The labels of an issue.
pub(crate) fn labels(world: &World, repository: &Repository, issue: &Issue) -> Vec<Value> {
    let url = world.repository_api_url(repository);
    issue.labels.iter().filter_map(|key| repository.labels.get(key)).map(|found| label(&url, found)).collect()
}

/// The fields of both an issue's and a pull request's assignees.
pub(super) fn assignees(world: &World, issue: &Issue) -> Vec<Value> {
    issue.assignees.iter().map(|login| world.user_json(login)).collect()
}

/// An issue, also for the issue side of a pull request.
pub(crate) fn issue(world: &World, repository: &Repository, issue: &Issue) -> Value {
    let repository_url = world.repository_api_url(repository);
    let url = format!("{repository_url}/issues/{}", issue.number);
    let web = world.repository_web_url(repository);
    let page = if issue.pull.is_some() { "pull" } else { "issues" };
    let assignees = assignees(world, issue);
    let mut value = json!({
        "url": url,
        "repository_url": repository_url,
        "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"),
        "html_url": format!("{web}/{page}/{}", issue.number),
        "id": issue.id,
        "node_id": node_id("Issue", issue.id),
        "number": issue.number,
        "title": issue.title,
        "user": world.user_json(&issue.author),
        "labels": labels(world, repository, issue),
        "state": if issue.open { "open" } else { "closed" },
        "locked": issue.locked,
        "assignee": assignees.first(),
        "assignees": assignees,
        "milestone": null,
        "comments": issue.visible_comments().count(),
        "created_at": time(issue.created_at),
        "updated_at": time(issue.updated_at),
        "closed_at": issue.closed_at.map(time),
        "author_association": world.author_association(repository, &issue.author),
        "type": null,
        "active_lock_reason": null,
        "sub_issues_summary": {"total": 0, "completed": 0, "percent_completed": 0},
        "body": issue.body,
        "reactions": reactions(&url),
        "timeline_url": format!("{url}/timeline"),
        "performed_via_github_app": world.app_json(issue.via_app),
        "state_reason": issue.state_reason,
    });
    if let Some(pull) = &issue.pull {
        let page = format!("{web}/pull/{}", issue.number);
        extend(
            &mut value,
            json!({
                "draft": pull.draft,
                "pull_request": {
                    "url": format!("{repository_url}/pulls/{}", issue.number),
                    "html_url": page,
                    "diff_url": format!("{page}.diff"),
                    "patch_url": format!("{page}.patch"),
                    "merged_at": pull.merged_at.map(time),
                },
            }),
        );
    }
    value
}

/// A comment of an issue or pull request.
pub(crate) fn comment(world: &World, repository: &Repository, issue: &Issue, comment: &Comment) -> Value {
    let repository_url = world.repository_api_url(repository);
    let url = format!("{repository_url}/issues/comments/{}", comment.id);
    let page = if issue.pull.is_some() { "pull" } else { "issues" };
    json!({
        "url": url,
        "html_url": format!("{}/{page}/{}#issuecomment-{}", world.repository_web_url(repository), issue.number, comment.id),
        "issue_url": format!("{repository_url}/issues/{}", issue.number),
        "id": comment.id,
        "node_id": node_id("IssueComment", comment.id),
        "user": world.user_json(&comment.author),
        "created_at": time(comment.created_at),
        "updated_at": time(comment.updated_at),
        "author_association": world.author_association(repository, &comment.author),
        "body": comment.body,
        "reactions": reactions(&url),
        "performed_via_github_app": world.app_json(comment.via_app),
    })
}

/// No reactions, in full.
pub(super) fn reactions(url: &str) -> Value {
    json!({
        "url": format!("{url}/reactions"), "total_count": 0, "+1": 0, "-1": 0, "laugh": 0, "hooray": 0, "confused": 0, "heart": 0,
        "rocket": 0, "eyes": 0,
    })
}

/// The noreply address that GitHub gives an account.
pub(crate) fn noreply_email(account: &Account) -> String {
    format!("{}+{}@users.noreply.github.com", account.id, account.login)
}
