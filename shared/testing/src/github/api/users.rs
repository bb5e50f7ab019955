//! People, organizations and the rate limit.

use jiff::Timestamp;
use serde_json::json;

use super::super::access::Actor;
use super::super::error::ApiError;
use super::super::json;
use super::super::state::AccountKind;
use super::call::{Answer, Call, Reply};

pub(super) fn own(call: &mut Call<'_>) -> Answer {
    let doer = call.doer()?;
    let account = call.world.state.account(&doer.login).ok_or_else(ApiError::not_found)?;
    let (public, private) = (owned(call, &doer.login, false), owned(call, &doer.login, true));
    Reply::ok(json::private_user(&call.world.urls, account, public, private))
}

pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let account = call.world.state.account(call.param("login")).ok_or_else(ApiError::not_found)?;
    Reply::ok(json::public_user(&call.world.urls, account, owned(call, &account.login, false)))
}

pub(super) fn organization(call: &mut Call<'_>) -> Answer {
    let account = call.world.state.account(call.param("org")).filter(|account| account.kind == AccountKind::Organization);
    let account = account.ok_or_else(ApiError::not_found)?;
    Reply::ok(json::organization_full(&call.world.urls, account, owned(call, &account.login, false)))
}

pub(super) fn rate_limit(call: &mut Call<'_>) -> Answer {
    let (_, reset) = call.world.rate.count(&super::super::auth::rate_key(call.actor), false);
    let core = json!({"limit": call.limit, "used": call.limit - call.remaining, "remaining": call.remaining, "reset": reset});
    let later = Timestamp::now().as_second() + 60;
    let search = json!({"limit": 30, "used": 0, "remaining": 30, "reset": later});
    let graphql = if matches!(call.actor, Actor::Anonymous) { 0 } else { 5_000 };
    let graphql = json!({"limit": graphql, "used": 0, "remaining": graphql, "reset": reset});
    Reply::ok(json!({"resources": {"core": core, "search": search, "graphql": graphql}, "rate": core}))
}

fn owned(call: &Call<'_>, login: &str, private: bool) -> usize {
    let owned = |owner: &str| owner.eq_ignore_ascii_case(login);
    call.world.state.repositories.values().filter(|one| owned(&one.owner) && one.private == private).count()
}
