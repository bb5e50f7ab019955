//! Limits that this half puts on itself and so on the agent (R28): no core dumps, no new privileges, files for the
//! group, and where its processes can be told from others', a bound on their number.

use anyhow::Result;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use std::fs;

/// Processes and threads of the agent. Aider needs some thirty.
const MOST_PROCESSES: u64 = 512;

/// Whether this half is what its container or namespace was made for, so that every process it can see is the
/// agent's: it is the first process, or the first is an init that was started with this very command.
pub(crate) fn alone() -> bool {
    if nix::unistd::getpid().as_raw() == 1 {
        return true;
    }
    let own = fs::read("/proc/self/cmdline").unwrap_or_default();
    let first = fs::read("/proc/1/cmdline").unwrap_or_default();
    let end = |command: &[u8]| [b"\0--\0", command].concat();
    nix::unistd::getppid().as_raw() == 1 && !own.is_empty() && first.ends_with(&end(&own))
}

/// Sets them. Returns a sentence for what could not be limited here.
///
/// # Errors
/// When the kernel refuses to take a right away, which it has no reason to.
pub(crate) fn limit_self() -> Result<Option<String>> {
    umask(Mode::from_bits_truncate(0o007));
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    nix::sys::prctl::set_no_new_privs()?;
    // The limit counts the user's processes: outside a container or namespace, all that the person runs.
    if alone() {
        setrlimit(Resource::RLIMIT_NPROC, MOST_PROCESSES, MOST_PROCESSES)?;
        return Ok(None);
    }
    Ok(Some("The number of the agent's processes is not limited: they are not in a container or namespace of their own.".to_owned()))
}
