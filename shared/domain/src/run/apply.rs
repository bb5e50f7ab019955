//! How state, input and effects meet: `apply` is pure and total. It is called by every function that learns
//! something about a run, and by nothing else is a run's state ever changed (R12).

use super::effect::Effect;
use super::input::{CancelReason, Input, SlotScope, TaskEnd};
use super::outbox::{decide, finish, has_begun, may_have_task, may_have_written, remove};
use super::state::{NewRun, Outcome, QueuedBecause, Run, STATUS_EVERY_SECONDS, State, Task};
use super::steps;
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
        Input::Done { effect } | Input::Abandoned { effect } => settle(&mut next, *effect, input, now) | steps::go_on(&mut next, now),
        Input::StatusPosted { comment } => {
            next.status_comment = Some(*comment);
            next.status_unsure = false;
            next.status_at = Some(now);
            finish(&mut next, Effect::UpdateStatus);
            true
        }
        Input::Postponed { effect, retry_at } => postpone(&mut next, *effect, *retry_at, now),
        Input::PullRequestReady { .. } | Input::BranchPushed { .. } => written(&mut next, input, now),
        Input::Rejected { failure } if run.state == State::Applying => finish_task(&mut next, Err(failure.clone()), now),
        Input::Cancel { reason } if !run.state.is_terminal() => cancel(&mut next, reason),
        Input::DeadlinePassed if !run.state.is_terminal() && run.deadline_at.is_some_and(|at| at <= now) => {
            let code = if run.state == State::Applying { FailureCode::ForgeRefused } else { FailureCode::TimedOut };
            match &run.plan {
                Some(_) if !matches!(run.state, State::Queued { .. }) => steps::time_out(&mut next, code, now),
                _ => give_up(&mut next, failed(Failure::new(code, "the run's deadline passed"))),
            }
        }
        _ => match &run.state {
            State::Queued { .. } => queued(&mut next, input, now),
            State::Stepping if matches!(input, Input::TaskEnded { .. }) => mark_ended(&mut next),
            State::Stepping => steps::stepping(&mut next, input, now),
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
    let NewRun { id, workspace, connection, repository, thread, request, plan, deadline_seconds, budget_microusd } = new;
    let mut run = Run {
        id,
        workspace,
        connection,
        repository,
        request,
        // A workflow's run shows itself when an agent is at work that somebody waits for, or when it fails.
        shows_status: plan.is_none() && thread.is_some(),
        thread,
        plan,
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
    match &run.plan {
        None => {
            decide(&mut run, Effect::UpdateStatus);
            decide(&mut run, Effect::ClaimSlots);
        }
        Some(plan) if plan.not_before.is_some_and(|at| at > now) => {
            run.wake_at = plan.not_before;
            run.state = State::Queued { because: QueuedBecause::Cooldown };
        }
        Some(plan) if plan.group.is_some() => {
            decide(&mut run, Effect::ClaimSlots);
        }
        Some(_) => {
            steps::admit(&mut run, now);
        }
    }
    if run.request.label.is_some() {
        decide(&mut run, Effect::RemoveLabel);
    }
    run
}

fn queued(run: &mut Run, input: &Input, now: Timestamp) -> bool {
    match input {
        Input::Woken => match run.plan.as_ref().filter(|plan| !plan.admitted) {
            Some(plan) if plan.not_before.is_some_and(|at| at > now + SignedDuration::from_secs(WAKE_SLACK_SECONDS)) => false,
            Some(plan) if plan.group.is_none() => steps::admit(run, now),
            _ => decide(run, Effect::ClaimSlots),
        },
        Input::SlotsClaimed if run.plan.as_ref().is_some_and(|plan| !plan.admitted) => {
            remove(run, Effect::ClaimSlots);
            steps::admit(run, now)
        }
        Input::SlotsClaimed => {
            remove(run, Effect::ClaimSlots);
            run.state = State::Starting;
            run.wake_at = None;
            run.attempt += 1;
            // Waiting for a task's capacity has its own patience; the task's time counts from its start.
            run.deadline_at = Some(now + SignedDuration::from_secs(START_PATIENCE_SECONDS + i64::from(run.deadline_seconds)));
            decide(run, Effect::StartTask)
        }
        Input::SlotsBusy { scope, retry_at } => {
            remove(run, Effect::ClaimSlots);
            let because = match scope {
                SlotScope::Thread => QueuedBecause::ThreadBusy,
                SlotScope::Repository | SlotScope::Workspace => QueuedBecause::Capacity,
                SlotScope::Group => QueuedBecause::GroupBusy,
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
        Input::AnswerStored { key, usage, answer } => {
            store(run, Some(key), *usage);
            finish_task(run, Ok((Outcome::Answer, answer.clone())), now)
        }
        Input::TaskFailed { failure, usage } => {
            store(run, None, *usage);
            finish_task(run, Err(failure.clone()), now)
        }
        Input::TaskEnded { end, .. } => task_ended(run, end, now),
        Input::Rejected { failure } => finish_task(run, Err(failure.clone()), now),
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

fn task_ended(run: &mut Run, end_of_task: &TaskEnd, now: Timestamp) -> bool {
    mark_ended(run);
    let failure = match end_of_task {
        TaskEnd::Infrastructure { .. } | TaskEnd::Lost if run.attempt - attempts_before(run) < MAX_TASK_ATTEMPTS => {
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
    finish_task(run, Err(failure), now)
}

/// The attempts that earlier agent steps took.
fn attempts_before(run: &Run) -> u32 {
    run.plan.as_ref().map_or(0, |plan| plan.attempts_before)
}

/// What the agent was asked is done or has failed: the end of the run, or of a step of its plan.
fn finish_task(run: &mut Run, result: Result<(Outcome, Option<String>), Failure>, now: Timestamp) -> bool {
    match result {
        result if run.plan.is_some() => steps::agent_done(run, result, now),
        Ok((outcome, _)) => end(run, State::Succeeded { outcome }),
        Err(failure) => end(run, failed(failure)),
    }
}

fn written(run: &mut Run, input: &Input, now: Timestamp) -> bool {
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
            finish_task(run, Ok((outcome, None)), now)
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
    let has_written = may_have_written(run);
    end(run, state);
    if has_written && may_write(run) {
        decide(run, Effect::RetractPullRequest);
    }
    true
}

/// Whether the run holds no slot and waits at none. One that found a slot full is noted there as waiting, which is
/// given back like a place; so is the group of a plan, from its admission to the run's end.
fn holds_nothing(run: &Run) -> bool {
    let has_group = run.plan.as_ref().is_some_and(|plan| plan.admitted && plan.group.is_some());
    let never_asked = match run.state {
        State::Queued { because: QueuedBecause::New | QueuedBecause::Cooldown } => !has_begun(run, Effect::ClaimSlots),
        State::Stepping => !steps::CLEARING.iter().any(|effect| run.has_pending(*effect)),
        _ => false,
    };
    never_asked && !has_group
}

/// Into a terminal state: what was pending is dropped, what must follow is decided.
pub(super) fn end(run: &mut Run, state: State) -> bool {
    let (holds_nothing, has_task) = (holds_nothing(run), may_have_task(run));
    let dropped = std::mem::take(&mut run.outbox);
    run.state = state;
    run.wake_at = None;
    // A failure is said in the thread or beside the commit, even where success would have shown in itself.
    run.shows_status |= matches!(run.state, State::Failed { .. }) && run.can_tell_of_failure();
    if may_write(run) {
        // The tries are kept: a comment that an earlier try may have made is looked for (R33).
        run.outbox = dropped.into_iter().filter(|p| matches!(p.effect, Effect::RemoveLabel | Effect::UpdateStatus)).collect();
        decide(run, Effect::UpdateStatus);
    }
    // After a success the task ends by itself, and the reaper stops what does not (I5).
    if has_task && !matches!(run.state, State::Succeeded { .. }) {
        decide(run, Effect::StopTask);
    }
    if !holds_nothing {
        decide(run, Effect::ReleaseSlots);
    }
    true
}

fn may_write(run: &Run) -> bool {
    !matches!(&run.state, State::Cancelled { reason } if !reason.may_still_write())
}

/// An effect is done, or never will be. A run that cannot live without it ends instead of waiting for its deadline.
fn settle(run: &mut Run, effect: Effect, input: &Input, now: Timestamp) -> bool {
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
        (Effect::PerformStep, State::Stepping) => {
            return steps::time_out(run, FailureCode::Infrastructure, now);
        }
        _ => return remove(run, effect),
    };
    finish_task(run, Err(failure), now)
}

fn postpone(run: &mut Run, effect: Effect, retry_at: Timestamp, now: Timestamp) -> bool {
    let deadline = run.deadline_at.unwrap_or(retry_at);
    let too_long = retry_at + SignedDuration::from_secs(run.deadline_seconds.into()) > deadline;
    if effect == Effect::StartTask && run.state == State::Starting && too_long {
        let failure = Failure::new(FailureCode::Infrastructure, "no capacity for the agent's task within an hour");
        return finish_task(run, Err(failure), now);
    }
    let Some(pending) = run.outbox.iter_mut().find(|p| p.effect == effect) else { return false };
    pending.not_before = Some(retry_at);
    true
}

pub(super) fn failed(failure: Failure) -> State {
    State::Failed { failure }
}

fn store(run: &mut Run, key: Option<&String>, usage: Usage) {
    run.result_key = key.cloned();
    run.usage = usage;
    remove(run, Effect::StartTask);
}

pub(super) fn mark_ended(run: &mut Run) -> bool {
    run.task.as_mut().is_some_and(|task| !std::mem::replace(&mut task.ended, true))
}
