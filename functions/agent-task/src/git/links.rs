//! Whether a symlink of the working copy leads out of it, followed by hand: nothing outside is ever opened.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows before it gives up.
const MOST_LINKS: usize = 40;

/// Whether following the link at `link` (relative to `root`) leaves `root` at any point. Absolute targets do, and
/// so do loops; a target that does not exist inside the tree does not.
pub(crate) fn leads_out(root: &Path, link: &Path) -> bool {
    let mut left: VecDeque<OsString> = VecDeque::new();
    let mut at: Vec<OsString> = Vec::new();
    if !push_front(&mut left, link) {
        return true;
    }
    let mut followed = 0;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            if at.pop().is_none() {
                return true;
            }
            continue;
        }
        at.push(name);
        let here = root.join(at.iter().collect::<PathBuf>());
        let Ok(target) = std::fs::read_link(&here) else { continue };
        followed += 1;
        at.pop();
        if followed > MOST_LINKS || !push_front(&mut left, &target) {
            return true;
        }
    }
    // `.git` is the agent's own repository's: a link into it would let a path of the project rewrite it.
    at.first().is_some_and(|first| first.eq_ignore_ascii_case(".git"))
}

/// Puts a path's parts in front of what is left to walk; false for an absolute path.
fn push_front(left: &mut VecDeque<OsString>, path: &Path) -> bool {
    for part in path.components().rev() {
        match part {
            Component::Normal(name) => left.push_front(name.to_owned()),
            Component::ParentDir => left.push_front("..".into()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_links_that_leave_the_tree_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        let links = [
            ("a/b/up", "../..", false),
            ("a/b/out", "../../..", true),
            ("absolute", "/etc/passwd", true),
            ("missing", "nowhere/at/all", false),
            ("file", "a/b", false),
            ("through", "a/b/up/a", false),
            ("through_out", "a/b/out/x", true),
            ("loop", "loop", true),
            ("into_git", ".git/config", true),
            ("out_and_back", "../tree/a", true),
        ];
        for (name, target, _) in links {
            symlink(target, root.join(name)).unwrap();
        }
        for (name, target, expected) in links {
            assert_eq!(leads_out(root, Path::new(name)), expected, "{name} -> {target}");
        }
    }
}
