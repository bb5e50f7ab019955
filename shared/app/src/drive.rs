//! The outbox at work: performs a run's pending effects one after the other under a lease (R13), each announced
//! in the run's item before it is tried and noted after it (R16), so that a crash anywhere repeats nothing.

use crate::dispatch::Dispatch;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::lambda::Handled;
use patchbay_domain::ids::{RunId, WorkspaceId};
use patchbay_domain::run::state::Lease;
use patchbay_domain::run::{Input, PendingEffect, Place, Run, State, apply};

/// Performs what one place has to do for a run.
pub struct Driver {
    pub dispatch: Dispatch,
    pub place: Place,
}

impl Driver {
    /// Performs every effect of this place that is ready, then wakes whoever is next. `perform` does one effect and
    /// says what came of it; with `tries > 1` an earlier attempt may have been made, and it looks before it writes.
    ///
    /// `ends_at` is when Lambda ends this invocation; the lease outlives it by 30 s (R13).
    ///
    /// Calls: one read, one write per effect and one more, and what the effects need.
    pub async fn drive(
        &self,
        workspace: &WorkspaceId,
        id: &RunId,
        ends_at: Timestamp,
        perform: impl AsyncFn(&Run, &PendingEffect) -> anyhow::Result<Input>,
    ) -> anyhow::Result<Handled> {
        let lease = Lease { holder: uuid::Uuid::new_v4().to_string(), until: ends_at + LEASE_MARGIN };
        let Some(run) = self.dispatch.runs.load(workspace, id).await? else {
            return Ok(Handled::Drop(format!("run {id} does not exist")));
        };
        patchbay_aws::telemetry::correlate(run.request.delivery.as_str());
        let sent = run.wake_at;
        let (mut run, mut next) = match self.begin(run, &lease, None).await? {
            Begun::Leased => return Ok(busy(id)),
            Begun::Nothing(run) => (run, None),
            Begun::Effect(run, pending) => (run, Some(pending)),
        };
        while let Some(pending) = next.take() {
            let input = match perform(&run, &pending).await {
                Ok(input) => input,
                Err(error) => failed_try(&run, &pending, &error),
            };
            tracing::info!(run = %run.id, effect = pending.effect.name(), tries = pending.tries, came = input.name(), "effect performed");
            match self.begin(run, &lease, Some(&input)).await? {
                Begun::Leased => return Ok(busy(id)),
                Begun::Nothing(after) => run = after,
                Begun::Effect(after, pending) => (run, next) = (after, Some(pending)),
            }
        }
        self.dispatch.forward_unless(&run, sent, Timestamp::now()).await?;
        Ok(Handled::Done)
    }

    /// In one write: what the last effect came to, the next effect announced, the lease taken, kept or given back.
    async fn begin(&self, mut run: Run, lease: &Lease, came: Option<&Input>) -> anyhow::Result<Begun> {
        loop {
            let now = Timestamp::now();
            // What came of an effect is noted even if the lease was lost meanwhile: it is a fact.
            let other = run.leased_to_other(&lease.holder, now);
            if other.is_some() && came.is_none() {
                return Ok(Begun::Leased);
            }
            let mut after = came.map_or_else(|| run.clone(), |input| apply(&run, input, now).next);
            if came.is_none() && waits_for_slot(&after) {
                after = apply(&after, &Input::Woken, now).next;
            }
            let pending = if other.is_some() { None } else { announce(&mut after, self.place, now) };
            if other.is_none() {
                after.lease = pending.is_some().then(|| lease.clone());
            }
            if after == run {
                return Ok(Begun::Nothing(run));
            }
            if let Some(saved) = self.dispatch.save(&run, after).await? {
                if let Some(input) = came {
                    crate::dispatch::log_transition(&run, &saved, input);
                }
                return Ok(match (pending, other) {
                    (Some(pending), _) => Begun::Effect(saved, pending),
                    (None, Some(_)) => Begun::Leased,
                    (None, None) => Begun::Nothing(saved),
                });
            }
            run = self.dispatch.reload(&run).await?;
        }
    }
}

/// A lease outlives the invocation that took it by this much (R13).
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// After this many tries the effect of a run that is over is given up; that of a living run ends with its deadline.
const MAX_TRIES: u32 = 20;

/// What becomes of an effect whose try ended in an error that nobody could interpret.
fn failed_try(run: &Run, pending: &PendingEffect, error: &anyhow::Error) -> Input {
    let effect = pending.effect;
    if run.state.is_terminal() && pending.tries >= MAX_TRIES {
        tracing::error!(run = %run.id, effect = effect.name(), tries = pending.tries, error = format!("{error:#}"), "effect given up");
        return Input::Abandoned { effect };
    }
    let retry_at = backoff(Timestamp::now(), pending.tries);
    tracing::warn!(run = %run.id, effect = effect.name(), tries = pending.tries, %retry_at, error = format!("{error:#}"), "effect will be tried again");
    Input::Postponed { effect, retry_at }
}

/// 2, 4, 8 … at most 300 seconds after `now`, spread by up to a quarter so that many do not come back together.
pub(crate) fn backoff(now: Timestamp, tries: u32) -> Timestamp {
    let base = 2_000_i64.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(300_000);
    let mut random = [0_u8; 2];
    let spread = if getrandom::fill(&mut random).is_ok() { base / 4 * i64::from(u16::from_le_bytes(random)) / 65_536 } else { 0 };
    now + SignedDuration::from_millis(base + spread)
}

enum Begun {
    /// Somebody else performs effects.
    Leased,
    Nothing(Run),
    /// To be performed now; its try is saved.
    Effect(Run, PendingEffect),
}

/// Nothing to wait for with this message (R13): whoever holds the lease sees every effect in the item before giving it
/// back and wakes the other place; should they die, the run is due when the lease ends, and the reaper wakes it.
fn busy(run: &RunId) -> Handled {
    tracing::debug!(%run, "somebody else performs this run's effects");
    Handled::Done
}

fn waits_for_slot(run: &Run) -> bool {
    matches!(run.state, State::Queued { .. }) && run.wake_at.is_some()
}

/// Counts the next ready effect's try and gives it.
fn announce(run: &mut Run, place: Place, now: Timestamp) -> Option<PendingEffect> {
    let effect = run.next_effect(place, now)?.effect;
    let pending = run.outbox.iter_mut().find(|p| p.effect == effect)?;
    pending.tries += 1;
    Some(pending.clone())
}
