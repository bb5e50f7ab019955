//! What an agent task is told and answers: the brief, progress, the result, failures and usage; and the
//! requests and responses of the task gateway, which both ends share.

use crate::change_set::ChangeSet;
use crate::event::{Repository, SubjectKind};
use crate::ids::RunId;
use crate::workflow::model::AgentOptions;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The supervisor's exit code when it could not begin: its single-use secret or its brief was spent without reaching it, or
/// the gateway did not answer. Nothing was done yet, so the task is started again (EX_TEMPFAIL).
pub const EXIT_NOT_BEGUN: u8 = 75;

/// What the requester wants of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Answer; change nothing.
    Ask,
    /// Change something; no change is a failure ("nothing to do").
    Change,
    /// The working tree decides: changes become a pull request, none an answer.
    Auto,
}

/// What a task is told. Readable once (R23); sealed at rest because it holds the clone token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Brief {
    pub run: RunId,
    pub attempt: u32,
    pub mode: Mode,
    /// What was asked, hidden characters and HTML comments stripped (R27).
    pub prompt: String,
    /// The thread around it: title, kind, number, who asks.
    /// `None` for a run without a thread.
    pub thread: Option<BriefThread>,
    /// What it is about, for a commit's subject: the thread's title, or the workflow's name.
    pub title: String,
    /// Who asks, or the workflow on whose behalf.
    pub requester: String,
    pub repository: Repository,
    /// `https://…/owner/name.git`, without credentials.
    pub clone_url: String,
    /// The single-repository read-only token, used as password of user `x-access-token`.
    pub clone_token: String,
    /// The branch to start from.
    pub base_branch: String,
    pub model: ModelSettings,
    pub limits: Limits,
    #[serde(default)]
    pub options: BriefOptions,
}

/// What the workflow asks of the task besides the request; from the default branch's configuration, never from a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BriefOptions {
    /// Files of the repository that the agent is shown read-only.
    pub read: Vec<String>,
    /// Shell commands that the agent's side runs before the agent.
    pub setup: Vec<String>,
    /// A shell command that the agent's side runs after a change; if it fails, the agent gets one round to repair it.
    pub verify: Option<String>,
}

impl From<&AgentOptions> for BriefOptions {
    fn from(options: &AgentOptions) -> Self {
        Self { read: options.read.clone(), setup: options.setup.clone(), verify: options.verify.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BriefThread {
    pub kind: SubjectKind,
    pub number: u64,
    /// `refs #12` or `closes #12` material for the commit message: the issue's number, if it is one.
    pub closes_issue: Option<u64>,
}

/// How the agent speaks to the model. The key is not here: only task-gateway has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSettings {
    pub provider: ModelProvider,
    /// The provider's name for the model.
    pub model: String,
    /// Aider's edit format; `None` lets Aider choose.
    pub edit_format: Option<String>,
    /// The text of an Aider model settings file (`.aider.model.settings.yml`), if configured.
    pub settings_file: Option<String>,
}

/// The shape of the model's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelProvider {
    /// `POST …/chat/completions`
    Openai,
    /// `POST …/messages`
    Anthropic,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub deadline_at: Timestamp,
    pub max_files: usize,
    pub max_file_bytes: usize,
    pub max_total_bytes: usize,
}

/// `POST /v1/exchange`: the bootstrap secret for the run's capability, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExchangeRequest {
    pub workspace: crate::ids::WorkspaceId,
    pub run: RunId,
    pub attempt: u32,
    pub bootstrap_secret: String,
}

/// The capability is a bearer token for every other call: `Authorization: Bearer <capability>`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExchangeResponse {
    pub capability: String,
}

/// `POST /v1/progress`, at least every 60 seconds (R19).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProgressRequest {
    /// What the task is doing now, a few words a person reads.
    pub stage: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProgressResponse {
    /// False once the run is terminal: stop the agent and exit.
    pub go_on: bool,
}

/// `POST /v1/result`: the end of the task's work, at most 6 MB as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    pub run: RunId,
    pub attempt: u32,
    pub outcome: TaskOutcome,
    /// The agent's own words at the end (Aider's last reply), cut to 20,000 characters.
    pub summary: Option<String>,
    /// The agent's name and version, for example `aider 0.86.2`.
    pub agent: String,
    /// How the agent was kept apart, and what this system could not do, one sentence each.
    pub isolation: Vec<String>,
    /// In how many of its texts the task found a secret and kept it back (R34). Somebody is told: it means that an
    /// agent had one.
    #[serde(default)]
    pub kept_back: u32,
    /// What came of the workflow's `verify` command, if it was run.
    #[serde(default)]
    pub verify: Option<VerifyReport>,
    /// What the task could not do as it was told and went on without, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What came of a `verify` command. It ran beside the agent's own code: a help for whoever reviews, no proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    pub command: String,
    pub outcome: VerifyOutcome,
    /// Where it failed: the last lines of what it printed, or why it came to no end.
    pub output: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerifyOutcome {
    Passed,
    /// It failed once, and passed after the agent's round of repair.
    PassedAfterRepair,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TaskOutcome {
    Changes { change_set: ChangeSet },
    Answer { text: String },
    Failed { failure: Failure },
}

impl TaskOutcome {
    /// The outcome's word in logs.
    pub fn name(&self) -> &'static str {
        match self {
            TaskOutcome::Changes { .. } => "changes",
            TaskOutcome::Answer { .. } => "answer",
            TaskOutcome::Failed { .. } => "failed",
        }
    }
}

/// The stored result: what the task sent and what the gateway counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredResult {
    pub result: TaskResult,
    pub usage: Usage,
}

/// What a run's model calls came to, counted by task-gateway, never by the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    pub model_calls: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cost_microusd: u64,
}

/// Why it did not work: the code decides what a person is told to do next, the detail is said as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub code: FailureCode,
    /// One sentence, free of secrets.
    pub detail: String,
}

impl Failure {
    /// A failure with its detail.
    pub fn new(code: FailureCode, detail: &str) -> Self {
        Self { code, detail: detail.to_owned() }
    }
}

/// Every way in which a run can fail, one sentence of advice each (`app/messages/advice.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// No model is configured, or its key is missing.
    NoModel,
    /// The workflow names a model that is not among those allowed here.
    ModelNotAllowed,
    /// The workflow names an image that this deployment does not have.
    ImageUnknown,
    /// The model's provider refused: bad key, unknown model, content policy.
    ModelRefused,
    /// The provider could not be reached, or kept failing.
    ModelUnavailable,
    Budget,
    TimedOut,
    OutOfMemory,
    DiskFull,
    CloneFailed,
    /// A command that the workflow runs before the agent failed.
    SetupFailed,
    /// The agent ended without any sign of having done anything.
    AgentCrashed,
    /// The agent is not installed in the image.
    AgentMissing,
    /// A change was asked for, and nothing changed.
    NothingToDo,
    /// The change set is over a limit (R30).
    TooLarge,
    /// The change set touches what it must not (R30, R31), or holds a secret (R34).
    Blocked,
    /// The requester has no write permission any more (R26).
    PermissionLost,
    /// Base or branch moved in a way that cannot be continued.
    Conflict,
    /// The forge would not take the change.
    ForgeRefused,
    /// The pull request's head lives in a fork, where the App cannot push.
    Fork,
    /// The platform ended the task, and trying again did not help.
    Infrastructure,
    /// A template or condition of a workflow's step cannot be rendered.
    Template,
    /// A workflow's step cannot be done: it does not fit the event, or the forge refuses it.
    StepRefused,
    /// The address that a workflow's step calls did not take the call.
    CallFailed,
}
