//! Assignees and reviewers of threads, and memberships of teams.

use super::super::error::ApiError;
use super::super::json;
use super::super::state::AccountKind;
use super::call::{Answer, Call, Reply};

pub(super) fn assign(call: &mut Call<'_>) -> Answer {
    let (id, number, doer) = (call.repository()?.id, call.number("number")?, call.doer()?);
    let logins = call.names(&call.body["assignees"])?;
    call.world.issue(id, number)?;
    call.world.add_assignees(id, number, &logins, &doer)?;
    Reply::created(json::issue(call.world, call.world.repository(id)?, call.world.issue(id, number)?))
}

pub(super) fn unassign(call: &mut Call<'_>) -> Answer {
    let (id, number, doer) = (call.repository()?.id, call.number("number")?, call.doer()?);
    let logins = call.names(&call.body["assignees"])?;
    call.world.remove_assignees(id, number, &logins, &doer)?;
    Reply::ok(json::issue(call.world, call.world.repository(id)?, call.world.issue(id, number)?))
}

pub(super) fn request_review(call: &mut Call<'_>) -> Answer {
    let (id, number, doer) = (call.repository()?.id, call.number("number")?, call.doer()?);
    let list = |field: &str| if call.body[field].is_null() { Ok(Vec::new()) } else { call.names(&call.body[field]) };
    let (users, teams) = (list("reviewers")?, list("team_reviewers")?);
    call.world.request_reviewers(id, number, &users, &teams, &doer)?;
    let repository = call.world.repository(id)?;
    let (issue, pull) = (call.world.issue(id, number)?, call.world.pull(id, number)?);
    Reply::created(json::pull_simple(call.world, repository, issue, pull))
}

/// Somebody's membership of a team; 404 for whoever is not in it, and for a team that is not there.
pub(super) fn membership(call: &mut Call<'_>) -> Answer {
    let (team, login) = (call.param("team"), call.param("login"));
    let account = call.world.state.account(call.param("org")).filter(|account| account.kind == AccountKind::Organization);
    let account = account.ok_or_else(ApiError::not_found)?;
    let members = account.teams.get(team).ok_or_else(ApiError::not_found)?;
    if !members.contains(&login.to_lowercase()) {
        return Err(ApiError::not_found());
    }
    Reply::ok(json::membership(&call.world.urls, account, team, login))
}
