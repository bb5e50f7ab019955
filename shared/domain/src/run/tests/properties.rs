//! What holds whatever happens, in any order, any number of times.

use super::samples::{accepted, agent, at, begin, comment, inputs, planned};
use crate::run::plan::StepStatus;
use crate::run::{Effect, Place, Run, State, apply};
use proptest::prelude::*;

/// One thing that happens: an input, or somebody beginning a pending effect.
#[derive(Clone, Debug)]
enum Happening {
    Input(usize),
    Begin(usize),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let input = (0..inputs().len()).prop_map(Happening::Input);
    let begin = (0..Effect::ALL.len()).prop_map(Happening::Begin);
    prop::collection::vec(prop_oneof![3 => input, 1 => begin], 0..60)
}

fn check_invariants(before: &Run, after: &Run, changed: bool) {
    if !changed {
        assert_eq!(before, after, "an input that changes nothing changes nothing");
    }
    if before.state.is_terminal() {
        assert_eq!(before.state, after.state, "a terminal state never changes");
        for effect in [Effect::ClaimSlots, Effect::StartTask, Effect::PushBranch, Effect::OpenPullRequest] {
            assert!(!after.has_pending(effect), "a run that is over begins nothing new: {effect:?}");
        }
    } else {
        assert!(after.state.is_terminal() || after.due_at().is_some(), "the reaper finds every run that is not over");
    }
    check_steps(before, after);
    assert_eq!(before.version, after.version, "saving counts versions, not applying");
    let mut effects: Vec<Effect> = after.outbox.iter().map(|p| p.effect).collect();
    effects.sort();
    effects.dedup();
    assert_eq!(effects.len(), after.outbox.len(), "no effect twice in the outbox");
    for pending in &after.outbox {
        assert!(pending.effect != Effect::PushBranch || pending.place == Place::Results, "only run-results writes code");
        assert!(pending.effect != Effect::StartTask || pending.place == Place::Launch, "only run-launcher starts tasks");
    }
    if let State::Cancelled { reason } = &after.state
        && !reason.may_still_write()
    {
        let writes = [Effect::UpdateStatus, Effect::RemoveLabel, Effect::RetractPullRequest];
        assert!(!after.outbox.iter().any(|p| writes.contains(&p.effect)), "after an uninstall nothing more is written");
    }
    if !matches!(before.state, State::Starting) {
        assert!(!after.has_pending(Effect::StartTask) || before.has_pending(Effect::StartTask) || after.state == State::Starting);
    }
}

fn check_steps(before: &Run, after: &Run) {
    let (Some(before_plan), Some(plan)) = (&before.plan, &after.plan) else { return };
    for (earlier, later) in before_plan.steps.iter().zip(&plan.steps) {
        assert!(earlier.status.outcome().is_none() || earlier.status == later.status, "a step that is over stays as it is");
    }
    assert!(plan.at >= before_plan.at, "no step is begun again");
    let entered = plan.steps.iter().skip(plan.at + 1);
    assert!(entered.into_iter().all(|step| step.status == StepStatus::Pending), "no step is begun before its turn");
    if plan.at > before_plan.at {
        let clearing = [Effect::StopTask, Effect::ReleaseSlots, Effect::RetractPullRequest];
        assert!(clearing.iter().all(|effect| after.state.is_terminal() || !after.has_pending(*effect)), "what was before is cleared away");
    }
}

/// The built-in workflow's run, or one with a plan.
fn starts() -> impl Strategy<Value = Run> {
    prop_oneof![
        Just(accepted()),
        Just(planned(vec![comment(false), comment(true), comment(false)])),
        Just(planned(vec![agent(true), comment(false), agent(false)])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn whatever_happens_the_rules_hold(start in starts(), happenings in happenings()) {
        let inputs = inputs();
        let mut run = start;
        for (i, happening) in happenings.iter().enumerate() {
            let now = at(i64::try_from(i).unwrap() * 30);
            match happening {
                Happening::Begin(effect) => run = begin(run, Effect::ALL[*effect]),
                Happening::Input(input) => {
                    let transition = apply(&run, &inputs[*input].1, now);
                    check_invariants(&run, &transition.next, transition.changed);
                    run = transition.next;
                }
            }
        }
    }

    #[test]
    fn a_run_that_holds_slots_gives_them_back(happenings in happenings()) {
        let inputs = inputs();
        let mut run = accepted();
        let mut claimed = false;
        for happening in &happenings {
            match happening {
                Happening::Begin(effect) => run = begin(run, Effect::ALL[*effect]),
                Happening::Input(input) => {
                    let next = apply(&run, &inputs[*input].1, at(100_000)).next;
                    claimed |= !matches!(next.state, State::Queued { .. } | State::Cancelled { .. });
                    if claimed && next.state.is_terminal() && !run.state.is_terminal() {
                        prop_assert!(next.has_pending(Effect::ReleaseSlots));
                    }
                    run = next;
                }
            }
        }
    }
}
