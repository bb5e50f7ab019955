//! What is in a repository at a commit: files, and which paths differ between two commits. The latter by whole trees,
//! because GitHub's comparison stops at 300 files.

use super::client::GithubForge;
use super::context::FileAnswer;
use super::route::Call;
use super::tokens::Purpose;
use crate::{FileText, ForgeError, MAX_FILE_BYTES, PathList, RepoAt};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A pull request's list of files ends here.
const MAX_PULL_REQUEST_FILES: usize = 3_000;

/// One entry of the contents API; folders come as lists of them.
#[derive(Deserialize)]
struct ContentAnswer {
    #[serde(rename = "type")]
    kind: String,
    sha: String,
    size: u64,
    #[serde(default)]
    content: String,
}

#[derive(Deserialize)]
struct TreeAnswer {
    tree: Vec<TreeEntry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
struct TreeEntry {
    path: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    sha: String,
}

/// Path → mode and object.
type Tree = BTreeMap<String, (String, String)>;

#[derive(Deserialize)]
struct ComparisonAnswer {
    merge_base_commit: super::answers::ObjectAnswer,
}

impl GithubForge {
    pub(super) async fn load_file(&self, at: &RepoAt, path: &str, git_ref: Option<&str>) -> Result<Option<FileText>, ForgeError> {
        // A repository that the App cannot see is an error, a file that is not there is none.
        self.tokens.get(&self.transport, at, Purpose::Read).await?;
        let mut call = Call::get("/repos/{owner}/{repo}/contents/{path+}", &[&at.repository.owner, &at.repository.name, path]);
        if let Some(git_ref) = git_ref {
            call = call.with_query(&[("ref", git_ref)]);
        }
        match self.call(at, Purpose::Read, &call).await {
            Ok(answer) => file_text(path, answer.json()?).map(Some),
            Err(ForgeError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn compare_trees(&self, at: &RepoAt, before: &str, after: &str) -> Result<PathList, ForgeError> {
        if is_zero(after) {
            return Ok(PathList::default());
        }
        let before = match is_zero(before) {
            true => self.merge_base_with_default(at, after).await?,
            false => Some(before.to_owned()),
        };
        let Some(before) = before else { return Ok(PathList::default()) };
        if before == after {
            return Ok(PathList { paths: Vec::new(), complete: true });
        }
        let Some(old) = self.load_tree(at, &before).await? else { return Ok(PathList::default()) };
        let Some(new) = self.load_tree(at, after).await? else { return Ok(PathList::default()) };
        Ok(PathList { paths: differing(&old, &new), complete: true })
    }

    /// The tree of a commit with everything below it; `None` if GitHub does not show all of it, or has no such commit.
    async fn load_tree(&self, at: &RepoAt, commit: &str) -> Result<Option<Tree>, ForgeError> {
        let call = Call::get("/repos/{owner}/{repo}/git/trees/{sha}", &[&at.repository.owner, &at.repository.name, commit])
            .with_query(&[("recursive", "1")]);
        let answer: TreeAnswer = match self.call(at, Purpose::Read, &call).await {
            Ok(answer) => answer.json()?,
            Err(ForgeError::NotFound(_) | ForgeError::Conflict(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if answer.truncated {
            return Ok(None);
        }
        let leaves = answer.tree.into_iter().filter(|entry| entry.kind != "tree");
        Ok(Some(leaves.map(|entry| (entry.path, (entry.mode, entry.sha))).collect()))
    }

    /// Where a commit left the default branch; `None` if they have nothing in common, or one of them is not there.
    async fn merge_base_with_default(&self, at: &RepoAt, commit: &str) -> Result<Option<String>, ForgeError> {
        let default = match &at.repository.default_branch {
            Some(branch) => branch.clone(),
            None => match self.load_repository(at).await?.default_branch {
                Some(branch) => branch,
                None => return Ok(None),
            },
        };
        let range = format!("{default}...{commit}");
        let call = Call::get("/repos/{owner}/{repo}/compare/{range+}", &[&at.repository.owner, &at.repository.name, &range])
            .with_query(&[("per_page", "1")]);
        match self.call(at, Purpose::Read, &call).await {
            Ok(answer) => Ok(Some(answer.json::<ComparisonAnswer>()?.merge_base_commit.sha)),
            Err(ForgeError::NotFound(_) | ForgeError::Conflict(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn list_pull_request_paths(&self, at: &RepoAt, number: u64) -> Result<PathList, ForgeError> {
        let template = "/repos/{owner}/{repo}/pulls/{number}/files";
        let call = Call::get(template, &[&at.repository.owner, &at.repository.name, &number.to_string()]);
        let mut paths = BTreeSet::new();
        let mut files = 0;
        let take = |page: Vec<FileAnswer>| {
            files += page.len();
            for file in page {
                paths.insert(file.filename);
                paths.extend(file.previous_filename);
            }
            true
        };
        let ended = self.read_pages(at, Purpose::Review, call, MAX_PULL_REQUEST_FILES / 100, take).await?;
        Ok(PathList { paths: paths.into_iter().collect(), complete: ended && files < MAX_PULL_REQUEST_FILES })
    }
}

/// What git calls "no commit" in a push.
fn is_zero(sha: &str) -> bool {
    !sha.is_empty() && sha.bytes().all(|byte| byte == b'0')
}

/// The paths at which two trees are not the same, in content, kind or mode.
fn differing(old: &Tree, new: &Tree) -> Vec<String> {
    let changed = new.iter().filter(|(path, entry)| old.get(*path) != Some(entry)).map(|(path, _)| path);
    let removed = old.keys().filter(|path| !new.contains_key(*path));
    changed.chain(removed).cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The text of a contents answer, or in which way it is none.
fn file_text(path: &str, answer: Value) -> Result<FileText, ForgeError> {
    let refuse = |what: &str| Err(ForgeError::Permanent(format!("{path} cannot be read as a text file: {what}")));
    if answer.is_array() {
        return refuse("it is a folder; name a file in it");
    }
    let answer: ContentAnswer =
        serde_json::from_value(answer).map_err(|error| ForgeError::Transient(format!("{path}: unexpected answer: {error}")))?;
    match answer.kind.as_str() {
        "file" => {}
        "dir" => return refuse("it is a folder; name a file in it"),
        "submodule" => return refuse("it is a submodule, whose files are in another repository"),
        "symlink" => return refuse("it is a link that leads to no file of the repository"),
        other => return refuse(&format!("it is a {other}")),
    }
    if answer.size > MAX_FILE_BYTES {
        return refuse(&format!("it has {} bytes, and at most {MAX_FILE_BYTES} are read", answer.size));
    }
    let base64: String = answer.content.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(base64).map_err(|error| ForgeError::Transient(format!("{path}: unexpected answer: {error}")))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(FileText { text, sha: answer.sha, size: answer.size }),
        Err(_) => refuse("its bytes are not UTF-8 text"),
    }
}
