//! One running container: its process, from start to the last descendant's end.

use super::logs::ContainerLog;
use super::processes::{Snapshot, Tree};
use super::spawner::Spawner;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How long output may still come after the last process ended.
const LAST_OUTPUT: Duration = Duration::from_secs(2);
/// Between two looks whether killed processes are gone.
const KILL_AGAIN: Duration = Duration::from_millis(10);
const KILL_ROUNDS: usize = 200;
/// Names the container in the environment of all its processes.
const MARK_VARIABLE: &str = "PATCHBAY_LOCAL_CONTAINER";
const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exit {
    pub(super) code: i32,
    pub(super) reason: Option<String>,
}

/// Orders from outside.
#[derive(Clone)]
pub(super) struct Orders {
    /// End: SIGTERM, and SIGKILL after the container's stop timeout.
    pub(super) stop: CancellationToken,
    /// SIGKILL now.
    pub(super) kill: CancellationToken,
}

/// A started container.
pub(super) struct Container {
    child: Child,
    output: JoinSet<()>,
    pub(super) watched: Watched,
}

/// What the memory watch sees of a container.
#[derive(Clone)]
pub(super) struct Watched {
    tree: Arc<Mutex<Tree>>,
    out_of_memory: Arc<AtomicBool>,
    kill: CancellationToken,
}

impl Watched {
    pub(super) fn resident_bytes(&self, snapshot: &Snapshot) -> u64 {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner).resident_bytes(snapshot)
    }

    /// Kills the container for its memory.
    pub(super) fn kill_for_memory(&self) {
        self.out_of_memory.store(true, Ordering::Release);
        self.kill.cancel();
    }
}

impl Container {
    /// Starts the process and the copying of its output.
    pub(super) async fn start(spawner: &Spawner, mut command: Command, log: ContainerLog, kill: CancellationToken) -> io::Result<Self> {
        let mark = format!("{}/{}", log.task, log.container);
        command.env(MARK_VARIABLE, &mark);
        let mut child = spawner.spawn(command).await?;
        let root = child.id().ok_or_else(|| io::Error::other("the process has no id"))?;
        let mut output = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            output.spawn(log.clone().copy(stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            output.spawn(log.copy(stderr));
        }
        let watched = Watched {
            tree: Arc::new(Mutex::new(Tree::new(root, &format!("{MARK_VARIABLE}={mark}")))),
            out_of_memory: Arc::default(),
            kill,
        };
        Ok(Self { child, output, watched })
    }

    /// Waits for the end, brought about by itself or by orders. When this returns, no process of it is left.
    pub(super) async fn finish(mut self, stop: CancellationToken, stop_timeout: Duration) -> Exit {
        let kill = self.watched.kill.clone();
        let ended = tokio::select! {
            status = self.child.wait() => Some(status),
            () = kill.cancelled() => None,
            () = stop.cancelled() => {
                self.lock_tree(Tree::terminate);
                tokio::select! {
                    status = self.child.wait() => Some(status),
                    () = kill.cancelled() => None,
                    () = sleep(stop_timeout) => None,
                }
            }
        };
        let status = match ended {
            Some(status) => status,
            None => {
                self.lock_tree(Tree::kill);
                // Until it is waited for, its process group is there and can be killed again and again.
                self.child.wait().await
            }
        };
        self.kill_all().await;
        let drain = async { while self.output.join_next().await.is_some() {} };
        let _ = timeout(LAST_OUTPUT, drain).await;
        self.exit(status)
    }

    async fn kill_all(&self) {
        for _ in 0..KILL_ROUNDS {
            if !self.lock_tree(Tree::kill) {
                return;
            }
            sleep(KILL_AGAIN).await;
        }
        tracing::warn!("a container's processes survive SIGKILL");
    }

    fn lock_tree<T>(&self, act: impl FnOnce(&mut Tree) -> T) -> T {
        act(&mut self.watched.tree.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn exit(&self, status: io::Result<ExitStatus>) -> Exit {
        if self.watched.out_of_memory.load(Ordering::Acquire) {
            return Exit { code: 137, reason: Some(OUT_OF_MEMORY.to_owned()) };
        }
        match status {
            Ok(status) => Exit { code: status.code().unwrap_or(128 + status.signal().unwrap_or_default()), reason: None },
            Err(error) => Exit { code: 255, reason: Some(format!("the process could not be waited for: {error}")) },
        }
    }
}
