//! Trees of a bare repository: reading them, and writing one from a base tree and a list of changes.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use super::git::GitDir;

/// One entry of a tree listing.
#[derive(Debug, Clone)]
pub(crate) struct TreeEntry {
    pub mode: String,
    pub kind: String,
    pub sha: String,
    pub size: Option<u64>,
    pub path: String,
}

/// One change to a tree: `object` = (mode, id), `None` deletes.
#[derive(Debug, Clone)]
pub(crate) struct TreeChange {
    pub path: String,
    pub object: Option<(String, String)>,
}

impl GitDir {
    /// The entries of a tree (or of a commit's tree), with all below it if `recursive`.
    pub(crate) fn read_tree(&self, tree_ish: &str, recursive: bool) -> Result<Vec<TreeEntry>> {
        let mut arguments = vec!["ls-tree", "-l", "-z"];
        if recursive {
            arguments.extend(["-r", "-t"]);
        }
        arguments.push(tree_ish);
        let output = self.run(&arguments, None)?;
        String::from_utf8_lossy(&output).split('\0').filter(|line| !line.is_empty()).map(parse_entry).collect()
    }

    /// The entry at a path of a commit or tree; `None` if there is none.
    pub(crate) fn entry_at(&self, tree_ish: &str, path: &str) -> Option<TreeEntry> {
        let path = path.trim_matches('/');
        let output = self.run(&["ls-tree", "-l", "-z", "--full-tree", tree_ish, "--", path], None).ok()?;
        let text = String::from_utf8_lossy(&output).into_owned();
        text.split('\0').filter(|line| !line.is_empty()).filter_map(|line| parse_entry(line).ok()).find(|entry| entry.path == path)
    }

    /// Writes the tree that the changes make of `base` (nothing: the empty tree) and returns its id.
    pub(crate) fn write_tree(&self, base: Option<&str>, changes: &[TreeChange]) -> Result<String> {
        let folder = tempfile::tempdir().context("a folder for the index")?;
        let index = folder.path().join("index");
        match base {
            Some(base) => self.run_with(&["read-tree", base], None, Some(&index))?,
            None => self.run_with(&["read-tree", "--empty"], None, Some(&index))?,
        };
        let mut input = Vec::new();
        for change in changes {
            match &change.object {
                Some((mode, sha)) if mode == "040000" => {
                    let prefix = format!("--prefix={}/", change.path);
                    self.run_with(&["read-tree", &prefix, sha], None, Some(&index))?;
                }
                Some((mode, sha)) => input.extend_from_slice(format!("{mode} {sha}\t{}\0", change.path).as_bytes()),
                None => input.extend_from_slice(format!("0 {}\t{}\0", super::git::ZERO_SHA, change.path).as_bytes()),
            }
        }
        self.run_with(&["update-index", "-z", "--replace", "--index-info"], Some(&input), Some(&index))?;
        let output = self.run_with(&["write-tree"], None, Some(&index))?;
        let sha = String::from_utf8_lossy(&output).trim().to_owned();
        self.check_paths(&sha, changes)?;
        Ok(sha)
    }

    // `update-index --index-info` leaves out what it refuses (`.git`, `..`) with a warning only.
    fn check_paths(&self, tree: &str, changes: &[TreeChange]) -> Result<()> {
        let present: BTreeSet<String> = self.read_tree(tree, true)?.into_iter().map(|entry| entry.path).collect();
        match changes.iter().find(|change| change.object.is_some() && !present.contains(&change.path)) {
            Some(refused) => bail!("malformed path {:?}", refused.path),
            None => Ok(()),
        }
    }
}

fn parse_entry(line: &str) -> Result<TreeEntry> {
    let (head, path) = line.split_once('\t').context("a tree entry has a tab")?;
    let mut fields = head.split_whitespace();
    let mut next = || fields.next().map(str::to_owned).context("a tree entry has four fields");
    Ok(TreeEntry { mode: next()?, kind: next()?, sha: next()?, size: next()?.parse().ok(), path: path.to_owned() })
}
