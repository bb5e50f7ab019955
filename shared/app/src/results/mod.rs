//! The run-results use case: takes stored results and task ends in, and performs what follows. It executes nothing
//! from the repository (R29); writing the change set lives in `write`, the state machine in `domain`.

mod task_end;
mod write;

use crate::dispatch::Dispatch;
use crate::drive::Driver;
use crate::forge_outcome::input_for;
use crate::services::{Services, slots_to_release};
use crate::status::{load_result, place_of, update_status};
use jiff::Timestamp;
use patchbay_aws::blobs::{Blobs, result_key};
use patchbay_aws::lambda::Handled;
use patchbay_aws::tasks::Tasks;
use patchbay_domain::envelope::RunMessage;
use patchbay_domain::run::{Effect, Input, PendingEffect, Run, State};
use patchbay_domain::task::{StoredResult, TaskOutcome};
use patchbay_domain::workflow::limits::MAX_OUTPUT_CHARS;

pub use task_end::TaskStateChange;

/// Everything run-results needs.
pub struct Results {
    pub services: Services,
    pub driver: Driver,
    pub blobs: Blobs,
    pub tasks: Tasks,
    pub capacity: crate::config::Capacity,
}

/// What arrives on the results queue: our own message, or EventBridge's word that a task ended.
pub enum ResultsMessage {
    Run(RunMessage),
    TaskEnded(TaskStateChange),
}

impl ResultsMessage {
    /// Reads a message's body: ours is strict and versioned, EventBridge's lenient.
    pub fn parse(body: &str) -> Result<Self, serde_json::Error> {
        match serde_json::from_str(body) {
            Ok(message) => Ok(Self::Run(message)),
            Err(error) => TaskStateChange::parse(body).map(Self::TaskEnded).ok_or(error),
        }
    }
}

impl Results {
    /// One message of the results queue. `ends_at` is when Lambda ends this invocation.
    pub async fn handle_message(&self, message: ResultsMessage, ends_at: Timestamp) -> anyhow::Result<Handled> {
        match message {
            ResultsMessage::Run(RunMessage::V1 { workspace, run }) => {
                let Some(run) = self.services.dispatch.runs.load(&workspace, &run).await? else {
                    return Ok(Handled::Drop(format!("run {run} does not exist")));
                };
                self.take_result(&run).await?;
                self.driver.drive(&run.workspace, &run.id, ends_at, async |run, pending| self.perform(run, pending).await).await
            }
            ResultsMessage::TaskEnded(change) => self.task_ended(change, ends_at).await,
        }
    }

    /// Tells a run at work that its result is stored, if it is. True if there was one.
    async fn take_result(&self, run: &Run) -> anyhow::Result<bool> {
        take_stored_result(&self.services.dispatch, &self.blobs, run).await
    }

    async fn perform(&self, run: &Run, pending: &PendingEffect) -> anyhow::Result<Input> {
        let effect = pending.effect;
        match effect {
            Effect::UpdateStatus => update_status(&self.services, Some(&self.blobs), run, pending).await,
            Effect::PushBranch => self.push_branch(run, pending).await,
            Effect::OpenPullRequest => self.open_pull_request(run, pending).await,
            Effect::RetractPullRequest => Ok(self.retract(run, pending).await),
            Effect::StopTask => self.stop_task(run).await,
            Effect::ReleaseSlots => self.release_slots(run).await,
            other => anyhow::bail!("{} is not run-results' to perform", other.name()),
        }
    }

    async fn stop_task(&self, run: &Run) -> anyhow::Result<Input> {
        let known = run.task.iter().map(|t| t.arn.clone());
        let arns: Vec<String> =
            if run.task.is_some() { known.collect() } else { self.tasks.find(&crate::services::started_by(run)).await? };
        for arn in arns {
            self.tasks.stop(&arn, &format!("run {}", run.state.name())).await?;
        }
        Ok(Input::Done { effect: Effect::StopTask })
    }

    async fn release_slots(&self, run: &Run) -> anyhow::Result<Input> {
        let dispatch = &self.services.dispatch;
        let waiting = dispatch.runs.release_slots(&run.workspace, &run.id, &slots_to_release(run, &self.capacity)).await?;
        for waiter in waiting {
            dispatch.runs_queue.send_run(&run.workspace, &waiter, 0).await?;
        }
        Ok(Input::Done { effect: Effect::ReleaseSlots })
    }

    /// Closes the pull request that a cancelled run had opened, and deletes its branch (R21).
    async fn retract(&self, run: &Run, pending: &PendingEffect) -> Input {
        match self.try_retract(run).await {
            Ok(()) => Input::Done { effect: Effect::RetractPullRequest },
            Err(error) => input_for(run, pending, &error),
        }
    }

    async fn try_retract(&self, run: &Run) -> Result<(), patchbay_forge::ForgeError> {
        let (at, branch) = (place_of(run), run.branch_name());
        if let Some(pull) = self.services.forge.find_pull_request(&at, &branch).await?
            && pull.open
        {
            self.services.forge.close_pull_request(&at, pull.number).await?;
        }
        self.services.forge.delete_branch(&at, &branch).await
    }

    /// The stored result, which must be there while the run is being applied.
    async fn result_of(&self, run: &Run) -> anyhow::Result<StoredResult> {
        load_result(&self.blobs, run).await?.ok_or_else(|| anyhow::anyhow!("the stored result of run {} is gone", run.id))
    }
}

/// Tells a run at work that its task's result is stored, if it is. True if there was one. One blob read.
pub(crate) async fn take_stored_result(dispatch: &Dispatch, blobs: &Blobs, run: &Run) -> anyhow::Result<bool> {
    if !matches!(run.state, State::Starting | State::Running { .. }) {
        return Ok(false);
    }
    let key = result_key(&run.workspace, &run.id, run.attempt);
    let Some(bytes) = blobs.get(&key).await? else { return Ok(false) };
    let stored: StoredResult = serde_json::from_slice(&bytes)?;
    let usage = stored.usage;
    tracing::info!(run = %run.id, agent = stored.result.agent, isolation = stored.result.isolation.join(" "), "result taken");
    let input = match stored.result.outcome {
        TaskOutcome::Changes { .. } => Input::ChangesStored { key, usage },
        TaskOutcome::Answer { text } => {
            let answer = run.plan.is_some().then(|| text.chars().take(MAX_OUTPUT_CHARS).collect());
            Input::AnswerStored { key, usage, answer }
        }
        TaskOutcome::Failed { failure } => Input::TaskFailed { failure, usage },
    };
    dispatch.tell(&run.workspace, &run.id, &input).await?;
    Ok(true)
}
