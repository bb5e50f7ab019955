//! What the workflow's own commands left in the working copy: as long as it stays as they left it, it is no work of the
//! agent's. Noted when a command has ended, compared when the changes are collected; files that git ignores never count.

use super::changes::ChangesError;
use super::{Git, GitError};
use patchbay_domain::task::Limits;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The paths that differed from the index, and what stood there.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    states: BTreeMap<Vec<u8>, State>,
    /// Larger files are not read: their size and time tell whether they are the same.
    most_read: u64,
}

/// What stands at a path; no link is followed.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Nothing,
    File { executable: bool, hash: [u8; 32] },
    Large { executable: bool, bytes: u64, modified: (i64, i64) },
    Link(PathBuf),
    Other,
}

impl Leftovers {
    /// Notes everything that differs from the index now.
    ///
    /// # Errors
    /// When git cannot say what that is, or a file cannot be read.
    pub(crate) async fn note(git: &Git, limits: &Limits) -> Result<Self, ChangesError> {
        let mut paths = BTreeSet::new();
        for path in differing(git).await? {
            // A repository that a command brought: git names its folder only.
            match path.strip_suffix(b"/") {
                Some(folder) => files_below(&git.work_tree, folder, &mut paths)?,
                None => drop(paths.insert(path)),
            }
        }
        let most_read = limits.max_file_bytes as u64;
        let states = paths.into_iter().map(|path| Ok((state(&git.work_tree, &path, most_read)?, path)));
        let states = states.map(|noted: io::Result<_>| noted.map(|(state, path)| (path, state))).collect::<io::Result<_>>()?;
        Ok(Self { states, most_read })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Whether the path is as it was left. One that cannot be read now is not.
    pub(crate) fn holds(&self, tree: &Path, path: &[u8]) -> bool {
        self.states.get(path).is_some_and(|left| state(tree, path, self.most_read).is_ok_and(|now| now == *left))
    }
}

/// The paths at which the working copy differs from the index, each once; ignored files are left out.
pub(super) async fn differing(git: &Git) -> Result<Vec<Vec<u8>>, GitError> {
    let out = git.run(&["ls-files", "-z", "--modified", "--others", "--exclude-standard"]).await?;
    let paths: BTreeSet<&[u8]> = out.split(|b| *b == 0).filter(|path| !path.is_empty()).collect();
    Ok(paths.into_iter().map(<[u8]>::to_vec).collect())
}

fn files_below(tree: &Path, folder: &[u8], found: &mut BTreeSet<Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(tree.join(OsStr::from_bytes(folder)))? {
        let entry = entry?;
        if entry.file_name().eq_ignore_ascii_case(".git") {
            continue;
        }
        let path = [folder, b"/", entry.file_name().as_bytes()].concat();
        if entry.file_type()?.is_dir() {
            files_below(tree, &path, found)?;
        } else {
            found.insert(path);
        }
    }
    Ok(())
}

fn state(tree: &Path, path: &[u8], most_read: u64) -> io::Result<State> {
    let at = tree.join(OsStr::from_bytes(path));
    let meta = match fs::symlink_metadata(&at) {
        Ok(meta) => meta,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(State::Nothing),
        Err(error) => return Err(error),
    };
    let executable = meta.permissions().mode() & 0o100 != 0;
    if meta.is_symlink() {
        Ok(State::Link(fs::read_link(&at)?))
    } else if !meta.is_file() {
        Ok(State::Other)
    } else if meta.len() > most_read {
        Ok(State::Large { executable, bytes: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) })
    } else {
        Ok(State::File { executable, hash: Sha256::digest(fs::read(&at)?).into() })
    }
}
