//! What a stack is started with: where its data lives, which forge, which model, and what differs from the template.

use super::callers::Callers;
use super::http::function_url::UrlFaultHook;
use super::rules::TaskEventHook;
use crate::aws::{FaultHook, QueueHook};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The name under which the local stack is deployed; it is part of every resource's name.
pub const STACK_NAME: &str = "patchbay-local";

/// Everything that [`super::Stack::start`] needs.
#[derive(Clone)]
pub struct StackConfig {
    pub template: PathBuf,
    /// Where all durable state lives; a second start finds it again.
    pub data_dir: PathBuf,
    /// Where the functions' binaries and `agent-task` are.
    pub bin_dir: PathBuf,
    /// The loopback port of the HTTP API and of the control routes; `None` takes a free one.
    pub port: Option<u16>,
    pub forge: ForgeConfig,
    pub model: ModelConfig,
    /// Template parameters; they win over what the stack itself sets.
    pub parameters: BTreeMap<String, String>,
    /// Environment that replaces the task definition's own (`PATCHBAY_AIDER`, `PATCHBAY_AGENT`).
    pub task_env_overrides: BTreeMap<String, String>,
    pub schedules: Schedules,
    /// AWS services that another emulator plays, see [`crate::aws::AwsConfig::elsewhere`].
    pub aws_elsewhere: BTreeMap<String, String>,
    /// Asked at every AWS call, see [`crate::aws::AwsConfig::faults`].
    pub faults: Option<FaultHook>,
    /// Asked at every request to the local GitHub, see [`patchbay_testing::github::LocalGithubConfig::faults`].
    pub forge_faults: Option<patchbay_testing::github::FaultHook>,
    /// Asked at every message, see [`crate::aws::AwsConfig::queue_faults`].
    pub queue_faults: Option<QueueHook>,
    /// Asked at every event of a task.
    pub task_event_faults: Option<TaskEventHook>,
    /// Asked at every webhook, see [`patchbay_testing::github::LocalGithubConfig::post_faults`].
    pub post_faults: Option<patchbay_testing::github::PostHook>,
    /// Asked at every request to a function's URL, see [`super::http::function_url::UrlFaultHook`].
    pub url_faults: Option<UrlFaultHook>,
    /// Told of the functions' processes when the stack is up: for hooks that want to know who calls.
    pub callers: Option<Arc<Callers>>,
}

impl StackConfig {
    /// A stack with a local GitHub and the scripted model on free ports.
    pub fn new(template: PathBuf, data_dir: PathBuf, bin_dir: PathBuf) -> Self {
        Self {
            template,
            data_dir,
            bin_dir,
            port: None,
            forge: ForgeConfig::Local,
            model: ModelConfig::Scripted,
            parameters: BTreeMap::new(),
            task_env_overrides: BTreeMap::new(),
            schedules: Schedules::AsDeployed,
            aws_elsewhere: BTreeMap::new(),
            faults: None,
            forge_faults: None,
            queue_faults: None,
            task_event_faults: None,
            post_faults: None,
            url_faults: None,
            callers: None,
        }
    }
}

/// Which GitHub the stack speaks to.
#[derive(Clone, Debug)]
pub enum ForgeConfig {
    /// A local one with the App installed on the organisation `acme`.
    Local,
    /// A real one with a registered App.
    Real(RealForge),
}

/// A registered GitHub App.
#[derive(Clone)]
pub struct RealForge {
    pub api_url: String,
    pub web_url: String,
    /// Where the forge, and whoever calls back, reaches this machine, without a slash at the end.
    pub public_url: String,
    pub app_id: u64,
    pub slug: String,
    /// PEM.
    pub private_key: String,
    pub webhook_secret: String,
}

impl std::fmt::Debug for RealForge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RealForge").field("api_url", &self.api_url).field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

/// Which model answers.
#[derive(Clone)]
pub enum ModelConfig {
    /// The script of `crate::model`.
    Scripted,
    /// A model's API.
    Real {
        /// `openai` or `anthropic`: the API's shape.
        provider: String,
        /// Up to and with `/v1`.
        base_url: String,
        name: String,
        api_key: String,
    },
}

impl ModelConfig {
    /// One sentence for people: which model it is.
    pub fn describe(&self) -> String {
        match self {
            Self::Scripted => "a script that knows only the demo's two requests (set PATCHBAY_MODEL_URL, PATCHBAY_MODEL and PATCHBAY_MODEL_KEY for a real one)".to_owned(),
            Self::Real { name, base_url, .. } => format!("{name} at {base_url}"),
        }
    }
}

/// When schedules tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedules {
    /// At the template's rates.
    AsDeployed,
    /// All at this rate, for tests that wait for the reaper.
    Every(Duration),
    /// Only when asked over the control routes.
    OnRequest,
}
