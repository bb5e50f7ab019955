//! The run-launcher's use case: claim slots, post the status comment, mint the clone token, write the brief,
//! start the agent's task. What a workflow's other steps do is `steps`'.

use crate::config::{AgentConfig, Capacity, TaskConfig};
use crate::drive::{Driver, backoff};
use crate::forge_outcome::input_for;
use crate::messages;
use crate::services::{Services, slots_to_claim};
use crate::status::{place_of, update_status};
use crate::steps::Outside;
use hmac::{KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::lambda::Handled;
use patchbay_aws::tables::runs::SlotClaim;
use patchbay_aws::tasks::{TaskRequest, TaskStart, Tasks};
use patchbay_aws::vault::Vault;
use patchbay_domain::envelope::RunMessage;
use patchbay_domain::event::SubjectKind;
use patchbay_domain::ids::digest;
use patchbay_domain::policy::Policy;
use patchbay_domain::run::{Effect, Input, PendingEffect, Run};
use patchbay_domain::task::{Brief, BriefThread, Failure, FailureCode, Limits};
use patchbay_forge::{ForgeError, RepoAt};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

/// Everything run-launcher needs.
pub struct Launcher {
    pub services: Services,
    pub driver: Driver,
    pub tasks: Tasks,
    pub vault: Vault,
    pub task: TaskConfig,
    pub agent: AgentConfig,
    pub capacity: Capacity,
    pub outside: Outside,
}

/// How long a busy thread or a full repository is waited for before it is tried again; a freed slot wakes sooner.
const BUSY_RETRY: SignedDuration = SignedDuration::from_secs(30);
/// What a task needs after its agent's deadline to say so.
const RESULT_MARGIN: SignedDuration = SignedDuration::from_secs(90);

impl Launcher {
    /// One message of the runs queue. `ends_at` is when Lambda ends this invocation.
    pub async fn handle_message(&self, message: RunMessage, ends_at: Timestamp) -> anyhow::Result<Handled> {
        let RunMessage::V1 { workspace, run } = message;
        self.driver.drive(&workspace, &run, ends_at, async |run, pending| self.perform(run, pending).await).await
    }

    async fn perform(&self, run: &Run, pending: &PendingEffect) -> anyhow::Result<Input> {
        match pending.effect {
            Effect::UpdateStatus => update_status(&self.services, None, run, pending).await,
            Effect::ClaimSlots => self.claim_slots(run).await,
            Effect::RemoveLabel => Ok(self.remove_label(run, pending).await),
            Effect::StartTask => self.start_task(run, pending).await,
            Effect::PerformStep => self.perform_step(run, pending).await,
            other => anyhow::bail!("{} is not run-launcher's to perform", other.name()),
        }
    }

    async fn claim_slots(&self, run: &Run) -> anyhow::Result<Input> {
        let slots = slots_to_claim(run, &self.capacity);
        Ok(match self.services.dispatch.runs.claim_slots(&run.workspace, &run.id, &slots).await? {
            SlotClaim::Claimed => Input::SlotsClaimed,
            SlotClaim::Busy(scope) => Input::SlotsBusy { scope, retry_at: Timestamp::now() + BUSY_RETRY },
        })
    }

    async fn remove_label(&self, run: &Run, pending: &PendingEffect) -> Input {
        let (Some(label), Some(thread)) = (&run.request.label, &run.thread) else { return Input::Done { effect: Effect::RemoveLabel } };
        match self.services.forge.remove_label(&place_of(run), thread.number, label).await {
            Ok(()) => Input::Done { effect: Effect::RemoveLabel },
            Err(error) => input_for(run, pending, &error),
        }
    }

    async fn start_task(&self, run: &Run, pending: &PendingEffect) -> anyhow::Result<Input> {
        // RunTask answers a known token with the task it started, but the brief must not be written a second time (R23).
        let started_by = crate::services::started_by(run);
        if pending.tries > 1
            && let Some(arn) = self.tasks.find(&started_by).await?.into_iter().next()
        {
            return Ok(Input::TaskStarted { attempt: run.attempt, arn });
        }
        if !self.services.is_active(run).await? {
            return Ok(rejected(FailureCode::CloneFailed, "the App is no longer installed for this repository"));
        }
        let brief = match self.brief(run).await {
            Ok(Ok(brief)) => brief,
            Ok(Err(failure)) => return Ok(Input::Rejected { failure }),
            Err(error) => return Ok(input_for(run, pending, &error)),
        };
        let secret = self.bootstrap_secret(run)?;
        let expires_at = brief.limits.deadline_at + RESULT_MARGIN;
        self.vault.put_brief(&run.workspace, &run.id, run.attempt, &serde_json::to_vec(&brief)?, &sha256(&secret), expires_at).await?;
        let detail = format!("contents: read on {} alone, for attempt {}", run.repository.full_name(), run.attempt);
        self.services.audit(run, "run-launcher", "clone_token_minted", detail).await?;
        self.run_task(run, pending, started_by, secret).await
    }

    async fn run_task(&self, run: &Run, pending: &PendingEffect, started_by: String, secret: String) -> anyhow::Result<Input> {
        let request = TaskRequest {
            client_token: digest(&["task", run.id.as_str(), &run.attempt.to_string()]),
            started_by,
            image: run.request.options.image.clone(),
            environment: vec![
                ("PATCHBAY_GATEWAY_URL".to_owned(), self.task.gateway_url.clone()),
                ("PATCHBAY_WORKSPACE".to_owned(), run.workspace.to_string()),
                ("PATCHBAY_RUN".to_owned(), run.id.to_string()),
                ("PATCHBAY_ATTEMPT".to_owned(), run.attempt.to_string()),
                ("PATCHBAY_BOOTSTRAP_SECRET".to_owned(), secret),
                ("PATCHBAY_CORRELATION".to_owned(), run.request.delivery.to_string()),
            ],
        };
        Ok(match self.tasks.run(&request).await? {
            TaskStart::Started { arn } => Input::TaskStarted { attempt: run.attempt, arn },
            TaskStart::NoCapacity { detail } => {
                tracing::warn!(run = %run.id, detail, "no capacity for a task");
                Input::Postponed { effect: Effect::StartTask, retry_at: backoff(Timestamp::now(), pending.tries + 2) }
            }
            TaskStart::Refused { detail } => rejected(FailureCode::Infrastructure, &detail),
        })
    }

    /// Everything the task is told; a failure where the request cannot be done at all.
    async fn brief(&self, run: &Run) -> Result<Result<Brief, Failure>, ForgeError> {
        let at = place_of(run);
        let options = &run.request.options;
        let base_branch = match self.base_branch(run, &at).await? {
            Ok(branch) => branch,
            Err(failure) => return Ok(Err(failure)),
        };
        let model = match self.agent.model_for(options.model.as_deref()) {
            Ok(model) => model,
            Err(failure) => return Ok(Err(failure)),
        };
        if let Some(image) = &options.image
            && self.tasks.image_names().all(|known| known != image)
        {
            return Ok(Err(messages::no_image_failure(image, self.tasks.image_names())));
        }
        let access = self.services.forge.clone_access(&at).await?;
        let policy = Policy::default();
        Ok(Ok(Brief {
            run: run.id.clone(),
            attempt: run.attempt,
            mode: run.request.mode,
            prompt: run.request.prompt.clone(),
            thread: run.thread.as_ref().map(|thread| BriefThread {
                kind: thread.kind,
                number: thread.number,
                closes_issue: (thread.kind == SubjectKind::Issue).then_some(thread.number),
            }),
            title: title_of(run),
            requester: run.request.requester.login.clone(),
            repository: run.repository.clone(),
            clone_url: access.url,
            clone_token: access.token.expose_secret().to_owned(),
            base_branch,
            model,
            limits: Limits {
                deadline_at: Timestamp::now() + SignedDuration::from_secs(run.deadline_seconds.into()) - RESULT_MARGIN,
                max_files: policy.max_files,
                max_file_bytes: policy.max_file_bytes,
                max_total_bytes: policy.max_total_bytes,
            },
            options: options.into(),
        }))
    }

    /// The branch to start from: the workflow's, which must exist; else the pull request's; else the default branch.
    async fn base_branch(&self, run: &Run, at: &RepoAt) -> Result<Result<String, Failure>, ForgeError> {
        if let Some(base) = &run.request.options.base {
            let there = self.services.forge.branch_head(at, base).await?.is_some();
            return Ok(if there { Ok(base.clone()) } else { Err(messages::no_base_failure(base)) });
        }
        if let Some(thread) = run.thread.as_ref().filter(|thread| thread.kind == SubjectKind::PullRequest) {
            let pull = self.services.forge.pull_request(at, thread.number).await?;
            let own = pull.refs.head_repository_id == Some(run.repository.id);
            return Ok(if own { Ok(pull.refs.head_branch) } else { Err(Failure::new(FailureCode::Fork, "")) });
        }
        let default = self.services.default_branch(run, at).await?;
        Ok(default.ok_or_else(|| Failure::new(FailureCode::CloneFailed, "the repository has no default branch")))
    }

    /// The same secret on every try of one attempt, because RunTask's parameters must not differ (R17): an HMAC under the
    /// App's key, which only the functions that may mint tokens can read.
    fn bootstrap_secret(&self, run: &Run) -> anyhow::Result<String> {
        let mut mac = hmac::Hmac::<Sha256>::new_from_slice(self.services.app_key.expose_secret().as_bytes())?;
        mac.update(digest(&["bootstrap", run.workspace.as_str(), run.id.as_str(), &run.attempt.to_string()]).as_bytes());
        Ok(hex::encode(mac.finalize().into_bytes()))
    }
}

/// What a run is about, in a line.
fn title_of(run: &Run) -> String {
    match (&run.thread, &run.plan) {
        (Some(thread), _) => thread.title.clone(),
        (None, Some(plan)) => plan.workflow.name.clone(),
        (None, None) => run.repository.full_name(),
    }
}

/// What the vault keeps of a secret.
fn sha256(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

fn rejected(code: FailureCode, detail: &str) -> Input {
    Input::Rejected { failure: Failure::new(code, detail) }
}
