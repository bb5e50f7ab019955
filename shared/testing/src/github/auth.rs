//! From the `Authorization` header to an actor: App JWTs, people's tokens, installation tokens, Basic with a token as password.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::access::Actor;
use super::error::ApiError;
use super::state::Token;
use super::world::World;

/// Who sent the request; 401 for a token that is unknown, expired or badly signed, 403 for a suspended installation's.
pub(crate) fn identify(world: &World, authorization: Option<&str>) -> Result<Actor, ApiError> {
    let Some(header) = authorization else { return Ok(Actor::Anonymous) };
    let (scheme, value) = header.trim().split_once(' ').ok_or_else(ApiError::bad_credentials)?;
    let value = value.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" | "token" if value.starts_with("eyJ") && value.matches('.').count() == 2 => {
            let app = &world.app;
            app.key.check_jwt(value, app.app_id, &app.client_id, Timestamp::now().as_second())?;
            Ok(Actor::App)
        }
        "bearer" | "token" => by_token(world, value),
        "basic" => by_basic(world, value),
        _ => Err(ApiError::bad_credentials()),
    }
}

/// The secret of the request, by which its rate is counted.
pub(crate) fn rate_key(actor: &Actor) -> String {
    match actor {
        Actor::Anonymous => "anonymous".to_owned(),
        Actor::App => "app".to_owned(),
        Actor::User { login } => format!("user {login}"),
        Actor::Installation { id, .. } => format!("installation {id}"),
    }
}

fn by_basic(world: &World, encoded: &str) -> Result<Actor, ApiError> {
    let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(ApiError::bad_credentials)?;
    let (user, password) = decoded.split_once(':').ok_or_else(ApiError::bad_credentials)?;
    by_token(world, if password.is_empty() || password == "x-oauth-basic" { user } else { password })
}

fn by_token(world: &World, token: &str) -> Result<Actor, ApiError> {
    match world.state.tokens.get(token) {
        None => Err(ApiError::bad_credentials()),
        Some(Token::User { login }) => Ok(Actor::User { login: login.clone() }),
        Some(Token::Installation { expires_at, .. }) if *expires_at <= Timestamp::now() => Err(ApiError::bad_credentials()),
        Some(Token::Installation { installation, repositories, permissions, .. }) => {
            let found = world.state.installations.get(installation).ok_or_else(ApiError::bad_credentials)?;
            if found.suspended_at.is_some() {
                return Err(ApiError::forbidden("This installation has been suspended"));
            }
            Ok(Actor::Installation { id: *installation, repositories: repositories.clone(), permissions: permissions.clone() })
        }
    }
}
