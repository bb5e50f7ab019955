//! Comments of issues and pull requests.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::json;
use super::super::state::{Comment, Issue};
use super::call::{Answer, Call, Reply};
use super::issues::may_triage;

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let repository = call.repository()?;
    let issue = call.world.issue(repository.id, call.number("number")?)?;
    let wanted = issue.visible_comments().filter(|comment| is_wanted(call, comment));
    call.page(wanted.map(|comment| json::comment(call.world, repository, issue, comment)).collect())
}

pub(super) fn list_all(call: &mut Call<'_>) -> Answer {
    let repository = call.repository()?;
    let mut found: Vec<(&Issue, &Comment)> = Vec::new();
    for issue in repository.issues.values() {
        found.extend(issue.visible_comments().filter(|comment| is_wanted(call, comment)).map(|comment| (issue, comment)));
    }
    found.sort_by_key(|(_, comment)| comment.id);
    if call.query.get("direction").is_some_and(|direction| direction == "desc") {
        found.reverse();
    }
    call.page(found.into_iter().map(|(issue, comment)| json::comment(call.world, repository, issue, comment)).collect())
}

fn is_wanted(call: &Call<'_>, comment: &Comment) -> bool {
    call.query.get("since").and_then(|since| since.parse().ok()).is_none_or(|since: jiff::Timestamp| comment.updated_at >= since)
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let (repository, number, body) = (call.repository()?.id, call.number("number")?, call.required("body")?);
    let doer = call.doer()?;
    let id = call.world.add_comment(repository, number, &doer, &body)?;
    Reply::created(shown(call, repository, id)?)
}

pub(super) fn show(call: &mut Call<'_>) -> Answer {
    Reply::ok(shown(call, call.repository()?.id, call.number("id")?)?)
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let (repository, id) = editable(call)?;
    let (body, doer) = (call.required("body")?, call.doer()?);
    call.world.edit_comment(repository, id, &body, &doer)?;
    Reply::ok(shown(call, repository, id)?)
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let (repository, id) = editable(call)?;
    let doer = call.doer()?;
    call.world.delete_comment(repository, id, &doer)?;
    Reply::no_content()
}

// A comment is its author's, or that of those who look after the repository.
fn editable(call: &Call<'_>) -> Result<(u64, u64), ApiError> {
    let (repository, id) = (call.repository()?.id, call.number("id")?);
    let issue = call.world.issue(repository, call.world.thread_of_comment(repository, id)?)?;
    let login = call.doer()?.login;
    let own = issue.comments.iter().any(|comment| comment.id == id && comment.author == login);
    if own || may_triage(call)? { Ok((repository, id)) } else { Err(ApiError::forbidden("Must have admin rights to Repository.")) }
}

fn shown(call: &Call<'_>, repository: u64, id: u64) -> Result<Value, ApiError> {
    let issue = call.world.issue(repository, call.world.thread_of_comment(repository, id)?)?;
    let comment = issue.visible_comments().find(|comment| comment.id == id).ok_or_else(ApiError::not_found)?;
    Ok(json::comment(call.world, call.world.repository(repository)?, issue, comment))
}
