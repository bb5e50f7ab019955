//! One function process: its environment, its output, its end.
//!
//! A process gets the template's variables, Lambda's own and nothing of the parent's besides a path and a locale.

use super::runtime_api::{Invocation, Seat, router};
use crate::aws::{ACCESS_KEY_PREFIX, ACCOUNT, REGION};
use crate::stack::environment::inherited;
use crate::stack::logs::LogBook;
use crate::template::model::Function;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

/// From SIGTERM to SIGKILL at shutdown; Lambda gives 300 ms to 2 s.
const TERM_GRACE: Duration = Duration::from_secs(2);
/// How many lines of a process its obituary shows.
const OBITUARY_LINES: usize = 10;

/// How to start a function's processes.
pub(crate) struct Launch {
    pub(crate) function: Function,
    pub(crate) binary: PathBuf,
    pub(crate) aws_endpoint: String,
    pub(crate) logs: Arc<LogBook>,
}

impl Launch {
    /// The function's ARN.
    pub(super) fn arn(&self) -> String {
        format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", self.function.name)
    }

    fn environment(&self, runtime_api: &str) -> BTreeMap<String, String> {
        let mut environment = self.function.environment.clone();
        environment.extend(inherited());
        let function = &self.function;
        let task_root = self.binary.parent().unwrap_or(&self.binary).display().to_string();
        for (name, value) in [
            ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mib.to_string()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "local".to_owned()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", format!("{ACCESS_KEY_PREFIX}{}", function.package)),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_SESSION_TOKEN", "local".to_owned()),
            ("AWS_ENDPOINT_URL", self.aws_endpoint.clone()),
            ("LAMBDA_TASK_ROOT", task_root),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
            ("_HANDLER", "bootstrap".to_owned()),
        ] {
            environment.insert(name.to_owned(), value);
        }
        environment
    }
}

/// Why a process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Live,
    /// SIGKILL now: it hangs.
    Kill,
    /// SIGTERM, then SIGKILL: the stack goes down.
    Terminate,
}

/// A live process and its inbox.
pub(super) struct Process {
    pub(super) inbox: mpsc::Sender<Invocation>,
    pid: Option<u32>,
    order: watch::Sender<Order>,
    obituary: watch::Receiver<Option<Obituary>>,
    lines: Arc<Mutex<VecDeque<String>>>,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub(super) struct Obituary {
    /// `exited with code 1`, `was killed by signal 9`.
    pub(super) how: String,
    /// It ended before it ever asked for an event.
    pub(super) at_start: bool,
    pub(super) last_lines: Vec<String>,
}

impl Process {
    /// Starts a process with a Runtime API of its own.
    ///
    /// # Errors
    /// If no port is free or the binary cannot be started.
    pub(super) async fn start(launch: &Arc<Launch>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let mut child = Command::new(&launch.binary)
            .env_clear()
            .envs(launch.environment(&address))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in the terminal is the stack's to handle, not each child's.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", launch.binary.display())))?;
        let pid = child.id();
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let readers = [
            child.stdout.take().map(|output| tokio::spawn(read_lines(output, Arc::clone(launch), Arc::clone(&lines)))),
            child.stderr.take().map(|output| tokio::spawn(read_lines(output, Arc::clone(launch), Arc::clone(&lines)))),
        ];
        let (inbox, receiver) = mpsc::channel(1);
        let seat = Seat::new(receiver);
        let server = tokio::spawn(axum::serve(listener, router(Arc::clone(&seat))).into_future());
        let (order, orders) = watch::channel(Order::Live);
        let (obituary_sender, obituary) = watch::channel(None);
        let kept = Arc::clone(&lines);
        tokio::spawn(async move {
            let how = watch_over(&mut child, orders).await;
            for reader in readers.into_iter().flatten() {
                // A grandchild may hold the pipe open: do not wait for it.
                _ = tokio::time::timeout(Duration::from_millis(200), reader).await;
            }
            server.abort();
            _ = obituary_sender.send(Some(Obituary { how, at_start: !seat.was_ready(), last_lines: snapshot(&kept) }));
            seat.close();
        });
        Ok(Self { inbox, pid, order, obituary, lines })
    }

    /// Whether it still runs, as far as anybody knows.
    pub(super) fn is_alive(&self) -> bool {
        self.obituary.borrow().is_none() && !self.inbox.is_closed()
    }

    /// The system's number for it.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Kills it at once.
    pub(super) fn kill(&self) {
        _ = self.order.send(Order::Kill);
    }

    /// Asks it to end, and sees to it that it does.
    pub(super) async fn terminate(&self) {
        _ = self.order.send(Order::Terminate);
        self.ended().await;
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> Obituary {
        let mut obituary = self.obituary.clone();
        let found = obituary.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        found.unwrap_or_else(|| Obituary { how: "ended".to_owned(), at_start: false, last_lines: snapshot(&self.lines) })
    }

    /// What it wrote last, oldest first.
    pub(super) fn last_lines(&self) -> Vec<String> {
        snapshot(&self.lines)
    }
}

fn snapshot(lines: &Mutex<VecDeque<String>>) -> Vec<String> {
    lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

async fn read_lines(output: impl AsyncRead + Unpin, launch: Arc<Launch>, lines: Arc<Mutex<VecDeque<String>>>) {
    let mut reader = BufReader::new(output).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        launch.logs.write(&launch.function.package, &line);
        let mut kept = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == OBITUARY_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

/// Waits for the child's end, or brings it about.
async fn watch_over(child: &mut Child, mut orders: watch::Receiver<Order>) -> String {
    loop {
        tokio::select! {
            status = child.wait() => return describe(status),
            changed = orders.changed() => {
                let order = if changed.is_ok() { *orders.borrow_and_update() } else { Order::Terminate };
                match order {
                    Order::Live => {}
                    Order::Kill => {
                        _ = child.start_kill();
                        return describe(child.wait().await);
                    }
                    Order::Terminate => return describe(terminate(child).await),
                }
            }
        }
    }
}

async fn terminate(child: &mut Child) -> std::io::Result<ExitStatus> {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    if let Ok(status) = tokio::time::timeout(TERM_GRACE, child.wait()).await {
        return status;
    }
    _ = child.start_kill();
    child.wait().await
}

fn describe(status: std::io::Result<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exited with code {code}"),
            (None, Some(signal)) => format!("was killed by signal {signal}"),
            (None, None) => "ended".to_owned(),
        },
        Err(error) => format!("could not be waited for: {error}"),
    }
}
