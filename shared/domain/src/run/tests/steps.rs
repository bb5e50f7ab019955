//! Single cases of runs that go through the steps of a plan.

use super::samples::{
    ARN, after, agent, asked, at, begin, changes, comment, new_planned, planned, planned_running, pushed_input, ready, stop, stored_answer,
};
use crate::run::apply::accept;
use crate::run::plan::{Outputs, StepStatus};
use crate::run::{CancelReason, Effect, Input, Outcome, Place, QueuedBecause, Run, State, TaskEnd, apply};
use crate::task::{Failure, FailureCode};

fn outcomes(run: &Run) -> Vec<&'static str> {
    run.plan.as_ref().unwrap().steps.iter().map(|planned| planned.status.outcome().unwrap_or("open")).collect()
}

fn done(step: usize) -> Input {
    Input::StepDone { step, outputs: Outputs::new() }
}

fn failed(step: usize) -> Input {
    Input::StepFailed { step, failure: Failure::new(FailureCode::ForgeRefused, "no") }
}

fn cleared() -> Input {
    Input::Done { effect: Effect::ReleaseSlots }
}

#[test]
fn steps_are_done_one_after_the_other_and_then_the_run_is_over() {
    let run = planned(vec![comment(false), comment(false)]);
    assert_eq!(run.outbox.iter().map(|p| (p.effect, p.place)).collect::<Vec<_>>(), [(Effect::PerformStep, Place::Launch)]);
    let run = after(run, &[done(0)]);
    assert_eq!((outcomes(&run), run.has_pending(Effect::PerformStep)), (vec!["success", "open"], true));
    let run = after(run, &[done(1)]);
    assert_eq!(run.state, State::Succeeded { outcome: Outcome::Steps });
    assert!(run.outbox.is_empty(), "it held nothing and promised nothing: {:?}", run.outbox);
}

#[test]
fn a_word_about_a_step_that_is_over_means_nothing() {
    let run = after(planned(vec![comment(false), comment(false)]), &[done(0)]);
    for late in [done(0), failed(0), Input::StepWaiting { step: 0 }, asked(0), done(2)] {
        assert!(!apply(&run, &late, at(20)).changed, "{late:?}");
    }
}

#[test]
fn a_tries_counter_begins_anew_with_each_step() {
    let run = begin(begin(planned(vec![comment(false), comment(false)]), Effect::PerformStep), Effect::PerformStep);
    let run = after(run, &[done(0)]);
    assert_eq!(run.outbox[0].tries, 0, "the second step was never tried");
}

#[test]
fn an_error_ends_the_run_unless_the_step_may_fail() {
    let strict = after(planned(vec![comment(false), comment(false)]), &[failed(0)]);
    assert!(matches!(strict.state, State::Failed { .. }));
    assert!(strict.has_pending(Effect::UpdateStatus), "somebody is told");
    let lenient = after(planned(vec![comment(true), comment(false)]), &[failed(0), done(1)]);
    assert_eq!((outcomes(&lenient), lenient.state), (vec!["failure", "success"], State::Succeeded { outcome: Outcome::Steps }));
}

#[test]
fn an_agent_step_is_a_run_of_the_agent_and_the_next_begins_when_its_slots_are_back() {
    let run = planned_running(vec![agent(false), comment(false)]);
    assert_eq!((run.deadline_seconds, run.budget_microusd, run.request.prompt.as_str()), (1200, 500_000, "rendered"));
    let run = after(run, &[stored_answer()]);
    assert!(run.has_pending(Effect::ReleaseSlots) && !run.has_pending(Effect::PerformStep));
    let run = after(run, &[cleared()]);
    assert_eq!(run.plan.as_ref().unwrap().at, 1);
    let StepStatus::Succeeded { outputs } = &run.plan.as_ref().unwrap().steps[0].status else { panic!("{run:?}") };
    assert_eq!((outputs["answer"].as_str(), outputs["changed"].as_str()), ("42", "false"));
    assert_eq!(after(run, &[done(1)]).state, State::Succeeded { outcome: Outcome::Steps });
}

#[test]
fn a_change_as_the_last_step_ends_the_run_with_its_pull_request() {
    let run = after(planned_running(vec![agent(false)]), &[changes(), pushed_input(), ready()]);
    assert!(matches!(run.state, State::Succeeded { outcome: Outcome::PullRequest { number: 13, .. } }));
}

#[test]
fn a_second_agent_step_has_an_attempt_and_a_branch_of_its_own() {
    let first = planned_running(vec![agent(false), agent(false)]);
    let second = after(first.clone(), &[changes(), pushed_input(), ready(), cleared(), asked(1), Input::SlotsClaimed]);
    assert_eq!((second.attempt, &second.state, &second.task), (2, &State::Starting, &None));
    assert_ne!(first.branch_name(), second.branch_name());
    let stopped = after(begin(second, Effect::StartTask), &[stop()]);
    assert!(!stopped.has_pending(Effect::RetractPullRequest), "the first step's pull request stays");
}

#[test]
fn each_agent_step_may_lose_its_task_as_often_as_a_run_of_its_own() {
    let mut run = after(planned_running(vec![agent(false), agent(false)]), &[stored_answer(), cleared(), asked(1), Input::SlotsClaimed]);
    for attempt in [2, 3] {
        run = after(run, &[Input::TaskEnded { attempt, end: TaskEnd::Lost }]);
        assert_eq!(run.state, State::Starting, "attempt {attempt}");
    }
    assert!(matches!(after(run, &[Input::TaskEnded { attempt: 4, end: TaskEnd::Lost }]).state, State::Failed { .. }));
}

#[test]
fn a_failed_agent_whose_errors_are_forgiven_is_stopped_before_the_next_step() {
    let run = after(planned_running(vec![agent(true), comment(false)]), &[Input::DeadlinePassed]);
    assert!(matches!(run.state, State::Running { .. }), "its time is not over yet");
    let run = apply(&run, &Input::DeadlinePassed, at(5_000)).next;
    assert!(run.has_pending(Effect::StopTask) && run.has_pending(Effect::ReleaseSlots) && !run.has_pending(Effect::PerformStep));
    let run = after(run, &[cleared()]);
    assert!(!run.has_pending(Effect::PerformStep), "the task still has to be stopped");
    assert!(after(run, &[Input::Done { effect: Effect::StopTask }]).has_pending(Effect::PerformStep));
}

#[test]
fn a_callback_that_is_faster_than_the_answer_to_its_call_is_taken() {
    let run = begin(planned(vec![comment(false), comment(false)]), Effect::PerformStep);
    let answered = Input::StepAnswered { step: 0, outputs: Outputs::from([("x".to_owned(), "1".to_owned())]) };
    let run = after(run, &[answered.clone(), Input::StepWaiting { step: 0 }]);
    assert_eq!(outcomes(&run), ["success", "open"]);
    assert!(!apply(&run, &answered, at(30)).changed, "a token works once");
}

#[test]
fn a_parked_step_ends_at_its_time() {
    let run = after(planned(vec![comment(false)]), &[Input::StepWaiting { step: 0 }]);
    assert!(run.outbox.is_empty());
    assert_eq!(run.due_at(), run.deadline_at);
    let late = apply(&run, &Input::DeadlinePassed, at(100_000)).next;
    assert!(matches!(late.state, State::Failed { failure: Failure { code: FailureCode::TimedOut, .. } }));
}

#[test]
fn a_cooldown_is_waited_for_and_not_cut_short() {
    let mut new = new_planned(vec![comment(false)]);
    new.plan.as_mut().unwrap().not_before = Some(at(600));
    let run = accept(new, at(0));
    assert_eq!((&run.state, run.wake_at), (&State::Queued { because: QueuedBecause::Cooldown }, Some(at(600))));
    assert!(!apply(&run, &Input::Woken, at(300)).changed);
    assert!(apply(&run, &Input::Woken, at(599)).next.has_pending(Effect::PerformStep));
    let superseded = after(run, &[Input::Cancel { reason: CancelReason::Superseded { by: "run_2".into() } }]);
    assert!(superseded.outbox.is_empty(), "it held nothing: {:?}", superseded.outbox);
}

#[test]
fn a_concurrency_group_is_held_from_the_first_step_to_the_end() {
    let mut new = new_planned(vec![comment(false)]);
    new.plan.as_mut().unwrap().group = Some("g".into());
    let run = begin(accept(new, at(0)), Effect::ClaimSlots);
    assert!(!run.has_pending(Effect::PerformStep));
    let run = after(run, &[Input::SlotsClaimed]);
    assert!(run.has_pending(Effect::PerformStep));
    assert!(after(run, &[done(0)]).has_pending(Effect::ReleaseSlots));
}

#[test]
fn a_run_without_a_thread_shows_no_status() {
    let mut new = new_planned(vec![agent(false)]);
    new.thread = None;
    let run = after(accept(new, at(0)), &[asked(0), Input::SlotsClaimed, Input::TaskStarted { attempt: 1, arn: ARN.into() }, stop()]);
    assert!(!run.has_pending(Effect::UpdateStatus));
}

#[test]
fn a_failed_run_without_a_thread_is_told_of_beside_its_commit() {
    let fail = |event: serde_json::Value| {
        let mut new = new_planned(vec![comment(false)]);
        new.thread = None;
        new.plan.as_mut().unwrap().event = event;
        after(accept(new, at(0)), &[failed(0)])
    };
    for event in [serde_json::json!({ "sha": "abc" }), serde_json::json!({ "sha": null })] {
        let run = fail(event);
        assert!(run.has_pending(Effect::UpdateStatus));
        let done = Input::Done { effect: Effect::UpdateStatus };
        assert!(after(begin(run, Effect::UpdateStatus), &[done]).outbox.is_empty());
    }
}

#[test]
fn nobody_speaks_in_a_discussion() {
    let mut new = new_planned(vec![agent(false)]);
    new.thread.as_mut().unwrap().kind = crate::event::SubjectKind::Discussion;
    let run = after(accept(new, at(0)), &[asked(0)]);
    assert!(!run.shows_status);
    assert!(!run.has_pending(Effect::UpdateStatus));
    let failed = after(run, &[Input::SlotsClaimed, Input::Abandoned { effect: Effect::StartTask }]);
    assert!(failed.has_pending(Effect::UpdateStatus), "but a failure is told beside a commit");
}

fn leaving(step: usize, chars: usize, c: &str) -> Input {
    Input::StepDone { step, outputs: Outputs::from([("text".to_owned(), c.repeat(chars)), ("n".to_owned(), "7".to_owned())]) }
}

fn left(run: &Run) -> Vec<&Outputs> {
    let steps = run.plan.as_ref().unwrap().steps.iter();
    let outputs = steps.filter_map(|planned| match &planned.status {
        StepStatus::Succeeded { outputs } => Some(outputs),
        _ => None,
    });
    outputs.collect()
}

#[test]
fn what_steps_leave_fits_into_the_runs_item_and_what_is_cut_says_so() {
    let steps = 20;
    let mut run = planned(vec![comment(false); steps + 1]);
    for step in 0..steps {
        run = after(run, &[leaving(step, 31_000, if step % 2 == 0 { "x" } else { "\n" })]);
    }
    let size: usize = left(&run).iter().map(|outputs| serde_json::to_vec(outputs).unwrap().len()).sum();
    assert!(size < crate::run::MAX_OUTPUTS_BYTES + 1_000, "{size}");
    assert!(serde_json::to_vec(&run).unwrap().len() < 390_000);
    for outputs in left(&run) {
        assert!(outputs["text"].ends_with("bytes together)") && outputs["text"].len() > 3_000, "{}", outputs["text"].len());
        assert_eq!(outputs["n"], "7", "what is short stays whole");
    }
}

#[test]
fn an_output_alone_is_cut_to_its_limit_and_a_large_event_leaves_less_room() {
    let run = after(planned(vec![comment(false); 2]), &[leaving(0, 40_000, "x")]);
    assert_eq!(left(&run)[0]["text"].len(), 32_000);
    let mut new = new_planned(vec![comment(false); 2]);
    new.plan.as_mut().unwrap().event = serde_json::json!({ "body": "y".repeat(370_000) });
    let run = after(accept(new, at(0)), &[leaving(0, 32_000, "x")]);
    assert!(serde_json::to_vec(&run).unwrap().len() <= 381_000, "{}", serde_json::to_vec(&run).unwrap().len());
}
