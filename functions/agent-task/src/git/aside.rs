//! R25: what in a repository configures a tool instead of being part of the project is taken away before the agent
//! starts, and counts as untouched afterwards. Which files these are says `domain::policy`.

use super::links::leads_out;
use super::raw_diff::{SYMLINK, TrackedFile, tracked_files};
use super::{Git, GitError};
use patchbay_domain::policy::agent_configuration;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use thiserror::Error;

/// What was done to the working copy, so that the diff can tell it from the agent's work.
#[derive(Debug, Default)]
pub(crate) struct SetAside {
    /// Removed, with the reason.
    pub(crate) removed: BTreeMap<Vec<u8>, &'static str>,
    /// Symlinks that led out of the tree: now plain files that hold their target.
    pub(crate) flattened: Vec<Vec<u8>>,
}

/// Why the working copy could not be made harmless.
#[derive(Debug, Error)]
pub(crate) enum AsideError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the working copy cannot be prepared: {0}")]
    Io(#[from] io::Error),
}

/// Takes tool configuration away and flattens symlinks that lead out of the tree.
pub(crate) async fn set_aside(git: &Git) -> Result<SetAside, AsideError> {
    let tracked = tracked_files(git).await?;
    let is_link = |f: &&TrackedFile| f.mode == SYMLINK;
    let leading_out: Vec<_> = tracked.iter().filter(is_link).filter(|f| leads_out(&git.work_tree, &f.os_path())).collect();
    let mut done = SetAside::default();
    for file in &tracked {
        if let Some(reason) = agent_configuration(&String::from_utf8_lossy(&file.path)) {
            fs::remove_file(git.work_tree.join(file.os_path())).or_else(ignore_missing)?;
            done.removed.insert(file.path.clone(), reason);
        }
    }
    for file in leading_out.into_iter().filter(|f| !done.removed.contains_key(&f.path)) {
        flatten(&git.work_tree.join(file.os_path()))?;
        done.flattened.push(file.path.clone());
    }
    Ok(done)
}

fn flatten(link: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let target = fs::read_link(link)?;
    fs::remove_file(link)?;
    fs::write(link, target.as_os_str().as_bytes())
}

/// A submodule's folder, or a file whose folder was replaced: nothing to take away.
fn ignore_missing(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => Ok(()),
        _ => Err(error),
    }
}
