//! One task from brief to result: clone, set aside, let the agent work, look at the tree, word the commit.

use super::commit_message::{MessageRequest, write_message};
use super::gateway::Gateway;
use super::heartbeat::Stages;
use super::prompt::prompt;
use super::relay::{AgentEnd, Relay};
use super::verdict::{MOST_SUMMARY, Verdict, cut, cut_off, reply, unreadable, verdict};
use crate::config::SuperviseConfig;
use crate::git::Git;
use crate::git::aside::{SetAside, set_aside};
use crate::git::changes::collect_changes;
use crate::git::clone::{CloneError, clone};
use crate::job::{Job, Report, TREE};
use jiff::Timestamp;
use patchbay_domain::change_set::{ChangeSet, FileChange};
use patchbay_domain::redact::Secrets;
use patchbay_domain::task::{Brief, Failure, FailureCode, TaskOutcome, TaskResult};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Kept back from the deadline, so that "timed out" is still said by this task.
const RESERVE: Duration = Duration::from_secs(30);

pub(crate) struct Task<'a> {
    config: &'a SuperviseConfig,
    gateway: &'a Arc<Gateway>,
    stages: &'a Stages,
    brief: Brief,
    git: Git,
    secrets: Secrets,
}

/// What is handed over besides the outcome.
#[derive(Default)]
struct Told {
    summary: Option<String>,
    agent: Option<String>,
    isolation: Vec<String>,
}

impl<'a> Task<'a> {
    pub(crate) fn new(config: &'a SuperviseConfig, gateway: &'a Arc<Gateway>, stages: &'a Stages, brief: Brief) -> Self {
        let git = Git::new(config.private_dir.join("git"), config.work_dir.join(TREE), config.child_environment.clone());
        let secrets = gateway.secrets(&brief.clone_token);
        Self { config, gateway, stages, brief, git, secrets }
    }

    /// Does the task. Whatever goes wrong is a result as well.
    pub(crate) async fn result(&self) -> TaskResult {
        let mut told = Told::default();
        let outcome = match self.work(&mut told).await {
            Ok(outcome) => outcome,
            Err(failure) => TaskOutcome::Failed { failure: Failure { detail: self.redact(&failure.detail), ..failure } },
        };
        TaskResult {
            run: self.brief.run.clone(),
            attempt: self.brief.attempt,
            outcome,
            summary: told.summary.map(|s| cut(&self.redact(&s), MOST_SUMMARY)),
            agent: told.agent.unwrap_or_else(|| "none".to_owned()),
            isolation: told.isolation,
        }
    }

    async fn work(&self, told: &mut Told) -> Result<TaskOutcome, Failure> {
        let infrastructure =
            |e: std::io::Error| Failure { code: FailureCode::Infrastructure, detail: format!("The relay cannot listen: {e}.") };
        let relay = Relay::listen(&self.config.work_dir, Arc::clone(self.gateway)).map_err(infrastructure)?;
        keep_from_agent(&self.config.work_dir);
        self.stages.enter("cloning");
        let (base, aside) = tokio::time::timeout(self.time_left(), self.prepare_tree())
            .await
            .unwrap_or_else(|_| Err(Failure::new(FailureCode::CloneFailed, "The clone was not done when the run's time was over.")))?;
        self.stages.enter("working");
        let correlation = self.config.correlation.clone();
        let job = Job { correlation, mode: self.brief.mode, prompt: prompt(&self.brief), model: self.brief.model.clone() };
        let end = relay.run_agent(job, self.config.agent_wait, self.time_left()).await;
        self.stages.enter_checking();
        let record = relay.record();
        tracing::info!(end = end_name(&end), calls = record.calls, "the agent is done");
        let report = tell(told, &end);
        if let Some(failure) = cut_off(&end, &record) {
            return Err(failure);
        }
        let Some(report) = report else { return Err(Failure::new(FailureCode::AgentCrashed, "The agent ended without a report.")) };
        let files = collect_changes(&self.git, &base, &aside, &self.brief.limits).await.map_err(|e| unreadable(&e))?;
        told.summary = reply(report, &record).map(|r| super::commit_text::prose(&r));
        match verdict(self.brief.mode, report, &record, files) {
            Verdict::Changes(files) => Ok(TaskOutcome::Changes { change_set: self.change_set(base, files, told).await }),
            Verdict::Answer(text) => Ok(TaskOutcome::Answer { text: self.redact(&text) }),
            Verdict::Failed(failure) => Err(failure),
        }
    }

    async fn prepare_tree(&self) -> Result<(String, SetAside), Failure> {
        let base = clone(&self.git, &self.brief).await.map_err(|e| self.clone_failure(&e))?;
        let aside = set_aside(&self.git).await;
        let aside =
            aside.map_err(|e| Failure { code: FailureCode::CloneFailed, detail: format!("The working copy cannot be used: {e}.") })?;
        tracing::info!(base, removed = aside.removed.len(), flattened = aside.flattened.len(), "working copy ready");
        Ok((base, aside))
    }

    async fn change_set(&self, base_sha: String, files: Vec<FileChange>, told: &Told) -> ChangeSet {
        self.stages.enter("writing the commit message");
        let request = MessageRequest { brief: &self.brief, files: &files, summary: told.summary.as_deref(), base: &base_sha };
        let (commit_message, message_by_model) = tokio::select! {
            message = write_message(self.gateway, &self.git, &request) => message,
            () = self.stages.hurried() => (request.fall_back(), false),
        };
        ChangeSet { base_sha, files, commit_message, message_by_model }
    }

    fn clone_failure(&self, error: &CloneError) -> Failure {
        let code = if matches!(error, CloneError::DiskFull) { FailureCode::DiskFull } else { FailureCode::CloneFailed };
        Failure { code, detail: format!("The repository could not be cloned: {error}.") }
    }

    /// Until the deadline, less what reporting takes; half of a time that is too short for that.
    fn time_left(&self) -> Duration {
        let left = self.brief.limits.deadline_at.duration_since(Timestamp::now());
        let left = Duration::try_from(left).unwrap_or_default();
        left.saturating_sub(RESERVE.min(left / 2))
    }

    fn redact(&self, text: &str) -> String {
        self.secrets.redact(text)
    }
}

/// In the shared folder the agent may add, but neither rename nor remove what is the supervisor's (the working
/// copy, the socket). A folder that belongs to somebody else is how the image or the person made it.
fn keep_from_agent(work_dir: &Path) {
    let sticky = Permissions::from_mode(0o3770);
    if let Err(error) = std::fs::set_permissions(work_dir, sticky) {
        tracing::debug!(%error, "the work folder stays as it is");
    }
}

fn tell<'r>(told: &mut Told, end: &'r AgentEnd) -> Option<&'r Report> {
    let AgentEnd::Reported(report) = end else { return None };
    told.agent = Some(cut(&report.agent, 100));
    told.isolation = report.isolation.iter().take(10).map(|s| cut(s, 300)).collect();
    Some(report)
}

fn end_name(end: &AgentEnd) -> String {
    match end {
        AgentEnd::Reported(report) => format!("{:?}", report.end),
        other => format!("{other:?}"),
    }
}
