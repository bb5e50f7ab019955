//! The outbox: deciding effects, taking them away, and what their being there says about the world outside.
//! Which effect follows from what is `apply`'s and `steps`'s.

use super::apply::mark_ended;
use super::effect::{Effect, PendingEffect};
use super::state::Run;

/// Whether somebody has begun to perform an effect that is still pending.
pub(super) fn has_begun(run: &Run, effect: Effect) -> bool {
    run.outbox.iter().any(|p| p.effect == effect && p.tries > 0)
}

pub(super) fn may_have_written(run: &Run) -> bool {
    run.branch.is_some() || has_begun(run, Effect::PushBranch)
}

pub(super) fn may_have_task(run: &Run) -> bool {
    run.task.as_ref().is_some_and(|task| !task.ended) || has_begun(run, Effect::StartTask)
}

/// An effect's try succeeded. What was decided anew meanwhile stays, to be done once more.
pub(super) fn finish(run: &mut Run, effect: Effect) -> bool {
    if effect == Effect::StopTask && run.has_pending(effect) {
        mark_ended(run);
    }
    match run.outbox.iter_mut().find(|p| p.effect == effect) {
        Some(pending) if pending.tries > 0 && pending.decided_after == pending.tries => {
            // This is noted once: a second word of the same try finishes it.
            pending.decided_after = 0;
            pending.not_before = None;
            true
        }
        _ => remove(run, effect),
    }
}

/// Puts an effect into the outbox, once; true always, as what called it has changed the run.
pub(super) fn decide(run: &mut Run, effect: Effect) -> bool {
    if effect == Effect::UpdateStatus && !run.shows_status {
        return true;
    }
    let place = effect.place(&run.state);
    match run.outbox.iter_mut().find(|p| p.effect == effect) {
        Some(pending) => {
            pending.place = place;
            pending.decided_after = pending.tries;
        }
        None => {
            let tries = u32::from(effect == Effect::UpdateStatus && run.status_unsure);
            run.outbox.push(PendingEffect { effect, tries, decided_after: 0, not_before: None, place });
        }
    }
    true
}

pub(super) fn remove(run: &mut Run, effect: Effect) -> bool {
    let before = run.outbox.len();
    run.outbox.retain(|p| p.effect != effect);
    run.outbox.len() != before
}
