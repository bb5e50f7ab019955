//! The temporary directories of one task: its volumes, and a home and a tmp for every container.
//!
//! Short paths below the system's temporary directory, because Unix sockets in them must be addressable.

use super::isolation::{Isolation, User, parse_user};
use crate::aws::spec::{ContainerSpec, TaskDefinitionSpec};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const PREFIX: &str = "patchbay-task-";

/// One task's directories. Removed by [`remove`], after the last container.
#[derive(Clone, Debug)]
pub(super) struct Volumes {
    pub(super) root: PathBuf,
    volumes: BTreeMap<String, PathBuf>,
}

impl Volumes {
    /// Makes all directories, owned by those who use them.
    pub(super) fn create(task: &TaskDefinitionSpec, isolation: &Isolation) -> io::Result<Self> {
        let root = tempfile::Builder::new().prefix(PREFIX).tempdir()?.keep();
        let made = Self::fill(&root, task, isolation);
        if made.is_err() {
            remove(&root);
        }
        made
    }

    fn fill(root: &Path, task: &TaskDefinitionSpec, isolation: &Isolation) -> io::Result<Self> {
        fs::set_permissions(root, Permissions::from_mode(0o711))?;
        let mut volumes = BTreeMap::new();
        for volume in &task.volumes {
            let users: Vec<&ContainerSpec> =
                task.containers.iter().filter(|one| one.mount_points.iter().any(|mount| mount.volume == volume.name)).collect();
            let path = root.join(&volume.name);
            let mode = if users.len() > 1 { 0o2770 } else { 0o700 };
            make(&path, mode, users.first().and_then(|first| user_of(first, isolation)))?;
            volumes.insert(volume.name.clone(), path);
        }
        let made = Self { root: root.to_owned(), volumes };
        for container in &task.containers {
            make(&made.home(container), 0o700, user_of(container, isolation))?;
            make(&made.tmp(container), 0o700, user_of(container, isolation))?;
        }
        Ok(made)
    }

    /// The container's home and working directory.
    pub(super) fn home(&self, container: &ContainerSpec) -> PathBuf {
        self.root.join(format!("home-{}", container.name))
    }

    /// The container's directory for temporary files.
    pub(super) fn tmp(&self, container: &ContainerSpec) -> PathBuf {
        self.root.join(format!("tmp-{}", container.name))
    }

    /// Where a path inside the container lies here: unchanged unless it is a mount's path or below one.
    pub(super) fn translate(&self, container: &ContainerSpec, value: &str) -> String {
        let below = |path: &str| value.strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let mounts = container.mount_points.iter().filter_map(|mount| {
            let rest = below(&mount.container_path)?;
            Some((mount.container_path.len(), format!("{}{rest}", self.volumes.get(&mount.volume)?.display())))
        });
        mounts.max().map_or_else(|| value.to_owned(), |(_, translated)| translated)
    }
}

/// The user that a container runs as; `None` for the stack's own.
pub(super) fn user_of(container: &ContainerSpec, isolation: &Isolation) -> Option<User> {
    match isolation {
        Isolation::Users => container.user.as_deref().and_then(parse_user),
        Isolation::SameUser(_) => None,
    }
}

fn make(path: &Path, mode: u32, owner: Option<User>) -> io::Result<()> {
    fs::create_dir(path)?;
    if let Some(owner) = owner {
        std::os::unix::fs::chown(path, Some(owner.uid.as_raw()), Some(owner.gid.as_raw()))?;
    }
    // After chown, which clears the set-group-id bit.
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Removes a task's directories; says so when it cannot. Never removes what is not a task's.
pub(super) fn remove(root: &Path) {
    let is_ours = root.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
    if !is_ours {
        return;
    }
    match fs::remove_dir_all(root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %root.display(), "a task's directory could not be removed");
        }
        _ => {}
    }
}
