//! Commits that are made here: through the contents routes, `auto_init` and the seeding verbs.

use super::super::error::ApiError;
use super::super::git::Signature;
use super::super::git_tree::TreeChange;
use super::super::json::noreply_email;
use super::super::state::now;
use super::{Doer, World};

/// A file of a new commit: its bytes, or `None` to delete it.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub path: String,
    pub content: Option<Vec<u8>>,
}

impl World {
    /// The name and address that GitHub commits under for an account.
    pub(crate) fn signature_of(&self, login: &str) -> Signature {
        let account = self.state.account(login);
        Signature {
            name: account.map_or_else(|| login.to_owned(), |account| account.login.clone()),
            email: account.map_or_else(|| format!("{login}@users.noreply.github.com"), noreply_email),
            date: now(),
        }
    }

    /// Commits files on top of a branch (which is made if it does not exist) and makes the events of a push of it.
    pub(crate) fn commit_files(
        &mut self,
        repository: u64,
        branch: &str,
        message: &str,
        files: &[NewFile],
        author: Option<(Signature, Signature)>,
        doer: &Doer,
    ) -> Result<String, ApiError> {
        let git = self.git(repository);
        let full_name = format!("refs/heads/{branch}");
        if !git.is_valid_ref(&full_name) {
            return Err(ApiError::unprocessable("Reference name is invalid"));
        }
        let head = git.ref_target(&full_name);
        let parent = head.clone().or_else(|| git.resolve(&self.repository(repository).ok()?.default_branch.clone()));
        let mut changes = Vec::new();
        for file in files {
            let object = match &file.content {
                Some(content) => Some(("100644".to_owned(), git.write_blob(content)?)),
                None => None,
            };
            changes.push(TreeChange { path: file.path.clone(), object });
        }
        let tree =
            git.write_tree(parent.as_deref(), &changes).map_err(|_| ApiError::unprocessable("path contains a malformed path component"))?;
        let verified = author.is_none() && doer.via_app;
        let (author, committer) = author.unwrap_or_else(|| {
            let author = self.signature_of(&doer.login);
            let web_flow = Signature { name: "GitHub".to_owned(), email: "noreply@github.com".to_owned(), date: author.date };
            (author, web_flow)
        });
        let parents: Vec<String> = parent.into_iter().collect();
        let sha = git.write_commit(&tree, &parents, message, &author, &committer)?;
        git.update_ref(&full_name, &sha, Some(head.as_deref().unwrap_or(super::super::git::ZERO_SHA)))?;
        if verified {
            self.repository_mut(repository)?.verified.insert(sha.clone());
        }
        self.sync_refs(repository, doer)?;
        Ok(sha)
    }
}
