//! Which paths can be written to a repository so that they mean the same on every system (R30): no way out of
//! the tree, no spelling of `.git`, nothing that Windows or macOS reads differently.

use super::Why;
use crate::text::is_invisible;

const MAX_PATH_BYTES: usize = 1024;
const MAX_NAME_BYTES: usize = 255;

/// Whether a path can be written.
///
/// # Errors
/// The first reason why not.
pub fn check_path(path: &str) -> Result<(), Why> {
    if path.is_empty() || path.len() > MAX_PATH_BYTES {
        return Err(Why::BadLength);
    }
    if path.starts_with('/') || path.as_bytes().get(1) == Some(&b':') {
        return Err(Why::Absolute);
    }
    if path.contains('\\') {
        return Err(Why::Backslash);
    }
    if path.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err(Why::HiddenCharacter);
    }
    path.split('/').try_for_each(check_name)
}

/// What two paths have in common that some system takes for the same: the path without regard to letter case. Upper case
/// first, because some letters (`ſ`, `ı`) fold only that way.
pub fn same_name(path: &str) -> String {
    path.to_uppercase().to_lowercase()
}

fn check_name(name: &str) -> Result<(), Why> {
    match name {
        "" => return Err(Why::EmptyName),
        "." | ".." => return Err(Why::OutsideTree),
        _ if name.len() > MAX_NAME_BYTES => return Err(Why::BadLength),
        _ => {}
    }
    if is_git_dir(name) {
        return Err(Why::GitDirectory);
    }
    if name.contains(':') {
        return Err(Why::AlternateStream);
    }
    if name.ends_with(['.', ' ']) {
        return Err(Why::TrailingDotOrSpace);
    }
    if is_reserved(name) {
        return Err(Why::ReservedName);
    }
    Ok(())
}

/// `.git` as some file system would read it: any case, trailing dots and spaces, streams, NTFS short names (also
/// those of `.gitmodules` and its like).
fn is_git_dir(name: &str) -> bool {
    let name = name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']).to_lowercase();
    let short = name.rsplit_once('~').is_some_and(|(stem, number)| {
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) && (stem.starts_with("git") || is_hashed_git(stem))
    });
    name == ".git" || short
}

/// NTFS's second kind of short name: `gi` and four hexadecimal digits.
fn is_hashed_git(stem: &str) -> bool {
    stem.strip_prefix("gi").is_some_and(|hash| hash.len() == 4 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Device names, with or without an extension.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let numbered = ["com", "lpt"].iter().any(|device| {
        stem.strip_prefix(device).is_some_and(|number| {
            let mut chars = number.chars();
            chars.next().is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c)) && chars.next().is_none()
        })
    });
    numbered || ["con", "prn", "aux", "nul", "conin$", "conout$"].contains(&stem.as_str())
}
