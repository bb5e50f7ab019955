//! Refs, branches, commits by name, and comparing two of them.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::git::{EMPTY_TREE, GitDir, ZERO_SHA, is_sha};
use super::super::json;
use super::call::{Answer, Call, Reply};

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let (id, git) = call.git()?;
    let (name, sha, doer) = (call.required("ref")?, call.required("sha")?, call.doer()?);
    let has_two_slashes = name.starts_with("refs/") && name.matches('/').count() >= 2;
    if !has_two_slashes || name.starts_with("refs/pull/") || !git.is_valid_ref(&name) {
        return Err(ApiError::unprocessable("Reference name must start with 'refs/' and have at least two slashes."));
    }
    if !is_sha(&sha) {
        return Err(ApiError::unprocessable("The sha parameter must be exactly 40 characters and contain only [0-9a-f]."));
    }
    if git.ref_target(&name).is_some() {
        return Err(ApiError::unprocessable("Reference already exists"));
    }
    check_object(&git, &name, &sha)?;
    // A name that is a folder of another branch cannot be made either.
    git.update_ref(&name, &sha, Some(ZERO_SHA)).map_err(|_| ApiError::unprocessable("Reference cannot be created"))?;
    call.world.sync_refs(id, &doer)?;
    Reply::created(ref_json(call, &git, &name, &sha)?)
}

pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let name = format!("refs/{}", call.param("name"));
    let sha = git.ref_target(&name).ok_or_else(ApiError::not_found)?;
    Reply::ok(ref_json(call, &git, &name, &sha)?)
}

pub(super) fn matching(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let prefix = format!("refs/{}", call.param("name"));
    let refs = git.refs()?;
    let found = refs.iter().filter(|(name, _)| name.starts_with(&prefix));
    call.page(found.map(|(name, sha)| ref_json(call, &git, name, sha)).collect::<Result<_, _>>()?)
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let (id, git) = call.git()?;
    let name = format!("refs/{}", call.param("name"));
    let (sha, force, doer) = (call.required("sha")?, call.flag("force"), call.doer()?);
    let Some(before) = git.ref_target(&name) else { return Err(ApiError::unprocessable("Reference does not exist")) };
    check_object(&git, &name, &sha)?;
    if !force && !git.is_ancestor(&before, &sha) {
        return Err(ApiError::unprocessable("Update is not a fast forward"));
    }
    git.update_ref(&name, &sha, Some(&before)).map_err(|_| ApiError::new(409, "Reference was updated by another process"))?;
    call.world.sync_refs(id, &doer)?;
    Reply::ok(ref_json(call, &git, &name, &sha)?)
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let (id, git) = call.git()?;
    let (name, doer) = (format!("refs/{}", call.param("name")), call.doer()?);
    if git.ref_target(&name).is_none() {
        return Err(ApiError::unprocessable("Reference does not exist"));
    }
    if name == format!("refs/heads/{}", call.repository()?.default_branch) {
        return Err(ApiError::unprocessable("Cannot delete the default branch"));
    }
    git.delete_ref(&name)?;
    call.world.sync_refs(id, &doer)?;
    Reply::no_content()
}

pub(super) fn branches(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let repository = call.repository()?;
    let refs = git.refs()?;
    let heads = refs.iter().filter_map(|(name, sha)| Some((name.strip_prefix("refs/heads/")?, sha)));
    call.page(heads.map(|(name, sha)| json::short_branch(call.world, repository, name, sha)).collect())
}

pub(super) fn branch(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let name = call.param("branch");
    let missing = || ApiError::new(404, "Branch not found");
    let sha = git.ref_target(&format!("refs/heads/{name}")).ok_or_else(missing)?;
    let head = git.read_commit(&sha).ok_or_else(missing)?;
    Reply::ok(json::branch(call.world, call.repository()?, name, &head))
}

pub(super) fn commits(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let repository = call.repository()?;
    let start = call.query.get("sha").unwrap_or(&repository.default_branch);
    let Some(start) = git.resolve(start) else {
        let empty = repository.refs.is_empty();
        return Err(if empty { ApiError::new(409, "Git Repository is empty.") } else { ApiError::not_found() });
    };
    let shas = git.history(&start, &[], 10_000)?;
    let (listed, page) = (shas.iter().map(|sha| json!(sha)).collect::<Vec<Value>>(), |value: Value| {
        let commit = git.read_commit(value.as_str().unwrap_or_default());
        commit.map_or(Value::Null, |commit| json::commit(call.world, repository, &commit, None))
    });
    let mut reply = call.page(listed)?;
    if let super::call::Body::Json(Value::Array(items)) = &mut reply.body {
        *items = std::mem::take(items).into_iter().map(page).collect();
    }
    Ok(reply)
}

pub(super) fn commit(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let name = call.param("revision");
    let missing = || ApiError::unprocessable(format!("No commit found for SHA: {name}"));
    let found = git.resolve(name).and_then(|sha| git.read_commit(&sha)).ok_or_else(missing)?;
    if call.accept.contains(".sha") {
        return Reply::raw("application/vnd.github.sha; charset=utf-8", found.sha);
    }
    let parent = found.parents.first().map_or(EMPTY_TREE, String::as_str);
    if call.accept.contains(".diff") {
        return Reply::raw("application/vnd.github.diff; charset=utf-8", git.diff_text(parent, &found.sha)?);
    }
    let files = git.diff_files(parent, &found.sha)?;
    Reply::ok(json::commit(call.world, call.repository()?, &found, Some(&files)))
}

/// `base...head`; the file list ends at 300, as GitHub's does.
pub(super) fn compare(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let repository = call.repository()?;
    let range = call.param("range");
    let (base, head) = range.split_once("...").ok_or_else(ApiError::not_found)?;
    let read = |name: &str| git.resolve(name).and_then(|sha| git.read_commit(&sha)).ok_or_else(ApiError::not_found);
    let (base, head) = (read(base)?, read(head)?);
    let merge_base = git.merge_base(&base.sha, &head.sha).and_then(|sha| git.read_commit(&sha));
    let merge_base = merge_base.ok_or_else(|| ApiError::new(404, format!("No common ancestor between {} and {}.", base.sha, head.sha)))?;
    let (ahead, behind) = (git.count_between(&base.sha, &head.sha), git.count_between(&head.sha, &base.sha));
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let mut shas = git.history(&head.sha, std::slice::from_ref(&base.sha), 250)?;
    shas.reverse();
    let commits: Vec<Value> =
        shas.iter().filter_map(|sha| git.read_commit(sha)).map(|one| json::commit(call.world, repository, &one, None)).collect();
    let files = git.diff_files(&merge_base.sha, &head.sha)?;
    let files: Vec<Value> = files.iter().take(300).map(|file| json::diff_entry(call.world, repository, &head.sha, file)).collect();
    let (api, web) = (call.world.repository_api_url(repository), call.world.repository_web_url(repository));
    Reply::ok(json!({
        "url": format!("{api}/compare/{range}"),
        "html_url": format!("{web}/compare/{range}"),
        "permalink_url": format!("{web}/compare/{}...{}", base.sha, head.sha),
        "diff_url": format!("{web}/compare/{range}.diff"),
        "patch_url": format!("{web}/compare/{range}.patch"),
        "base_commit": json::commit(call.world, repository, &base, None),
        "merge_base_commit": json::commit(call.world, repository, &merge_base, None),
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": commits,
        "files": files,
    }))
}

// A branch names a commit; other refs may name any object.
fn check_object(git: &GitDir, name: &str, sha: &str) -> Result<(), ApiError> {
    match git.kind(sha).as_deref() {
        None => Err(ApiError::unprocessable("Object does not exist")),
        Some("commit") => Ok(()),
        Some(_) if name.starts_with("refs/heads/") => Err(ApiError::unprocessable("Reference cannot be updated: object is not a commit")),
        Some(_) => Ok(()),
    }
}

fn ref_json(call: &Call<'_>, git: &GitDir, name: &str, sha: &str) -> Result<Value, ApiError> {
    let kind = git.kind(sha).ok_or_else(ApiError::not_found)?;
    Ok(json::git_ref(call.world, call.repository()?, name, sha, &kind))
}
