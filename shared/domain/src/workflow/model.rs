//! The checked form of a configuration file: what workflows are made of, defaults already merged in. Reading and
//! checking the YAML is not here; neither is performing a step.
//!
//! Fields said to be a *template* are MiniJinja text, rendered when their step begins; all others are literal.

use crate::task::Mode;
use crate::trigger::Trigger;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A whole configuration file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration {
    /// In the file's order.
    pub workflows: Vec<Workflow>,
}

/// Triggers and steps under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    pub name: String,
    /// Any of them starts it; at most one per event kind.
    pub triggers: Vec<Trigger>,
    pub concurrency: Option<Concurrency>,
    /// At least so long between two starts of the same workflow for the same thread (or branch, or concurrency group).
    /// An event in between waits; a newer one takes its place.
    pub cooldown_seconds: Option<u32>,
    pub steps: Vec<Step>,
}

/// Runs of one group are not at work at the same time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    /// A template; groups are the repository's own.
    pub group: String,
    /// Whether a new run ends the one before (else it waits for it).
    pub cancel: bool,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// By which later steps read its outputs: `steps.<id>.outputs.…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `if`: a MiniJinja expression without braces; the step is skipped if it is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    #[serde(default)]
    pub continue_on_error: bool,
    /// How long it may take; each action has a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    pub action: StepAction,
}

/// What a step does. One each; the word in the file is the variant's in snake case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    Agent(AgentStep),
    Comment(CommentStep),
    Label(LabelStep),
    Assign(AssignStep),
    RequestReview(RequestReviewStep),
    Close(CloseStep),
    Check(CheckStep),
    PrContext(PrContextStep),
    CommitContext(CommitContextStep),
    File(FileStep),
    Http(HttpStep),
    RunWorkflow(RunWorkflowStep),
}

impl StepAction {
    /// The word in the file, in logs and in explanations.
    pub fn name(&self) -> &'static str {
        match self {
            StepAction::Agent(_) => "agent",
            StepAction::Comment(_) => "comment",
            StepAction::Label(_) => "label",
            StepAction::Assign(_) => "assign",
            StepAction::RequestReview(_) => "request_review",
            StepAction::Close(_) => "close",
            StepAction::Check(_) => "check",
            StepAction::PrContext(_) => "pr_context",
            StepAction::CommitContext(_) => "commit_context",
            StepAction::File(_) => "file",
            StepAction::Http(_) => "http",
            StepAction::RunWorkflow(_) => "run_workflow",
        }
    }
}

/// Runs the agent. Outputs: `answer` (ask, or auto without changes), `pull_request` (its number), `url`, `branch`,
/// `commit`, `changed` (`true`/`false`), `cost` (US dollars).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentStep {
    pub mode: Mode,
    /// A template.
    pub prompt: String,
    #[serde(default)]
    pub options: AgentOptions,
    /// Whether the run's status comment is shown while it works. Absent: yes, unless it asks and a later step uses its outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<bool>,
}

/// How an agent step works; the file's `agent:` gives defaults, the deployment the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AgentOptions {
    /// The provider's name for the model; the deployment's if absent.
    pub model: Option<String>,
    /// Millionths of a dollar, never more than the deployment's own limit.
    pub budget_microusd: Option<u64>,
    /// Seconds, never more than the deployment's own limit.
    pub deadline_seconds: Option<u32>,
    /// The image of the agent's container, by the name that the deployment gave it; the deployment's own if absent.
    pub image: Option<String>,
    /// Files of the repository that the agent is shown read-only.
    pub read: Vec<String>,
    /// Filter patterns: what the change may touch; anything that is not protected if empty.
    pub paths: Vec<String>,
    /// The branch to start from and to open the pull request against.
    pub base: Option<String>,
    /// Whether the pull request is a draft.
    pub draft: bool,
    /// Shell commands run in the sandbox before the agent.
    pub setup: Vec<String>,
    /// A shell command run in the sandbox after a change; when it fails the agent gets one round to repair it.
    pub verify: Option<String>,
}

/// Writes a comment into the event's thread. Outputs: `id`, `url`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentStep {
    /// A template.
    pub body: String,
    /// With a key (a template), one comment of this key per thread is edited in place.
    pub key: Option<String>,
    /// The thread's number (a template); the event's own if absent.
    pub number: Option<String>,
}

/// Adds and removes labels of the event's thread; entries are templates, one that renders to several lines is several
/// labels. No outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelStep {
    #[serde(default)]
    pub add: Vec<String>,
    #[serde(default)]
    pub remove: Vec<String>,
    pub number: Option<String>,
}

/// Assigns people to the event's thread, and takes them off; entries are templates. No outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssignStep {
    #[serde(default)]
    pub add: Vec<String>,
    #[serde(default)]
    pub remove: Vec<String>,
    pub number: Option<String>,
}

/// Asks people and teams for a review of the event's pull request; entries are templates. No outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestReviewStep {
    #[serde(default)]
    pub users: Vec<String>,
    #[serde(default)]
    pub teams: Vec<String>,
    pub number: Option<String>,
}

/// Closes the event's issue or pull request, never merging. No outputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloseStep {
    pub reason: CloseReason,
    pub number: Option<String>,
}

/// Why an issue is closed; pull requests have no reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    #[default]
    Completed,
    NotPlanned,
}

/// Writes a check run on the event's commit. Outputs: `id`, `url`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckStep {
    /// Literal: the check's name, the same for every commit.
    pub name: String,
    /// A template for one of [`Conclusion`]'s words.
    pub conclusion: String,
    /// A template; the workflow's name if absent.
    pub title: Option<String>,
    /// A template, Markdown.
    pub summary: String,
    /// A template, one annotation a line: `path:line: message` or `path:line: warning: message` (also `notice`, `failure`).
    pub annotations: Option<String>,
    /// The commit, a template; the event's own if absent.
    pub sha: Option<String>,
}

/// How a check ends (GitHub's words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    Success,
    Failure,
    Neutral,
    Cancelled,
    Skipped,
    TimedOut,
    ActionRequired,
}

/// Parts of a pull request that `pr_context` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextPart {
    Diff,
    Files,
    Comments,
    Reviews,
    Commits,
}

/// Reads a pull request. Outputs: one per part in `include`, each cut to `max_chars`, and `truncated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrContextStep {
    pub include: Vec<ContextPart>,
    /// Per part, characters.
    pub max_chars: u32,
    /// The pull request's number (a template); the event's own if absent.
    pub number: Option<String>,
}

/// Reads a commit. Outputs: `message`, `author`, and `diff`, `files` where included, each cut to `max_chars`, and `truncated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitContextStep {
    /// `diff` and `files` alone make sense.
    pub include: Vec<ContextPart>,
    pub max_chars: u32,
    /// The commit (a template); the event's own if absent.
    pub sha: Option<String>,
}

/// Reads a file of the repository. Outputs: `content` (cut to `max_chars`), `exists`, `sha`, `truncated`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStep {
    /// A template.
    pub path: String,
    /// Branch, tag or commit, a template; the default branch if absent.
    pub git_ref: Option<String>,
    pub max_chars: u32,
}

/// Calls an external workflow engine, signed per Standard Webhooks. Outputs: `status`, `body` (cut to 32,000
/// characters), and with a JSON object as body each of its top-level scalars by name. With `wait` the outputs are those of
/// the callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpStep {
    /// Literal, `https` (`http` only to addresses that the operator lists).
    pub url: String,
    /// Values are templates.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What is sent as `data.inputs` of the execution context; values are templates.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// How often a call that failed or was answered with 408, 429 or 5xx is tried again.
    pub retries: u32,
    /// Parks the run until the receiver calls back, or the step's timeout.
    pub wait: bool,
}

/// Starts another workflow of the same configuration that has the trigger `manual`. Outputs: `delivery`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunWorkflowStep {
    /// Literal.
    pub workflow: String,
    /// Values are templates.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
}
