//! Differences between two commits, file by file, as GitHub reports them.

use anyhow::{Context, Result};

use super::git::GitDir;

/// What happened to one file.
#[derive(Debug, Clone)]
pub(crate) struct FileDiff {
    pub path: String,
    pub previous: Option<String>,
    /// `added`, `removed`, `modified` or `renamed`.
    pub status: &'static str,
    /// The blob after the change (before it, for a removed file).
    pub sha: String,
    pub additions: u64,
    pub deletions: u64,
    /// The hunks; none for a binary file or a mere rename.
    pub patch: Option<String>,
}

const OPTIONS: [&str; 6] = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "--full-index"];

impl GitDir {
    /// The files that differ between two commits or trees, in path order.
    pub(crate) fn diff_files(&self, from: &str, to: &str) -> Result<Vec<FileDiff>> {
        let mut files = parse_raw(&self.diff(&["--raw", "-z", "--abbrev=40"], from, to)?)?;
        let counts = parse_counts(&self.diff(&["--numstat", "-z"], from, to)?);
        let text = self.diff_text(from, to)?;
        let patches = split_patches(&text);
        for (position, file) in files.iter_mut().enumerate() {
            if let Some((additions, deletions)) = counts.get(position) {
                (file.additions, file.deletions) = (*additions, *deletions);
            }
            file.patch = patches.get(position).and_then(|patch| hunks(patch));
        }
        Ok(files)
    }

    /// The unified diff between two commits or trees.
    pub(crate) fn diff_text(&self, from: &str, to: &str) -> Result<String> {
        self.diff(&["--patch"], from, to)
    }

    fn diff(&self, format: &[&str], from: &str, to: &str) -> Result<String> {
        let mut arguments = OPTIONS.to_vec();
        arguments.extend(format);
        arguments.extend([from, to]);
        Ok(String::from_utf8_lossy(&self.run(&arguments, None)?).into_owned())
    }
}

fn parse_raw(text: &str) -> Result<Vec<FileDiff>> {
    let mut fields = text.split('\0').filter(|field| !field.is_empty());
    let mut files = Vec::new();
    while let Some(head) = fields.next() {
        let columns: Vec<&str> = head.split_whitespace().collect();
        let letter = columns.get(4).and_then(|status| status.chars().next()).context("a raw diff line has a status")?;
        let first = fields.next().context("a raw diff line has a path")?.to_owned();
        let (status, path, previous, column) = match letter {
            'A' => ("added", first, None, 3),
            'D' => ("removed", first, None, 2),
            'R' => ("renamed", fields.next().context("a rename has two paths")?.to_owned(), Some(first), 3),
            _ => ("modified", first, None, 3),
        };
        let sha = columns.get(column).context("a raw diff line has ids")?.to_string();
        files.push(FileDiff { path, previous, status, sha, additions: 0, deletions: 0, patch: None });
    }
    Ok(files)
}

// `12\t3\tpath\0`, and for renames `12\t3\t\0old\0new\0`; `-` stands for binary content.
fn parse_counts(text: &str) -> Vec<(u64, u64)> {
    let mut fields = text.split('\0');
    let mut counts = Vec::new();
    while let Some(field) = fields.next() {
        let mut columns = field.splitn(3, '\t');
        let (Some(added), Some(deleted), Some(path)) = (columns.next(), columns.next(), columns.next()) else { continue };
        counts.push((added.parse().unwrap_or(0), deleted.parse().unwrap_or(0)));
        if path.is_empty() {
            fields.next();
            fields.next();
        }
    }
    counts
}

fn split_patches(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = text.match_indices("\ndiff --git ").map(|(at, _)| at + 1).collect();
    if text.starts_with("diff --git ") {
        starts.insert(0, 0);
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

fn hunks(patch: &str) -> Option<String> {
    let at = patch.find("\n@@ ")?;
    Some(patch[at + 1..].trim_end_matches('\n').to_owned())
}
