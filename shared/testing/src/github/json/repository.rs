//! Repositories, in the four sizes that GitHub shows them in.

use serde_json::{Value, json};

use super::super::access::Level;
use super::super::state::{AccountKind, Repository, State};
use super::account::extend;
use super::{Urls, node_id, time, user};

// The URL fields that follow from the repository's own API address: (field, rest of the path).
const API_URLS: [(&str, &str); 35] = [
    ("forks_url", "/forks"),
    ("keys_url", "/keys{/key_id}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("teams_url", "/teams"),
    ("hooks_url", "/hooks"),
    ("issue_events_url", "/issues/events{/number}"),
    ("events_url", "/events"),
    ("assignees_url", "/assignees{/user}"),
    ("branches_url", "/branches{/branch}"),
    ("tags_url", "/tags"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("trees_url", "/git/trees{/sha}"),
    ("statuses_url", "/statuses/{sha}"),
    ("languages_url", "/languages"),
    ("stargazers_url", "/stargazers"),
    ("contributors_url", "/contributors"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("commits_url", "/commits{/sha}"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("comments_url", "/comments{/number}"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("contents_url", "/contents/{+path}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("merges_url", "/merges"),
    ("archive_url", "/{archive_format}{/ref}"),
    ("downloads_url", "/downloads"),
    ("issues_url", "/issues{/number}"),
    ("pulls_url", "/pulls{/number}"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("labels_url", "/labels{/name}"),
    ("releases_url", "/releases{/id}"),
];

/// The name that stands in URLs: `owner/name`, in the owner's own spelling.
pub(crate) fn full_name(state: &State, repository: &Repository) -> String {
    let owner = state.account(&repository.owner).map_or(repository.owner.as_str(), |owner| owner.login.as_str());
    format!("{owner}/{}", repository.name)
}

/// A repository as it stands in webhook payloads and inside other objects.
pub(crate) fn repository(urls: &Urls, state: &State, repository: &Repository) -> Value {
    let full_name = full_name(state, repository);
    let url = format!("{}/repos/{full_name}", urls.api);
    let html_url = format!("{}/{full_name}", urls.web);
    let host = urls.web.trim_start_matches("http://");
    let open = repository.issues.values().filter(|issue| issue.open).count();
    let mut value = json!({
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": full_name,
        "owner": state.account(&repository.owner).map(|owner| user(urls, owner)),
        "html_url": html_url,
        "description": repository.description,
        "fork": false,
        "url": url,
        "deployments_url": format!("{url}/deployments"),
        "created_at": time(repository.created_at),
        "updated_at": time(repository.updated_at),
        "pushed_at": time(repository.pushed_at),
        "git_url": format!("git://{host}/{full_name}.git"),
        "ssh_url": format!("git@{host}:{full_name}.git"),
        "clone_url": format!("{html_url}.git"),
        "svn_url": html_url,
        "private": repository.private,
        "archived": repository.archived,
        "visibility": if repository.private { "private" } else { "public" },
        "default_branch": repository.default_branch,
        "open_issues_count": open,
        "open_issues": open,
    });
    extend(&mut value, unused_features());
    for (field, rest) in API_URLS {
        value[field] = Value::String(format!("{url}{rest}"));
    }
    value
}

// What every repository here has in common, for want of forks, stars, pages and the like.
fn unused_features() -> Value {
    json!({
        "homepage": null,
        "size": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "language": null,
        "has_issues": true,
        "has_projects": true,
        "has_downloads": true,
        "has_wiki": true,
        "has_pages": false,
        "has_discussions": false,
        "forks_count": 0,
        "mirror_url": null,
        "disabled": false,
        "license": null,
        "allow_forking": true,
        "is_template": false,
        "web_commit_signoff_required": false,
        "topics": [],
        "forks": 0,
        "watchers": 0,
        "custom_properties": {},
    })
}

/// `GET /repos/{owner}/{repo}`; `level`: what the person who asks may do (a token of the App shows none).
pub(crate) fn full_repository(urls: &Urls, state: &State, found: &Repository, level: Option<Level>) -> Value {
    let mut value = repository(urls, state, found);
    let organization = state.account(&found.owner).filter(|owner| owner.kind == AccountKind::Organization);
    extend(
        &mut value,
        json!({
            "network_count": 0, "subscribers_count": 0, "temp_clone_token": null, "allow_squash_merge": true,
            "allow_merge_commit": true, "allow_rebase_merge": true, "allow_auto_merge": false, "allow_update_branch": false,
            "delete_branch_on_merge": false, "use_squash_pr_title_as_default": false,
            "squash_merge_commit_message": "COMMIT_MESSAGES", "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
            "merge_commit_message": "PR_TITLE", "merge_commit_title": "MERGE_MESSAGE",
        }),
    );
    if let Some(organization) = organization {
        value["organization"] = user(urls, organization);
    }
    if let Some(level) = level {
        value["permissions"] = permissions(level);
    }
    value
}

/// The repository of a push: older, with times in seconds and the owner's name.
pub(crate) fn push_repository(urls: &Urls, state: &State, found: &Repository) -> Value {
    let mut value = repository(urls, state, found);
    value["url"] = value["html_url"].clone();
    value["created_at"] = json!(found.created_at.as_second());
    value["pushed_at"] = json!(found.pushed_at.as_second());
    value["stargazers"] = json!(0);
    value["master_branch"] = json!(found.default_branch);
    if let Some(owner) = state.account(&found.owner) {
        value["owner"]["name"] = json!(owner.login);
        value["owner"]["email"] = Value::Null;
        if owner.kind == AccountKind::Organization {
            value["organization"] = json!(owner.login);
        }
    }
    value
}

/// The few fields that installation events name a repository with.
pub(crate) fn short_repository(state: &State, repository: &Repository) -> Value {
    json!({
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": full_name(state, repository),
        "private": repository.private,
    })
}

fn permissions(level: Level) -> Value {
    json!({
        "admin": level >= Level::Admin, "maintain": level >= Level::Maintain, "push": level >= Level::Write,
        "triage": level >= Level::Triage, "pull": level >= Level::Read,
    })
}
