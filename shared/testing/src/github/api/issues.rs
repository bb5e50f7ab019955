//! Issues: listing, opening, changing. Pull requests are issues too.

use serde_json::Value;

use super::super::access::{Actor, Level, level_of};
use super::super::error::ApiError;
use super::super::json;
use super::super::state::Issue;
use super::super::world::IssueEdit;
use super::call::{Answer, Call, Reply};

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let repository = call.repository()?;
    let mut found: Vec<&Issue> = repository.issues.values().filter(|issue| is_wanted(call, issue)).collect();
    let by_update = call.query.get("sort").is_some_and(|sort| sort == "updated");
    found.sort_by_key(|issue| (if by_update { issue.updated_at } else { issue.created_at }, issue.number));
    if call.query.get("direction").is_none_or(|direction| direction != "asc") {
        found.reverse();
    }
    call.page(found.into_iter().map(|issue| json::issue(call.world, repository, issue)).collect())
}

fn is_wanted(call: &Call<'_>, issue: &Issue) -> bool {
    let query = |name: &str| call.query.get(name).map(String::as_str);
    let state = match query("state").unwrap_or("open") {
        "all" => true,
        "closed" => !issue.open,
        _ => issue.open,
    };
    let labels = query("labels")
        .is_none_or(|names| names.split(',').filter(|name| !name.is_empty()).all(|name| issue.labels.contains(&name.to_lowercase())));
    let creator = query("creator").is_none_or(|login| issue.author.eq_ignore_ascii_case(login));
    let since = query("since").and_then(|since| since.parse().ok()).is_none_or(|since: jiff::Timestamp| issue.updated_at >= since);
    state && labels && creator && since
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let title = match &call.body["title"] {
        Value::Number(number) => number.to_string(),
        _ => call.required("title")?,
    };
    let labels = match &call.body["labels"] {
        Value::Null => Vec::new(),
        // People without the level to label may open issues; their labels are dropped, as GitHub does.
        given if may_triage(call)? => call.names(given)?,
        _ => Vec::new(),
    };
    let (id, body, doer) = (call.repository()?.id, call.text("body")?, call.doer()?);
    let number = call.world.open_issue(id, &doer, &title, body, &labels)?;
    Reply::created(json::issue(call.world, call.world.repository(id)?, call.world.issue(id, number)?))
}

pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let repository = call.repository()?;
    let issue = call.world.issue(repository.id, call.number("number")?)?;
    let mut value = json::issue(call.world, repository, issue);
    value["closed_by"] = issue.closed_by.as_deref().map_or(Value::Null, |login| call.world.user_json(login));
    Reply::ok(value)
}

pub(super) fn update(call: &mut Call<'_>) -> Answer {
    let (id, number) = (call.repository()?.id, call.number("number")?);
    let own = call.world.issue(id, number)?.author == call.doer()?.login;
    if !own && !may_triage(call)? {
        return Err(ApiError::forbidden("Must have admin rights to Repository."));
    }
    let edit = read_edit(call)?;
    let doer = call.doer()?;
    call.world.edit_issue(id, number, edit, &doer)?;
    show(call)
}

/// The fields that issues and pull requests are changed by.
pub(super) fn read_edit(call: &Call<'_>) -> Result<IssueEdit, ApiError> {
    let open = match call.text("state")?.as_deref() {
        None => None,
        Some("open") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(ApiError::field("Issue", "state", "invalid")),
    };
    let list = |field: &str| if call.body[field].is_null() { Ok(None) } else { call.names(&call.body[field]).map(Some) };
    let body = call.body.get("body").map(|_| call.text("body")).transpose()?;
    Ok(IssueEdit {
        title: call.text("title")?,
        body,
        open,
        state_reason: call.text("state_reason")?,
        labels: list("labels")?,
        assignees: list("assignees")?,
    })
}

/// Whether the one who calls may label and close what others opened.
pub(super) fn may_triage(call: &Call<'_>) -> Result<bool, ApiError> {
    Ok(match call.actor {
        Actor::User { login } => level_of(&call.world.state, call.repository()?, login) >= Level::Triage,
        Actor::Installation { .. } => true,
        _ => false,
    })
}
