//! Installation tokens (R37): narrowed to one repository and to what a purpose needs, kept in this process until shortly
//! before they expire, minted once however many callers wait. Also the App's own JWT, the only use of its private key.

use super::answers::RepositoryAnswer;
use super::route::Call;
use super::transport::{Credential, Transport};
use crate::{ForgeError, RepoAt};
use jiff::{SignedDuration, Timestamp};
use octocrab::auth::create_jwt;
use octocrab::jsonwebtoken::EncodingKey;
use octocrab::models::AppId;
use patchbay_domain::event::Repository;
use patchbay_domain::ids::ConnectionId;
use patchbay_domain::metric;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A token is not used any more when it has less than this left.
const SPARE: SignedDuration = SignedDuration::from_secs(300);
/// Above this number of remembered scopes, expired ones are dropped.
const MANY: usize = 1000;

/// What a token is for; each has the least permissions that serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// The repository's own facts, and who may do what in it.
    Facts,
    /// Code and pull requests, without changing them.
    Look,
    /// Files and commits, without changing them.
    Read,
    /// Pull requests and what was said in them, without changing them.
    Review,
    /// Asking for reviews.
    AskReview,
    /// Check runs.
    Check,
    /// Who belongs to a team of the organisation.
    Members,
    /// Comments, labels, closing pull requests.
    Talk,
    /// Commits, branches, opening pull requests.
    Code,
    /// The token that leaves this process, for cloning. Never shared or kept.
    Clone,
}

impl Purpose {
    fn permissions(self) -> Value {
        match self {
            Purpose::Facts => json!({"metadata": "read"}),
            Purpose::Look => json!({"contents": "read", "pull_requests": "read"}),
            Purpose::Read => json!({"contents": "read"}),
            Purpose::Review => json!({"pull_requests": "read"}),
            Purpose::AskReview => json!({"pull_requests": "write"}),
            Purpose::Check => json!({"checks": "write"}),
            Purpose::Members => json!({"members": "read"}),
            Purpose::Talk => json!({"issues": "write", "pull_requests": "write"}),
            Purpose::Code => json!({"contents": "write", "pull_requests": "write"}),
            Purpose::Clone => json!({"contents": "read"}),
        }
    }
}

/// A minted token.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    pub(super) expires_at: Timestamp,
    /// The repository as GitHub names it at this moment, if it says so.
    pub(super) repository: Option<Repository>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Scope {
    installation: u64,
    repository: u64,
    purpose: Purpose,
}

/// One scope's token; whoever holds the lock is minting it.
type Cell = Arc<tokio::sync::Mutex<Option<Token>>>;

#[derive(Deserialize)]
struct Minted {
    token: String,
    expires_at: Timestamp,
    /// Read leniently: a token without it is as good.
    #[serde(default)]
    repositories: Value,
}

/// Mints and keeps tokens.
pub(super) struct Tokens {
    app_id: u64,
    key: EncodingKey,
    cells: Mutex<HashMap<Scope, Cell>>,
}

impl Tokens {
    /// Reads the App's private key and signs with it once, because reading alone accepts any PEM. The error does not say
    /// what the text was.
    pub(super) fn new(app_id: u64, private_key: &SecretString) -> Result<Self, ForgeError> {
        let key = EncodingKey::from_rsa_pem(private_key.expose_secret().as_bytes())
            .map_err(|_| ForgeError::Permanent("the App's private key is no RSA key in PEM".to_owned()))?;
        let tokens = Self { app_id, key, cells: Mutex::default() };
        tokens.app_jwt().map(|_| tokens)
    }

    /// The App's JWT: RS256, ten minutes, made anew for each call.
    pub(super) fn app_jwt(&self) -> Result<SecretString, ForgeError> {
        let jwt = create_jwt(AppId(self.app_id), &self.key);
        jwt.map(SecretString::from).map_err(|_| ForgeError::Permanent("the App's private key cannot sign".to_owned()))
    }

    /// A token for the repository and purpose: the kept one, or a new one. Concurrent callers share one minting.
    pub(super) async fn get(&self, transport: &Transport, at: &RepoAt, purpose: Purpose) -> Result<Token, ForgeError> {
        let cell = self.cell(scope(at, purpose)?);
        let mut kept = cell.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| is_fresh(token)) {
            return Ok(token.clone());
        }
        let token = self.mint(transport, at, purpose).await?;
        *kept = Some(token.clone());
        Ok(token)
    }

    /// Drops the kept token if it still is `refused`: a newer one that somebody else minted meanwhile stays.
    pub(super) async fn forget(&self, at: &RepoAt, purpose: Purpose, refused: &Token) -> Result<(), ForgeError> {
        let cell = self.cell(scope(at, purpose)?);
        let mut kept = cell.lock().await;
        if kept.as_ref().is_some_and(|token| token.secret.expose_secret() == refused.secret.expose_secret()) {
            *kept = None;
        }
        Ok(())
    }

    /// A new token that is not kept.
    pub(super) async fn mint(&self, transport: &Transport, at: &RepoAt, purpose: Purpose) -> Result<Token, ForgeError> {
        let scope = scope(at, purpose)?;
        let body = json!({"repository_ids": [scope.repository], "permissions": purpose.permissions()});
        let call = Call::post("/app/installations/{installation}/access_tokens", &[&scope.installation.to_string()], body);
        let answer = transport.send(&call, Credential::App(&self.app_jwt()?)).await.map_err(mint_refusal)?;
        let minted: Minted = answer.json()?;
        metrics::counter!(metric::TOKEN_REFRESHED).increment(1);
        tracing::debug!(installation = scope.installation, repository = scope.repository, ?purpose, "token minted");
        let named = serde_json::from_value::<Vec<RepositoryAnswer>>(minted.repositories).unwrap_or_default();
        let repository = named.into_iter().find(|one| one.id == scope.repository).map(RepositoryAnswer::into_repository);
        Ok(Token { secret: minted.token.into(), expires_at: minted.expires_at, repository })
    }

    /// The repository of that name as the installation names it, told by a token for it that nobody uses: only so does
    /// GitHub look for a name inside one installation. `None` if the installation has none of that name.
    pub(super) async fn find_repository(
        &self,
        transport: &Transport,
        connection: &ConnectionId,
        owner: &str,
        name: &str,
    ) -> Result<Option<Repository>, ForgeError> {
        let installation = installation_of(connection)?.to_string();
        let body = json!({"repositories": [name], "permissions": Purpose::Facts.permissions()});
        let call = Call::post("/app/installations/{installation}/access_tokens", &[&installation], body);
        let minted: Minted = match transport.send(&call, Credential::App(&self.app_jwt()?)).await.map_err(mint_refusal) {
            Ok(answer) => answer.json()?,
            Err(ForgeError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        metrics::counter!(metric::TOKEN_REFRESHED).increment(1);
        let named: Vec<RepositoryAnswer> = serde_json::from_value(minted.repositories)
            .map_err(|error| ForgeError::Transient(format!("{}: unexpected answer: {error}", call.name())))?;
        let same = |one: &Repository| one.owner.eq_ignore_ascii_case(owner) && one.name.eq_ignore_ascii_case(name);
        Ok(named.into_iter().map(RepositoryAnswer::into_repository).find(same))
    }

    fn cell(&self, scope: Scope) -> Cell {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if cells.len() >= MANY && !cells.contains_key(&scope) {
            cells.retain(|_, cell| cell.try_lock().map_or(true, |kept| kept.as_ref().is_some_and(is_fresh)));
        }
        cells.entry(scope).or_default().clone()
    }
}

fn is_fresh(token: &Token) -> bool {
    Timestamp::now() + SPARE < token.expires_at
}

fn scope(at: &RepoAt, purpose: Purpose) -> Result<Scope, ForgeError> {
    Ok(Scope { installation: installation_of(&at.connection)?, repository: at.repository.id, purpose })
}

fn installation_of(connection: &ConnectionId) -> Result<u64, ForgeError> {
    connection.installation_id().ok_or_else(|| ForgeError::Permanent(format!("{connection} is no installation of the App")))
}

/// At this route, what cannot be found is the installation, and what is invalid is usually the repository.
fn mint_refusal(error: ForgeError) -> ForgeError {
    match error {
        ForgeError::NotFound(text) => ForgeError::Unauthorized(format!("the App is not installed any more: {text}")),
        ForgeError::Permanent(text) if text.contains("does not exist or is not accessible") => ForgeError::NotFound(text),
        other => other,
    }
}
