//! Holds a change set to a policy before anything of it is written (R29–R31). Every refusal is told, not only the
//! first; contents are never part of one.

use super::path::{check_path, same_name};
use super::{Change, ChangeSet, Content, FileChange};
use crate::policy::Policy;
use crate::task::FailureCode;
use crate::trigger::{PatternError, PatternList, Selection};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::{HashMap, HashSet};
use std::fmt;

const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Why a path of a change set, or the whole of it, is not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The path as the agent wrote it; empty where the change set as a whole is refused.
    pub path: String,
    pub why: Why,
}

/// The reasons, each a sentence's end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("names no commit to start from")]
    BadBase,
    #[error("changes {count} files, {max} are allowed")]
    TooManyFiles { count: usize, max: usize },
    #[error("holds {bytes} bytes in all, {max} are allowed")]
    TooBig { bytes: usize, max: usize },
    #[error("holds {bytes} bytes, {max} are allowed in one file")]
    FileTooBig { bytes: usize, max: usize },
    #[error("is empty or too long")]
    BadLength,
    #[error("is an absolute path")]
    Absolute,
    #[error("has a backslash")]
    Backslash,
    #[error("has a control character or one that does not show")]
    HiddenCharacter,
    #[error("has an empty part")]
    EmptyName,
    #[error("has a `.` or `..` part")]
    OutsideTree,
    #[error("is git's own directory to some system")]
    GitDirectory,
    #[error("names an alternate data stream")]
    AlternateStream,
    #[error("has a part that ends with a dot or space")]
    TrailingDotOrSpace,
    #[error("is a reserved name on Windows")]
    ReservedName,
    #[error("differs from another path only in letter case, or is there twice")]
    Collision,
    #[error("is a file where another path needs a folder")]
    FileAndFolder,
    #[error("is no plain file (links and submodules are not written)")]
    BadMode,
    #[error("is a binary file")]
    Binary,
    #[error("is a Git LFS pointer")]
    LfsPointer,
    #[error("has content that is not valid base64")]
    BadEncoding,
    #[error("is protected (`{pattern}`)")]
    Protected { pattern: String },
    #[error("is outside of what this workflow may change (`paths`)")]
    OutsidePaths,
    #[error("is taken out of what this workflow may change (`paths`: `{pattern}`)")]
    TakenOut { pattern: String },
    #[error("cannot be checked, because `paths` of the workflow is wrong: {0}")]
    BadPaths(String),
}

impl Refusal {
    /// The failure that the run ends with.
    pub fn code(&self) -> FailureCode {
        match self.why {
            Why::TooManyFiles { .. } | Why::TooBig { .. } | Why::FileTooBig { .. } => FailureCode::TooLarge,
            _ => FailureCode::Blocked,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return write!(f, "the change set {}", self.why);
        }
        // Escaped: a path may hold anything, and this goes into a comment.
        let path: String = self.path.escape_debug().take(200).map(|c| if c == '`' { '\'' } else { c }).collect();
        write!(f, "`{path}` {}", self.why)
    }
}

/// Whether a change set may be written as it is.
///
/// # Errors
/// Every reason why not, in the order of the files.
pub fn validate(change_set: &ChangeSet, policy: &Policy) -> Result<(), Vec<Refusal>> {
    let mut refusals = Vec::new();
    let mut refuse = |path: &str, why: Why| refusals.push(Refusal { path: path.to_owned(), why });
    if !is_commit(&change_set.base_sha) {
        refuse("", Why::BadBase);
    }
    let count = change_set.files.len();
    if count > policy.max_files {
        refuse("", Why::TooManyFiles { count, max: policy.max_files });
    }
    let paths = match allowed_paths(policy) {
        Ok(paths) => paths,
        Err(why) => {
            refuse("", why);
            None
        }
    };
    let mut total = 0_usize;
    for file in &change_set.files {
        match check_file(file, policy).and_then(|bytes| check_allowed(&file.path, paths.as_ref()).map(|()| bytes)) {
            Ok(bytes) => total = total.saturating_add(bytes),
            Err(why) => refuse(&file.path, why),
        }
    }
    if total > policy.max_total_bytes {
        refuse("", Why::TooBig { bytes: total, max: policy.max_total_bytes });
    }
    for (path, why) in collisions(&change_set.files) {
        refuse(path, why);
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

/// The patterns of the paths that may be touched, if the policy has any.
fn allowed_paths(policy: &Policy) -> Result<Option<PatternList>, Why> {
    if policy.allowed_paths.is_empty() {
        return Ok(None);
    }
    let wrong = |errors: Vec<(usize, PatternError)>| errors.into_iter().map(|(_, error)| error.to_string()).collect::<Vec<_>>().join("; ");
    PatternList::parse(&policy.allowed_paths).map(Some).map_err(|errors| Why::BadPaths(wrong(errors)))
}

fn check_allowed(path: &str, paths: Option<&PatternList>) -> Result<(), Why> {
    match paths.map(|paths| paths.select(path)) {
        None | Some(Selection::Included(_)) => Ok(()),
        Some(Selection::Excluded(pattern)) => Err(Why::TakenOut { pattern: pattern.to_owned() }),
        Some(Selection::None) => Err(Why::OutsidePaths),
    }
}

fn is_commit(sha: &str) -> bool {
    sha.len() == 40 && sha.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The bytes that a change writes, if it may.
fn check_file(file: &FileChange, policy: &Policy) -> Result<usize, Why> {
    check_path(&file.path)?;
    if let Some(pattern) = policy.protecting(&file.path) {
        return Err(Why::Protected { pattern: pattern.to_owned() });
    }
    let Change::Write { mode, content, .. } = &file.change else { return Ok(0) };
    if mode != "100644" && mode != "100755" {
        return Err(Why::BadMode);
    }
    let decoded;
    let bytes = match content {
        Content::Text(text) => text.as_bytes(),
        // Not decoded when it cannot fit: four characters hold three bytes.
        Content::Base64(text) if text.len() / 4 * 3 > policy.max_file_bytes.saturating_add(3) => {
            return Err(Why::FileTooBig { bytes: text.len() / 4 * 3, max: policy.max_file_bytes });
        }
        Content::Base64(text) => {
            decoded = STANDARD.decode(text).map_err(|_| Why::BadEncoding)?;
            &decoded
        }
    };
    check_bytes(bytes, policy)
}

fn check_bytes(bytes: &[u8], policy: &Policy) -> Result<usize, Why> {
    if bytes.len() > policy.max_file_bytes {
        return Err(Why::FileTooBig { bytes: bytes.len(), max: policy.max_file_bytes });
    }
    if bytes.starts_with(LFS_POINTER) {
        return Err(Why::LfsPointer);
    }
    if !policy.allow_binary && (bytes.contains(&0) || std::str::from_utf8(bytes).is_err()) {
        return Err(Why::Binary);
    }
    Ok(bytes.len())
}

/// Paths that cannot stand beside each other. A path may be written and its other spelling deleted: a renaming.
fn collisions(files: &[FileChange]) -> Vec<(&str, Why)> {
    let mut found = Vec::new();
    let mut exact = HashSet::new();
    let mut written: HashMap<String, &str> = HashMap::new();
    for file in files {
        let folded = same_name(&file.path);
        let twice = !exact.insert(file.path.as_str());
        let other_case = matches!(file.change, Change::Write { .. }) && written.insert(folded, &file.path).is_some();
        if twice || other_case {
            found.push((file.path.as_str(), Why::Collision));
        }
    }
    for path in written.values() {
        let folded = same_name(path);
        for (at, _) in folded.match_indices('/') {
            if let Some(file) = written.get(&folded[..at]) {
                found.push((file, Why::FileAndFolder));
            }
        }
    }
    found.sort_by_key(|(path, _)| *path);
    found.dedup();
    found
}
