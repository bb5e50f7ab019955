//! What the environment says: one struct for each half, read once at the start, every complaint in one error.
//! No other module reads environment variables.

use anyhow::{Result, bail};
use patchbay_domain::ids::{RunId, WorkspaceId};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tracing_subscriber::filter::{LevelFilter, Targets};

/// The variable that holds the single-use secret; taken out of the environment at once.
pub(crate) const BOOTSTRAP_SECRET: &str = "PATCHBAY_BOOTSTRAP_SECRET";

/// Variables that a child needs to reach the network through the operator's proxy and trust store.
const NETWORK: [&str; 9] =
    ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"];

/// The supervisor's settings.
pub(crate) struct SuperviseConfig {
    /// `PATCHBAY_GATEWAY_URL`: the task gateway, without a trailing slash.
    pub(crate) gateway_url: String,
    /// `PATCHBAY_WORKSPACE`
    pub(crate) workspace: WorkspaceId,
    /// `PATCHBAY_RUN`
    pub(crate) run: RunId,
    /// `PATCHBAY_ATTEMPT`
    pub(crate) attempt: u32,
    /// `PATCHBAY_BOOTSTRAP_SECRET`
    pub(crate) bootstrap_secret: SecretString,
    /// `PATCHBAY_CORRELATION`: the id that ties the logs together (R46).
    pub(crate) correlation: String,
    /// `PATCHBAY_WORK_DIR`: shared with the agent.
    pub(crate) work_dir: PathBuf,
    /// `PATCHBAY_PRIVATE_DIR`: the supervisor's alone.
    pub(crate) private_dir: PathBuf,
    /// `PATCHBAY_HEARTBEAT_SECONDS`, 60.
    pub(crate) heartbeat: Duration,
    /// `PATCHBAY_AGENT_WAIT_SECONDS`, 60: how long the agent's container may take to fetch its job.
    pub(crate) agent_wait: Duration,
    /// `PATH` and what the network needs, for git.
    pub(crate) child_environment: BTreeMap<String, String>,
}

/// The agent side's settings.
pub(crate) struct WorkConfig {
    /// `PATCHBAY_WORK_DIR`: shared with the supervisor.
    pub(crate) work_dir: PathBuf,
    /// `PATCHBAY_AGENT`: which agent to run.
    pub(crate) agent: AgentKind,
    /// `PATCHBAY_AIDER`: Aider's executable.
    pub(crate) aider: PathBuf,
    /// `PATCHBAY_ISOLATE`, 1: whether to try namespaces.
    pub(crate) isolate: bool,
    /// `PATH`, for the agent.
    pub(crate) path: String,
}

/// The agents that this binary can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentKind {
    Aider,
    Scripted,
}

impl SuperviseConfig {
    /// Reads the supervisor's environment. The error lists everything that is missing or wrong.
    pub(crate) fn from_env() -> Result<Self> {
        let mut env = Env::read();
        let config = Self {
            gateway_url: env.required("PATCHBAY_GATEWAY_URL").trim_end_matches('/').to_owned(),
            workspace: WorkspaceId(env.required("PATCHBAY_WORKSPACE")),
            run: RunId(env.required("PATCHBAY_RUN")),
            attempt: env.number("PATCHBAY_ATTEMPT", None),
            bootstrap_secret: env.required(BOOTSTRAP_SECRET).into(),
            correlation: env.optional("PATCHBAY_CORRELATION").unwrap_or_default(),
            work_dir: env.required("PATCHBAY_WORK_DIR").into(),
            private_dir: env.required("PATCHBAY_PRIVATE_DIR").into(),
            heartbeat: Duration::from_secs(env.number("PATCHBAY_HEARTBEAT_SECONDS", Some(60))),
            agent_wait: Duration::from_secs(env.number("PATCHBAY_AGENT_WAIT_SECONDS", Some(60))),
            child_environment: env.for_children(),
        };
        env.complaints()?;
        Ok(config)
    }
}

impl WorkConfig {
    /// Reads the agent side's environment. The error lists everything that is missing or wrong.
    pub(crate) fn from_env() -> Result<Self> {
        let mut env = Env::read();
        let agent = match env.optional("PATCHBAY_AGENT").as_deref() {
            None | Some("aider") => AgentKind::Aider,
            Some("scripted") => AgentKind::Scripted,
            Some(other) => {
                env.wrong.push(format!("PATCHBAY_AGENT is {other:?}, neither `aider` nor `scripted`"));
                AgentKind::Aider
            }
        };
        let config = Self {
            work_dir: env.required("PATCHBAY_WORK_DIR").into(),
            agent,
            aider: env.optional("PATCHBAY_AIDER").unwrap_or_else(|| "/opt/aider/bin/aider".to_owned()).into(),
            isolate: env.optional("PATCHBAY_ISOLATE").is_none_or(|v| v != "0"),
            path: env.optional("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned()),
        };
        env.complaints()?;
        Ok(config)
    }
}

/// Where the scripted agent's `model` command goes: `SCRIPT_MODEL_URL` and `SCRIPT_MODEL`, set by whoever starts it.
pub(crate) fn script_model() -> Result<(String, String)> {
    let mut env = Env::read();
    let place = (env.required("SCRIPT_MODEL_URL"), env.required("SCRIPT_MODEL"));
    env.complaints()?;
    Ok(place)
}

/// What is logged: `PATCHBAY_LOG`, `info` when it is missing or unreadable.
pub(crate) fn log_filter() -> Targets {
    let wanted = Env::read().optional("PATCHBAY_LOG").and_then(|text| text.parse().ok());
    wanted.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

/// The environment as it was at the start, and what is wrong with it.
struct Env {
    values: BTreeMap<String, String>,
    wrong: Vec<String>,
}

impl Env {
    fn read() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the config module")]
        let values = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
        Self { values, wrong: Vec::new() }
    }

    fn optional(&self, name: &str) -> Option<String> {
        self.values.get(name).filter(|v| !v.is_empty()).cloned()
    }

    fn required(&mut self, name: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.wrong.push(format!("{name} is missing"));
            String::new()
        })
    }

    fn number<T: std::str::FromStr + Default>(&mut self, name: &str, default: Option<T>) -> T {
        let text = match (self.optional(name), default) {
            (Some(text), _) => text,
            (None, Some(default)) => return default,
            (None, None) => self.required(name),
        };
        text.parse().unwrap_or_else(|_| {
            self.wrong.push(format!("{name} is not a number"));
            T::default()
        })
    }

    fn for_children(&self) -> BTreeMap<String, String> {
        let path = self.optional("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let network = NETWORK.iter().filter_map(|name| Some(((*name).to_owned(), self.optional(name)?)));
        network.chain([("PATH".to_owned(), path)]).collect()
    }

    fn complaints(&self) -> Result<()> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        bail!("the environment is not complete: {}", self.wrong.join("; "))
    }
}
