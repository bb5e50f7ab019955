//! Single cases, each a sentence that somebody would miss if it stopped being true.

use super::samples::{
    ARN, accepted, after, applying, at, begin, changes, pushed, pushed_input, ready, running, starting, stop, uninstalled,
};
use crate::run::apply::MAX_TASK_ATTEMPTS;
use crate::run::{CancelReason, Effect, Input, Place, Run, SlotScope, State, TaskEnd, apply};
use crate::task::FailureCode;

fn failure_code(run: &Run) -> Option<FailureCode> {
    match &run.state {
        State::Failed { failure } => Some(failure.code),
        _ => None,
    }
}

#[test]
fn a_status_decided_while_the_last_one_was_being_written_is_written_too() {
    // The launcher writes "starting"; meanwhile the result arrives and ends the run.
    let writing = begin(after(starting(), &[Input::TaskStarted { attempt: 1, arn: ARN.into() }]), Effect::UpdateStatus);
    let ended = after(writing, &[Input::TaskEnded { attempt: 1, end: TaskEnd::OutOfMemory }]);
    let noted = after(ended, &[Input::StatusPosted { comment: 77 }]);
    assert!(noted.has_pending(Effect::UpdateStatus), "the comment would say `starting` for ever");
    let done = after(begin(noted, Effect::UpdateStatus), &[Input::StatusPosted { comment: 77 }]);
    assert!(!done.has_pending(Effect::UpdateStatus));
}

#[test]
fn a_stopped_run_never_pushes_and_takes_back_what_it_had_begun() {
    let stopped = after(begin(applying(), Effect::PushBranch), &[stop(), pushed_input(), ready()]);
    assert!(matches!(stopped.state, State::Cancelled { .. }));
    assert!(stopped.has_pending(Effect::RetractPullRequest));
    assert!(!stopped.has_pending(Effect::PushBranch) && !stopped.has_pending(Effect::OpenPullRequest));
}

#[test]
fn after_an_uninstall_nothing_is_written_not_even_a_farewell() {
    let gone = after(begin(applying(), Effect::PushBranch), &[uninstalled(), pushed_input(), ready()]);
    let left: Vec<Effect> = gone.outbox.iter().map(|p| p.effect).collect();
    assert_eq!(left, [Effect::StopTask, Effect::ReleaseSlots]);
}

#[test]
fn a_run_whose_thread_was_closed_says_so() {
    let closed = after(running(), &[Input::Cancel { reason: CancelReason::ThreadClosed }]);
    assert!(closed.has_pending(Effect::UpdateStatus) && closed.has_pending(Effect::StopTask));
}

#[test]
fn a_task_that_the_platform_ended_is_started_again_but_not_for_ever() {
    let mut run = running();
    for attempt in 2..=MAX_TASK_ATTEMPTS {
        run = after(run, &[Input::TaskEnded { attempt: attempt - 1, end: TaskEnd::Lost }]);
        assert_eq!((run.attempt, &run.state), (attempt, &State::Starting));
        run = after(run, &[Input::TaskStarted { attempt, arn: format!("arn:task/{attempt}") }]);
    }
    run = after(run, &[Input::TaskEnded { attempt: MAX_TASK_ATTEMPTS, end: TaskEnd::Lost }]);
    assert_eq!(failure_code(&run), Some(FailureCode::Infrastructure));
}

#[test]
fn what_is_said_of_an_earlier_attempt_means_nothing() {
    // The stop of attempt 1 overtook the word of its start.
    let second = after(starting(), &[Input::TaskEnded { attempt: 1, end: TaskEnd::Lost }]);
    for late in [Input::TaskEnded { attempt: 1, end: TaskEnd::Lost }, Input::TaskStarted { attempt: 1, arn: ARN.into() }] {
        let transition = apply(&second, &late, at(500));
        assert!(!transition.changed, "{late:?}");
        assert_eq!((transition.next.attempt, transition.next.has_pending(Effect::StartTask)), (2, true));
    }
}

#[test]
fn a_second_word_of_the_same_start_does_not_prolong_the_deadline() {
    let run = running();
    let again = apply(&run, &Input::TaskStarted { attempt: 1, arn: ARN.into() }, at(500)).next;
    assert_eq!(again.deadline_at, run.deadline_at);
}

#[test]
fn a_result_may_come_before_the_word_that_the_task_started() {
    let run = after(starting(), &[changes(), Input::TaskStarted { attempt: 1, arn: ARN.into() }]);
    assert_eq!(run.state, State::Applying);
    assert!(!run.has_pending(Effect::StartTask));
    assert_eq!(run.task.map(|task| task.arn).as_deref(), Some(ARN));
}

#[test]
fn a_task_that_started_after_the_stop_is_stopped() {
    let stopped = after(begin(starting(), Effect::StartTask), &[stop(), Input::Done { effect: Effect::StopTask }]);
    let late = after(stopped, &[Input::TaskStarted { attempt: 1, arn: ARN.into() }]);
    assert!(late.has_pending(Effect::StopTask));
}

#[test]
fn a_run_that_is_stopped_while_it_waits_for_a_slot_waits_no_longer() {
    let busy = Input::SlotsBusy { scope: SlotScope::Thread, retry_at: at(90) };
    let waiting = after(begin(accepted(), Effect::ClaimSlots), &[busy]);
    assert!(!waiting.has_pending(Effect::ClaimSlots));
    let stopped = after(waiting, &[stop()]);
    assert!(stopped.has_pending(Effect::ReleaseSlots));
}

#[test]
fn slots_claimed_while_the_run_was_being_stopped_are_given_back() {
    let stopped = after(begin(accepted(), Effect::ClaimSlots), &[stop(), Input::Done { effect: Effect::ReleaseSlots }]);
    assert!(after(stopped, &[Input::SlotsClaimed]).has_pending(Effect::ReleaseSlots));
}

#[test]
fn a_deadline_counts_only_once_it_has_passed() {
    let run = running();
    assert!(!apply(&run, &Input::DeadlinePassed, at(11)).changed);
    assert_eq!(failure_code(&apply(&run, &Input::DeadlinePassed, at(100_000)).next), Some(FailureCode::TimedOut));
}

#[test]
fn a_pull_request_that_cannot_be_opened_ends_the_run() {
    let run = after(begin(pushed(), Effect::OpenPullRequest), &[Input::Abandoned { effect: Effect::OpenPullRequest }]);
    assert_eq!(failure_code(&run), Some(FailureCode::ForgeRefused));
}

#[test]
fn what_waits_in_the_outbox_is_due_after_a_grace_even_when_the_run_is_over() {
    let run = after(running(), &[stop()]);
    assert!(run.due_at().is_some_and(|due| due > at(10)));
    let effects: Vec<Effect> = run.outbox.iter().map(|p| p.effect).collect();
    let done = effects.into_iter().fold(run, |run, effect| after(begin(run, effect), &[Input::Done { effect }]));
    assert_eq!(done.due_at(), None);
}

#[test]
fn an_effect_is_offered_where_it_belongs_and_when_its_time_has_come() {
    let run = after(accepted(), &[Input::Postponed { effect: Effect::UpdateStatus, retry_at: at(60) }]);
    assert_eq!(run.next_effect(Place::Launch, at(20)).map(|p| p.effect), Some(Effect::ClaimSlots));
    assert_eq!(run.next_effect(Place::Launch, at(60)).map(|p| p.effect), Some(Effect::UpdateStatus));
    assert_eq!(run.next_effect(Place::Results, at(60)), None);
}

#[test]
fn a_comment_that_a_given_up_try_may_have_made_is_looked_for_before_the_next() {
    let begun = begin(accepted(), Effect::UpdateStatus);
    let given_up = after(begun, &[Input::Abandoned { effect: Effect::UpdateStatus }]);
    let ended = after(given_up, &[Input::Cancel { reason: CancelReason::ThreadClosed }]);
    let tries = |run: &Run| run.outbox.iter().find(|p| p.effect == Effect::UpdateStatus).map(|p| p.tries);
    assert_eq!(tries(&ended), Some(1));
    let found = after(begin(ended, Effect::UpdateStatus), &[Input::StatusPosted { comment: 7 }]);
    assert_eq!((tries(&found), found.status_unsure), (None, false));
}
