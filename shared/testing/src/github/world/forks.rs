//! Pull requests from forks. Of a fork nothing exists here but the heads of its pull requests, which lie in the original's
//! repository under `refs/pull/`, as GitHub shows them there.

use super::super::error::ApiError;
use super::super::git_tree::TreeChange;
use super::super::state::{Fork, IdKind};
use super::{Doer, NewFile, NewPull, World};

impl World {
    /// A person who has forked the repository opens a pull request with one commit on top of the base.
    pub(crate) fn open_fork_pull(
        &mut self,
        repository: u64,
        new: NewPull,
        message: &str,
        files: &[NewFile],
        doer: &Doer,
    ) -> Result<u64, ApiError> {
        let base_sha = self.git(repository).ref_target(&format!("refs/heads/{}", new.base));
        let base_sha = base_sha.ok_or_else(|| ApiError::field("PullRequest", "base", "invalid"))?;
        let head_sha = self.commit_aside(repository, &base_sha, message, files, doer)?;
        let forks = self.repository(repository)?.issues.values().filter_map(|issue| issue.pull.as_ref()?.fork.clone());
        let known = forks.into_iter().find(|fork| fork.owner.eq_ignore_ascii_case(&doer.login));
        let fork = match known {
            Some(fork) => fork,
            None => Fork { id: self.state.next_id(IdKind::Repository), owner: doer.login.clone() },
        };
        self.add_pull(repository, new, (head_sha, base_sha), Some(fork), doer)
    }

    /// A person pushes one more commit to the fork's branch of a pull request.
    pub(crate) fn push_to_fork(
        &mut self,
        repository: u64,
        number: u64,
        message: &str,
        files: &[NewFile],
        doer: &Doer,
    ) -> Result<String, ApiError> {
        let head = self.pull(repository, number)?.head_sha.clone();
        let sha = self.commit_aside(repository, &head, message, files, doer)?;
        self.move_head(repository, number, &sha, doer)?;
        Ok(sha)
    }

    // A commit that no ref names yet.
    fn commit_aside(&self, repository: u64, parent: &str, message: &str, files: &[NewFile], doer: &Doer) -> Result<String, ApiError> {
        let git = self.git(repository);
        let mut changes = Vec::new();
        for file in files {
            let object = file.content.as_ref().map(|content| git.write_blob(content)).transpose()?;
            changes.push(TreeChange { path: file.path.clone(), object: object.map(|sha| ("100644".to_owned(), sha)) });
        }
        let tree = git.write_tree(Some(parent), &changes)?;
        let author = self.signature_of(&doer.login);
        Ok(git.write_commit(&tree, &[parent.to_owned()], message, &author, &author)?)
    }
}
