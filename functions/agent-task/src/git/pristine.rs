//! Single files of the base commit, read from the supervisor's own objects: what the working copy has become does not matter.

use super::raw_diff::SYMLINK;
use super::{Git, GitError};
use patchbay_domain::change_set::check_path;
use patchbay_domain::policy::agent_configuration;

/// Why a file of the base commit is not shown; each is a sentence's end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotShown {
    #[error("cannot be a path of a repository")]
    BadPath,
    #[error("configures tools, and those files are kept from the agent")]
    Configuration,
    #[error("is not in the repository")]
    Missing,
    #[error("is a link, and links are not followed")]
    Link,
    #[error("is no file")]
    NoFile,
    #[error("has {bytes} bytes, and {most} can be shown")]
    TooLarge { bytes: u64, most: u64 },
    #[error("is no text")]
    NoText,
    #[error("cannot be read: {0}")]
    Git(#[from] GitError),
}

/// The text of a regular file at `path` in the commit, of at most `most` bytes.
///
/// # Errors
/// [`NotShown`]; nothing of it ends a task.
pub(crate) async fn file_text(git: &Git, commit: &str, path: &str, most: u64) -> Result<String, NotShown> {
    check_path(path).map_err(|_| NotShown::BadPath)?;
    if agent_configuration(path).is_some() {
        return Err(NotShown::Configuration);
    }
    let listed = git.run(&["ls-tree", "-z", "--full-tree", commit, "--", path]).await?;
    let listed = String::from_utf8_lossy(&listed);
    // `mode type id\tpath`
    let Some((entry, _)) = listed.split_once('\t') else { return Err(NotShown::Missing) };
    let id = match entry.split(' ').collect::<Vec<_>>()[..] {
        [SYMLINK, _, _] => return Err(NotShown::Link),
        [_, "blob", id] => id.to_owned(),
        _ => return Err(NotShown::NoFile),
    };
    let size = git.run(&["cat-file", "-s", &id]).await?;
    let bytes = String::from_utf8_lossy(&size).trim().parse().unwrap_or(u64::MAX);
    if bytes > most {
        return Err(NotShown::TooLarge { bytes, most });
    }
    let text = String::from_utf8(git.run(&["cat-file", "blob", &id]).await?).map_err(|_| NotShown::NoText)?;
    if text.contains('\0') { Err(NotShown::NoText) } else { Ok(text) }
}
