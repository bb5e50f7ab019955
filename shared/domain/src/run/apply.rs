//! How state, input and effects meet: `apply` is pure and total. It is called by every function that learns
//! something about a run, and by nothing else is a run's state ever changed (R12).

use super::effect::{Effect, PendingEffect};
use super::input::{CancelReason, Input, SlotScope, TaskEnd};
use super::state::{NewRun, Outcome, QueuedBecause, Run, STATUS_EVERY_SECONDS, State, Task};
use crate::task::{Failure, FailureCode, Usage};
use jiff::{SignedDuration, Timestamp};

/// What became of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub next: Run,
    /// False when the input meant nothing in this state: nothing needs to be saved.
    pub changed: bool,
}

/// How often a task that the platform ended is started again (R18).
pub const MAX_TASK_ATTEMPTS: u32 = 3;
/// How long starting a task may be postponed for want of capacity before the run fails (R17), seconds.
pub const START_PATIENCE_SECONDS: i64 = 3600;
/// A run that is woken this little before its time is woken in time, seconds.
const WAKE_SLACK_SECONDS: i64 = 2;

/// The run after `input` happened to it at `now`. Inputs that a state does not list change nothing.
pub fn apply(run: &Run, input: &Input, now: Timestamp) -> Transition {
    let mut next = run.clone();
    let changed = match input {
        // The attempt's number grows only when its task has ended; a task of it that starts after all is an orphan (I5).
        Input::TaskStarted { attempt, .. } | Input::TaskEnded { attempt, .. } if *attempt != run.attempt => false,
        Input::Done { effect } | Input::Abandoned { effect } => settle(&mut next, *effect, input),
        Input::StatusPosted { comment } => {
            next.status_comment = Some(*comment);
            next.status_unsure = false;
            next.status_at = Some(now);
            finish(&mut next, Effect::UpdateStatus);
            true
        }
        Input::Postponed { effect, retry_at } => postpone(&mut next, *effect, *retry_at),
        Input::PullRequestReady { .. } | Input::BranchPushed { .. } => written(&mut next, input),
        Input::Rejected { failure } if run.state == State::Applying => end(&mut next, failed(failure.clone())),
        Input::Cancel { reason } if !run.state.is_terminal() => cancel(&mut next, reason),
        Input::DeadlinePassed if !run.state.is_terminal() && run.deadline_at.is_some_and(|at| at <= now) => {
            let code = if run.state == State::Applying { FailureCode::ForgeRefused } else { FailureCode::TimedOut };
            give_up(&mut next, failed(Failure::new(code, "the run's deadline passed")))
        }
        _ => match &run.state {
            State::Queued { .. } => queued(&mut next, input, now),
            State::Starting | State::Running { .. } => working(&mut next, input, now),
            State::Applying | State::Succeeded { .. } | State::Failed { .. } | State::Cancelled { .. } => after(&mut next, input),
        },
    };
    if changed {
        next.updated_at = now;
    }
    Transition { next, changed }
}

/// A run as the matcher creates it: queued, with its first effects decided. It is saved as version 0.
pub fn accept(new: NewRun, now: Timestamp) -> Run {
    let NewRun { id, workspace, connection, repository, thread, request, deadline_seconds, budget_microusd } = new;
    let mut run = Run {
        id,
        workspace,
        connection,
        repository,
        thread,
        request,
        state: State::Queued { because: QueuedBecause::New },
        version: 0,
        attempt: 0,
        outbox: Vec::new(),
        lease: None,
        wake_at: None,
        deadline_at: None,
        deadline_seconds,
        task: None,
        result_key: None,
        status_comment: None,
        status_unsure: false,
        status_at: None,
        branch: None,
        usage: Usage::default(),
        budget_microusd,
        created_at: now,
        updated_at: now,
    };
    decide(&mut run, Effect::UpdateStatus);
    decide(&mut run, Effect::ClaimSlots);
    if run.request.label.is_some() {
        decide(&mut run, Effect::RemoveLabel);
    }
    run
}

fn queued(run: &mut Run, input: &Input, now: Timestamp) -> bool {
    match input {
        Input::Woken => decide(run, Effect::ClaimSlots),
        Input::SlotsClaimed => {
            remove(run, Effect::ClaimSlots);
            run.state = State::Starting;
            run.wake_at = None;
            run.attempt = 1;
            // Waiting for a task's capacity has its own patience; the task's time counts from its start.
            run.deadline_at = Some(now + SignedDuration::from_secs(START_PATIENCE_SECONDS + i64::from(run.deadline_seconds)));
            decide(run, Effect::StartTask)
        }
        Input::SlotsBusy { scope, retry_at } => {
            remove(run, Effect::ClaimSlots);
            let because = match scope {
                SlotScope::Thread => QueuedBecause::ThreadBusy,
                SlotScope::Repository | SlotScope::Workspace => QueuedBecause::Capacity,
            };
            if run.state != (State::Queued { because }) {
                run.state = State::Queued { because };
                decide(run, Effect::UpdateStatus);
            }
            // Woken before its time, the run keeps that time: a message for it is on its way already.
            let later = run.wake_at.filter(|at| *at > now + SignedDuration::from_secs(WAKE_SLACK_SECONDS));
            run.wake_at = Some(later.unwrap_or(*retry_at));
            true
        }
        _ => false,
    }
}

fn working(run: &mut Run, input: &Input, now: Timestamp) -> bool {
    match input {
        // Said twice: the task's time does not begin anew.
        Input::TaskStarted { arn, .. } if run.task.as_ref().is_some_and(|task| task.arn == *arn) => remove(run, Effect::StartTask),
        Input::TaskStarted { arn, .. } => {
            remove(run, Effect::StartTask);
            run.task = Some(Task { arn: arn.clone(), started_at: now, last_seen_at: now, ended: false });
            run.deadline_at = Some(now + SignedDuration::from_secs(run.deadline_seconds.into()));
            if run.state == State::Starting {
                run.state = State::Running { stage: None };
                decide(run, Effect::UpdateStatus);
            }
            true
        }
        Input::Heartbeat { stage } => heartbeat(run, stage.as_ref(), now),
        Input::ChangesStored { key, usage } => {
            store(run, Some(key), *usage);
            run.state = State::Applying;
            if run.has_pending(Effect::UpdateStatus) {
                decide(run, Effect::UpdateStatus);
            }
            decide(run, Effect::PushBranch)
        }
        Input::AnswerStored { key, usage } => {
            store(run, Some(key), *usage);
            end(run, State::Succeeded { outcome: Outcome::Answer })
        }
        Input::TaskFailed { failure, usage } => {
            store(run, None, *usage);
            end(run, failed(failure.clone()))
        }
        Input::TaskEnded { end, .. } => task_ended(run, end),
        Input::Rejected { failure } => end(run, failed(failure.clone())),
        _ => false,
    }
}

fn after(run: &mut Run, input: &Input) -> bool {
    match input {
        // RunTask's answer came after the result or after the cancel: keep the name, so that it can be stopped.
        Input::TaskStarted { arn, .. } if run.task.is_none() => {
            let now = run.updated_at;
            run.task = Some(Task { arn: arn.clone(), started_at: now, last_seen_at: now, ended: false });
            if run.state.is_terminal() { decide(run, Effect::StopTask) } else { true }
        }
        Input::TaskEnded { .. } => mark_ended(run) | remove(run, Effect::StopTask),
        // The claim was under way when the run ended, and its slots may have been given back before it went through.
        Input::SlotsClaimed if run.state.is_terminal() => decide(run, Effect::ReleaseSlots),
        _ => false,
    }
}

fn heartbeat(run: &mut Run, stage: Option<&String>, now: Timestamp) -> bool {
    let Some(task) = &mut run.task else { return false };
    task.last_seen_at = now;
    if let (State::Running { stage: old }, Some(new)) = (&mut run.state, stage)
        && old.as_ref() != Some(new)
    {
        *old = Some(new.clone());
        if run.status_at.is_none_or(|at| at + SignedDuration::from_secs(STATUS_EVERY_SECONDS) <= now) {
            decide(run, Effect::UpdateStatus);
        }
    }
    true
}

fn task_ended(run: &mut Run, end_of_task: &TaskEnd) -> bool {
    mark_ended(run);
    let failure = match end_of_task {
        TaskEnd::Infrastructure { .. } | TaskEnd::Lost if run.attempt < MAX_TASK_ATTEMPTS => {
            run.attempt += 1;
            run.task = None;
            run.state = State::Starting;
            remove(run, Effect::StartTask);
            decide(run, Effect::UpdateStatus);
            return decide(run, Effect::StartTask);
        }
        TaskEnd::Infrastructure { detail } => Failure::new(FailureCode::Infrastructure, detail),
        TaskEnd::Lost => Failure::new(FailureCode::Infrastructure, "ECS no longer knows the task"),
        TaskEnd::OutOfMemory => Failure::new(FailureCode::OutOfMemory, "the supervisor ran out of memory"),
        TaskEnd::Exited { code } => Failure::new(FailureCode::AgentCrashed, &format!("the task ended with exit code {code} and no result")),
    };
    end(run, failed(failure))
}

fn written(run: &mut Run, input: &Input) -> bool {
    match (input, run.state.is_terminal()) {
        (Input::BranchPushed { branch }, false) if run.state == State::Applying => {
            remove(run, Effect::PushBranch);
            run.branch = Some(branch.clone());
            decide(run, Effect::OpenPullRequest)
        }
        // Cancelled while the write was under way: take back what should not have appeared (R21).
        (Input::BranchPushed { branch }, true) if run.branch.is_none() => {
            run.branch = Some(branch.clone());
            if may_write(run) { decide(run, Effect::RetractPullRequest) } else { true }
        }
        (Input::PullRequestReady { number, url, updated }, false) if run.state == State::Applying => {
            let outcome = Outcome::PullRequest { number: *number, url: url.clone(), updated: *updated };
            end(run, State::Succeeded { outcome })
        }
        (Input::PullRequestReady { updated: false, .. }, true) if !matches!(run.state, State::Succeeded { .. }) => {
            may_write(run) && decide(run, Effect::RetractPullRequest)
        }
        _ => false,
    }
}

fn cancel(run: &mut Run, reason: &CancelReason) -> bool {
    give_up(run, State::Cancelled { reason: reason.clone() })
}

/// Into a terminal state from outside: what may already have been written to the forge is taken back (R21).
fn give_up(run: &mut Run, state: State) -> bool {
    let begun = |effect| run.outbox.iter().any(|p| p.effect == effect && p.tries > 0);
    let may_have_written = run.branch.is_some() || begun(Effect::PushBranch);
    end(run, state);
    if may_have_written && may_write(run) {
        decide(run, Effect::RetractPullRequest);
    }
    true
}

/// Into a terminal state: what was pending is dropped, what must follow is decided.
fn end(run: &mut Run, state: State) -> bool {
    let dropped = std::mem::take(&mut run.outbox);
    let begun = |effect| dropped.iter().any(|p| p.effect == effect && p.tries > 0);
    // A run that found a slot full is noted there as waiting, which is given back like a place.
    let never_asked = run.state == (State::Queued { because: QueuedBecause::New }) && !begun(Effect::ClaimSlots);
    let may_have_task = run.task.as_ref().is_some_and(|t| !t.ended) || begun(Effect::StartTask);
    run.state = state;
    run.wake_at = None;
    if may_write(run) {
        // The tries are kept: a comment that an earlier try may have made is looked for (R33).
        run.outbox = dropped.into_iter().filter(|p| matches!(p.effect, Effect::RemoveLabel | Effect::UpdateStatus)).collect();
        decide(run, Effect::UpdateStatus);
    }
    // After a success the task ends by itself, and the reaper stops what does not (I5).
    if may_have_task && !matches!(run.state, State::Succeeded { .. }) {
        decide(run, Effect::StopTask);
    }
    if !never_asked {
        decide(run, Effect::ReleaseSlots);
    }
    true
}

fn may_write(run: &Run) -> bool {
    !matches!(&run.state, State::Cancelled { reason } if !reason.may_still_write())
}

/// An effect is done, or never will be. A run that cannot live without it ends instead of waiting for its deadline.
fn settle(run: &mut Run, effect: Effect, input: &Input) -> bool {
    if !matches!(input, Input::Abandoned { .. }) {
        return finish(run, effect);
    }
    let failure = match (effect, &run.state) {
        (Effect::StartTask, State::Starting) => Failure::new(FailureCode::Infrastructure, "the agent's task could not be started"),
        (Effect::PushBranch, State::Applying) => Failure::new(FailureCode::ForgeRefused, "the branch could not be written"),
        (Effect::OpenPullRequest, State::Applying) => Failure::new(FailureCode::ForgeRefused, "the pull request could not be opened"),
        (Effect::UpdateStatus, _) => {
            let removed = remove(run, effect);
            run.status_unsure |= removed && run.status_comment.is_none();
            return removed;
        }
        _ => return remove(run, effect),
    };
    end(run, failed(failure))
}

/// An effect's try succeeded. What was decided anew meanwhile stays, to be done once more.
fn finish(run: &mut Run, effect: Effect) -> bool {
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

fn postpone(run: &mut Run, effect: Effect, retry_at: Timestamp) -> bool {
    let deadline = run.deadline_at.unwrap_or(retry_at);
    let too_long = retry_at + SignedDuration::from_secs(run.deadline_seconds.into()) > deadline;
    if effect == Effect::StartTask && run.state == State::Starting && too_long {
        return end(run, failed(Failure::new(FailureCode::Infrastructure, "no capacity for the agent's task within an hour")));
    }
    let Some(pending) = run.outbox.iter_mut().find(|p| p.effect == effect) else { return false };
    pending.not_before = Some(retry_at);
    true
}

fn failed(failure: Failure) -> State {
    State::Failed { failure }
}

fn store(run: &mut Run, key: Option<&String>, usage: Usage) {
    run.result_key = key.cloned();
    run.usage = usage;
    remove(run, Effect::StartTask);
}

fn mark_ended(run: &mut Run) -> bool {
    run.task.as_mut().is_some_and(|task| !std::mem::replace(&mut task.ended, true))
}

/// Puts an effect into the outbox, once; true always, as what called it has changed the run.
fn decide(run: &mut Run, effect: Effect) -> bool {
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

fn remove(run: &mut Run, effect: Effect) -> bool {
    let before = run.outbox.len();
    run.outbox.retain(|p| p.effect != effect);
    run.outbox.len() != before
}
