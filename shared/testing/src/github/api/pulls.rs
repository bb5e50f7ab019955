//! Pull requests: listing, opening, changing; their files and commits.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::json;
use super::super::state::{Issue, Pull};
use super::super::world::{NewPull, PullEdit};
use super::call::{Answer, Call, Reply};
use super::issues::{may_triage, read_edit};

/// A pull request's file list ends here.
const MOST_FILES: usize = 3_000;

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let repository = call.repository()?;
    let mut found: Vec<(&Issue, &Pull)> = Vec::new();
    for issue in repository.issues.values() {
        found.extend(issue.pull.as_ref().filter(|pull| is_wanted(call, &repository.owner, issue, pull)).map(|pull| (issue, pull)));
    }
    if call.query.get("sort").is_some_and(|sort| sort == "updated") {
        found.sort_by_key(|(issue, _)| issue.updated_at);
    }
    // Newest first, unless asked otherwise; a list sorted by anything but its making ascends unless asked otherwise.
    let default = if call.query.get("sort").is_none_or(|sort| sort == "created") { "desc" } else { "asc" };
    if call.query.get("direction").map_or(default, String::as_str) == "desc" {
        found.reverse();
    }
    call.page(found.into_iter().map(|(issue, pull)| json::pull_simple(call.world, repository, issue, pull)).collect())
}

fn is_wanted(call: &Call<'_>, owner: &str, issue: &Issue, pull: &Pull) -> bool {
    let query = |name: &str| call.query.get(name).map(String::as_str);
    let state = match query("state").unwrap_or("open") {
        "all" => true,
        "closed" => !issue.open,
        _ => issue.open,
    };
    // `head` filters only in the form `owner:branch`; anything else is ignored, as GitHub does.
    let head = query("head").and_then(|head| head.split_once(':'));
    let head_owner = pull.fork.as_ref().map_or(owner, |fork| fork.owner.as_str());
    let head = head.is_none_or(|(login, branch)| login.eq_ignore_ascii_case(head_owner) && branch == pull.head_ref);
    state && head && query("base").is_none_or(|base| base == pull.base_ref)
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let (id, doer) = (call.repository()?.id, call.doer()?);
    let new = NewPull {
        head: call.required("head")?,
        base: call.required("base")?,
        title: call.text("title")?.filter(|title| !title.trim().is_empty()).ok_or_else(|| ApiError::not_supplied("title"))?,
        body: call.text("body")?,
        draft: call.flag("draft"),
        maintainer_can_modify: call.flag("maintainer_can_modify"),
    };
    let number = call.world.open_pull(id, new, &doer)?;
    Reply::created(call.world.pull_json(id, number)?)
}

/// As JSON, or as text for `Accept: application/vnd.github.diff`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let (id, git) = call.git()?;
    let number = call.number("number")?;
    if call.accept.contains(".diff") {
        let pull = call.world.pull(id, number)?;
        let from = git.merge_base(&pull.base_sha, &pull.head_sha).unwrap_or_else(|| pull.base_sha.clone());
        return Reply::raw("application/vnd.github.diff; charset=utf-8", git.diff_text(&from, &pull.head_sha)?);
    }
    Reply::ok(call.world.pull_json(id, number)?)
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let (id, number, doer) = (call.repository()?.id, call.number("number")?, call.doer()?);
    call.world.pull(id, number)?;
    if call.world.issue(id, number)?.author != doer.login && !may_triage(call)? {
        return Err(ApiError::forbidden("Must have admin rights to Repository."));
    }
    // Labels and assignees of a pull request are changed through its issue.
    let issue = super::super::world::IssueEdit { labels: None, assignees: None, state_reason: None, ..read_edit(call)? };
    let edit = PullEdit { issue, base: call.text("base")? };
    call.world.edit_pull(id, number, edit, &doer)?;
    Reply::ok(call.world.pull_json(id, number)?)
}

pub(super) fn files(call: &mut Call<'_>) -> Answer {
    let (repository, number) = (call.repository()?, call.number("number")?);
    let sha = &call.world.pull(repository.id, number)?.head_sha;
    let files = call.world.pull_files(repository.id, number)?;
    call.page(files.iter().take(MOST_FILES).map(|file| json::diff_entry(call.world, repository, sha, file)).collect())
}

pub(super) fn commits(call: &mut Call<'_>) -> Answer {
    let (id, git) = call.git()?;
    let repository = call.repository()?;
    let commits = call.world.pull_commits(id, call.number("number")?)?;
    let shown = commits.iter().filter_map(|sha| git.read_commit(sha)).map(|commit| json::commit(call.world, repository, &commit, None));
    call.page(shown.collect::<Vec<Value>>())
}
