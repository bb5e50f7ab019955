//! A change set becomes commit, branch and pull request, through the forge's API alone (R29–R34).

use super::Results;
use crate::forge_outcome::input_for;
use crate::messages;
use crate::status::place_of;
use patchbay_domain::change_set::{ChangeSet, validate};
use patchbay_domain::event::SubjectKind;
use patchbay_domain::metric;
use patchbay_domain::policy::Policy;
use patchbay_domain::redact::Secrets;
use patchbay_domain::run::state::{Authority, OWN_BRANCHES, PushedBranch};
use patchbay_domain::run::{Input, PendingEffect, Run};
use patchbay_domain::task::{Failure, FailureCode, StoredResult, TaskOutcome};
use patchbay_forge::{ForgeError, NewCommit, NewPullRequest, PermissionLevel, RepoAt};

/// Where a change goes.
enum Target {
    /// A branch and a pull request of the run's own, on top of `base`.
    New { base: String },
    /// One more commit on the branch of a pull request that Patchbay opened.
    Existing { branch: String, base: String, number: u64 },
}

impl Results {
    pub(super) async fn push_branch(&self, run: &Run, pending: &PendingEffect) -> anyhow::Result<Input> {
        if !self.services.is_active(run).await? {
            return Ok(rejected(FailureCode::ForgeRefused, "the App is no longer installed for this repository"));
        }
        let stored = self.result_of(run).await?;
        let TaskOutcome::Changes { change_set } = &stored.result.outcome else {
            return Ok(rejected(FailureCode::AgentCrashed, "the stored result holds no changes"));
        };
        if let Some(failure) = refusal(run, change_set, self.services.known_secrets()) {
            return Ok(Input::Rejected { failure });
        }
        Ok(match self.write_branch(run, pending, change_set).await {
            Ok(Ok(branch)) => {
                let detail = format!("{} at {} on top of {}", branch.name, branch.commit_sha, branch.base);
                self.services.audit(run, "run-results", "branch_pushed", detail).await?;
                Input::BranchPushed { branch }
            }
            Ok(Err(failure)) => Input::Rejected { failure },
            Err(error) => input_for(run, pending, &error),
        })
    }

    async fn write_branch(
        &self,
        run: &Run,
        pending: &PendingEffect,
        changes: &ChangeSet,
    ) -> Result<Result<PushedBranch, Failure>, ForgeError> {
        let (at, forge) = (place_of(run), &self.services.forge);
        let who = &run.request.requester;
        if run.request.authority == Authority::Requester {
            let permission = forge.permission(&at, &who.login).await?;
            if permission.user_id != who.id || permission.level < PermissionLevel::Write {
                return Ok(Err(Failure::new(FailureCode::PermissionLost, "")));
            }
        }
        let target = match self.target(run, &at).await? {
            Ok(target) => target,
            Err(failure) => return Ok(Err(failure)),
        };
        let (name, base, existing) = match target {
            Target::New { base } => (run.branch_name(), base, None),
            Target::Existing { branch, base, number } => (branch, base, Some(number)),
        };
        let pushed = |commit_sha| PushedBranch { name: name.clone(), base, commit_sha, existing_pull_request: existing };
        if pending.tries > 1
            && let Some(commit) = self.own_commit(run, &at, &name).await?
        {
            return Ok(Ok(pushed(commit)));
        }
        let message = messages::commit_message(run, &changes.commit_message);
        let commit = forge.write_commit(&at, &NewCommit { base_sha: &changes.base_sha, message: &message, files: &changes.files }).await?;
        let written = match existing {
            None => forge.create_branch(&at, &name, &commit).await,
            Some(_) => forge.advance_branch(&at, &name, &commit).await,
        };
        match written {
            Ok(()) => Ok(Ok(pushed(commit))),
            // Somebody wrote it before: this run in an earlier try, or somebody else.
            Err(ForgeError::Conflict(detail)) => Ok(match self.own_commit(run, &at, &name).await? {
                Some(commit) => Ok(pushed(commit)),
                None => Err(Failure::new(FailureCode::Conflict, &detail)),
            }),
            Err(error) => Err(error),
        }
    }

    /// The branch's head, if this run wrote it.
    async fn own_commit(&self, run: &Run, at: &RepoAt, branch: &str) -> Result<Option<String>, ForgeError> {
        let Some(head) = self.services.forge.branch_head(at, branch).await? else { return Ok(None) };
        let message = self.services.forge.commit_message(at, &head).await?;
        Ok(message.lines().any(|line| line == messages::run_trailer(&run.id)).then_some(head))
    }

    async fn target(&self, run: &Run, at: &RepoAt) -> Result<Result<Target, Failure>, ForgeError> {
        if let Some(base) = &run.request.options.base {
            let there = self.services.forge.branch_head(at, base).await?.is_some();
            return Ok(if there { Ok(Target::New { base: base.clone() }) } else { Err(messages::no_base_failure(base)) });
        }
        let Some(thread) = run.thread.as_ref().filter(|thread| thread.kind == SubjectKind::PullRequest) else {
            let base = self.services.default_branch(run, at).await?;
            return Ok(base
                .map(|base| Target::New { base })
                .ok_or_else(|| Failure::new(FailureCode::ForgeRefused, "the repository has no default branch")));
        };
        let pull = self.services.forge.pull_request(at, thread.number).await?;
        if pull.refs.head_repository_id != Some(run.repository.id) {
            return Ok(Err(Failure::new(FailureCode::Fork, "")));
        }
        let bot = self.services.forge.identity().await?.bot_user_id;
        let own = pull.refs.head_branch.starts_with(OWN_BRANCHES) && bot.is_some() && pull.author_id == bot;
        Ok(Ok(if own && pull.open {
            Target::Existing { branch: pull.refs.head_branch, base: pull.refs.base_branch, number: pull.number }
        } else {
            Target::New { base: pull.refs.head_branch }
        }))
    }

    pub(super) async fn open_pull_request(&self, run: &Run, pending: &PendingEffect) -> anyhow::Result<Input> {
        let Some(branch) = &run.branch else { anyhow::bail!("run {} has no branch to open a pull request from", run.id) };
        if let Some(number) = branch.existing_pull_request {
            return Ok(Input::PullRequestReady {
                number,
                url: run.thread.as_ref().map(|thread| thread.url.clone()).unwrap_or_default(),
                updated: true,
            });
        }
        let stored = self.result_of(run).await?;
        Ok(match self.try_open(run, pending, branch, &stored).await {
            Ok(input) => {
                if let Input::PullRequestReady { number, .. } = &input {
                    self.services.audit(run, "run-results", "pull_request_opened", format!("#{number} from {}", branch.name)).await?;
                }
                input
            }
            Err(error) => input_for(run, pending, &error),
        })
    }

    async fn try_open(
        &self,
        run: &Run,
        pending: &PendingEffect,
        branch: &PushedBranch,
        stored: &StoredResult,
    ) -> Result<Input, ForgeError> {
        let (at, forge) = (place_of(run), &self.services.forge);
        if pending.tries > 1
            && let Some(pull) = forge.find_pull_request(&at, &branch.name).await?
        {
            return Ok(Input::PullRequestReady { number: pull.number, url: pull.url, updated: false });
        }
        let TaskOutcome::Changes { change_set } = &stored.result.outcome else {
            return Ok(rejected(FailureCode::AgentCrashed, "the stored result holds no changes"));
        };
        let title = crate::status::outbound(self.services.known_secrets(), run, messages::pull_request_title(&change_set.commit_message));
        let body =
            crate::status::outbound(self.services.known_secrets(), run, messages::pull_request_body(run, stored, &self.services.mention));
        let new = NewPullRequest { head: &branch.name, base: &branch.base, title: &title, body: &body, draft: run.request.options.draft };
        let pull = forge.open_pull_request(&at, &new).await?;
        Ok(Input::PullRequestReady { number: pull.number, url: pull.url, updated: false })
    }
}

/// Why this change set must not be written: the rules of R30 and R31, and R34's scan of everything that would leave.
fn refusal(run: &Run, changes: &ChangeSet, secrets: &Secrets) -> Option<Failure> {
    let policy = Policy { allowed_paths: run.request.options.paths.clone(), ..Policy::default() };
    if let Err(refusals) = validate(changes, &policy) {
        let listed: Vec<String> = refusals.iter().take(10).map(ToString::to_string).collect();
        let code = if refusals.iter().all(|r| r.code() == FailureCode::TooLarge) { FailureCode::TooLarge } else { FailureCode::Blocked };
        return Some(Failure::new(code, &listed.join("; ")));
    }
    let leak = changes.find_secret(secrets)?;
    metrics::counter!(metric::REDACTION_HIT).increment(1);
    tracing::error!(run = %run.id, kind = leak.kind.name(), "a change that holds a secret was refused");
    Some(leak.failure())
}

fn rejected(code: FailureCode, detail: &str) -> Input {
    Input::Rejected { failure: Failure::new(code, detail) }
}
