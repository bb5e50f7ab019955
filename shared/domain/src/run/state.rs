//! What a run is: the item that is saved under a version condition, its states and its outcomes.

use super::effect::{Effect, PendingEffect, Place};
use super::input::CancelReason;
use super::plan::Plan;
use crate::event::{Actor, Repository, SubjectKind};
use crate::ids::{ConnectionId, DeliveryId, RunId, WorkspaceId};
use crate::task::{Failure, Mode, Usage};
use crate::workflow::model::AgentOptions;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One run, whole. Everything that decides what happens next is in here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub workspace: WorkspaceId,
    pub connection: ConnectionId,
    pub repository: Repository,
    /// `None` for what belongs to no thread: a push, a release, a schedule.
    pub thread: Option<ThreadRef>,
    /// What the agent is asked; of a run with a plan, by its present or latest agent step.
    pub request: Request,
    /// The steps of the workflow; `None` for the built-in one.
    #[serde(default)]
    pub plan: Option<Plan>,
    pub state: State,
    /// Grows by one with every save (R12).
    pub version: u64,
    /// Which try of the agent task this is, from 1.
    pub attempt: u32,
    /// Effects that were decided and not yet seen done (R16).
    pub outbox: Vec<PendingEffect>,
    /// Who is performing effects right now (R13).
    pub lease: Option<Lease>,
    /// When a waiting run tries again.
    pub wake_at: Option<Timestamp>,
    /// By when the run must be terminal (R19): the task's time, counted from its start; before it, the start's patience as well.
    pub deadline_at: Option<Timestamp>,
    /// How long the task may take, seconds.
    pub deadline_seconds: u32,
    pub task: Option<Task>,
    /// The stored result's key in the bucket.
    pub result_key: Option<String>,
    /// Whether there is a status comment: there is a thread, and a person waits for something.
    #[serde(default = "yes")]
    pub shows_status: bool,
    /// The one status comment.
    pub status_comment: Option<u64>,
    /// The comment may have been created by a try that was given up: look for it before creating one (I3).
    #[serde(default)]
    pub status_unsure: bool,
    /// When the status comment was last written.
    #[serde(default)]
    pub status_at: Option<Timestamp>,
    /// What the branch push left: set once, deterministic.
    pub branch: Option<PushedBranch>,
    pub usage: Usage,
    pub budget_microusd: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What is known of a run when it is accepted; everything else begins empty (`accept`).
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    pub id: RunId,
    pub workspace: WorkspaceId,
    pub connection: ConnectionId,
    pub repository: Repository,
    pub thread: Option<ThreadRef>,
    pub request: Request,
    pub plan: Option<Plan>,
    pub deadline_seconds: u32,
    pub budget_microusd: u64,
}

/// The thread a run belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadRef {
    pub kind: SubjectKind,
    pub number: u64,
    pub title: String,
    pub url: String,
}

/// What somebody asked for, as it was when they were found authorised (R26).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub mode: Mode,
    pub prompt: String,
    pub requester: Actor,
    /// Where it was asked, for links.
    pub url: String,
    /// The delivery that brought it: the correlation id of all logs (R46).
    pub delivery: DeliveryId,
    /// The label that started it and is to be removed (one shot).
    pub label: Option<String>,
    #[serde(default)]
    pub authority: Authority,
    /// How the agent is to work; the deployment's ways if empty.
    #[serde(default)]
    pub options: AgentOptions,
}

/// On whose word a run writes (R26).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    /// The requester's, whose permission is asked again before anything is written.
    #[default]
    Requester,
    /// The default branch's configuration: events without a person, and workflows that let everybody in.
    Configuration,
}

fn yes() -> bool {
    true
}

/// The states. `Succeeded`, `Failed` and `Cancelled` are terminal and never change again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum State {
    /// Accepted; has no slot yet.
    Queued {
        because: QueuedBecause,
    },
    /// Works on a step of its plan that is not the agent's, or waits for an answer to one.
    Stepping,
    /// Holds its slots; the task is being asked for.
    Starting,
    /// ECS accepted the task.
    Running {
        stage: Option<String>,
    },
    /// A result with changes is stored and is being written to the forge.
    Applying,
    Succeeded {
        outcome: Outcome,
    },
    Failed {
        failure: Failure,
    },
    Cancelled {
        reason: CancelReason,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueuedBecause {
    New,
    /// Another run of the same thread is active.
    ThreadBusy,
    /// The repository's or the workspace's slots are taken (R20).
    Capacity,
    /// Another run of its concurrency group is at work.
    GroupBusy,
    /// Its workflow ran a short time ago.
    Cooldown,
}

/// What a successful run left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    PullRequest {
        number: u64,
        url: String,
        /// True when commits were added to a pull request that existed before.
        updated: bool,
    },
    /// The text is in the stored result.
    Answer,
    /// All steps of the plan are over.
    Steps,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub arn: String,
    pub started_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// ECS said that it ended.
    pub ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedBranch {
    pub name: String,
    pub base: String,
    pub commit_sha: String,
    /// The pull request that already has this branch as its head.
    pub existing_pull_request: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub holder: String,
    pub until: Timestamp,
}

impl State {
    /// Whether the state can never change again (R12).
    pub fn is_terminal(&self) -> bool {
        matches!(self, State::Succeeded { .. } | State::Failed { .. } | State::Cancelled { .. })
    }

    /// The state's word in logs, diagrams and people's sentences.
    pub fn name(&self) -> &'static str {
        match self {
            State::Queued { .. } => "queued",
            State::Stepping => "stepping",
            State::Starting => "starting",
            State::Running { .. } => "running",
            State::Applying => "applying",
            State::Succeeded { .. } => "succeeded",
            State::Failed { .. } => "failed",
            State::Cancelled { .. } => "cancelled",
        }
    }
}

impl Run {
    /// The branch that this run writes, if it opens a pull request of its own (R32): `patchbay/<thread>-<run>`, the
    /// workflow's name where there is no thread, and the step's number behind it where there is a plan.
    pub fn branch_name(&self) -> String {
        let run = self.id.short();
        match (&self.thread, &self.plan) {
            (Some(thread), None) => format!("{OWN_BRANCHES}{}-{run}", thread.number),
            (Some(thread), Some(plan)) => format!("{OWN_BRANCHES}{}-{run}-{}", thread.number, plan.at + 1),
            (None, Some(plan)) => format!("{OWN_BRANCHES}{}-{run}-{}", plan.workflow.name, plan.at + 1),
            (None, None) => format!("{OWN_BRANCHES}{run}"),
        }
    }

    /// The first effect that `place` could perform at `now`.
    pub fn next_effect(&self, place: Place, now: Timestamp) -> Option<&PendingEffect> {
        self.outbox.iter().find(|p| p.place == place && p.not_before.is_none_or(|t| t <= now))
    }

    /// Whether somebody other than `holder` performs effects at `now`.
    pub fn leased_to_other(&self, holder: &str, now: Timestamp) -> Option<Timestamp> {
        self.lease.as_ref().filter(|l| l.holder != holder && l.until > now).map(|l| l.until)
    }

    /// When the reaper should look at this run if nothing else does; `None` when nothing is left to do.
    ///
    /// Unsent effects are due after `SWEEP_GRACE_SECONDS`, so that the reaper does not race the queue (R16).
    pub fn due_at(&self) -> Option<Timestamp> {
        let grace = jiff::SignedDuration::from_secs(SWEEP_GRACE_SECONDS);
        let leased = self.lease.as_ref().map(|l| l.until);
        let effects = self.outbox.iter().map(|p| {
            let ready = p.not_before.unwrap_or(self.updated_at).max(self.updated_at) + grace;
            leased.map_or(ready, |until| ready.max(until))
        });
        let waiting = match &self.state {
            State::Queued { .. } => Some(self.wake_at.unwrap_or(self.updated_at) + grace),
            State::Running { .. } => self.task.as_ref().map(|t| t.last_seen_at + jiff::SignedDuration::from_secs(HEARTBEAT_LOST_SECONDS)),
            _ => None,
        };
        let deadline = self.deadline_at.filter(|_| !self.state.is_terminal());
        effects.chain(waiting).chain(deadline).min()
    }

    /// Whether this effect waits in the outbox.
    pub fn has_pending(&self, effect: Effect) -> bool {
        self.outbox.iter().any(|p| p.effect == effect)
    }
}

/// The branches that runs write start with this.
pub const OWN_BRANCHES: &str = "patchbay/";
/// How long an effect may wait unsent before the reaper sends it again.
pub const SWEEP_GRACE_SECONDS: i64 = 45;
/// A task's new stage is shown only if the status comment has stood for so long: every edit counts against the forge's limits.
pub const STATUS_EVERY_SECONDS: i64 = 15;
/// After how long without a heartbeat a running task is looked up at ECS (heartbeats come every 60 s, R19).
pub const HEARTBEAT_LOST_SECONDS: i64 = 180;
