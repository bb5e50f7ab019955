//! Namespaces of the agent's own, where the system lets an ordinary user make them: processes, network (loopback
//! only), mounts, IPC. Three processes: `work` waits, `isolate` makes the namespaces, `inside` is their first process.

use anyhow::{Context, Result};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getgid, getuid};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

/// `isolate`'s and `inside`'s exit code for "this system does not allow it" (EX_TEMPFAIL).
pub(crate) const NOT_POSSIBLE: u8 = 75;
/// The agent's user id inside; what it is outside does not change.
const AGENT_ID: u32 = 10002;

/// Runs `inside` in namespaces of its own. `None` when this system does not allow that.
///
/// # Errors
/// When this binary cannot start itself.
pub(crate) fn run_isolated() -> Result<Option<ExitCode>> {
    let mut child = Command::new("/proc/self/exe").arg("isolate").stdin(Stdio::piped()).spawn().context("starting this binary again")?;
    // Held until the child has ended, or this process has: either way `inside` sees its end.
    let _lifeline = child.stdin.take();
    let status = child.wait()?;
    Ok((status.code() != Some(NOT_POSSIBLE.into())).then(|| code_of(status)))
}

/// Makes the namespaces and runs `inside` as their first process, with the lifeline as its standard input.
///
/// # Errors
/// When `inside` cannot be started; that namespaces are not possible is exit code 75.
pub(crate) fn isolate() -> Result<ExitCode> {
    if let Err(error) = enter_namespaces() {
        tracing::warn!(error = format!("{error:#}"), "no namespaces on this system");
        return Ok(ExitCode::from(NOT_POSSIBLE));
    }
    Ok(code_of(Command::new("/proc/self/exe").arg("inside").status().context("starting the first process inside")?))
}

/// Gives up the rights that the namespace's first user has over it, then becomes the given program.
///
/// # Errors
/// Always, if it returns at all: the program could not be started.
pub(crate) fn drop_and_run(program: &OsString, args: &[OsString]) -> Result<ExitCode> {
    let (uid, gid) = (getuid(), getgid());
    // In a user namespace below, an ordinary user keeps no right over the network and mounts of the one above.
    unshare(CloneFlags::CLONE_NEWUSER)?;
    map_ids(AGENT_ID, uid.as_raw(), gid.as_raw())?;
    Err(Command::new(program).args(args).exec()).with_context(|| format!("starting {}", program.to_string_lossy()))
}

/// Ends this process, and with it everything in its namespaces, when whoever holds the other end of its standard
/// input is gone: however that one died, and even if it died before this one started.
pub(crate) fn end_with_lifeline() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(1);
    });
}

fn enter_namespaces() -> Result<()> {
    let (uid, gid) = (getuid(), getgid());
    let net = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS | net).context("unshare")?;
    map_ids(0, uid.as_raw(), gid.as_raw())
}

fn map_ids(inside: u32, uid: u32, gid: u32) -> Result<()> {
    fs::write("/proc/self/setgroups", "deny").context("setgroups")?;
    fs::write("/proc/self/uid_map", format!("{inside} {uid} 1")).context("uid_map")?;
    fs::write("/proc/self/gid_map", format!("{inside} {gid} 1")).context("gid_map")
}

fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|s| s + 128)).and_then(|c| u8::try_from(c).ok());
    ExitCode::from(code.unwrap_or(1))
}
