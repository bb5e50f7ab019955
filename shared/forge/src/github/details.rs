//! What only some kinds of GitHub's events carry: labels, pushes, reviews, releases, deployments, checks, refs and the life
//! of installations. As lenient as `convert`: what cannot be told is `Detail::None`, never an error.

use super::convert::repository;
use super::payload::{CheckPart, CommitPart, Installation, Payload, RepositoryPart};
use patchbay_domain::event::{Check, Deployment, Detail, InstallationChange, InstallationChangeKind, Push, RefChange, RefKind, Release};
use std::collections::BTreeSet;

/// GitHub lists at most so many of a push's commits.
const MOST_COMMITS: usize = 2_048;
/// GitHub reports at most so many of a commit's files.
const MOST_FILES: usize = 3_000;

/// What is special about an event of this name.
pub(super) fn detail(event_name: &str, payload: &Payload) -> Detail {
    let action = payload.action.as_deref();
    match (event_name, action) {
        ("issues" | "pull_request" | "discussion", Some("labeled" | "unlabeled")) => label(payload),
        ("push", _) => push(payload),
        ("pull_request_review", _) => review(payload),
        ("release", _) => release(payload),
        ("deployment" | "deployment_status", _) => deployment(payload),
        ("workflow_run", _) => payload.workflow_run.as_ref().and_then(|part| workflow_run(part, payload)),
        ("check_run", _) => payload.check_run.as_ref().and_then(|part| check_run(part, payload)),
        ("check_suite", _) => payload.check_suite.as_ref().and_then(|part| check_suite(part, payload)),
        ("create" | "delete", _) => ref_change(payload),
        ("repository", Some("edited")) => default_branch(payload),
        ("installation" | "installation_repositories", Some(action)) => {
            change_kind(event_name, action).and_then(|kind| installation_change(kind, payload)).map(Detail::Installation)
        }
        _ => None,
    }
    .unwrap_or(Detail::None)
}

fn label(payload: &Payload) -> Option<Detail> {
    let name = payload.label.as_ref()?.name.clone()?;
    Some(Detail::Label { name })
}

fn push(payload: &Payload) -> Option<Detail> {
    let pusher = payload.pusher.as_ref().and_then(|pusher| pusher.name.clone());
    let sender = || payload.sender.as_ref().and_then(|sender| sender.login.clone());
    Some(Detail::Push(Push {
        full_ref: payload.full_ref.clone()?,
        before: payload.before.clone().unwrap_or_default(),
        after: payload.after.clone().unwrap_or_default(),
        commit_count: payload.commits.len() as u64,
        pusher: pusher.or_else(sender).unwrap_or_default(),
        forced: payload.forced,
        deleted: payload.deleted,
        paths: pushed_paths(payload),
    }))
}

/// The paths of a push, if its payload lists all of its commits and all of their files. A branch that is new, gone or
/// forced has changes that no listed commit tells: only comparing its trees does. A plain push lists all commits between
/// before and after, the newest of which is `after`; what one commit adds and the next takes away counts as touched.
fn pushed_paths(payload: &Payload) -> Option<Vec<String>> {
    let (before, after) = (payload.before.as_deref()?, payload.after.as_deref()?);
    let is_branch = payload.full_ref.as_deref()?.starts_with("refs/heads/");
    let is_plain = is_branch && !payload.forced && !payload.deleted && before.bytes().any(|byte| byte != b'0');
    let lists_all = payload.commits.len() < MOST_COMMITS && payload.commits.iter().any(|commit| commit.id.as_deref() == Some(after));
    if !is_plain || !lists_all {
        return None;
    }
    let mut paths = BTreeSet::new();
    for commit in &payload.commits {
        paths.extend(touched_paths(commit)?);
    }
    Some(paths.into_iter().collect())
}

fn touched_paths(commit: &CommitPart) -> Option<impl Iterator<Item = String>> {
    let (added, removed, modified) = (commit.added.as_ref()?, commit.removed.as_ref()?, commit.modified.as_ref()?);
    let lists_all = added.len() + removed.len() + modified.len() < MOST_FILES;
    lists_all.then(|| added.iter().chain(removed).chain(modified).cloned())
}

fn review(payload: &Payload) -> Option<Detail> {
    let state = payload.review.as_ref()?.state.as_ref()?.to_lowercase();
    Some(Detail::Review { state })
}

fn release(payload: &Payload) -> Option<Detail> {
    let part = payload.release.as_ref()?;
    let tag = part.tag_name.clone()?;
    Some(Detail::Release(Release {
        name: part.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| tag.clone()),
        tag,
        body: part.body.clone().unwrap_or_default(),
        url: part.html_url.clone().unwrap_or_default(),
        target: part.target_commitish.clone().unwrap_or_default(),
        draft: part.draft,
        prerelease: part.prerelease,
    }))
}

fn deployment(payload: &Payload) -> Option<Detail> {
    let part = payload.deployment.as_ref()?;
    let status = payload.deployment_status.as_ref();
    let urls = status.map(|status| [&status.environment_url, &status.log_url, &status.target_url]);
    Some(Detail::Deployment(Deployment {
        id: part.id?,
        environment: part.environment.clone().unwrap_or_default(),
        git_ref: part.git_ref.clone().unwrap_or_default(),
        sha: part.sha.clone()?,
        state: status.and_then(|status| status.state.clone()),
        url: urls.into_iter().flatten().flatten().find(|url| !url.is_empty()).cloned(),
    }))
}

fn workflow_run(part: &CheckPart, payload: &Payload) -> Option<Detail> {
    let head_repository = part.head_repository.as_ref().and_then(|repository| repository.id);
    check(part, payload, part.name.clone(), part.head_branch.clone(), head_repository)
}

/// GitHub names neither branch nor repository of what was pushed to a fork (documentation of the checks API).
fn check_run(part: &CheckPart, payload: &Payload) -> Option<Detail> {
    let branch = part.check_suite.as_ref().and_then(|suite| suite.head_branch.clone());
    let head_repository = branch.as_ref().and(payload.repository.as_ref()?.id);
    check(part, payload, part.name.clone(), branch, head_repository)
}

fn check_suite(part: &CheckPart, payload: &Payload) -> Option<Detail> {
    let head_repository = part.head_branch.as_ref().and(payload.repository.as_ref()?.id);
    check(part, payload, part.app.as_ref().and_then(|app| app.name.clone()), part.head_branch.clone(), head_repository)
}

fn check(
    part: &CheckPart,
    payload: &Payload,
    name: Option<String>,
    head_branch: Option<String>,
    head_repository_id: Option<u64>,
) -> Option<Detail> {
    let repository = payload.repository.as_ref()?;
    let head_sha = part.head_sha.clone()?;
    // A suite has no page of its own.
    let page = || repository.html_url.as_ref().map(|page| format!("{page}/commit/{head_sha}/checks"));
    let ours = |base: Option<u64>| base.is_none() || base == repository.id;
    let pulls = part.pull_requests.iter().filter(|pull| ours(pull.base.as_ref().and_then(|base| base.repo.as_ref()?.id)));
    Some(Detail::Check(Check {
        id: part.id?,
        name: name.unwrap_or_default(),
        conclusion: part.conclusion.clone(),
        head_branch,
        head_repository_id,
        app_id: part.app.as_ref().and_then(|app| app.id),
        pull_requests: pulls.filter_map(|pull| pull.number).collect(),
        url: part.html_url.clone().or_else(page).unwrap_or_default(),
        head_sha,
    }))
}

fn ref_change(payload: &Payload) -> Option<Detail> {
    let kind = match payload.ref_type.as_deref()? {
        "branch" => RefKind::Branch,
        "tag" => RefKind::Tag,
        _ => return None,
    };
    Some(Detail::Ref(RefChange { name: payload.full_ref.clone()?, kind }))
}

fn default_branch(payload: &Payload) -> Option<Detail> {
    let before = payload.changes.as_ref()?.default_branch.as_ref()?.from.clone()?;
    let after = payload.repository.as_ref()?.default_branch.clone()?;
    Some(Detail::DefaultBranch { before, after })
}

fn change_kind(event_name: &str, action: &str) -> Option<InstallationChangeKind> {
    use InstallationChangeKind as Kind;
    Some(match (event_name, action) {
        ("installation", "created") => Kind::Created,
        ("installation", "deleted") => Kind::Deleted,
        ("installation", "suspend") => Kind::Suspended,
        ("installation", "unsuspend") => Kind::Unsuspended,
        ("installation", "new_permissions_accepted") => Kind::NewPermissions,
        ("installation_repositories", "added") => Kind::RepositoriesAdded,
        ("installation_repositories", "removed") => Kind::RepositoriesRemoved,
        _ => return None,
    })
}

fn installation_change(change: InstallationChangeKind, payload: &Payload) -> Option<InstallationChange> {
    let installation: &Installation = payload.installation.as_ref()?;
    let account = installation.account.as_ref()?;
    let login = account.login.clone()?;
    let list = |parts: &[RepositoryPart]| parts.iter().filter_map(|part| repository(part, Some(&login))).collect::<Vec<_>>();
    let (mut added, mut removed) = (list(&payload.repositories_added), list(&payload.repositories_removed));
    match change {
        InstallationChangeKind::Deleted => removed.extend(list(&payload.repositories)),
        _ => added.extend(list(&payload.repositories)),
    }
    Some(InstallationChange {
        installation_id: installation.id?,
        account_id: account.id?,
        account_login: login,
        change,
        added,
        removed,
        permissions: installation.permissions.clone(),
        all_repositories: installation.repository_selection.as_deref() == Some("all"),
    })
}
