//! Verbs of what comes after the code: releases, deployments, tags, another default branch. Also limits of GitHub's that
//! are too high to be reached in a test.

use anyhow::Result;

use super::LocalGithub;
use super::error::ApiError;
use super::git::ZERO_SHA;
use super::seed::person;

impl LocalGithub {
    /// A person publishes a release of the default branch; its tag is made unless it is there.
    ///
    /// # Errors
    /// When there is no such repository or person, or nothing to release.
    pub fn publish_release(&self, repository: &str, login: &str, tag: &str, name: &str, body: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.publish_release(id, tag, name, body, &person(world, login)?))
    }

    /// A person pushes a tag of a branch, tag or commit.
    ///
    /// # Errors
    /// When there is no such repository, person or revision, or the tag is there.
    pub fn push_tag(&self, repository: &str, login: &str, tag: &str, revision: &str) -> Result<()> {
        self.act_in(repository, |world, id| {
            let (git, doer) = (world.git(id), person(world, login)?);
            let sha = git.resolve(revision).ok_or_else(ApiError::not_found)?;
            git.update_ref(&format!("refs/tags/{tag}"), &sha, Some(ZERO_SHA))?;
            world.sync_refs(id, &doer)
        })
    }

    /// A person deploys a branch, tag or commit to an environment; with a state (`success`, `failure`, …) that is told, too.
    ///
    /// # Errors
    /// When there is no such repository, person or revision.
    pub fn deploy(&self, repository: &str, login: &str, environment: &str, revision: &str, state: Option<&str>) -> Result<u64> {
        self.act_in(repository, |world, id| world.deploy(id, environment, revision, state, &person(world, login)?))
    }

    /// A person makes another branch the default one.
    ///
    /// # Errors
    /// When there is no such repository, person or branch.
    pub fn set_default_branch(&self, repository: &str, login: &str, branch: &str) -> Result<()> {
        self.act_in(repository, |world, id| world.set_default_branch(id, branch, &person(world, login)?))
    }

    /// A person moves a branch to another commit by force.
    ///
    /// # Errors
    /// When there is no such repository, person, branch or commit.
    pub fn force_push(&self, repository: &str, login: &str, branch: &str, sha: &str) -> Result<()> {
        self.act_in(repository, |world, id| {
            let (git, doer) = (world.git(id), person(world, login)?);
            let full_name = format!("refs/heads/{branch}");
            let before = git.ref_target(&full_name).ok_or_else(ApiError::not_found)?;
            git.update_ref(&full_name, sha, Some(&before))?;
            world.sync_refs(id, &doer)
        })
    }

    /// From now on trees with more entries are shown truncated, as GitHub does from 100,000 on.
    pub fn limit_trees(&self, entries: usize) {
        self.store.change(|world| world.state.tree_limit = Some(entries));
    }
}
