//! A function's process under measurement: its own Runtime API, its CPU clock, its memory. It gets events one at a time,
//! when the measurement says so; nothing else runs it.

use crate::stack::lambda::{Invocation, Reply, Seat, runtime_api};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use nix::time::ClockId;
use nix::unistd::Pid;
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long anything of one process may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a process that is to come to rest.
const LOOK_EVERY: Duration = Duration::from_millis(3);
/// So many looks in a row must see the same CPU time.
const QUIET_LOOKS: u32 = 4;
/// How many of its last lines are shown when it fails.
const LAST_LINES: usize = 10;

/// A running process.
pub(super) struct Subject {
    child: Child,
    pid: Pid,
    clock: ClockId,
    inbox: mpsc::Sender<Invocation>,
    seat: Arc<Seat>,
    lines: Arc<Mutex<VecDeque<String>>>,
    background: Vec<JoinHandle<()>>,
}

impl Subject {
    /// Starts a binary with this environment and nothing else, and waits until it asks for an event and rests.
    pub(super) async fn start(binary: &Path, environment: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let mut child = Command::new(binary)
            .env_clear()
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let number = child.id().and_then(|id| i32::try_from(id).ok()).context("the process has ended at once")?;
        let pid = Pid::from_raw(number);
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let (inbox, receiver) = mpsc::channel(1);
        let seat = Seat::new(receiver);
        let mut background = vec![tokio::spawn(serve(listener, Arc::clone(&seat)))];
        background.extend(child.stdout.take().map(|output| tokio::spawn(keep_lines(output, Arc::clone(&lines)))));
        background.extend(child.stderr.take().map(|output| tokio::spawn(keep_lines(output, Arc::clone(&lines)))));
        let mut subject = Self { child, pid, clock: ClockId::pid_cpu_clock_id(pid)?, inbox, seat, lines, background };
        subject.come_up().await?;
        Ok(subject)
    }

    async fn come_up(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !self.seat.was_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended at its start with {status}: {}", self.last_lines());
            }
            anyhow::ensure!(Instant::now() < deadline, "it does not ask for an event: {}", self.last_lines());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.settled_cpu().await.map(drop)
    }

    /// Hands it an event and waits for its answer. Returns the time from when it took the event until it answered.
    pub(super) async fn invoke(&self, event: Bytes) -> anyhow::Result<(Duration, Bytes)> {
        let (taken_sender, taken) = oneshot::channel();
        let (reply_sender, reply) = oneshot::channel();
        let invocation = Invocation {
            request_id: uuid::Uuid::new_v4().to_string(),
            event,
            arn: "arn:aws:lambda:us-east-1:000000000000:function:bench".to_owned(),
            timeout: PATIENCE,
            taken: taken_sender,
            reply: reply_sender,
        };
        let gone = || format!("it went away: {}", self.last_lines());
        self.inbox.send(invocation).await.ok().with_context(gone)?;
        tokio::time::timeout(PATIENCE, taken).await?.with_context(gone)?;
        let started = Instant::now();
        match tokio::time::timeout(PATIENCE, reply).await?.with_context(gone)? {
            Reply::Payload(answer) => Ok((started.elapsed(), answer)),
            Reply::Error(error) => bail!("it failed: {}", String::from_utf8_lossy(&error)),
            Reply::Stream { mut chunks, .. } => {
                let first = chunks.recv().await.context("an empty stream")??;
                while chunks.recv().await.is_some() {}
                Ok((started.elapsed(), first))
            }
            Reply::ResponseTooLarge => bail!("it answered too much"),
        }
    }

    /// The CPU time of all its threads until now, those included that have ended.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        Ok(self.clock.now().context("the process is gone")?.into())
    }

    /// Its CPU time once it rests.
    pub(super) async fn settled_cpu(&self) -> anyhow::Result<Duration> {
        let (mut last, mut quiet) = (self.cpu()?, 0);
        let deadline = Instant::now() + PATIENCE;
        while quiet < QUIET_LOOKS {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.cpu()?;
            quiet = if now == last { quiet + 1 } else { 0 };
            last = now;
            anyhow::ensure!(Instant::now() < deadline, "it never rests");
        }
        Ok(last)
    }

    /// The most memory that it ever had resident, in megabytes.
    pub(super) fn peak_rss_mb(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes * 1024.0 / 1_000_000.0)
    }

    /// Ends it.
    pub(super) async fn end(mut self) {
        // It holds nothing: it may as well be killed.
        _ = self.child.kill().await;
    }

    fn last_lines(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.background.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(listener: TcpListener, seat: Arc<Seat>) {
    let serving = axum::serve(listener, runtime_api(seat)).await;
    if let Err(error) = serving {
        tracing::error!(%error, "a measured process lost its Runtime API");
    }
}

async fn keep_lines(output: impl AsyncRead + Unpin, lines: Arc<Mutex<VecDeque<String>>>) {
    let mut reader = BufReader::new(output).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        let mut kept = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == LAST_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}
