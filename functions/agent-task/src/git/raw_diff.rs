//! git's machine formats: the index's list and the raw diff. NUL-separated, so that any file name survives.

use super::{Git, GitError};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The mode of a symlink.
pub(crate) const SYMLINK: &str = "120000";
/// The mode of a submodule's commit.
pub(crate) const GITLINK: &str = "160000";

/// One line of the index.
#[derive(Debug)]
pub(crate) struct TrackedFile {
    pub(crate) mode: String,
    pub(crate) path: Vec<u8>,
}

impl TrackedFile {
    /// The path as the file system wants it.
    pub(crate) fn os_path(&self) -> PathBuf {
        OsStr::from_bytes(&self.path).into()
    }
}

/// One path that differs between two trees. Modes are `000000` and ids all zeros where a side has nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RawChange {
    pub(crate) old_mode: String,
    pub(crate) new_mode: String,
    pub(crate) old_id: String,
    pub(crate) new_id: String,
    pub(crate) path: Vec<u8>,
}

impl RawChange {
    /// Whether the path is gone.
    pub(crate) fn is_deletion(&self) -> bool {
        self.new_mode == "000000"
    }

    /// Whether the base does not have the path.
    pub(crate) fn is_addition(&self) -> bool {
        self.old_mode == "000000"
    }
}

/// Everything in the index.
pub(crate) async fn tracked_files(git: &Git) -> Result<Vec<TrackedFile>, GitError> {
    let out = git.run(&["ls-files", "-z", "--stage"]).await?;
    Ok(out.split(|b| *b == 0).filter_map(parse_tracked).collect())
}

/// `mode id stage\tpath`
fn parse_tracked(line: &[u8]) -> Option<TrackedFile> {
    let tab = line.iter().position(|b| *b == b'\t')?;
    let mode = String::from_utf8_lossy(line.get(..6)?).into_owned();
    Some(TrackedFile { mode, path: line[tab + 1..].to_vec() })
}

/// What the index has differently from `base`.
pub(crate) async fn staged_changes(git: &Git, base: &str) -> Result<Vec<RawChange>, GitError> {
    let out =
        git.run(&["diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff", "--no-textconv", base]).await?;
    Ok(parse_raw_diff(&out))
}

/// `:old new old-id new-id status\0path\0`, again and again.
fn parse_raw_diff(bytes: &[u8]) -> Vec<RawChange> {
    let mut parts = bytes.split(|b| *b == 0);
    let mut changes = Vec::new();
    while let (Some(head), Some(path)) = (parts.next(), parts.next()) {
        let head = String::from_utf8_lossy(head);
        let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
        if let [old_mode, new_mode, old_id, new_id, _] = words[..] {
            let owned = str::to_owned;
            let path = path.to_vec();
            changes.push(RawChange {
                old_mode: owned(old_mode),
                new_mode: owned(new_mode),
                old_id: owned(old_id),
                new_id: owned(new_id),
                path,
            });
        }
    }
    changes
}
