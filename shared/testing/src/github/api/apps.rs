//! The App and its installations: who it is, where it is installed, and the tokens it gets.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::access::{Access, Actor};
use super::super::error::ApiError;
use super::super::json;
use super::super::state::{Installation, Token, now};
use super::super::world::{Doer, random_text};
use super::call::{Answer, Call, Reply};

const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn show(call: &mut Call<'_>) -> Answer {
    Reply::ok(json::app(call.world))
}

pub(super) fn installations(call: &mut Call<'_>) -> Answer {
    let world = &*call.world;
    call.page(world.state.installations.values().map(|one| json::installation(world, one)).collect())
}

pub(super) fn installation(call: &mut Call<'_>) -> Answer {
    Reply::ok(json::installation(call.world, found(call, call.number("id")?)?))
}

pub(super) fn uninstall(call: &mut Call<'_>) -> Answer {
    let id = call.number("id")?;
    found(call, id)?;
    let doer = Doer { login: call.world.app.slug_bot(), via_app: true };
    call.world.uninstall(id, &doer)?;
    Reply::no_content()
}

pub(super) fn installation_of_account(call: &mut Call<'_>) -> Answer {
    let login = if call.param("org").is_empty() { call.param("login") } else { call.param("org") }.to_lowercase();
    let found = call.world.state.installations.values().find(|one| one.account == login).ok_or_else(ApiError::not_found)?;
    Reply::ok(json::installation(call.world, found))
}

pub(super) fn installation_of_repository(call: &mut Call<'_>) -> Answer {
    let found = call.world.state.installation_of(call.repository()?).ok_or_else(ApiError::not_found)?;
    Reply::ok(json::installation(call.world, found))
}

pub(super) fn installation_repositories(call: &mut Call<'_>) -> Answer {
    let Actor::Installation { id, repositories, .. } = call.actor else {
        return Err(ApiError::forbidden("You must authenticate with an installation access token in order to list repositories."));
    };
    let world = &*call.world;
    let found = found(call, *id)?;
    let in_scope = world.state.repositories_of(found).filter(|one| repositories.as_ref().is_none_or(|ids| ids.contains(&one.id)));
    let mut reply = call.page_in("repositories", in_scope.map(|one| json::repository(&world.urls, &world.state, one)).collect())?;
    if let super::call::Body::Json(value) = &mut reply.body {
        value["repository_selection"] = json!(if repositories.is_some() || found.selected.is_some() { "selected" } else { "all" });
    }
    Ok(reply)
}

/// `GET /user/installations`: the installations on accounts that the person can reach.
pub(super) fn installations_of_user(call: &mut Call<'_>) -> Answer {
    let login = call.doer()?.login.to_lowercase();
    let world = &*call.world;
    let reachable = |one: &&Installation| {
        one.account == login || world.state.account(&one.account).is_some_and(|account| account.members.contains_key(&login))
    };
    call.page_in("installations", world.state.installations.values().filter(reachable).map(|one| json::installation(world, one)).collect())
}

pub(super) fn revoke_token(call: &mut Call<'_>) -> Answer {
    let Actor::Installation { .. } = call.actor else { return Err(ApiError::forbidden("Resource not accessible by integration")) };
    call.world.state.tokens.remove(call.token);
    Reply::no_content()
}

pub(super) fn create_token(call: &mut Call<'_>) -> Answer {
    let id = call.number("id")?;
    let installation = found(call, id)?.clone();
    if installation.suspended_at.is_some() {
        return Err(ApiError::forbidden("This installation has been suspended"));
    }
    let permissions = granted_permissions(&installation, &call.body["permissions"])?;
    let repositories = granted_repositories(call, &installation)?;
    let expires_at = now() + TOKEN_LIFE;
    let token = new_token(call.world.app.app_id);
    // To the nanosecond, so that tokens of one second keep their order.
    let exactly = Timestamp::now() + TOKEN_LIFE;
    let stored =
        Token::Installation { installation: id, repositories: repositories.clone(), permissions: permissions.clone(), expires_at: exactly };
    let tokens = &mut call.world.state.tokens;
    tokens.retain(|_, token| !matches!(token, Token::Installation { expires_at, .. } if *expires_at <= Timestamp::now()));
    tokens.insert(token.clone(), stored);
    let world = &*call.world;
    let narrowed = repositories.is_some() || installation.selected.is_some();
    let mut value = json!({
        "token": token,
        "expires_at": json::time(expires_at),
        "permissions": permissions,
        "repository_selection": if narrowed { "selected" } else { "all" },
    });
    if let Some(ids) = repositories {
        let shown = ids.iter().filter_map(|id| world.state.repositories.get(id));
        value["repositories"] = shown.map(|one| json::repository(&world.urls, &world.state, one)).collect();
    }
    Reply::created(value)
}

fn found<'a>(call: &'a Call<'_>, id: u64) -> Result<&'a Installation, ApiError> {
    call.world.state.installations.get(&id).ok_or_else(ApiError::not_found)
}

// Tokens of GitHub Apps became long and structured in 2026: whoever expects 40 characters finds out here.
fn new_token(app_id: u64) -> String {
    format!("ghs_{app_id}_eyJ{}.eyJ{}.{}", random_text(33), random_text(240), random_text(86))
}

fn granted_permissions(installation: &Installation, asked: &Value) -> Result<BTreeMap<String, Access>, ApiError> {
    let refused = || ApiError::unprocessable("The permissions requested are not granted to this installation.");
    let Some(asked) = asked.as_object() else { return Ok(installation.permissions.clone()) };
    let mut granted = BTreeMap::new();
    for (name, access) in asked {
        let access: Access = serde_json::from_value(access.clone()).map_err(|_| refused())?;
        // Every installation may read metadata.
        let always = name == "metadata" && access == Access::Read;
        let allowed = always || installation.permissions.get(name).is_some_and(|has| *has >= access);
        if !allowed {
            return Err(refused());
        }
        granted.insert(name.clone(), access);
    }
    granted.entry("metadata".to_owned()).or_insert(Access::Read);
    Ok(granted)
}

fn granted_repositories(call: &Call<'_>, installation: &Installation) -> Result<Option<BTreeSet<u64>>, ApiError> {
    let refused =
        || ApiError::unprocessable("There is at least one repository that does not exist or is not accessible to the parent installation.");
    let (names, ids) = (&call.body["repositories"], &call.body["repository_ids"]);
    if names.is_null() && ids.is_null() {
        return Ok(None);
    }
    let available: Vec<_> = call.world.state.repositories_of(installation).collect();
    let mut granted = BTreeSet::new();
    for name in names.as_array().into_iter().flatten() {
        let name = name.as_str().ok_or_else(refused)?;
        granted.insert(available.iter().find(|one| one.name.eq_ignore_ascii_case(name)).ok_or_else(refused)?.id);
    }
    for id in ids.as_array().into_iter().flatten() {
        let id = id.as_u64().ok_or_else(refused)?;
        granted.insert(available.iter().find(|one| one.id == id).ok_or_else(refused)?.id);
    }
    if granted.is_empty() { Err(refused()) } else { Ok(Some(granted)) }
}
