//! Refs: moving them, and making events of how they moved, whoever moved them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::error::ApiError;
use super::super::git::{EMPTY_TREE, GitDir, ZERO_SHA};
use super::super::json;
use super::super::state::now;
use super::events::Draft;
use super::{Doer, World};

/// A push payload lists at most this many commits.
const MOST_COMMITS: usize = 2_048;

impl World {
    /// Compares the repository's refs with those known and makes `create`, `delete`, `push` and `synchronize` events of them.
    pub(crate) fn sync_refs(&mut self, repository: u64, doer: &Doer) -> Result<(), ApiError> {
        let git = self.git(repository);
        let is_public = |name: &str| name.starts_with("refs/heads/") || name.starts_with("refs/tags/");
        let present: BTreeMap<String, String> = git.refs()?.into_iter().filter(|(name, _)| is_public(name)).collect();
        let found = self.repository_mut(repository)?;
        let known = std::mem::replace(&mut found.refs, present.clone());
        let mut changes = Vec::new();
        for name in known.keys().chain(present.keys().filter(|name| !known.contains_key(*name))) {
            let (before, after) = (known.get(name), present.get(name));
            if before != after {
                changes.push((name.clone(), before.cloned(), after.cloned()));
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        found.pushed_at = now();
        found.updated_at = now();
        self.adopt_default_branch(repository, &git, &present)?;
        for (name, before, after) in changes {
            self.announce_ref(repository, &git, &known, &name, before.as_deref(), after.as_deref(), doer)?;
        }
        Ok(())
    }

    // The first branch pushed to an empty repository becomes its default branch.
    fn adopt_default_branch(&mut self, repository: u64, git: &GitDir, present: &BTreeMap<String, String>) -> Result<(), ApiError> {
        let found = self.repository_mut(repository)?;
        if present.contains_key(&format!("refs/heads/{}", found.default_branch)) {
            return Ok(());
        }
        let mut branches = present.keys().filter_map(|name| name.strip_prefix("refs/heads/"));
        if let (Some(only), None) = (branches.next(), branches.next()) {
            found.default_branch = only.to_owned();
            git.set_head(only)?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; the arguments are one ref's change")]
    fn announce_ref(
        &mut self,
        repository: u64,
        git: &GitDir,
        known: &BTreeMap<String, String>,
        name: &str,
        before: Option<&str>,
        after: Option<&str>,
        doer: &Doer,
    ) -> Result<(), ApiError> {
        let (kind, short) = match name.strip_prefix("refs/heads/") {
            Some(branch) => ("branch", branch),
            None => ("tag", name.trim_start_matches("refs/tags/")),
        };
        if before.is_none() || after.is_none() {
            let found = self.repository(repository)?;
            let mut fields = Map::from_iter([("ref".to_owned(), json!(short)), ("ref_type".to_owned(), json!(kind))]);
            fields.insert("full_ref".to_owned(), json!(name));
            if after.is_some() {
                fields.insert("master_branch".to_owned(), json!(found.default_branch));
                fields.insert("description".to_owned(), json!(found.description));
            }
            fields.insert("pusher_type".to_owned(), json!("user"));
            let event = if after.is_some() { "create" } else { "delete" };
            self.emit(Draft::without_action(event, doer).in_repository(repository).with(fields))?;
        }
        let fields = self.push_fields(repository, git, known, name, before, after, doer)?;
        self.emit(Draft::without_action("push", doer).in_repository(repository).with(fields))?;
        if kind == "branch" { self.follow_branch(repository, short, after, doer) } else { Ok(()) }
    }

    #[expect(clippy::too_many_arguments, reason = "one call site; the arguments are one ref's change")]
    fn push_fields(
        &self,
        repository: u64,
        git: &GitDir,
        known: &BTreeMap<String, String>,
        name: &str,
        before: Option<&str>,
        after: Option<&str>,
        doer: &Doer,
    ) -> Result<Map<String, Value>, ApiError> {
        let found = self.repository(repository)?;
        let forced = matches!((before, after), (Some(before), Some(after)) if !git.is_ancestor(before, after));
        // A new branch shows what no ref had before; a moved one shows what it gained.
        let exclude: Vec<String> = match before {
            Some(before) => vec![before.to_owned()],
            None => known.values().cloned().collect(),
        };
        let mut commits = Vec::new();
        if let Some(after) = after.filter(|_| name.starts_with("refs/heads/")) {
            for sha in git.history(after, &exclude, MOST_COMMITS)?.iter().rev() {
                commits.push(self.push_commit_json(repository, git, sha)?);
            }
        }
        let head_commit = match after.and_then(|after| git.resolve(after)) {
            Some(sha) => self.push_commit_json(repository, git, &sha)?,
            None => Value::Null,
        };
        let web = self.repository_web_url(found);
        let short = |sha: &str| sha.chars().take(12).collect::<String>();
        let compare = match (before, after) {
            (Some(before), Some(after)) => format!("{web}/compare/{}...{}", short(before), short(after)),
            (Some(sha), None) => format!("{web}/compare/{}...{}", short(sha), short(ZERO_SHA)),
            _ => format!("{web}/compare/{}", name.rsplit('/').next().unwrap_or(name)),
        };
        let pusher = self.state.account(&doer.login);
        let Value::Object(fields) = json!({
            "ref": name,
            "before": before.unwrap_or(ZERO_SHA),
            "after": after.unwrap_or(ZERO_SHA),
            "created": before.is_none(),
            "deleted": after.is_none(),
            "forced": forced,
            "base_ref": null,
            "compare": compare,
            "commits": commits,
            "head_commit": head_commit,
            "pusher": {"name": doer.login, "email": pusher.map(json::noreply_email)},
        }) else {
            return Ok(Map::new());
        };
        Ok(fields)
    }

    fn push_commit_json(&self, repository: u64, git: &GitDir, sha: &str) -> Result<Value, ApiError> {
        let commit = git.read_commit(sha).ok_or_else(ApiError::not_found)?;
        let parent = commit.parents.first().map_or(EMPTY_TREE, String::as_str);
        let files = git.diff_files(parent, sha)?;
        Ok(json::push_commit(self, self.repository(repository)?, &commit, &files, true))
    }
}
