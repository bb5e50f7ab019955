//! Verbs that take a repository or a thread from under whoever works on it: rename, transfer, lock.

use anyhow::{Result, anyhow};

use super::LocalGithub;
use super::seed::repository_id;
use super::world::Doer;

impl LocalGithub {
    /// The owner gives a repository (`owner/name`) another name; requests to the old one are redirected.
    ///
    /// # Errors
    /// When there is no such repository, or the name is taken.
    pub fn rename_repository(&self, repository: &str, login: &str, name: &str) -> Result<()> {
        self.store.change(|world| {
            let id = repository_id(world, repository).ok_or_else(|| anyhow!("there is no repository {repository}"))?;
            Ok(world.rename_repository(id, name, &Doer::person(login))?)
        })
    }

    /// The owner gives a repository to another account.
    ///
    /// # Errors
    /// When there is no such repository or account, or the name is taken there.
    pub fn transfer_repository(&self, repository: &str, login: &str, owner: &str) -> Result<()> {
        self.store.change(|world| {
            let id = repository_id(world, repository).ok_or_else(|| anyhow!("there is no repository {repository}"))?;
            Ok(world.transfer_repository(id, owner, &Doer::person(login))?)
        })
    }

    /// A person locks a thread; Apps cannot comment there any more.
    ///
    /// # Errors
    /// When there is no such thread.
    pub fn lock_issue(&self, repository: &str, number: u64, login: &str) -> Result<()> {
        self.store.change(|world| {
            let id = repository_id(world, repository).ok_or_else(|| anyhow!("there is no repository {repository}"))?;
            Ok(world.lock_issue(id, number, &Doer::person(login))?)
        })
    }
}
