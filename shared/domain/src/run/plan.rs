//! The plan of a run that a workflow started: its steps, how far they are, and what they left behind. How a plan
//! moves on is `steps`'s; what a step does is `workflow::model`'s. The built-in workflow has no plan: it is one request.

use super::state::{Run, ThreadRef};
use crate::event::SubjectKind;
use crate::task::{Failure, Mode};
use crate::workflow::model::{AgentOptions, Step};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a step leaves for later ones, by name; values are cut to `workflow::limits::MAX_OUTPUT_CHARS`.
pub type Outputs = BTreeMap<String, String>;

/// How long a step may take unless it says so itself: long enough to wait a forge's rate limit out, seconds.
pub const STEP_SECONDS: u32 = 3600;
/// How long what an agent step leaves behind (its slots, its task) may take to be cleared away, seconds.
pub const CLEARING_SECONDS: i64 = 600;

/// A workflow at work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub workflow: WorkflowRef,
    pub steps: Vec<PlannedStep>,
    /// The index of the step at work; the number of steps when all are over.
    pub at: usize,
    /// The event as templates see it (`workflow::context::event_context`).
    pub event: serde_json::Value,
    /// The concurrency group that this run waits for; absent if there is none, or if a new run ends the one before.
    pub group: Option<String>,
    /// A cooldown ends then.
    pub not_before: Option<Timestamp>,
    /// The group and the cooldown have been waited for.
    pub admitted: bool,
    /// What each agent step may take at most, whatever it says.
    pub deadline_seconds: u32,
    pub budget_microusd: u64,
    /// The number of attempts before the present agent step.
    pub attempts_before: u32,
    /// How many runs started each other up to this one (`Manual::depth`).
    #[serde(default)]
    pub depth: u32,
}

/// Which workflow, as it was when the run was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRef {
    pub name: String,
    pub source: WorkflowSource,
    /// The version of the configuration that it was read from (a blob's SHA).
    pub version: String,
}

/// Where a workflow comes from; the first that has a name wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowSource {
    /// `.github/patchbay.yml` on the repository's default branch.
    Repository,
    /// The same file of the account's `.github` repository.
    Organization,
    /// The table of the workspace.
    Workspace,
    BuiltIn,
}

impl WorkflowSource {
    /// The word in keys, logs and explanations; the same as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkflowSource::Repository => "repository",
            WorkflowSource::Organization => "organization",
            WorkflowSource::Workspace => "workspace",
            WorkflowSource::BuiltIn => "built_in",
        }
    }

    /// The source of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Repository, Self::Organization, Self::Workspace, Self::BuiltIn].into_iter().find(|source| source.as_str() == word)
    }
}

/// One step and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub step: Step,
    pub status: StepStatus,
}

/// What became of a step. The last three are final.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum StepStatus {
    Pending,
    Active,
    /// Parked until somebody calls back.
    Waiting {
        until: Timestamp,
    },
    Succeeded {
        outputs: Outputs,
    },
    Skipped {
        why: String,
    },
    Failed {
        failure: Failure,
    },
}

impl StepStatus {
    /// `success`, `failure`, `skipped`, as conditions and people read it; `None` while the step is not over.
    pub fn outcome(&self) -> Option<&'static str> {
        match self {
            StepStatus::Pending | StepStatus::Active | StepStatus::Waiting { .. } => None,
            StepStatus::Succeeded { .. } => Some("success"),
            StepStatus::Skipped { .. } => Some("skipped"),
            StepStatus::Failed { .. } => Some("failure"),
        }
    }
}

/// What an agent step asks for once its templates are rendered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentRequest {
    pub mode: Mode,
    pub prompt: String,
    pub options: AgentOptions,
    /// Whether the run's status comment is shown.
    pub status: bool,
}

impl Plan {
    /// A plan whose steps are all still to be done.
    pub fn new(workflow: WorkflowRef, steps: Vec<Step>, event: serde_json::Value, deadline_seconds: u32, budget_microusd: u64) -> Self {
        Self {
            workflow,
            steps: steps.into_iter().map(|step| PlannedStep { step, status: StepStatus::Pending }).collect(),
            at: 0,
            event,
            group: None,
            not_before: None,
            admitted: false,
            deadline_seconds,
            budget_microusd,
            attempts_before: 0,
            depth: 0,
        }
    }

    /// The step at work; `None` when all are over.
    pub fn step(&self) -> Option<&PlannedStep> {
        self.steps.get(self.at)
    }

    /// The commit that the event is about, if it is about one.
    pub fn commit(&self) -> Option<&str> {
        self.event.get("sha")?.as_str().filter(|sha| !sha.is_empty())
    }

    /// Whether a later step than `index` speaks of the outputs of the step there.
    pub fn outputs_are_used(&self, index: usize) -> bool {
        let Some(id) = self.steps.get(index).and_then(|planned| planned.step.id.as_ref()) else { return false };
        let (dotted, quoted) = (format!("steps.{id}."), format!("steps['{id}']"));
        self.steps.iter().skip(index + 1).any(|later| {
            let text = serde_json::to_string(&later.step).unwrap_or_default();
            text.contains(&dotted) || text.contains(&quoted) || text.contains(&quoted.replace('\'', "\\\""))
        })
    }
}

impl Run {
    /// The thread, if comments can be written there; no App can write into discussions.
    pub fn thread_to_speak_in(&self) -> Option<&ThreadRef> {
        self.thread.as_ref().filter(|thread| thread.kind != SubjectKind::Discussion)
    }

    /// Whether people can be told that this run failed: in its thread, or as a workflow beside a commit.
    pub(super) fn can_tell_of_failure(&self) -> bool {
        self.thread_to_speak_in().is_some() || self.plan.is_some()
    }

    /// The plan's step at work, with its index, while the run is at it.
    pub fn active_step(&self) -> Option<(usize, &PlannedStep)> {
        let plan = self.plan.as_ref()?;
        Some((plan.at, plan.step()?))
    }
}

/// How long a step may take, seconds. An agent step's own time counts from the start of its task (`Run::deadline_seconds`).
pub fn timeout_seconds(step: &Step) -> u32 {
    step.timeout_seconds.unwrap_or(STEP_SECONDS)
}
