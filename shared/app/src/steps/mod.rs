//! A workflow's steps at work: run-launcher judges a step's condition, renders its templates, does it, and says what came of it.
//! One file for each family of steps; `scene` is what all of them see. How a run goes from one step to the next is
//! `domain::run`'s.
//!
//! A step is done at most once (I3): every write either leaves a mark by which a second try finds it, or changes nothing
//! when it is done again.

mod agent;
mod check;
mod context;
pub mod http;
mod scene;
mod start;
mod thread;

use crate::forge_outcome::input_for;
use crate::launch::Launcher;
use crate::signing::Signing;
use http::guard::AllowedAddresses;
use patchbay_aws::queue::Queue;
use patchbay_domain::run::{Effect, Input, PendingEffect, Run};
use patchbay_domain::task::{Failure, FailureCode};
use patchbay_domain::workflow::StepAction;
use scene::{Scene, StepError};

/// What steps need that leads out of a repository.
pub struct Outside {
    /// The events queue, on which a step starts another workflow.
    pub events: Queue,
    pub signing: Signing,
    /// What `http` steps may call although it is no public address (R40).
    pub allowed: AllowedAddresses,
    /// Where receivers call back: the public address of the API, without a slash at the end (`CALLBACK_URL`).
    pub callback_url: String,
}

impl Launcher {
    /// Does the step at work, once, or finds that an earlier try did.
    pub(crate) async fn perform_step(&self, run: &Run, pending: &PendingEffect) -> anyhow::Result<Input> {
        let Some(scene) = Scene::set(&self.services, run, pending) else {
            return Ok(Input::Done { effect: Effect::PerformStep });
        };
        let step = scene.index;
        if !self.services.is_active(run).await? {
            let failure = Failure::new(FailureCode::StepRefused, "The App is no longer installed for this repository, or suspended.");
            return Ok(Input::StepFailed { step, failure });
        }
        match self.act(&scene).await {
            Ok(input) => {
                self.note(&scene, &input).await?;
                Ok(input)
            }
            Err(StepError::Failed(failure)) => {
                tracing::info!(run = %run.id, step, code = ?failure.code, detail = failure.detail, "step failed");
                Ok(Input::StepFailed { step, failure })
            }
            Err(StepError::Forge(error)) => Ok(input_for(run, pending, &error)),
            Err(StepError::Later(retry_at)) => Ok(Input::Postponed { effect: Effect::PerformStep, retry_at }),
            Err(StepError::Broken(error)) => Err(error),
        }
    }

    async fn act(&self, scene: &Scene<'_>) -> Result<Input, StepError> {
        if let Some(why) = scene.reason_to_skip()? {
            return Ok(Input::StepSkipped { step: scene.index, why });
        }
        if writes(&scene.step.action) {
            scene.check_authority().await?;
        }
        let outputs = match &scene.step.action {
            StepAction::Agent(step) => {
                let request = Box::new(agent::request(scene, step)?);
                return Ok(Input::AgentAsked { step: scene.index, request });
            }
            StepAction::Http(step) => return http::call(scene, step, &self.outside).await,
            StepAction::Comment(step) => thread::comment(scene, step).await?,
            StepAction::Label(step) => thread::label(scene, step).await?,
            StepAction::Assign(step) => thread::assign(scene, step).await?,
            StepAction::RequestReview(step) => thread::request_review(scene, step).await?,
            StepAction::Close(step) => thread::close(scene, step).await?,
            StepAction::Check(step) => check::write(scene, step).await?,
            StepAction::PrContext(step) => context::pull_request(scene, step).await?,
            StepAction::CommitContext(step) => context::commit(scene, step).await?,
            StepAction::File(step) => context::file(scene, step).await?,
            StepAction::RunWorkflow(step) => start::workflow(scene, step, &self.outside.events).await?,
        };
        Ok(Input::StepDone { step: scene.index, outputs })
    }

    /// Adds what a step did to the run's history (R46).
    async fn note(&self, scene: &Scene<'_>, input: &Input) -> anyhow::Result<()> {
        let link = match input {
            Input::StepDone { outputs, .. } => outputs.get("url"),
            Input::StepWaiting { .. } => None,
            _ => return Ok(()),
        };
        let link = link.map(|url| format!(": {}", url.chars().take(200).collect::<String>())).unwrap_or_default();
        let detail = format!("step {} (`{}`) of {}{link}", scene.index + 1, scene.step.action.name(), scene.plan.workflow.name);
        self.services.audit(scene.run, "run-launcher", input.name(), detail).await
    }
}

/// Whether a step changes something at the forge.
fn writes(action: &StepAction) -> bool {
    match action {
        StepAction::Comment(_)
        | StepAction::Label(_)
        | StepAction::Assign(_)
        | StepAction::RequestReview(_)
        | StepAction::Close(_)
        | StepAction::Check(_) => true,
        StepAction::Agent(_)
        | StepAction::PrContext(_)
        | StepAction::CommitContext(_)
        | StepAction::File(_)
        | StepAction::Http(_)
        | StepAction::RunWorkflow(_) => false,
    }
}
