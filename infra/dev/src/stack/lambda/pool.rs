//! A function's processes: one per concurrent invocation, started on demand and reused; what hangs is killed,
//! what died is reported with its last lines, and a function that dies at its start is started again ever more slowly.

use super::process::{Launch, Obituary, Process};
use super::runtime_api::{Invocation, Reply};
use bytes::Bytes;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};

/// How long a process may take to come up; Lambda gives it 10 seconds, a busy laptop needs more.
const INIT_LIMIT: Duration = Duration::from_secs(30);

/// What became of an invocation.
#[derive(Debug)]
pub enum Outcome {
    /// The function's whole response.
    Payload(Bytes),
    /// The raw chunks of a streamed response, with its prelude still in front.
    Stream(mpsc::Receiver<Result<Bytes, std::io::Error>>),
    Failed(Failure),
}

/// Why an invocation has no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Lambda's name for it: `Unhandled`, `Sandbox.Timedout`, `Runtime.ExitError`, `Function.ResponseSizeTooLarge`.
    pub kind: &'static str,
    /// One line that a person reads.
    pub message: String,
    /// What the invoker would get: `{"errorType", "errorMessage"}`.
    pub payload: Bytes,
}

impl Failure {
    fn new(kind: &'static str, message: String) -> Self {
        let payload = json!({ "errorType": kind, "errorMessage": message }).to_string().into();
        Self { kind, message, payload }
    }
}

/// All processes of one function.
pub struct Pool {
    launch: Arc<Launch>,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Arc<Process>>>,
    busy: Mutex<Vec<Arc<Process>>>,
    /// Processes in a row that died before they asked for an event.
    failed_starts: AtomicU32,
    closed: AtomicBool,
    under_way: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(launch: Launch, cap: usize) -> Arc<Self> {
        Arc::new(Self {
            launch: Arc::new(launch),
            permits: Arc::new(Semaphore::new(cap)),
            idle: Mutex::default(),
            busy: Mutex::default(),
            failed_starts: AtomicU32::new(0),
            closed: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
        })
    }

    /// The function's package.
    pub fn package(&self) -> &str {
        &self.launch.function.package
    }

    /// How many processes run now.
    pub fn processes(&self) -> usize {
        locked(&self.idle).len() + locked(&self.busy).len()
    }

    /// How many invocations run now.
    pub fn busy(&self) -> usize {
        locked(&self.busy).len()
    }

    /// Invocations that have not ended, those included that wait for a process.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// The process ids of all processes.
    pub fn pids(&self) -> Vec<u32> {
        locked(&self.idle).iter().chain(locked(&self.busy).iter()).filter_map(|process| process.pid()).collect()
    }

    /// Kills the idle processes: the next invocations start cold.
    pub fn recycle(&self) {
        for process in std::mem::take(&mut *locked(&self.idle)) {
            process.kill();
        }
    }

    /// Invokes the function and waits for its response. The function runs to its end even when the caller stops waiting.
    pub async fn invoke(self: &Arc<Self>, event: Bytes) -> Outcome {
        let (sender, receiver) = oneshot::channel();
        self.under_way.fetch_add(1, Ordering::AcqRel);
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            Arc::clone(&pool).run(event, sender).await;
            pool.under_way.fetch_sub(1, Ordering::AcqRel);
        });
        receiver.await.unwrap_or_else(|_| Outcome::Failed(Failure::new("Service.Exception", "the stack goes down".to_owned())))
    }

    /// Ends every process: SIGTERM, then SIGKILL.
    pub async fn shutdown(&self) {
        self.closed.store(true, Ordering::Release);
        let mut all = std::mem::take(&mut *locked(&self.idle));
        all.append(&mut locked(&self.busy));
        let ends = all.into_iter().map(|process| tokio::spawn(async move { process.terminate().await }));
        for end in ends.collect::<Vec<_>>() {
            _ = end.await;
        }
    }

    async fn run(self: Arc<Self>, event: Bytes, outcome: oneshot::Sender<Outcome>) {
        let Ok(_permit) = Arc::clone(&self.permits).acquire_owned().await else { return };
        let (process, taken, mut reply) = match self.hand_over(event).await {
            Ok(started) => started,
            Err(failure) => {
                self.report(&failure, &[]);
                _ = outcome.send(Outcome::Failed(failure));
                return;
            }
        };
        let result = self.wait(&process, taken, &mut reply).await;
        let reusable = match result {
            Ok(Reply::Payload(bytes)) => {
                _ = outcome.send(Outcome::Payload(bytes));
                true
            }
            Ok(Reply::Error(body)) => {
                let failure = unhandled(body);
                self.report(&failure, &[]);
                _ = outcome.send(Outcome::Failed(failure));
                true
            }
            Ok(Reply::ResponseTooLarge) => {
                let failure = Failure::new("Function.ResponseSizeTooLarge", "the response is larger than 6 MB".to_owned());
                self.report(&failure, &[]);
                _ = outcome.send(Outcome::Failed(failure));
                true
            }
            Ok(Reply::Stream { chunks, ended }) => {
                _ = outcome.send(Outcome::Stream(chunks));
                self.wait_for_stream(&process, ended).await
            }
            Err(failure) => {
                _ = outcome.send(Outcome::Failed(failure));
                false
            }
        };
        self.give_back(process, reusable);
    }

    /// Gives the event to an idle process, or to a new one.
    async fn hand_over(&self, event: Bytes) -> Result<(Arc<Process>, oneshot::Receiver<()>, oneshot::Receiver<Reply>), Failure> {
        let (taken_sender, taken) = oneshot::channel();
        let (reply_sender, reply) = oneshot::channel();
        let mut invocation = Invocation {
            request_id: uuid::Uuid::new_v4().to_string(),
            event,
            arn: self.launch.arn(),
            timeout: self.launch.function.timeout,
            taken: taken_sender,
            reply: reply_sender,
        };
        loop {
            let process = self.any_process().await?;
            locked(&self.busy).push(Arc::clone(&process));
            match process.inbox.send(invocation).await {
                Ok(()) => return Ok((process, taken, reply)),
                // It died while idle: the next one.
                Err(mpsc::error::SendError(back)) => {
                    invocation = back;
                    self.give_back(process, false);
                }
            }
        }
    }

    async fn any_process(&self) -> Result<Arc<Process>, Failure> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Failure::new("Service.Exception", "the stack goes down".to_owned()));
        }
        loop {
            let idle = locked(&self.idle).pop();
            match idle {
                Some(process) if process.is_alive() => return Ok(process),
                Some(_) => {}
                None => break,
            }
        }
        let failed = self.failed_starts.load(Ordering::Acquire);
        if failed > 0 {
            tokio::time::sleep(Duration::from_millis(100 << failed.min(6))).await;
        }
        let started = Process::start(&self.launch).await;
        started
            .map(Arc::new)
            .map_err(|error| Failure::new("Runtime.InvalidEntrypoint", format!("{} cannot be started: {error}", self.package())))
    }

    /// Waits until the process has taken the event and replied, within the function's timeout.
    async fn wait(&self, process: &Process, taken: oneshot::Receiver<()>, reply: &mut oneshot::Receiver<Reply>) -> Result<Reply, Failure> {
        match tokio::time::timeout(INIT_LIMIT, taken).await {
            Ok(Ok(())) => self.failed_starts.store(0, Ordering::Release),
            Ok(Err(_)) => return Err(self.died(&process.ended().await)),
            Err(_) => return Err(self.hung(process, "did not come up", INIT_LIMIT)),
        }
        match tokio::time::timeout(self.launch.function.timeout, reply).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(self.died(&process.ended().await)),
            Err(_) => Err(self.hung(process, "timed out", self.launch.function.timeout)),
        }
    }

    /// Whether the process may be used again after the stream's end.
    async fn wait_for_stream(&self, process: &Process, ended: oneshot::Receiver<()>) -> bool {
        match tokio::time::timeout(self.launch.function.timeout, ended).await {
            Ok(end) => end.is_ok(),
            Err(_) => {
                self.hung(process, "timed out while streaming", self.launch.function.timeout);
                false
            }
        }
    }

    fn hung(&self, process: &Process, what: &str, after: Duration) -> Failure {
        process.kill();
        let failure =
            Failure::new("Sandbox.Timedout", format!("{} {what} after {:.1} s and was killed", self.package(), after.as_secs_f64()));
        self.report(&failure, &process.last_lines());
        failure
    }

    fn died(&self, obituary: &Obituary) -> Failure {
        let when = if obituary.at_start { "at its start" } else { "during an invocation" };
        if obituary.at_start {
            self.failed_starts.fetch_add(1, Ordering::AcqRel);
        }
        let failure = Failure::new("Runtime.ExitError", format!("{} {} {when}", self.package(), obituary.how));
        self.report(&failure, &obituary.last_lines);
        failure
    }

    fn report(&self, failure: &Failure, last_lines: &[String]) {
        let line = json!({
            "level": "ERROR", "message": failure.message, "platform": failure.kind, "last_lines": last_lines.join("\n"),
        });
        self.launch.logs.write(self.package(), &line.to_string());
    }

    fn give_back(&self, process: Arc<Process>, reusable: bool) {
        locked(&self.busy).retain(|busy| !Arc::ptr_eq(busy, &process));
        if reusable && process.is_alive() && !self.closed.load(Ordering::Acquire) {
            locked(&self.idle).push(process);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A function's own error, as it told the Runtime API.
fn unhandled(body: Bytes) -> Failure {
    let told: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |key: &str| told.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    Failure { kind: "Unhandled", message: format!("{}: {}", text("errorType"), text("errorMessage")), payload: body }
}
