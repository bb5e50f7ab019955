//! What can happen to a run: everything that any function ever tells the state machine.

use super::effect::Effect;
use super::plan::{AgentRequest, Outputs};
use super::state::PushedBranch;
use crate::task::{Failure, Usage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Input {
    /// A waiting run's time has come, or a slot was freed.
    Woken,
    SlotsClaimed,
    SlotsBusy {
        scope: SlotScope,
        retry_at: Timestamp,
    },
    /// ECS accepted the task of this attempt. Of any attempt but the present one it means nothing.
    TaskStarted {
        attempt: u32,
        arn: String,
    },
    /// The task said that it lives, and what it is doing.
    Heartbeat {
        stage: Option<String>,
    },
    /// The task's result is stored: changes to write.
    ChangesStored {
        key: String,
        usage: Usage,
    },
    /// The task's result is stored: an answer.
    AnswerStored {
        key: String,
        usage: Usage,
        /// The answer itself, cut, for a run with a plan: later steps may want it.
        #[serde(default)]
        answer: Option<String>,
    },
    /// The task reported that it could not do it.
    TaskFailed {
        failure: Failure,
        usage: Usage,
    },
    /// ECS says that the task of this attempt ended, and no result is stored. Events come late and twice (R18): of any
    /// attempt but the present one it means nothing.
    TaskEnded {
        attempt: u32,
        end: TaskEnd,
    },
    BranchPushed {
        branch: PushedBranch,
    },
    PullRequestReady {
        number: u64,
        url: String,
        updated: bool,
    },
    /// The result was refused, or the forge will not take it: said in the thread.
    Rejected {
        failure: Failure,
    },
    Cancel {
        reason: CancelReason,
    },
    DeadlinePassed,
    /// An effect with no result of its own is done.
    Done {
        effect: Effect,
    },
    StatusPosted {
        comment: u64,
    },
    /// An effect could not be done now.
    Postponed {
        effect: Effect,
        retry_at: Timestamp,
    },
    /// An effect can never be done, and the run can live without it.
    Abandoned {
        effect: Effect,
    },
    /// The plan's step of this index was done.
    StepDone {
        step: usize,
        outputs: Outputs,
    },
    /// The step's condition did not hold.
    StepSkipped {
        step: usize,
        why: String,
    },
    StepFailed {
        step: usize,
        failure: Failure,
    },
    /// The step's call was taken, and somebody will call back.
    StepWaiting {
        step: usize,
    },
    /// Somebody called back.
    StepAnswered {
        step: usize,
        outputs: Outputs,
    },
    /// The step wants the agent.
    AgentAsked {
        step: usize,
        request: Box<AgentRequest>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotScope {
    Thread,
    Repository,
    Workspace,
    /// A workflow's concurrency group.
    Group,
}

/// Why somebody or something ended a run early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CancelReason {
    Stopped {
        by: String,
    },
    /// Whoever operates this deployment ended it; the thread is not told their name.
    StoppedByOperator {
        by: String,
    },
    ThreadClosed,
    /// A newer run of its concurrency group, or of its workflow's cooldown, took its place.
    Superseded {
        by: String,
    },
    Uninstalled,
    Suspended,
    RepositoryRemoved,
}

impl CancelReason {
    /// Whether Patchbay may still write in the thread afterwards.
    pub fn may_still_write(&self) -> bool {
        !matches!(self, CancelReason::Uninstalled | CancelReason::Suspended | CancelReason::RepositoryRemoved)
    }
}

/// How a task ended that left no result (R18).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TaskEnd {
    /// The platform's doing (capacity, host, image pull): worth another try.
    Infrastructure {
        detail: String,
    },
    OutOfMemory,
    Exited {
        code: i64,
    },
    /// Nobody knows the task any more.
    Lost,
}

impl Input {
    /// The input's word in logs and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Input::Woken => "woken",
            Input::SlotsClaimed => "slots_claimed",
            Input::SlotsBusy { .. } => "slots_busy",
            Input::TaskStarted { .. } => "task_started",
            Input::Heartbeat { .. } => "heartbeat",
            Input::ChangesStored { .. } => "changes_stored",
            Input::AnswerStored { .. } => "answer_stored",
            Input::TaskFailed { .. } => "task_failed",
            Input::TaskEnded { .. } => "task_ended",
            Input::BranchPushed { .. } => "branch_pushed",
            Input::PullRequestReady { .. } => "pull_request_ready",
            Input::Rejected { .. } => "rejected",
            Input::Cancel { .. } => "cancel",
            Input::DeadlinePassed => "deadline_passed",
            Input::Done { .. } => "done",
            Input::StatusPosted { .. } => "status_posted",
            Input::Postponed { .. } => "postponed",
            Input::Abandoned { .. } => "abandoned",
            Input::StepDone { .. } => "step_done",
            Input::StepSkipped { .. } => "step_skipped",
            Input::StepFailed { .. } => "step_failed",
            Input::StepWaiting { .. } => "step_waiting",
            Input::StepAnswered { .. } => "step_answered",
            Input::AgentAsked { .. } => "agent_asked",
        }
    }
}
