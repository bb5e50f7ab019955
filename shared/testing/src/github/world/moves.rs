//! Repositories that get another name or owner, and threads that are locked. Old names lead to the new one.

use serde_json::{Map, json};

use super::super::error::ApiError;
use super::super::state::Repository;
use super::events::Draft;
use super::{Doer, World};

impl World {
    /// Gives a repository another name; its old one redirects from now on.
    pub(crate) fn rename_repository(&mut self, id: u64, name: &str, doer: &Doer) -> Result<(), ApiError> {
        let owner = self.repository(id)?.owner.clone();
        let before = self.move_to(id, &owner, name)?;
        let mut fields = Map::new();
        fields.insert("changes".to_owned(), json!({"repository": {"name": {"from": before.name}}}));
        self.emit(Draft::of("repository", "renamed", doer).in_repository(id).with(fields))
    }

    /// Gives a repository another owner. Only an installation at the new owner hears of it.
    pub(crate) fn transfer_repository(&mut self, id: u64, owner: &str, doer: &Doer) -> Result<(), ApiError> {
        let owner = self.state.account(owner).ok_or_else(ApiError::not_found)?.login.to_lowercase();
        let name = self.repository(id)?.name.clone();
        let before = self.move_to(id, &owner, &name)?;
        let mut fields = Map::new();
        fields.insert("changes".to_owned(), json!({"owner": {"from": {"organization": {"login": before.owner}}}}));
        self.emit(Draft::of("repository", "transferred", doer).in_repository(id).with(fields))
    }

    fn move_to(&mut self, id: u64, owner: &str, name: &str) -> Result<Repository, ApiError> {
        if self.state.repository(owner, name).is_some() {
            return Err(ApiError::custom("Repository", "name already exists on this account"));
        }
        let before = self.repository(id)?.clone();
        let moved = self.repository_mut(id)?;
        (moved.owner, moved.name) = (owner.to_owned(), name.to_owned());
        self.state.moved.insert(before_name(&before.owner, &before.name), id);
        Ok(before)
    }

    /// The repository that once had this name, while nobody else has it.
    pub(crate) fn moved(&self, owner: &str, name: &str) -> Option<&Repository> {
        let name = name.strip_suffix(".git").unwrap_or(name);
        self.state.repositories.get(self.state.moved.get(&before_name(owner, name))?)
    }

    /// Locks a thread: from now on only people who may write can comment there.
    pub(crate) fn lock_issue(&mut self, id: u64, number: u64, doer: &Doer) -> Result<(), ApiError> {
        self.issue_mut(id, number)?.locked = true;
        self.emit_issue(id, number, "locked", Map::new(), doer)
    }
}

fn before_name(owner: &str, name: &str) -> String {
    format!("{owner}/{name}").to_lowercase()
}
