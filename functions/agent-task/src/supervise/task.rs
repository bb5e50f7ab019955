//! One task from brief to result: clone, set aside, let the agent work (`rounds`), judge what came of it, word the commit.

use super::commit_message::{MessageRequest, write_message};
use super::gateway::Gateway;
use super::heartbeat::Stages;
use super::relay::{AgentEnd, Relay};
use super::rounds::Tree;
use super::verdict::{MOST_SUMMARY, Verdict, cut, verdict};
use crate::config::SuperviseConfig;
use crate::git::Git;
use crate::git::aside::set_aside;
use crate::git::clone::{CloneError, clone};
use crate::job::TREE;
use jiff::Timestamp;
use patchbay_domain::change_set::{ChangeSet, FileChange};
use patchbay_domain::redact::Secrets;
use patchbay_domain::task::{Brief, Failure, FailureCode, TaskOutcome, TaskResult, VerifyReport};
use patchbay_domain::text::strip_hidden;
use secrecy::ExposeSecret;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Kept back from the deadline, so that "timed out" is still said by this task.
const RESERVE: Duration = Duration::from_secs(30);

pub(crate) struct Task<'a> {
    pub(super) config: &'a SuperviseConfig,
    gateway: &'a Arc<Gateway>,
    pub(super) stages: &'a Stages,
    pub(super) brief: Brief,
    pub(super) git: Git,
    secrets: Secrets,
    /// Counts the texts in which a secret was found.
    kept_back: AtomicU32,
}

/// What is handed over besides the outcome.
#[derive(Default)]
pub(super) struct Told {
    pub(super) summary: Option<String>,
    agent: Option<String>,
    isolation: Vec<String>,
    pub(super) verify: Option<VerifyReport>,
    pub(super) notes: Vec<String>,
}

impl<'a> Task<'a> {
    pub(crate) fn new(config: &'a SuperviseConfig, gateway: &'a Arc<Gateway>, stages: &'a Stages, brief: Brief) -> Self {
        let git = Git::new(config.private_dir.join("git"), config.work_dir.join(TREE), config.child_environment.clone());
        let secrets = Secrets::new(gateway.known_secrets().chain([brief.clone_token.as_str(), config.bootstrap_secret.expose_secret()]));
        Self { config, gateway, stages, brief, git, secrets, kept_back: AtomicU32::new(0) }
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
            agent: told.agent.map_or_else(|| "none".to_owned(), |agent| self.redact(&agent)),
            isolation: told.isolation.iter().map(|sentence| self.redact(sentence)).collect(),
            verify: told.verify.map(|report| VerifyReport { output: self.redact(&report.output), ..report }),
            notes: told.notes.iter().map(|note| self.redact(note)).collect(),
            kept_back: self.kept_back.load(Ordering::Relaxed),
        }
    }

    async fn work(&self, told: &mut Told) -> Result<TaskOutcome, Failure> {
        let infrastructure =
            |e: std::io::Error| Failure { code: FailureCode::Infrastructure, detail: format!("The relay cannot listen: {e}.") };
        let correlation = self.config.correlation.clone();
        let relay = Relay::listen(&self.config.work_dir, Arc::clone(self.gateway), correlation).map_err(infrastructure)?;
        keep_from_agent(&self.config.work_dir);
        self.stages.enter("cloning");
        let tree = tokio::time::timeout(self.time_left(), self.prepare_tree())
            .await
            .unwrap_or_else(|_| Err(Failure::new(FailureCode::CloneFailed, "The clone was not done when the run's time was over.")))?;
        let played = self.play(&relay, &tree, told).await;
        relay.stop();
        let played = played?;
        told.summary = played.reply.as_deref().map(super::commit_text::prose);
        match verdict(self.brief.mode, &played.report, &played.record, played.files) {
            Verdict::Changes(files) => self.change_set(tree.base, files, told).await.map(|change_set| TaskOutcome::Changes { change_set }),
            Verdict::Answer(text) => Ok(TaskOutcome::Answer { text: self.redact(&text) }),
            Verdict::Failed(failure) => Err(failure),
        }
    }

    async fn prepare_tree(&self) -> Result<Tree, Failure> {
        let base = clone(&self.git, &self.brief).await.map_err(|e| self.clone_failure(&e))?;
        let aside = set_aside(&self.git).await;
        let aside =
            aside.map_err(|e| Failure { code: FailureCode::CloneFailed, detail: format!("The working copy cannot be used: {e}.") })?;
        tracing::info!(base, removed = aside.removed.len(), flattened = aside.flattened.len(), "working copy ready");
        Ok(Tree { base, aside })
    }

    /// The change set with its message. One that holds a secret is none (R34): its contents are never blotted out, because
    /// a file with a hole in it helps nobody.
    async fn change_set(&self, base_sha: String, files: Vec<FileChange>, told: &Told) -> Result<ChangeSet, Failure> {
        let unworded = ChangeSet { base_sha, files, commit_message: String::new(), message_by_model: false };
        if let Some(leak) = unworded.find_secret(&self.secrets) {
            self.note_secret();
            return Err(leak.failure());
        }
        let ChangeSet { base_sha, files, .. } = unworded;
        self.stages.enter("writing the commit message");
        let request = MessageRequest { brief: &self.brief, files: &files, summary: told.summary.as_deref(), base: &base_sha };
        let (mut commit_message, mut message_by_model) = tokio::select! {
            message = write_message(self.gateway, &self.git, &request) => message,
            () = self.stages.hurried() => (request.fall_back(), false),
        };
        if self.secrets.scan(&commit_message).is_some() {
            self.note_secret();
            (commit_message, message_by_model) = (self.secrets.redact(&request.fall_back()), false);
        }
        Ok(ChangeSet { base_sha, files, commit_message, message_by_model })
    }

    fn clone_failure(&self, error: &CloneError) -> Failure {
        let code = if matches!(error, CloneError::DiskFull) { FailureCode::DiskFull } else { FailureCode::CloneFailed };
        Failure { code, detail: format!("The repository could not be cloned: {error}.") }
    }

    /// Until the deadline, less what reporting takes; half of a time that is too short for that.
    pub(super) fn time_left(&self) -> Duration {
        let left = self.brief.limits.deadline_at.duration_since(Timestamp::now());
        let left = Duration::try_from(left).unwrap_or_default();
        left.saturating_sub(RESERVE.min(left / 2))
    }

    fn redact(&self, text: &str) -> String {
        if self.secrets.scan(text).is_none() {
            return text.to_owned();
        }
        self.note_secret();
        self.secrets.redact(text)
    }

    fn note_secret(&self) {
        tracing::error!("a secret was kept out of what leaves this task");
        self.kept_back.fetch_add(1, Ordering::Relaxed);
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

impl Told {
    /// Notes who did it and how it was kept apart. Whoever reports is not trusted: these are words on one line, whatever else
    /// they were.
    pub(super) fn note(&mut self, end: &AgentEnd) {
        let AgentEnd::Reported(report) = end else { return };
        self.agent = Some(cut(&one_line(&report.agent), 100));
        self.isolation = report.isolation.iter().take(10).map(|s| cut(&one_line(s), 300)).collect();
    }
}

fn one_line(text: &str) -> String {
    strip_hidden(text).split_whitespace().collect::<Vec<_>>().join(" ")
}
