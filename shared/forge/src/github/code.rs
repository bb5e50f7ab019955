//! Commits and branches through GitHub's git data API. A commit names neither author nor committer: only then does
//! GitHub sign it for the App and show it as verified.

use super::answers::{CommitAnswer, ObjectAnswer, RefAnswer};
use super::client::{GithubForge, gone_is_done};
use super::route::Call;
use super::tokens::Purpose;
use crate::{ForgeError, NewCommit, RepoAt};
use patchbay_domain::change_set::{Change, Content, FileChange};
use serde_json::{Value, json};

/// How much inline text one tree request may hold; more goes into further trees, each based on the one before.
const MAX_INLINE_BYTES: usize = 8 * 1024 * 1024;

impl GithubForge {
    pub(super) async fn load_branch_head(&self, at: &RepoAt, branch: &str) -> Result<Option<String>, ForgeError> {
        let call = Call::get("/repos/{owner}/{repo}/git/ref/heads/{branch+}", &[&at.repository.owner, &at.repository.name, branch]);
        match self.call(at, Purpose::Look, &call).await {
            Ok(answer) => Ok(Some(answer.json::<RefAnswer>()?.object.sha)),
            // An empty repository answers 409.
            Err(ForgeError::NotFound(_) | ForgeError::Conflict(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn load_commit(&self, at: &RepoAt, sha: &str, purpose: Purpose) -> Result<CommitAnswer, ForgeError> {
        let call = Call::get("/repos/{owner}/{repo}/git/commits/{sha}", &[&at.repository.owner, &at.repository.name, sha]);
        self.call(at, purpose, &call).await?.json()
    }

    pub(super) async fn post_commit(&self, at: &RepoAt, commit: &NewCommit<'_>) -> Result<String, ForgeError> {
        let mut tree = self.load_commit(at, commit.base_sha, Purpose::Code).await?.tree.sha;
        for entries in in_requests(self.tree_entries(at, commit.files).await?) {
            let body = json!({"base_tree": tree, "tree": entries});
            tree = self.post_object(at, "/repos/{owner}/{repo}/git/trees", body).await?;
        }
        let body = json!({"message": commit.message, "tree": tree, "parents": [commit.base_sha]});
        self.post_object(at, "/repos/{owner}/{repo}/git/commits", body).await
    }

    /// Deletions come first, so that a file may become a directory. Text travels inline; what is no text, and empty files
    /// (an empty `content` is easily taken for an absent one), becomes a blob of its own.
    async fn tree_entries(&self, at: &RepoAt, files: &[FileChange]) -> Result<Vec<Value>, ForgeError> {
        let mut entries = Vec::with_capacity(files.len());
        for file in files.iter().filter(|file| file.change == Change::Delete) {
            entries.push(json!({"path": file.path, "mode": "100644", "type": "blob", "sha": null}));
        }
        for file in files {
            let Change::Write { mode, content, .. } = &file.change else { continue };
            let mut entry = json!({"path": file.path, "mode": mode, "type": "blob"});
            match content {
                Content::Text(text) if !text.is_empty() => entry["content"] = json!(text),
                Content::Text(text) => entry["sha"] = json!(self.post_blob(at, text, "utf-8").await?),
                Content::Base64(text) => entry["sha"] = json!(self.post_blob(at, text, "base64").await?),
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    async fn post_blob(&self, at: &RepoAt, content: &str, encoding: &str) -> Result<String, ForgeError> {
        self.post_object(at, "/repos/{owner}/{repo}/git/blobs", json!({"content": content, "encoding": encoding})).await
    }

    async fn post_object(&self, at: &RepoAt, template: &'static str, body: Value) -> Result<String, ForgeError> {
        let call = Call::post(template, &[&at.repository.owner, &at.repository.name], body);
        Ok(self.call(at, Purpose::Code, &call).await?.json::<ObjectAnswer>()?.sha)
    }

    pub(super) async fn post_branch(&self, at: &RepoAt, branch: &str, sha: &str) -> Result<(), ForgeError> {
        let body = json!({"ref": format!("refs/heads/{branch}"), "sha": sha});
        let call = Call::post("/repos/{owner}/{repo}/git/refs", &[&at.repository.owner, &at.repository.name], body);
        self.call(at, Purpose::Code, &call).await.map(drop)
    }

    pub(super) async fn patch_branch(&self, at: &RepoAt, branch: &str, sha: &str) -> Result<(), ForgeError> {
        let template = "/repos/{owner}/{repo}/git/refs/heads/{branch+}";
        let body = json!({"sha": sha, "force": false});
        let call = Call::patch(template, &[&at.repository.owner, &at.repository.name, branch], body);
        self.call(at, Purpose::Code, &call).await.map(drop)
    }

    pub(super) async fn remove_branch(&self, at: &RepoAt, branch: &str) -> Result<(), ForgeError> {
        let template = "/repos/{owner}/{repo}/git/refs/heads/{branch+}";
        let call = Call::delete(template, &[&at.repository.owner, &at.repository.name, branch]);
        gone_is_done(self.call(at, Purpose::Code, &call).await)
    }
}

/// Cuts the entries into requests of bounded size; none at all leave the base tree as it is.
fn in_requests(entries: Vec<Value>) -> Vec<Vec<Value>> {
    let mut requests = vec![Vec::new()];
    let mut filled = 0;
    for entry in entries {
        let bytes = entry["content"].as_str().map_or(0, str::len);
        if filled > 0 && filled + bytes > MAX_INLINE_BYTES {
            requests.push(Vec::new());
            filled = 0;
        }
        filled += bytes;
        if let Some(request) = requests.last_mut() {
            request.push(entry);
        }
    }
    requests.retain(|request| !request.is_empty());
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_trees_are_cut_into_requests_that_stay_below_the_limit() {
        let entry = |bytes: usize| json!({"content": "x".repeat(bytes)});
        let sizes = |entries: Vec<Value>| in_requests(entries).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![]), Vec::<usize>::new());
        assert_eq!(sizes(vec![json!({"sha": null}); 3]), [3]);
        assert_eq!(sizes(vec![entry(MAX_INLINE_BYTES), entry(1), entry(1)]), [1, 2]);
        assert_eq!(sizes(vec![entry(1), entry(MAX_INLINE_BYTES + 1), entry(1)]), [1, 1, 1]);
        assert_eq!(sizes(vec![entry(MAX_INLINE_BYTES / 2), entry(MAX_INLINE_BYTES / 2), json!({"sha": null})]), [3]);
    }
}
