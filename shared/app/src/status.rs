//! The effect that both performers share: bring the one status comment up to the run's present state. A failed run without a
//! thread shows itself as a check run instead, on its commit or, like a schedule's in Actions, on the default branch's newest.

use crate::forge_outcome::input_for;
use crate::messages;
use crate::services::Services;
use patchbay_aws::blobs::Blobs;
use patchbay_domain::metric;
use patchbay_domain::redact::Secrets;
use patchbay_domain::run::{Effect, Input, Outcome, PendingEffect, Run, State};
use patchbay_domain::task::StoredResult;
use patchbay_domain::workflow::model::Conclusion;
use patchbay_forge::{CheckStatus, Forge, ForgeError, NewCheckRun, RepoAt};

/// Where a run writes.
pub(crate) fn place_of(run: &Run) -> RepoAt {
    RepoAt { connection: run.connection.clone(), repository: run.repository.clone() }
}

/// Creates the comment once, or edits it. Forge calls: one; two when an earlier try may have created it.
pub(crate) async fn update_status(services: &Services, blobs: Option<&Blobs>, run: &Run, pending: &PendingEffect) -> anyhow::Result<Input> {
    if run.thread_to_speak_in().is_none() {
        return Ok(match write_failed_check(services, run, pending).await {
            Ok(()) => Input::Done { effect: Effect::UpdateStatus },
            Err(error) => input_for(run, pending, &error),
        });
    }
    let result = match (&run.state, blobs) {
        (State::Succeeded { outcome: Outcome::Answer }, Some(blobs)) => load_result(blobs, run).await?,
        (State::Succeeded { .. }, Some(blobs)) if run.request.options.verify.is_some() => load_result(blobs, run).await?,
        _ => None,
    };
    let body = outbound(services.known_secrets(), run, messages::status_message(run, result.as_ref()));
    Ok(match write_status(&*services.forge, run, pending, &body).await {
        Ok(comment) => Input::StatusPosted { comment },
        Err(error) => input_for(run, pending, &error),
    })
}

async fn write_status(forge: &dyn Forge, run: &Run, pending: &PendingEffect, body: &str) -> Result<u64, ForgeError> {
    let at = place_of(run);
    let Some(thread) = run.thread_to_speak_in() else { return Err(ForgeError::Permanent("the run has no thread to speak in".to_owned())) };
    let known = match run.status_comment {
        None if pending.tries > 1 => forge.find_comment(&at, thread.number, &messages::status_marker(&run.id)).await?.map(|c| c.id),
        known => known,
    };
    match known {
        Some(comment) => forge.update_comment(&at, comment, body).await.map(|()| comment),
        None => forge.create_comment(&at, thread.number, body).await.map(|c| c.id),
    }
}

/// `patchbay / <workflow>` beside the commit that the event was about; nothing in a repository without any. Forge calls: one,
/// one more on a second try, and one or two to find the newest commit.
async fn write_failed_check(services: &Services, run: &Run, pending: &PendingEffect) -> Result<(), ForgeError> {
    let (Some(plan), State::Failed { failure }) = (&run.plan, &run.state) else { return Ok(()) };
    let at = place_of(run);
    let sha = match plan.commit() {
        Some(sha) => Some(sha.to_owned()),
        None => newest_commit(services, run, &at).await?,
    };
    let Some(sha) = sha.as_deref() else { return Ok(()) };
    let name = format!("patchbay / {}", plan.workflow.name);
    let (title, summary) = messages::failed_check(run, failure);
    let summary = outbound(services.known_secrets(), run, summary);
    let check = NewCheckRun {
        name: &name,
        head_sha: sha,
        external_id: run.id.as_str(),
        status: CheckStatus::Completed,
        conclusion: Some(Conclusion::Failure),
        title: &title,
        summary: &summary,
        annotations: &[],
        details_url: None,
    };
    let known = if pending.tries > 1 { services.forge.find_check_run(&at, sha, &name, run.id.as_str()).await? } else { None };
    match known {
        Some(known) => services.forge.update_check_run(&at, known.id, &check).await,
        None => services.forge.create_check_run(&at, &check).await.map(drop),
    }
}

async fn newest_commit(services: &Services, run: &Run, at: &RepoAt) -> Result<Option<String>, ForgeError> {
    match services.default_branch(run, at).await? {
        Some(branch) => services.forge.branch_head(at, &branch).await,
        None => Ok(None),
    }
}

/// R34: what looks like a secret never leaves; the alarm on the metric says that somebody tried.
pub(crate) fn outbound(secrets: &Secrets, run: &Run, text: String) -> String {
    match secrets.scan(&text) {
        None => text,
        Some(hit) => {
            metrics::counter!(metric::REDACTION_HIT).increment(1);
            tracing::error!(run = %run.id, kind = hit.kind.name(), "a secret was kept out of a comment");
            secrets.redact(&text)
        }
    }
}

/// The stored result of the run, if there is one and it has not been erased.
pub(crate) async fn load_result(blobs: &Blobs, run: &Run) -> anyhow::Result<Option<StoredResult>> {
    let Some(key) = &run.result_key else { return Ok(None) };
    match blobs.get(key).await? {
        Some(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        None => Ok(None),
    }
}
