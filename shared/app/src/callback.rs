//! step-callback's use case: whoever took an `http` step's call with `wait` says what came of it, once, with the token of the
//! step's callback URL.

use crate::dispatch::Dispatch;
use crate::signing::Signing;
use crate::steps::http::answer::outputs_of;
use jiff::Timestamp;
use patchbay_domain::ids::{RunId, WorkspaceId};
use patchbay_domain::run::{Input, Run};
use patchbay_domain::workflow::StepAction;
use patchbay_forge::github::convert::check_json_depth;
use subtle::ConstantTimeEq;

/// What a callback may bring, bytes.
pub const MAX_CALLBACK_BYTES: usize = 256 * 1024;
/// How deep its JSON may be nested (R9).
const MAX_DEPTH: usize = 64;

/// Everything step-callback needs.
pub struct Callback {
    pub dispatch: Dispatch,
    pub signing: Signing,
}

/// The four variables of a callback's path.
#[derive(Clone, Copy, Debug)]
pub struct CallbackPath<'a> {
    pub workspace: &'a str,
    pub run: &'a str,
    pub step: &'a str,
    pub token: &'a str,
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackReply {
    /// 202: the run goes on.
    Accepted(RunId),
    Refused {
        status: u16,
        why: &'static str,
    },
    /// 503: to be sent again.
    Unavailable,
}

const UNKNOWN: CallbackReply = CallbackReply::Refused { status: 401, why: "this is no callback URL of a run, or not all of it" };
const OVER: CallbackReply =
    CallbackReply::Refused { status: 409, why: "the step does not wait any more: it was answered, its time was over, or its run ended" };

impl Callback {
    /// One callback. The token is checked before anything else is looked at; a run that is gone looks like a wrong token.
    ///
    /// Calls: one read and one write of the run, one send per place with something to do.
    pub async fn handle(&self, path: CallbackPath<'_>, body: &[u8]) -> CallbackReply {
        match self.receive(path, body).await {
            Ok(reply) => reply,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "a callback could not be taken");
                CallbackReply::Unavailable
            }
        }
    }

    async fn receive(&self, path: CallbackPath<'_>, body: &[u8]) -> anyhow::Result<CallbackReply> {
        let (workspace, run) = (WorkspaceId(path.workspace.to_owned()), RunId(path.run.to_owned()));
        let Ok(step) = path.step.parse::<usize>() else { return Ok(UNKNOWN) };
        let token = self.signing.secret().await?.callback_token(&workspace, &run, step);
        if !bool::from(token.as_bytes().ct_eq(path.token.as_bytes())) {
            return Ok(UNKNOWN);
        }
        if body.len() > MAX_CALLBACK_BYTES {
            return Ok(CallbackReply::Refused { status: 413, why: "a callback may have 256 KiB" });
        }
        let Some(text) = json_text(body) else {
            return Ok(CallbackReply::Refused { status: 400, why: "the body is not JSON, or nested deeper than 64 levels" });
        };
        let Some(run) = self.dispatch.runs.load(&workspace, &run).await? else { return Ok(UNKNOWN) };
        patchbay_aws::telemetry::correlate(run.request.delivery.as_str());
        if !waits_at(&run, step) {
            return Ok(OVER);
        }
        self.answer(run, step, text).await
    }

    async fn answer(&self, run: Run, step: usize, text: &str) -> anyhow::Result<CallbackReply> {
        let (run, changed) = self.dispatch.save_input(run, &Input::StepAnswered { step, outputs: outputs_of(text) }).await?;
        if !changed {
            return Ok(OVER);
        }
        // It is saved: who calls need not call again because a queue did not take the news, which the reaper brings as well.
        if let Err(error) = self.dispatch.forward(&run, Timestamp::now()).await {
            tracing::warn!(run = %run.id, error = format!("{error:#}"), "the news of a callback will be brought by the reaper");
        }
        tracing::info!(run = %run.id, step, bytes = text.len(), "callback taken");
        Ok(CallbackReply::Accepted(run.id))
    }
}

/// Whether the run is at this step, and the step is one that is answered from outside. The call's own answer may still be under
/// way: a receiver may be faster.
fn waits_at(run: &Run, step: usize) -> bool {
    let at = run.active_step().filter(|(at, planned)| *at == step && planned.status.outcome().is_none());
    let waits = at.is_some_and(|(_, planned)| matches!(&planned.step.action, StepAction::Http(http) if http.wait));
    waits && !run.state.is_terminal()
}

/// The body as text if it is JSON; nothing at all says no more than that it is done.
fn json_text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let fine = text.is_empty()
        || (check_json_depth(text.as_bytes(), MAX_DEPTH).is_ok() && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    fine.then_some(text)
}
