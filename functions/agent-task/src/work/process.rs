//! Runs the agent's process: an environment of its own, its output kept within bounds, and nothing of it left alive
//! at the end.

use super::agent::Invocation;
use super::limits::alone;
use crate::job::ProcessEnd;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::collections::VecDeque;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// How long a process may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// How long output may still come after the end.
const LAST_WORDS: Duration = Duration::from_secs(2);
const MOST_STDOUT: usize = 512 * 1024;
const MOST_TAIL: usize = 8 * 1024;

/// How the process ended and what it printed, the last part where it was much.
pub(crate) struct Finished {
    pub(crate) end: ProcessEnd,
    pub(crate) stdout: String,
    /// The end of both outputs, as they came.
    pub(crate) tail: String,
}

/// The last bytes of a stream.
struct Last {
    bytes: VecDeque<u8>,
    most: usize,
}

type SharedLast = Arc<Mutex<Last>>;

/// Runs the agent until it ends or `stopped` does; `None` in that case.
///
/// # Errors
/// When the program cannot be started.
pub(crate) async fn run(
    invocation: &Invocation,
    tree: &Path,
    home: &Path,
    path: &str,
    dropped: bool,
    stopped: impl Future<Output = ()>,
) -> io::Result<Option<Finished>> {
    let oom_kills = count_oom_kills();
    let mut child = command(invocation, tree, home, path, dropped).spawn()?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
    let (stdout, tail) = (Last::shared(MOST_STDOUT), Last::shared(MOST_TAIL));
    let out = tokio::spawn(keep(child.stdout.take(), vec![Arc::clone(&stdout), Arc::clone(&tail)]));
    let err = tokio::spawn(keep(child.stderr.take(), vec![Arc::clone(&tail)]));
    let status = tokio::select! {
        status = child.wait() => Some(status?),
        () = stopped => {
            end_gently(&mut child, group).await;
            None
        }
    };
    kill_the_rest(group);
    let _ = tokio::time::timeout(LAST_WORDS, async { tokio::join!(out, err) }).await;
    Ok(status.map(|status| Finished {
        end: end_of(status, count_oom_kills() > oom_kills),
        stdout: Last::text(&stdout),
        tail: Last::text(&tail),
    }))
}

fn command(invocation: &Invocation, tree: &Path, home: &Path, path: &str, dropped: bool) -> Command {
    let mut command = if dropped {
        let mut command = Command::new("/proc/self/exe");
        command.arg("drop").arg(&invocation.program).args(&invocation.args);
        command
    } else {
        let mut command = Command::new(&invocation.program);
        command.args(&invocation.args);
        command
    };
    command.env_clear().env("PATH", path).env("HOME", home).env("TMPDIR", home).env("LANG", "C.UTF-8");
    command.envs(invocation.environment.iter().map(|(k, v)| (k, v)));
    command.current_dir(tree).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn end_gently(child: &mut Child, group: Option<Pid>) {
    if let Some(group) = group {
        let _ = killpg(group, Signal::SIGTERM);
    }
    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

/// The agent's process group; and where every other process is the agent's, all of them.
fn kill_the_rest(group: Option<Pid>) {
    if let Some(group) = group {
        let _ = killpg(group, Signal::SIGKILL);
    }
    if alone() {
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    }
}

fn end_of(status: ExitStatus, out_of_memory: bool) -> ProcessEnd {
    match (out_of_memory, status.signal()) {
        (true, _) => ProcessEnd::OutOfMemory,
        (false, Some(signal)) => ProcessEnd::Killed { signal },
        (false, None) => ProcessEnd::Exited { code: status.code().unwrap_or_default() },
    }
}

/// How often the kernel has killed in this container for want of memory; 0 where it does not say.
fn count_oom_kills() -> u64 {
    let events = std::fs::read_to_string("/sys/fs/cgroup/memory.events").unwrap_or_default();
    events.lines().find_map(|l| l.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or_default()
}

async fn keep<R: AsyncRead + Unpin>(stream: Option<R>, places: Vec<SharedLast>) {
    let Some(mut stream) = stream else { return };
    let mut buffer = [0_u8; 8192];
    while let Ok(count) = stream.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        for place in &places {
            Last::lock(place).push(&buffer[..count]);
        }
    }
}

impl Last {
    fn shared(most: usize) -> SharedLast {
        Arc::new(Mutex::new(Self { bytes: VecDeque::new(), most }))
    }

    fn lock(shared: &SharedLast) -> MutexGuard<'_, Self> {
        shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let over = self.bytes.len().saturating_sub(self.most);
        self.bytes.drain(..over);
    }

    fn text(shared: &SharedLast) -> String {
        String::from_utf8_lossy(Self::lock(shared).bytes.make_contiguous()).into_owned()
    }
}
