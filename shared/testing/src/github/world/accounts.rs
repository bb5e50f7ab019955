//! Accounts, repositories and the App's installations: making them, changing them, taking them away.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::access::{Access, Level};
use super::super::error::ApiError;
use super::super::git::GitDir;
use super::super::json;
use super::super::state::{Account, AccountKind, IdKind, Installation, Repository, Token, now};
use super::events::Draft;
use super::{Doer, World};

impl World {
    /// Makes an account unless the login is taken; returns its id.
    pub(crate) fn ensure_account(&mut self, login: &str, kind: AccountKind) -> u64 {
        if let Some(found) = self.state.account(login) {
            return found.id;
        }
        let id = self.state.next_id(IdKind::Account);
        let account = Account { id, login: login.to_owned(), kind, created_at: now(), members: BTreeMap::new(), teams: BTreeMap::new() };
        self.state.accounts.insert(login.to_lowercase(), account);
        id
    }

    /// The token of a person, which never expires; made at the first call.
    pub(crate) fn user_token(&mut self, login: &str) -> Result<String, ApiError> {
        let login = login.to_lowercase();
        self.state.account(&login).filter(|account| account.kind == AccountKind::User).ok_or_else(ApiError::not_found)?;
        let is_theirs = |token: &Token| matches!(token, Token::User { login: owner } if *owner == login);
        if let Some((token, _)) = self.state.tokens.iter().find(|(_, token)| is_theirs(token)) {
            return Ok(token.clone());
        }
        let token = format!("ghp_{}", random_text(36));
        self.state.tokens.insert(token.clone(), Token::User { login });
        Ok(token)
    }

    /// Makes an empty repository; 422 if the name is taken.
    pub(crate) fn create_repository(
        &mut self,
        owner: &str,
        name: &str,
        private: bool,
        description: Option<String>,
        doer: &Doer,
    ) -> Result<u64, ApiError> {
        let owner = self.state.account(owner).ok_or_else(ApiError::not_found)?.login.to_lowercase();
        let valid = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
        if name.is_empty() || name.len() > 100 || !name.chars().all(valid) || matches!(name, "." | "..") {
            return Err(ApiError::field("Repository", "name", "invalid"));
        }
        if self.state.repository(&owner, name).is_some() {
            return Err(ApiError::custom("Repository", "name already exists on this account"));
        }
        let id = self.state.next_id(IdKind::Repository);
        std::fs::create_dir_all(self.git_root()).map_err(anyhow::Error::from)?;
        GitDir::init(self.git_path(id), "main")?;
        let at = now();
        let repository = Repository {
            id,
            owner,
            name: name.to_owned(),
            description,
            private,
            archived: false,
            default_branch: "main".to_owned(),
            created_at: at,
            updated_at: at,
            pushed_at: at,
            issues: BTreeMap::new(),
            labels: BTreeMap::new(),
            permissions: BTreeMap::new(),
            refs: BTreeMap::new(),
            verified: BTreeSet::new(),
            check_suites: BTreeMap::new(),
            check_runs: BTreeMap::new(),
            discussions: BTreeMap::new(),
        };
        self.state.repositories.insert(id, repository);
        for (label, color) in [("bug", "d73a4a"), ("documentation", "0075ca"), ("enhancement", "a2eeef"), ("question", "d876e3")] {
            self.ensure_label(id, label, color)?;
        }
        self.emit(Draft::of("repository", "created", doer).in_repository(id))?;
        self.announce_new_repository(id, doer)?;
        Ok(id)
    }

    // An installation on all repositories gains each new one.
    fn announce_new_repository(&mut self, id: u64, doer: &Doer) -> Result<(), ApiError> {
        let repository = self.repository(id)?;
        let Some(installation) = self.state.installation_of(repository).filter(|found| found.suspended_at.is_none()) else {
            return Ok(());
        };
        let (installation, short) = (installation.id, json::short_repository(&self.state, repository));
        self.emit_repositories_change(installation, "added", vec![short], doer)
    }

    /// Installs the App on an account: on the selected repositories, or on all.
    pub(crate) fn install(&mut self, account: &str, selected: Option<BTreeSet<u64>>, doer: &Doer) -> Result<u64, ApiError> {
        let account = self.state.account(account).ok_or_else(ApiError::not_found)?.login.to_lowercase();
        if let Some(found) = self.state.installations.values().find(|found| found.account == account) {
            return Ok(found.id);
        }
        let id = self.state.next_id(IdKind::Installation);
        let (permissions, events) = (self.app.permissions.clone(), self.app.events.clone());
        let at = now();
        let installation = Installation {
            id,
            account,
            selected,
            permissions,
            events,
            created_at: at,
            updated_at: at,
            suspended_at: None,
            suspended_by: None,
        };
        self.state.installations.insert(id, installation);
        self.emit_installation(id, "created", true, doer)?;
        Ok(id)
    }

    /// Removes the App from an account; its tokens die at once.
    pub(crate) fn uninstall(&mut self, id: u64, doer: &Doer) -> Result<(), ApiError> {
        self.emit_installation(id, "deleted", true, doer)?;
        self.state.installations.remove(&id);
        self.state.tokens.retain(|_, token| !matches!(token, Token::Installation { installation, .. } if *installation == id));
        Ok(())
    }

    /// Suspends or resumes an installation.
    pub(crate) fn set_suspended(&mut self, id: u64, suspended: bool, doer: &Doer) -> Result<(), ApiError> {
        let found = self.state.installations.get_mut(&id).ok_or_else(ApiError::not_found)?;
        found.suspended_at = suspended.then(now);
        found.suspended_by = suspended.then(|| doer.login.clone());
        found.updated_at = now();
        self.emit_installation(id, if suspended { "suspend" } else { "unsuspend" }, false, doer)
    }

    /// The account's owner accepts the permissions that the App has come to ask for.
    pub(crate) fn accept_permissions(&mut self, id: u64, permissions: BTreeMap<String, Access>, doer: &Doer) -> Result<(), ApiError> {
        let found = self.state.installations.get_mut(&id).ok_or_else(ApiError::not_found)?;
        found.permissions = permissions;
        found.updated_at = now();
        self.emit_installation(id, "new_permissions_accepted", true, doer)
    }

    /// Gives a repository to an installation, or takes it away, as its settings page does.
    pub(crate) fn set_selected(&mut self, id: u64, repository: u64, selected: bool, doer: &Doer) -> Result<(), ApiError> {
        let found = self.state.installations.get(&id).ok_or_else(ApiError::not_found)?;
        let mut ids: BTreeSet<u64> = self.state.repositories_of(found).map(|repository| repository.id).collect();
        let changed = if selected { ids.insert(repository) } else { ids.remove(&repository) };
        let short = json::short_repository(&self.state, self.repository(repository)?);
        if let Some(found) = self.state.installations.get_mut(&id) {
            found.selected = Some(ids);
            found.updated_at = now();
        }
        if !changed {
            return Ok(());
        }
        self.emit_repositories_change(id, if selected { "added" } else { "removed" }, vec![short], doer)
    }

    /// Sets a person's level in a repository.
    pub(crate) fn set_permission(&mut self, repository: u64, login: &str, level: Level) -> Result<(), ApiError> {
        self.repository_mut(repository)?.permissions.insert(login.to_lowercase(), level);
        Ok(())
    }

    fn emit_installation(&mut self, id: u64, action: &str, with_repositories: bool, doer: &Doer) -> Result<(), ApiError> {
        let found = self.state.installations.get(&id).ok_or_else(ApiError::not_found)?;
        let mut fields = Map::new();
        fields.insert("installation".to_owned(), json::installation_in_event(self, found, action));
        if with_repositories {
            let repositories: Vec<Value> = self.state.repositories_of(found).map(|one| json::short_repository(&self.state, one)).collect();
            fields.insert("repositories".to_owned(), Value::Array(repositories));
        }
        fields.insert("requester".to_owned(), Value::Null);
        self.emit(Draft::of("installation", action, doer).of_installation(id).with(fields))
    }

    fn emit_repositories_change(&mut self, id: u64, action: &str, changed: Vec<Value>, doer: &Doer) -> Result<(), ApiError> {
        let found = self.state.installations.get(&id).ok_or_else(ApiError::not_found)?;
        let (added, removed) = if action == "added" { (changed, Vec::new()) } else { (Vec::new(), changed) };
        let mut fields = Map::new();
        fields.insert("installation".to_owned(), json::installation_in_event(self, found, action));
        fields.insert("repository_selection".to_owned(), json!(if found.selected.is_some() { "selected" } else { "all" }));
        fields.insert("repositories_added".to_owned(), Value::Array(added));
        fields.insert("repositories_removed".to_owned(), Value::Array(removed));
        fields.insert("requester".to_owned(), Value::Null);
        self.emit(Draft::of("installation_repositories", action, doer).of_installation(id).with(fields))
    }
}

/// Letters and digits that nobody can guess.
pub(crate) fn random_text(length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length + 32);
    while text.len() < length {
        // 16 random bytes of a v4 UUID; bytes past the last multiple of 62 are dropped to keep every letter equally likely.
        text.extend(
            uuid::Uuid::new_v4()
                .as_bytes()
                .iter()
                .filter(|byte| **byte < 248)
                .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])),
        );
    }
    text.truncate(length);
    text
}
