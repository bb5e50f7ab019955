//! The change set's files: what differs between the base commit and the working copy, read from the supervisor's
//! own index and objects. No symlink is followed and nothing that the agent left behind is executed or believed.

use super::aside::SetAside;
use super::leftovers::{Leftovers, differing};
use super::raw_diff::{GITLINK, RawChange, SYMLINK, staged_changes, tracked_files};
use super::stage::stage;
use super::{Git, GitError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patchbay_domain::change_set::{Change, Content, FileChange, Refusal, Why, check_path, same_name};
use patchbay_domain::task::Limits;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use thiserror::Error;

/// As many refused names are told.
const MOST_TOLD: usize = 10;

/// Why there is no change set.
#[derive(Debug, Error)]
pub(crate) enum ChangesError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the working copy cannot be read: {0}")]
    Io(#[from] io::Error),
    /// One sentence that names the limit and what is over it.
    #[error("{0}")]
    TooLarge(String),
    #[error("the name of a changed file is not valid UTF-8: {0}")]
    BadName(String),
    /// Names that cannot be written, each with its reason.
    #[error("{0}")]
    Refused(String),
}

/// Stages the working copy and returns what differs from `base`. What was set aside does not count, and neither does what
/// is as the workflow's own commands left it: of that, whatever was staged before stays. May be called again.
///
/// # Errors
/// [`ChangesError::TooLarge`] as soon as a limit is known to be passed: before anything big is read.
pub(crate) async fn collect_changes(
    git: &Git,
    base: &str,
    aside: &SetAside,
    left: &Leftovers,
    limits: &Limits,
) -> Result<Vec<FileChange>, ChangesError> {
    if !fs::symlink_metadata(&git.work_tree)?.is_dir() {
        return Err(io::Error::other("the working copy is no folder any more").into());
    }
    remove_git_folders(&git.work_tree)?;
    let changed: Vec<_> = differing(git).await?.into_iter().filter(|path| !left.holds(&git.work_tree, path)).collect();
    check_before_staging(git, &changed, aside, limits)?;
    stage(git, (!left.is_empty()).then_some(&changed)).await?;
    check_beside_the_base(git, base).await?;
    let changes: Vec<_> = staged_changes(git, base).await?.into_iter().filter(|c| !is_set_aside(c, aside)).collect();
    check_count(changes.len(), limits)?;
    let ids: Vec<&str> = changes.iter().filter(|c| has_blob(c)).map(|c| c.new_id.as_str()).collect();
    check_sizes(git, &ids, &changes, limits).await?;
    let mut blobs = read_blobs(git, &ids).await?.into_iter();
    changes.iter().map(|c| file_change(c, if has_blob(c) { blobs.next() } else { None })).collect()
}

/// The staged difference of these files as text for a reader, at most `most` bytes of it. What was set aside is staged as
/// deleted, and is none of them.
pub(crate) async fn diff_text(git: &Git, base: &str, files: &[FileChange], most: usize) -> Result<String, GitError> {
    if files.is_empty() {
        return Ok(String::new());
    }
    let mut args = vec!["diff-index", "--cached", "--patch", "--no-color", "--no-renames", "--no-ext-diff", "--no-textconv", base, "--"];
    args.extend(files.iter().map(|file| file.path.as_str()));
    let out = git.run(&args).await?;
    let text = String::from_utf8_lossy(&out[..out.len().min(most)]).into_owned();
    Ok(if out.len() > most { format!("{text}\n[the diff goes on: {} bytes in all]", out.len()) } else { text })
}

fn has_blob(change: &RawChange) -> bool {
    !change.is_deletion() && change.new_mode != GITLINK
}

/// Taken away and still away, or flattened and still the same: not the agent's doing.
fn is_set_aside(change: &RawChange, aside: &SetAside) -> bool {
    let removed = change.is_deletion() && aside.removed.contains_key(&change.path);
    let flattened = change.old_mode == SYMLINK && change.old_id == change.new_id && aside.flattened.contains(&change.path);
    removed || flattened
}

fn file_change(change: &RawChange, blob: Option<Vec<u8>>) -> Result<FileChange, ChangesError> {
    let path =
        String::from_utf8(change.path.clone()).map_err(|e| ChangesError::BadName(String::from_utf8_lossy(e.as_bytes()).into_owned()))?;
    if change.is_deletion() {
        return Ok(FileChange { path, change: Change::Delete });
    }
    // A submodule's commit has no content of ours: its id says what it is to whoever refuses it.
    let bytes = blob.unwrap_or_else(|| change.new_id.clone().into_bytes());
    let change = Change::Write { mode: change.new_mode.clone(), content: content(bytes), added: change.is_addition() };
    Ok(FileChange { path, change })
}

fn content(bytes: Vec<u8>) -> Content {
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Content::Text(text),
        Ok(text) => Content::Base64(BASE64_STANDARD.encode(text)),
        Err(e) => Content::Base64(BASE64_STANDARD.encode(e.as_bytes())),
    }
}

/// Looks at sizes on disk, so that a runaway agent's gigabytes are never copied into the object store.
fn check_before_staging(git: &Git, changed: &[Vec<u8>], aside: &SetAside, limits: &Limits) -> Result<(), ChangesError> {
    let mut count = 0;
    let mut total = 0;
    let mut refused = Vec::new();
    for path in changed {
        let Ok(meta) = fs::symlink_metadata(git.work_tree.join(OsStr::from_bytes(path))) else { continue };
        // git would refuse some of these as well, without a word that helps the reader. What is no UTF-8 is told later.
        let own = !aside.flattened.iter().any(|flattened| flattened == path);
        if let Ok(name) = std::str::from_utf8(path)
            && let Err(why) = check_path(name)
            && own
        {
            refused.push(Refusal { path: name.to_owned(), why });
        }
        if meta.is_file() {
            count += 1;
            total += meta.len();
            check_one(path, meta.len(), limits)?;
        }
    }
    check_total(total, limits)?;
    check_count(count, limits)?;
    check_refused(&refused)
}

/// A new path must not be what some system takes for one that the base has already (R30); whoever validates the change
/// set does not see the base.
async fn check_beside_the_base(git: &Git, base: &str) -> Result<(), ChangesError> {
    let added: Vec<String> = staged_changes(git, base).await?.into_iter().filter(RawChange::is_addition).map(|c| lossy(&c.path)).collect();
    if added.is_empty() {
        return Ok(());
    }
    let mut beside: HashMap<String, usize> = HashMap::new();
    for file in tracked_files(git).await? {
        *beside.entry(same_name(&lossy(&file.path))).or_default() += 1;
    }
    let twice = added.into_iter().filter(|path| beside.get(&same_name(path)).is_some_and(|count| *count > 1));
    check_refused(&twice.map(|path| Refusal { path, why: Why::Collision }).collect::<Vec<_>>())
}

fn check_refused(refused: &[Refusal]) -> Result<(), ChangesError> {
    if refused.is_empty() {
        return Ok(());
    }
    Err(ChangesError::Refused(refused.iter().take(MOST_TOLD).map(ToString::to_string).collect::<Vec<_>>().join("; ")))
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

async fn check_sizes(git: &Git, ids: &[&str], changes: &[RawChange], limits: &Limits) -> Result<(), ChangesError> {
    let out = git.run_with_input(&["cat-file", "--batch-check=%(objectsize)"], ids.join("\n").into_bytes()).await?;
    let sizes = String::from_utf8_lossy(&out).lines().map(|l| l.trim().parse().unwrap_or(u64::MAX)).collect::<Vec<u64>>();
    let mut total: u64 = 0;
    for (change, size) in changes.iter().filter(|c| has_blob(c)).zip(sizes) {
        check_one(&change.path, size, limits)?;
        total = total.saturating_add(size);
    }
    check_total(total, limits)
}

fn check_one(path: &[u8], size: u64, limits: &Limits) -> Result<(), ChangesError> {
    if size <= limits.max_file_bytes as u64 {
        return Ok(());
    }
    let path = String::from_utf8_lossy(path).escape_debug().to_string();
    Err(ChangesError::TooLarge(format!("`{path}` has {size} bytes; {} are allowed in one file.", limits.max_file_bytes)))
}

fn check_total(total: u64, limits: &Limits) -> Result<(), ChangesError> {
    if total <= limits.max_total_bytes as u64 {
        return Ok(());
    }
    Err(ChangesError::TooLarge(format!("The changed files have {total} bytes together; {} are allowed.", limits.max_total_bytes)))
}

fn check_count(count: usize, limits: &Limits) -> Result<(), ChangesError> {
    if count <= limits.max_files {
        return Ok(());
    }
    Err(ChangesError::TooLarge(format!("{count} files changed; {} are allowed.", limits.max_files)))
}

/// The blobs' contents, in order.
async fn read_blobs(git: &Git, ids: &[&str]) -> Result<Vec<Vec<u8>>, ChangesError> {
    let out = git.run_with_input(&["cat-file", "--batch=%(objectsize)"], ids.join("\n").into_bytes()).await?;
    let mut rest = out.as_slice();
    let mut blobs = Vec::with_capacity(ids.len());
    for _ in ids {
        let blob = split_blob(&mut rest).ok_or_else(|| io::Error::other("git left out an object"))?;
        blobs.push(blob.to_vec());
    }
    Ok(blobs)
}

/// `size\n<size bytes>\n`
fn split_blob<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let line = rest.iter().position(|b| *b == b'\n')?;
    let size: usize = std::str::from_utf8(&rest[..line]).ok()?.parse().ok()?;
    let blob = rest.get(line + 1..line + 1 + size)?;
    *rest = rest.get(line + 2 + size..)?;
    Some(blob)
}

/// Repositories that the agent made are no part of its work: without them git neither reads what they say nor takes their
/// folders for submodules. Its own at the root stays for the next round: git passes over that one, wherever it looks.
fn remove_git_folders(tree: &Path) -> io::Result<()> {
    remove_below(tree, &tree.join(".git"))
}

fn remove_below(folder: &Path, own: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        match (entry.file_name().eq_ignore_ascii_case(".git"), is_folder) {
            (true, true) if entry.path() == own => {}
            (true, true) => fs::remove_dir_all(entry.path())?,
            (true, false) => fs::remove_file(entry.path())?,
            (false, true) => remove_below(&entry.path(), own)?,
            (false, false) => {}
        }
    }
    Ok(())
}
