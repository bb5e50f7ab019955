//! How a run goes through the steps of its plan. Called by `apply` alone; the agent's own part of an agent step is
//! `apply`'s, which comes back here when the agent is done.
//!
//! A step is entered when nothing of the one before is left to clear away: its slots are given back and its task is
//! stopped, so that a late effect of one step can never meet the next one's slots or task.

use super::apply::{end, failed};
use super::effect::Effect;
use super::input::Input;
use super::outbox::{decide, may_have_task, may_have_written, remove};
use super::outputs;
use super::plan::{AgentRequest, CLEARING_SECONDS, Outputs, StepStatus, timeout_seconds};
use super::state::{Outcome, QueuedBecause, Run, State};
use crate::task::{Failure, FailureCode};
use jiff::{SignedDuration, Timestamp};

/// What must be done before the next step begins.
pub(super) const CLEARING: [Effect; 3] = [Effect::StopTask, Effect::RetractPullRequest, Effect::ReleaseSlots];

/// A run that has been waiting for its cooldown or its group and need not wait any more, or never had to.
pub(super) fn admit(run: &mut Run, now: Timestamp) -> bool {
    if let Some(plan) = &mut run.plan {
        plan.admitted = true;
    }
    run.wake_at = None;
    enter(run, now)
}

/// What happened to the step at work; nothing if the word is about another step.
pub(super) fn stepping(run: &mut Run, input: &Input, now: Timestamp) -> bool {
    let (Some((at, planned)), Some(index)) = (run.active_step(), index_of(input)) else { return false };
    if at != index || planned.status.outcome().is_some() {
        return false;
    }
    match input {
        Input::StepDone { outputs, .. } | Input::StepAnswered { outputs, .. } => {
            conclude(run, StepStatus::Succeeded { outputs: outputs.clone() }, None, now)
        }
        Input::StepSkipped { why, .. } => conclude(run, StepStatus::Skipped { why: why.clone() }, None, now),
        Input::StepFailed { failure, .. } => conclude(run, StepStatus::Failed { failure: failure.clone() }, None, now),
        Input::StepWaiting { .. } => {
            let until = run.deadline_at.unwrap_or(now);
            set_status(run, StepStatus::Waiting { until });
            remove(run, Effect::PerformStep);
            true
        }
        Input::AgentAsked { request, .. } => ask_agent(run, request),
        _ => false,
    }
}

/// The agent's part of a step is over: `Ok` with what came of it, or why it failed.
pub(super) fn agent_done(run: &mut Run, result: Result<(Outcome, Option<String>), Failure>, now: Timestamp) -> bool {
    match result {
        Ok((outcome, answer)) => {
            let outputs = agent_outputs(run, &outcome, answer);
            conclude(run, StepStatus::Succeeded { outputs }, Some(outcome), now)
        }
        Err(failure) => conclude(run, StepStatus::Failed { failure }, None, now),
    }
}

/// The next step, if nothing is left to clear away.
pub(super) fn go_on(run: &mut Run, now: Timestamp) -> bool {
    let over = run.active_step().is_some_and(|(_, planned)| planned.status.outcome().is_some());
    if run.state != State::Stepping || !over || CLEARING.into_iter().any(|effect| run.has_pending(effect)) {
        return false;
    }
    if let Some(plan) = &mut run.plan {
        plan.at += 1;
    }
    enter(run, now)
}

/// Begins the step at `plan.at`, or ends the run behind the last one.
fn enter(run: &mut Run, now: Timestamp) -> bool {
    run.branch = None;
    let Some(seconds) = run.active_step().map(|(_, planned)| timeout_seconds(&planned.step)) else {
        return end(run, State::Succeeded { outcome: Outcome::Steps });
    };
    set_status(run, StepStatus::Active);
    run.state = State::Stepping;
    run.deadline_at = Some(now + SignedDuration::from_secs(seconds.into()));
    decide(run, Effect::PerformStep)
}

/// The step at work is over, with this status; the run ends or goes on.
fn conclude(run: &mut Run, status: StepStatus, outcome: Option<Outcome>, now: Timestamp) -> bool {
    let failure = match &status {
        StepStatus::Failed { failure } => Some(failure.clone()),
        _ => None,
    };
    let used_agent = run.state != State::Stepping;
    set_status(run, status);
    outputs::fit(run);
    let Some((at, planned)) = run.active_step() else { return false };
    let is_last = run.plan.as_ref().is_some_and(|plan| at + 1 == plan.steps.len());
    match failure {
        Some(failure) if !planned.step.continue_on_error => return end(run, failed(failure)),
        None if is_last => return end(run, State::Succeeded { outcome: outcome.unwrap_or(Outcome::Steps) }),
        failure => clear_away(run, used_agent, failure.is_some()),
    }
    run.deadline_at = Some(now + SignedDuration::from_secs(CLEARING_SECONDS));
    go_on(run, now);
    true
}

/// Drops what the step had still to do, and decides what must follow from its end.
fn clear_away(run: &mut Run, used_agent: bool, has_failed: bool) {
    let (has_task, has_written) = (may_have_task(run), may_have_written(run));
    run.outbox.retain(|pending| matches!(pending.effect, Effect::UpdateStatus | Effect::RemoveLabel));
    run.state = State::Stepping;
    if !used_agent {
        return;
    }
    decide(run, Effect::UpdateStatus);
    if has_failed && has_task {
        decide(run, Effect::StopTask);
    }
    if has_failed && has_written {
        decide(run, Effect::RetractPullRequest);
    }
    decide(run, Effect::ReleaseSlots);
}

/// From the step's request on it is a run of the agent like any other, with a task and a budget of its own.
fn ask_agent(run: &mut Run, request: &AgentRequest) -> bool {
    let Some(plan) = &mut run.plan else { return false };
    let options = &request.options;
    run.deadline_seconds = options.deadline_seconds.unwrap_or(plan.deadline_seconds).min(plan.deadline_seconds);
    let budget = options.budget_microusd.unwrap_or(plan.budget_microusd).min(plan.budget_microusd);
    // The ledger counts what all of the run's steps cost together.
    run.budget_microusd = run.usage.cost_microusd.saturating_add(budget);
    plan.attempts_before = run.attempt;
    run.request.mode = request.mode;
    run.request.prompt = request.prompt.clone();
    run.request.options = options.clone();
    outputs::fit(run);
    run.shows_status |= request.status && run.thread_to_speak_in().is_some();
    (run.task, run.result_key, run.deadline_at) = (None, None, None);
    run.state = State::Queued { because: QueuedBecause::New };
    remove(run, Effect::PerformStep);
    decide(run, Effect::UpdateStatus);
    decide(run, Effect::ClaimSlots)
}

/// The step's time is over.
pub(super) fn time_out(run: &mut Run, code: FailureCode, now: Timestamp) -> bool {
    if run.active_step().is_some_and(|(_, planned)| planned.status.outcome().is_some()) {
        return end(run, failed(Failure::new(FailureCode::Infrastructure, "what a step left behind could not be cleared away")));
    }
    conclude(run, StepStatus::Failed { failure: Failure::new(code, "the step's time was over") }, None, now)
}

fn set_status(run: &mut Run, status: StepStatus) {
    if let Some(planned) = run.plan.as_mut().and_then(|plan| plan.steps.get_mut(plan.at)) {
        planned.status = status;
    }
}

fn agent_outputs(run: &Run, outcome: &Outcome, answer: Option<String>) -> Outputs {
    let mut outputs = Outputs::from([("cost".to_owned(), format!("{:.4}", run.usage.cost_microusd as f64 / 1_000_000.0))]);
    let changed = matches!(outcome, Outcome::PullRequest { .. });
    outputs.insert("changed".to_owned(), changed.to_string());
    outputs.insert("answer".to_owned(), answer.unwrap_or_default());
    let (mut number, mut link) = (String::new(), String::new());
    if let Outcome::PullRequest { number: opened, url, .. } = outcome {
        (number, link) = (opened.to_string(), url.clone());
    }
    outputs.insert("pull_request".to_owned(), number);
    outputs.insert("url".to_owned(), link);
    outputs.insert("branch".to_owned(), run.branch.as_ref().map(|b| b.name.clone()).unwrap_or_default());
    outputs.insert("commit".to_owned(), run.branch.as_ref().map(|b| b.commit_sha.clone()).unwrap_or_default());
    outputs
}

fn index_of(input: &Input) -> Option<usize> {
    match input {
        Input::StepDone { step, .. }
        | Input::StepSkipped { step, .. }
        | Input::StepFailed { step, .. }
        | Input::StepWaiting { step }
        | Input::StepAnswered { step, .. }
        | Input::AgentAsked { step, .. } => Some(*step),
        _ => None,
    }
}
