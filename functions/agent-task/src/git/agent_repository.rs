//! The repository that the agent sees: fresh, of one commit, its own (Aider's map needs one). Made by the agent's
//! user; thrown away with the task. Nobody ever reads it back.

use super::clone::ATTRIBUTES;
use super::{Git, GitError};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Makes the repository in the working copy at `tree`; `path` is the `PATH` for git.
///
/// # Errors
/// [`GitError`] when git is missing or cannot write there.
pub(crate) async fn make_agent_repository(tree: &Path, path: &str) -> Result<(), GitError> {
    let mut environment = BTreeMap::from([("PATH".to_owned(), path.to_owned())]);
    for role in ["AUTHOR", "COMMITTER"] {
        environment.insert(format!("GIT_{role}_NAME"), "Patchbay".to_owned());
        environment.insert(format!("GIT_{role}_EMAIL"), "patchbay@localhost".to_owned());
    }
    let git = Git::new(tree.join(".git"), tree.to_owned(), environment);
    git.run(&["init", "--quiet", "--template=", "--initial-branch=base"]).await?;
    fs::create_dir_all(tree.join(".git/info"))?;
    fs::write(tree.join(".git/info/attributes"), ATTRIBUTES)?;
    // An ignored file that the project tracks anyway belongs to the base as well.
    git.run(&["add", "--all", "--force", "--", "."]).await?;
    git.run(&["commit", "--quiet", "--allow-empty", "--no-verify", "--message", "The state from which the work starts"]).await?;
    Ok(())
}
