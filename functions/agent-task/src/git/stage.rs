//! Puts what differs into the supervisor's index: all of the working copy, or chosen paths and nothing else.

use super::raw_diff::{GITLINK, tracked_files};
use super::{Git, GitError};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Stages everything, or `only` these paths.
pub(super) async fn stage(git: &Git, only: Option<&Vec<Vec<u8>>>) -> Result<(), GitError> {
    let Some(paths) = only else {
        git.run(&["add", "--all", "--", "."]).await?;
        return Ok(());
    };
    let submodules: HashSet<Vec<u8>> = tracked_files(git).await?.into_iter().filter(|f| f.mode == GITLINK).map(|f| f.path).collect();
    let paths = paths.iter().filter(|path| !submodules.contains(*path));
    let (there, gone): (Vec<_>, Vec<_>) = paths.partition(|path| is_there(&git.work_tree, path));
    // Gone first: where a file became a folder, or the reverse, the one makes room for the other. git itself refuses a
    // path behind a link, where nothing of the project's can be.
    if !gone.is_empty() {
        git.run_with_input(&["update-index", "--force-remove", "-z", "--stdin"], nul_separated(&gone)).await?;
    }
    // Without any path git would take all of them.
    if !there.is_empty() {
        git.run_with_input(&["add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul"], nul_separated(&there)).await?;
    }
    Ok(())
}

/// Whether a file or link stands at this path, with folders and no links above it.
fn is_there(tree: &Path, path: &[u8]) -> bool {
    let path = Path::new(OsStr::from_bytes(path));
    let is_folder = |at: &Path| fs::symlink_metadata(tree.join(at)).is_ok_and(|meta| meta.is_dir());
    let above = path.ancestors().skip(1).all(is_folder);
    above && fs::symlink_metadata(tree.join(path)).is_ok_and(|meta| !meta.is_dir())
}

fn nul_separated(paths: &[&Vec<u8>]) -> Vec<u8> {
    paths.iter().flat_map(|path| path.iter().copied().chain([0])).collect()
}
