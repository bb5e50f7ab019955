//! Repositories: showing, creating, and who may do what in them.

use serde_json::json;

use super::super::access::{Actor, Level, level_of};
use super::super::error::ApiError;
use super::super::json;
use super::super::state::{AccountKind, Repository};
use super::super::world::NewFile;
use super::call::{Answer, Call, Reply};

pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let repository = call.repository()?;
    Reply::ok(json::full_repository(&call.world.urls, &call.world.state, repository, own_level(call, repository)))
}

pub(super) fn own(call: &mut Call<'_>) -> Answer {
    let login = call.doer()?.login;
    let state = &call.world.state;
    let reachable = state.repositories.values().filter(|one| {
        let member = state.account(&one.owner).is_some_and(|owner| owner.members.contains_key(&login.to_lowercase()));
        one.owner.eq_ignore_ascii_case(&login) || member || one.permissions.contains_key(&login.to_lowercase())
    });
    call.page(reachable.map(|one| json::full_repository(&call.world.urls, state, one, own_level(call, one))).collect())
}

pub(super) fn of_organization(call: &mut Call<'_>) -> Answer {
    let organization = call.param("org");
    let state = &call.world.state;
    state.account(organization).filter(|account| account.kind == AccountKind::Organization).ok_or_else(ApiError::not_found)?;
    let visible = state.repositories.values().filter(|one| {
        let allowed = match call.actor {
            Actor::User { login } => level_of(state, one, login) >= Level::Read,
            Actor::Installation { id, repositories, .. } => {
                let covered = state.installations.get(id).is_some_and(|installation| installation.covers(one));
                covered && repositories.as_ref().is_none_or(|ids| ids.contains(&one.id))
            }
            _ => false,
        };
        one.owner.eq_ignore_ascii_case(organization) && (allowed || !one.private)
    });
    call.page(visible.map(|one| json::repository(&call.world.urls, state, one)).collect())
}

pub(super) fn create_for_user(call: &mut Call<'_>) -> Answer {
    let login = call.doer()?.login;
    create(call, &login)
}

pub(super) fn create_for_organization(call: &mut Call<'_>) -> Answer {
    let login = call.doer()?.login.to_lowercase();
    let organization = call.param("org").to_owned();
    let account = call.world.state.account(&organization).filter(|account| account.kind == AccountKind::Organization);
    let members = &account.ok_or_else(ApiError::not_found)?.members;
    if !members.contains_key(&login) {
        return Err(ApiError::forbidden("You need admin access to the organization before adding a repository to it."));
    }
    create(call, &organization)
}

fn create(call: &mut Call<'_>, owner: &str) -> Answer {
    let name = call.required("name")?;
    let (private, description) = (call.flag("private"), call.text("description")?);
    let doer = call.doer()?;
    let id = call.world.create_repository(owner, &name, private, description.clone(), &doer)?;
    // Whoever makes a repository in an organization administers it.
    call.world.set_permission(id, &doer.login, Level::Admin)?;
    if call.flag("auto_init") {
        let text = match description {
            Some(description) => format!("# {name}\n{description}\n"),
            None => format!("# {name}\n"),
        };
        let readme = NewFile { path: "README.md".to_owned(), content: Some(text.into_bytes()) };
        call.world.commit_files(id, "main", "Initial commit", &[readme], None, &doer)?;
    }
    let repository = call.world.repository(id)?;
    Reply::created(json::full_repository(&call.world.urls, &call.world.state, repository, Some(Level::Admin)))
}

/// The level of a person; an App has none, and GitHub says so with 404.
pub(super) fn permission(call: &mut Call<'_>) -> Answer {
    let login = call.param("login");
    let state = &call.world.state;
    let account = state.account(login).filter(|account| account.kind == AccountKind::User);
    let account = account.ok_or_else(|| ApiError::new(404, format!("{login} is not a user")))?;
    let level = level_of(state, call.repository()?, login);
    let mut user = json::user(&call.world.urls, account);
    user["permissions"] = json!({
        "admin": level >= Level::Admin, "maintain": level >= Level::Maintain, "push": level >= Level::Write,
        "triage": level >= Level::Triage, "pull": level >= Level::Read,
    });
    user["role_name"] = json!(level.to_string());
    Reply::ok(json!({"permission": level.legacy(), "role_name": level.to_string(), "user": user}))
}

/// Sets a person's level at once: invitations are not played here.
pub(super) fn add_collaborator(call: &mut Call<'_>) -> Answer {
    let level = match call.text("permission")?.as_deref().unwrap_or("push") {
        "pull" | "read" => Level::Read,
        "triage" => Level::Triage,
        "push" | "write" => Level::Write,
        "maintain" => Level::Maintain,
        "admin" => Level::Admin,
        _ => return Err(ApiError::field("RepositoryInvitation", "permission", "invalid")),
    };
    let (id, login) = (call.repository()?.id, call.param("login").to_owned());
    call.world.state.account(&login).ok_or_else(ApiError::not_found)?;
    call.world.set_permission(id, &login, level)?;
    Reply::no_content()
}

fn own_level(call: &Call<'_>, repository: &Repository) -> Option<Level> {
    match call.actor {
        Actor::User { login } => Some(level_of(&call.world.state, repository, login)),
        _ => None,
    }
}
