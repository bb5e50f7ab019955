//! Whether containers can run as users of their own, and why not.

use nix::unistd::{Gid, Uid, geteuid};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How containers are kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Each runs as its `User`.
    Users,
    /// All run as the stack's own user, for this reason.
    SameUser(String),
}

/// A container's `uid:gid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
}

/// Reads `uid:gid`; names are not looked up, because the image's users are not this machine's.
pub(super) fn parse_user(text: &str) -> Option<User> {
    let (uid, gid) = text.split_once(':')?;
    Some(User { uid: Uid::from_raw(uid.parse().ok()?), gid: Gid::from_raw(gid.parse().ok()?) })
}

/// Own users need root, and programs that other users can reach.
pub(super) fn find_isolation<'a>(programs: impl IntoIterator<Item = &'a Path>) -> Isolation {
    if !geteuid().is_root() {
        return Isolation::SameUser("the local stack does not run as root".to_owned());
    }
    let hidden = programs.into_iter().find(|program| !is_reachable(program));
    hidden.map_or(Isolation::Users, |program| {
        Isolation::SameUser(format!("{} is not accessible to other users of this machine", program.display()))
    })
}

/// Whether any user can open the path, and its target if it is a link. A path that does not exist hides nothing.
fn is_reachable(path: &Path) -> bool {
    let Ok(target) = path.canonicalize() else { return true };
    let passable = |path: &Path| path.metadata().is_ok_and(|metadata| metadata.mode() & 0o001 != 0);
    let readable = target.metadata().is_ok_and(|metadata| metadata.mode() & 0o004 != 0);
    let folders = path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()).chain(target.ancestors().skip(1));
    readable && folders.into_iter().all(passable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn user_is_two_numbers() {
        assert_eq!(parse_user("10001:10000"), Some(User { uid: Uid::from_raw(10001), gid: Gid::from_raw(10000) }));
        assert_eq!((parse_user("app"), parse_user("10001"), parse_user("a:b")), (None, None, None));
    }

    #[test]
    fn program_below_a_closed_folder_is_not_reachable() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        write(&program, "").unwrap();
        set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        assert!(!is_reachable(&program));
        set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(is_reachable(&program));
        set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
        assert!(!is_reachable(&program));
    }
}
