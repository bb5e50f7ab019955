//! What a forge's refusal means for an effect: wait, give up the effect, or tell the requester.

use crate::drive::backoff;
use jiff::Timestamp;
use patchbay_domain::metric;
use patchbay_domain::run::{Effect, Input, PendingEffect, Run};
use patchbay_domain::task::{Failure, FailureCode};
use patchbay_forge::ForgeError;

/// How often an effect whose calls are refused as unauthorized is tried again: a new token usually mends it.
const UNAUTHORIZED_TRIES: u32 = 3;

/// What the state machine is told when the forge answered an effect with an error.
pub(crate) fn input_for(run: &Run, pending: &PendingEffect, error: &ForgeError) -> Input {
    let effect = pending.effect;
    let now = Timestamp::now();
    tracing::warn!(run = %run.id, effect = effect.name(), tries = pending.tries, %error, "the forge refused");
    match error {
        ForgeError::RateLimited { retry_at } => {
            metrics::counter!(metric::FORGE_RATE_LIMITED).increment(1);
            Input::Postponed { effect, retry_at: (*retry_at).max(backoff(now, 1)) }
        }
        ForgeError::Transient(_) | ForgeError::Moved(_) => Input::Postponed { effect, retry_at: backoff(now, pending.tries) },
        ForgeError::Unauthorized(_) if pending.tries < UNAUTHORIZED_TRIES => {
            Input::Postponed { effect, retry_at: backoff(now, pending.tries) }
        }
        _ => refused(run, effect, error),
    }
}

fn refused(run: &Run, effect: Effect, error: &ForgeError) -> Input {
    match (effect, run.active_step()) {
        (Effect::PerformStep, Some((step, _))) => {
            let detail = format!("GitHub's answer: {error}.");
            Input::StepFailed { step, failure: Failure::new(FailureCode::StepRefused, &detail) }
        }
        _ => refused_effect(effect, error),
    }
}

fn refused_effect(effect: Effect, error: &ForgeError) -> Input {
    match effect {
        Effect::StartTask | Effect::PushBranch | Effect::OpenPullRequest => {
            let code = match error {
                ForgeError::Conflict(_) => FailureCode::Conflict,
                _ if effect == Effect::StartTask => FailureCode::CloneFailed,
                _ => FailureCode::ForgeRefused,
            };
            Input::Rejected { failure: Failure::new(code, &error.to_string()) }
        }
        // A locked or deleted thread, a label or comment that somebody took away: the run goes on without.
        _ => Input::Abandoned { effect },
    }
}
