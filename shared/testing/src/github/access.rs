//! Who may do what: levels of people, permissions of tokens, and the rule that a route states.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::state::{Account, Repository, State};

/// A person's level in a repository, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// No access at all.
    None,
    /// May read, open issues and comment.
    Read,
    /// May also label, assign and close.
    Triage,
    /// May also push.
    Write,
    /// May also change some settings.
    Maintain,
    /// May do everything.
    Admin,
}

/// What a token may do with one kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Look only.
    Read,
    /// Look and change.
    Write,
    /// Look, change and administer.
    Admin,
}

/// Who makes a request.
#[derive(Debug, Clone)]
pub(crate) enum Actor {
    Anonymous,
    /// The App itself, by its signed JWT.
    App,
    User {
        login: String,
    },
    Installation {
        id: u64,
        repositories: Option<BTreeSet<u64>>,
        permissions: BTreeMap<String, Access>,
    },
}

/// What a route asks of the one who calls it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// Nothing.
    Nothing,
    /// The App's JWT.
    App,
    /// A person's token.
    User,
    /// Any token.
    Token,
    /// Access to the repository in the path: a token needs one of the permissions, a person the level.
    Repository { any_of: &'static [&'static str], access: Access, level: Level },
    /// Access to the organization in the path: a token of its installation needs the permission, a person has to be a
    /// member.
    Organization { permission: &'static str, access: Access },
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Triage => "triage",
            Self::Write => "write",
            Self::Maintain => "maintain",
            Self::Admin => "admin",
        })
    }
}

impl Level {
    /// The level in the older words of the `permission` field, which knows neither triage nor maintain.
    pub(crate) fn legacy(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read | Self::Triage => "read",
            Self::Write | Self::Maintain => "write",
            Self::Admin => "admin",
        }
    }
}

impl Actor {
    /// The account that the actor's doings are shown under; the bot's for the App and its installations.
    pub(crate) fn account<'a>(&self, state: &'a State, bot: &str) -> Result<&'a Account, ApiError> {
        let login = match self {
            Self::Anonymous => return Err(ApiError::requires_authentication()),
            Self::User { login } => login.as_str(),
            Self::App | Self::Installation { .. } => bot,
        };
        state.account(login).ok_or_else(ApiError::bad_credentials)
    }

    /// Whether the doing is the App's own.
    pub(crate) fn is_app(&self) -> bool {
        matches!(self, Self::App | Self::Installation { .. })
    }
}

/// The level of a person in a repository: as owner, as set, as a member of the organization, or as anyone.
pub(crate) fn level_of(state: &State, repository: &Repository, login: &str) -> Level {
    let login = login.to_lowercase();
    if repository.owner == login {
        return Level::Admin;
    }
    let membership = state.account(&repository.owner).and_then(|owner| owner.members.get(&login));
    let inherited = match membership {
        Some(true) => Level::Admin,
        Some(false) => Level::Read,
        None if repository.private => Level::None,
        None => Level::Read,
    };
    repository
        .permissions
        .get(&login)
        .map_or(inherited, |set| (*set).max(if membership == Some(&true) { Level::Admin } else { Level::None }))
}

/// Whether the actor may do this to the repository: 404 for what it may not even see, else 403.
pub(crate) fn check_repository(
    state: &State,
    actor: &Actor,
    repository: &Repository,
    any_of: &[&str],
    access: Access,
    level: Level,
) -> Result<(), ApiError> {
    let visible = |allowed: bool| if allowed || !repository.private { Ok(()) } else { Err(ApiError::not_found()) };
    match actor {
        Actor::App => Err(ApiError::unauthorized("Bad credentials")),
        Actor::Anonymous if repository.private => Err(ApiError::not_found()),
        Actor::Anonymous if access == Access::Read => Ok(()),
        Actor::Anonymous => Err(ApiError::requires_authentication()),
        Actor::User { login } => {
            let has = level_of(state, repository, login);
            visible(has >= Level::Read)?;
            if has >= level { Ok(()) } else { Err(ApiError::forbidden("Resource not accessible by personal access token")) }
        }
        Actor::Installation { id, repositories, permissions } => {
            let installation = state.installations.get(id).ok_or_else(ApiError::bad_credentials)?;
            let in_scope = installation.covers(repository) && repositories.as_ref().is_none_or(|ids| ids.contains(&repository.id));
            visible(in_scope)?;
            let granted = any_of.iter().any(|name| permissions.get(*name).is_some_and(|has| *has >= access));
            let public_read = !in_scope && access == Access::Read;
            if public_read || (in_scope && granted) { Ok(()) } else { Err(ApiError::forbidden("Resource not accessible by integration")) }
        }
    }
}

/// Whether the actor may do this to the organization: 404 for whoever has nothing to do with it, else 403.
pub(crate) fn check_organization(state: &State, actor: &Actor, login: &str, permission: &str, access: Access) -> Result<(), ApiError> {
    let account = state.account(login).ok_or_else(ApiError::not_found)?;
    match actor {
        Actor::App => Err(ApiError::unauthorized("Bad credentials")),
        Actor::Anonymous => Err(ApiError::requires_authentication()),
        Actor::User { login } if account.members.contains_key(&login.to_lowercase()) => Ok(()),
        Actor::User { .. } => Err(ApiError::not_found()),
        Actor::Installation { id, permissions, .. } => {
            let installation = state.installations.get(id).ok_or_else(ApiError::bad_credentials)?;
            if !installation.account.eq_ignore_ascii_case(&account.login) {
                return Err(ApiError::not_found());
            }
            let granted = permissions.get(permission).is_some_and(|has| *has >= access);
            if granted { Ok(()) } else { Err(ApiError::forbidden("Resource not accessible by integration")) }
        }
    }
}
