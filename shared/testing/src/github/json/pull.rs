//! Pull requests, reviews and review comments.

use serde_json::{Value, json};

use super::super::git_diff::FileDiff;
use super::super::state::{Issue, Pull, Repository, Review, ReviewComment};
use super::super::world::World;
use super::account::extend;
use super::issue::{assignees, reactions};
use super::{labels, node_id, repository, team, time, user};

/// What only git knows of a pull request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PullGit {
    pub commits: u64,
    pub additions: u64,
    pub deletions: u64,
    pub changed_files: u64,
    pub mergeable: Option<bool>,
}

impl PullGit {
    /// Sums up the files of a pull request.
    pub(crate) fn of(files: &[FileDiff], commits: u64, mergeable: Option<bool>) -> Self {
        Self {
            commits,
            additions: files.iter().map(|file| file.additions).sum(),
            deletions: files.iter().map(|file| file.deletions).sum(),
            changed_files: files.len() as u64,
            mergeable,
        }
    }
}

/// A pull request as lists show it.
pub(crate) fn pull_simple(world: &World, found: &Repository, issue: &Issue, pull: &Pull) -> Value {
    let repository_url = world.repository_api_url(found);
    let url = format!("{repository_url}/pulls/{}", issue.number);
    let issue_url = format!("{repository_url}/issues/{}", issue.number);
    let html_url = format!("{}/pull/{}", world.repository_web_url(found), issue.number);
    let statuses_url = format!("{repository_url}/statuses/{}", pull.head_sha);
    let assignees = assignees(world, issue);
    json!({
        "url": url,
        "id": pull.id,
        "node_id": node_id("PullRequest", pull.id),
        "html_url": html_url,
        "diff_url": format!("{html_url}.diff"),
        "patch_url": format!("{html_url}.patch"),
        "issue_url": issue_url,
        "number": issue.number,
        "state": if issue.open { "open" } else { "closed" },
        "locked": issue.locked,
        "title": issue.title,
        "user": world.user_json(&issue.author),
        "body": issue.body,
        "created_at": time(issue.created_at),
        "updated_at": time(issue.updated_at),
        "closed_at": issue.closed_at.map(time),
        "merged_at": pull.merged_at.map(time),
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": assignees.first(),
        "assignees": assignees,
        "requested_reviewers": pull.requested_reviewers.iter().map(|login| world.user_json(login)).collect::<Vec<_>>(),
        "requested_teams": requested_teams(world, found, pull),
        "labels": labels(world, found, issue),
        "milestone": null,
        "draft": pull.draft,
        "commits_url": format!("{url}/commits"),
        "review_comments_url": format!("{url}/comments"),
        "review_comment_url": format!("{repository_url}/pulls/comments{{/number}}"),
        "comments_url": format!("{issue_url}/comments"),
        "statuses_url": statuses_url,
        "head": head(world, found, pull),
        "base": end(world, found, &pull.base_ref, &pull.base_sha),
        "_links": links(&repository_url, &html_url, issue.number, &pull.head_sha),
        "author_association": world.author_association(found, &issue.author),
        "auto_merge": null,
        "active_lock_reason": null,
    })
}

/// A pull request in full, as `GET` and webhook payloads show it.
pub(crate) fn pull_full(world: &World, found: &Repository, issue: &Issue, pull: &Pull, git: PullGit) -> Value {
    let mut value = pull_simple(world, found, issue, pull);
    extend(
        &mut value,
        json!({
            "merged": pull.merged_at.is_some(),
            "mergeable": if issue.open { git.mergeable } else { None },
            "rebaseable": if issue.open { git.mergeable } else { None },
            "mergeable_state": match git.mergeable { Some(true) => "clean", Some(false) => "dirty", None => "unknown" },
            "merged_by": pull.merged_by.as_deref().map(|login| world.user_json(login)),
            "comments": issue.visible_comments().count(),
            "review_comments": pull.review_comments.len(),
            "maintainer_can_modify": pull.maintainer_can_modify,
            "commits": git.commits,
            "additions": git.additions,
            "deletions": git.deletions,
            "changed_files": git.changed_files,
        }),
    );
    value
}

fn links(repository_url: &str, html_url: &str, number: u64, head_sha: &str) -> Value {
    let url = format!("{repository_url}/pulls/{number}");
    let issue_url = format!("{repository_url}/issues/{number}");
    json!({
        "self": {"href": url},
        "html": {"href": html_url},
        "issue": {"href": issue_url},
        "comments": {"href": format!("{issue_url}/comments")},
        "review_comments": {"href": format!("{url}/comments")},
        "review_comment": {"href": format!("{repository_url}/pulls/comments{{/number}}")},
        "commits": {"href": format!("{url}/commits")},
        "statuses": {"href": format!("{repository_url}/statuses/{head_sha}")},
    })
}

fn requested_teams(world: &World, found: &Repository, pull: &Pull) -> Vec<Value> {
    let organization = world.state.account(&found.owner);
    organization.iter().flat_map(|owner| pull.requested_teams.iter().map(|slug| team(&world.urls, owner, slug))).collect()
}

// A fork is its original but for id, owner and addresses.
fn head(world: &World, found: &Repository, pull: &Pull) -> Value {
    let Some(fork) = &pull.fork else { return end(world, found, &pull.head_ref, &pull.head_sha) };
    let forked = Repository { id: fork.id, owner: fork.owner.to_lowercase(), ..found.clone() };
    let mut value = end(world, &forked, &pull.head_ref, &pull.head_sha);
    value["repo"]["fork"] = json!(true);
    value
}

fn end(world: &World, found: &Repository, name: &str, sha: &str) -> Value {
    let owner = world.state.account(&found.owner);
    json!({
        "label": format!("{}:{name}", owner.map_or(found.owner.as_str(), |owner| owner.login.as_str())),
        "ref": name,
        "sha": sha,
        "user": owner.map(|owner| user(&world.urls, owner)),
        "repo": repository(&world.urls, &world.state, found),
    })
}

/// A review; the state's case differs between REST (upper) and webhooks (lower).
pub(crate) fn review(world: &World, found: &Repository, number: u64, review: &Review, webhook: bool) -> Value {
    let html_url = format!("{}/pull/{number}#pullrequestreview-{}", world.repository_web_url(found), review.id);
    let pull_url = format!("{}/pulls/{number}", world.repository_api_url(found));
    json!({
        "id": review.id,
        "node_id": node_id("PullRequestReview", review.id),
        "user": world.user_json(&review.author),
        "body": if webhook && review.body.is_empty() { Value::Null } else { json!(review.body) },
        "state": if webhook { review.state.to_lowercase() } else { review.state.clone() },
        "html_url": html_url,
        "pull_request_url": pull_url,
        "author_association": world.author_association(found, &review.author),
        "_links": {"html": {"href": html_url}, "pull_request": {"href": pull_url}},
        "submitted_at": time(review.submitted_at),
        "commit_id": review.commit_id,
    })
}

/// A comment on a line of a pull request's diff.
pub(crate) fn review_comment(world: &World, found: &Repository, number: u64, comment: &ReviewComment) -> Value {
    let url = format!("{}/pulls/comments/{}", world.repository_api_url(found), comment.id);
    let html_url = format!("{}/pull/{number}#discussion_r{}", world.repository_web_url(found), comment.id);
    let pull_url = format!("{}/pulls/{number}", world.repository_api_url(found));
    let mut value = json!({
        "url": url,
        "pull_request_review_id": comment.review,
        "id": comment.id,
        "node_id": node_id("PullRequestReviewComment", comment.id),
        "diff_hunk": comment.diff_hunk,
        "path": comment.path,
        "position": comment.line,
        "original_position": comment.line,
        "commit_id": comment.commit_id,
        "original_commit_id": comment.commit_id,
        "user": world.user_json(&comment.author),
        "body": comment.body,
        "created_at": time(comment.created_at),
        "updated_at": time(comment.updated_at),
        "html_url": html_url,
        "pull_request_url": pull_url,
        "author_association": world.author_association(found, &comment.author),
        "_links": {"self": {"href": url}, "html": {"href": html_url}, "pull_request": {"href": pull_url}},
        "reactions": reactions(&url),
        "start_line": null,
        "original_start_line": null,
        "start_side": null,
        "line": comment.line,
        "original_line": comment.line,
        "side": comment.side,
        "subject_type": if comment.line.is_some() { "line" } else { "file" },
    });
    if let Some(parent) = comment.in_reply_to {
        value["in_reply_to_id"] = json!(parent);
    }
    value
}
