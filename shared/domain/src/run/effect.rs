//! What must follow from a state change. Effects are saved in the same write as the state (R16) and then
//! performed idempotently by the function that has the rights for them.

use super::state::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing to be done outside. Each performs at most once per run and attempt, however often it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Effect {
    /// Bring the status comment up to the run's present state (created once, found again by its marker).
    UpdateStatus,
    /// Remove the label that started the run.
    RemoveLabel,
    /// Claim thread, repository and workspace slots, all or none.
    ClaimSlots,
    /// Mint the clone token, write the brief, RunTask (R17).
    StartTask,
    /// Validate the change set, write tree, commit and branch (R29–R32).
    PushBranch,
    OpenPullRequest,
    /// Close what a cancelled run had just opened.
    RetractPullRequest,
    StopTask,
    /// Give the slots back and wake who waits for them.
    ReleaseSlots,
    /// Do the plan's step at work: judge its condition, render its templates, act, say what came of it.
    PerformStep,
}

/// The function that performs an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// run-launcher, through the runs queue.
    Launch,
    /// run-results, through the results queue.
    Results,
}

/// An effect in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingEffect {
    pub effect: Effect,
    /// How often somebody began to perform it. Above zero, look before you write (R33).
    pub tries: u32,
    /// After how many tries it was last decided. When it was decided anew during a try, that try may have shown an
    /// older state, and the effect stays in the outbox when the try is done.
    #[serde(default)]
    pub decided_after: u32,
    pub not_before: Option<Timestamp>,
    pub place: Place,
}

impl Effect {
    /// Every effect, for tables and tests.
    pub const ALL: [Effect; 10] = [
        Effect::UpdateStatus,
        Effect::RemoveLabel,
        Effect::ClaimSlots,
        Effect::StartTask,
        Effect::PushBranch,
        Effect::OpenPullRequest,
        Effect::RetractPullRequest,
        Effect::StopTask,
        Effect::ReleaseSlots,
        Effect::PerformStep,
    ];

    /// The word in logs.
    pub fn name(self) -> &'static str {
        match self {
            Effect::UpdateStatus => "update_status",
            Effect::RemoveLabel => "remove_label",
            Effect::ClaimSlots => "claim_slots",
            Effect::StartTask => "start_task",
            Effect::PushBranch => "push_branch",
            Effect::OpenPullRequest => "open_pull_request",
            Effect::RetractPullRequest => "retract_pull_request",
            Effect::StopTask => "stop_task",
            Effect::ReleaseSlots => "release_slots",
            Effect::PerformStep => "perform_step",
        }
    }

    /// Which function performs it: only run-launcher may start tasks, only run-results writes code. The status
    /// comment is the launcher's until there is a result to tell.
    pub fn place(self, state: &State) -> Place {
        match self {
            Effect::ClaimSlots | Effect::StartTask | Effect::RemoveLabel | Effect::PerformStep => Place::Launch,
            Effect::UpdateStatus => match state {
                State::Queued { .. } | State::Stepping | State::Starting | State::Running { .. } => Place::Launch,
                State::Applying | State::Succeeded { .. } | State::Failed { .. } | State::Cancelled { .. } => Place::Results,
            },
            Effect::PushBranch | Effect::OpenPullRequest | Effect::RetractPullRequest | Effect::StopTask | Effect::ReleaseSlots => {
                Place::Results
            }
        }
    }
}
