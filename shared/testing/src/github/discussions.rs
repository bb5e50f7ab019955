//! Verbs of discussions.

use anyhow::Result;

use super::LocalGithub;
use super::seed::person;

impl LocalGithub {
    /// A person opens a discussion; returns its number.
    ///
    /// # Errors
    /// When there is no such repository or person.
    pub fn open_discussion(&self, repository: &str, login: &str, title: &str, body: &str) -> Result<u64> {
        self.act_in(repository, |world, id| world.open_discussion(id, title, body, &person(world, login)?))
    }

    /// A person comments on a discussion; returns the comment's id.
    ///
    /// # Errors
    /// When there is no such discussion or person.
    pub fn comment_discussion(&self, repository: &str, number: u64, login: &str, body: &str) -> Result<u64> {
        self.act_in(repository, |world, id| world.comment_discussion(id, number, body, &person(world, login)?))
    }
}
