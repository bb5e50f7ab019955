//! What the agent sees of the machine's files, where it has a mount namespace of its own: the system's programs and
//! libraries read-only, the work folder, a temp folder. Nobody's home, no other task, nothing of the machine's secrets.

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{chdir, pivot_root};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const SYSTEM: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];
const ETC: [&str; 12] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/group",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki",
    "/etc/ssl",
];
const DEVICES: [&str; 5] = ["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];
const NONE: Option<&str> = None;

/// Replaces this process's root: from here on only `work_dir` can be written, and only it, the system and `folders`
/// can be read.
///
/// # Errors
/// When a mount is refused; the process must not go on then, its view may be half made.
pub(crate) fn narrow_view(work_dir: &Path, folders: &[PathBuf]) -> Result<()> {
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SLAVE, NONE).context("making mounts private")?;
    let root = work_dir.join("view");
    fs::create_dir_all(&root)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), &root, Some("tmpfs"), flags, Some("size=1m,mode=0755")).context("mounting the new root")?;
    // Before what is shown: the work folder may lie below one of these.
    for folder in ["tmp", "dev/shm"] {
        fs::create_dir_all(root.join(folder))?;
        mount(Some("tmpfs"), &root.join(folder), Some("tmpfs"), flags, Some("size=256m,mode=1777"))
            .context("mounting temporary folders")?;
    }
    for folder in SYSTEM.iter().chain(&ETC).map(Path::new).chain(folders.iter().map(PathBuf::as_path)) {
        show(&root, folder, Access::Read)?;
    }
    for device in DEVICES {
        show(&root, Path::new(device), Access::Device)?;
    }
    show(&root, work_dir, Access::Write)?;
    fs::create_dir_all(root.join("proc"))?;
    let no_exec = flags | MsFlags::MS_NOEXEC;
    mount(Some("proc"), &root.join("proc"), Some("proc"), no_exec, NONE).context("mounting /proc")?;
    let old = root.join("old");
    fs::create_dir_all(&old)?;
    pivot_root(&root, &old).context("changing the root")?;
    chdir("/")?;
    umount2("/old", MntFlags::MNT_DETACH).context("letting go of the old root")?;
    fs::remove_dir("/old")?;
    let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | flags;
    mount(NONE, "/", NONE, read_only, NONE).context("making the new root read-only")?;
    Ok(chdir(work_dir)?)
}

#[derive(Clone, Copy, PartialEq)]
enum Access {
    Read,
    Write,
    Device,
}

/// Shows one path of the machine at the same place below `root`. What the machine does not have is left out; what an
/// earlier call shows already is not shown again.
fn show(root: &Path, path: &Path, access: Access) -> Result<()> {
    let Ok(meta) = fs::symlink_metadata(path) else { return Ok(()) };
    let place = root.join(path.strip_prefix("/")?);
    if access != Access::Write && fs::symlink_metadata(&place).is_ok() {
        return Ok(());
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    if meta.is_symlink() {
        return Ok(symlink(fs::read_link(path)?, &place)?);
    }
    if meta.is_dir() {
        fs::create_dir_all(&place)?;
    } else {
        fs::write(&place, "")?;
    }
    let recursive = if access == Access::Read { MsFlags::MS_REC } else { MsFlags::empty() };
    mount(Some(path), &place, NONE, MsFlags::MS_BIND | recursive, NONE).with_context(|| format!("showing {}", path.display()))?;
    if access == Access::Read {
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | locked_flags(&place)?;
        mount(NONE, &place, NONE, flags, NONE).with_context(|| format!("making {} read-only", path.display()))?;
    }
    Ok(())
}

/// The flags of a mount that a user namespace must not take away when it changes others.
fn locked_flags(place: &Path) -> Result<MsFlags> {
    let has = statvfs(place)?.flags();
    let pairs = [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ];
    Ok(pairs.into_iter().filter(|(has_flag, _)| has.contains(*has_flag)).map(|(_, flag)| flag).collect())
}
