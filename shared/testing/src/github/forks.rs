//! Verbs of pull requests from forks, and of drafts.

use anyhow::Result;

use super::LocalGithub;
use super::seed::{new_files, person};
use super::world::NewPull;

impl LocalGithub {
    /// A person opens a pull request from a fork of theirs, with one commit on top of the base; returns its number.
    ///
    /// # Errors
    /// When there is no such repository, person or base branch.
    #[expect(clippy::too_many_arguments, reason = "what a person fills in, in the order of the other verbs")]
    pub fn open_fork_pull(
        &self,
        repository: &str,
        login: &str,
        head: &str,
        base: &str,
        title: &str,
        body: &str,
        files: &[(&str, &str)],
    ) -> Result<u64> {
        let new = new_pull(head, base, title, body, false);
        self.act_in(repository, |world, id| world.open_fork_pull(id, new, title, &new_files(files), &person(world, login)?))
    }

    /// A person pushes one more commit to the fork's branch of a pull request; returns the commit.
    ///
    /// # Errors
    /// When there is no such pull request or person.
    pub fn push_to_fork(&self, repository: &str, login: &str, number: u64, message: &str, files: &[(&str, &str)]) -> Result<String> {
        self.act_in(repository, |world, id| world.push_to_fork(id, number, message, &new_files(files), &person(world, login)?))
    }

    /// A person opens a pull request that is not ready for review; returns its number.
    ///
    /// # Errors
    /// As `open_pull`.
    pub fn open_draft_pull(&self, repository: &str, login: &str, head: &str, base: &str, title: &str, body: &str) -> Result<u64> {
        let new = new_pull(head, base, title, body, true);
        self.act_in(repository, |world, id| world.open_pull(id, new, &person(world, login)?))
    }
}

fn new_pull(head: &str, base: &str, title: &str, body: &str, draft: bool) -> NewPull {
    NewPull {
        title: title.to_owned(),
        body: Some(body.to_owned()),
        head: head.to_owned(),
        base: base.to_owned(),
        draft,
        maintainer_can_modify: false,
    }
}
