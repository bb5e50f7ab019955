//! The protocol of performing effects, model-checked: in every situation that crashes, duplicates and late words can bring
//! about, the invariants I2 and I3 hold, and every path ends with the run over (I4). States change by
//! `patchbay_domain::run::apply` alone, the function of production.

mod ending;
mod item;
mod performer;
mod protocol;
mod world;

use ending::every_path_ends;
use protocol::{AN_END_IS_AN_END, AT_MOST_ONE_COMMENT, AT_MOST_ONE_PULL_REQUEST, Faults, Protocol};
use stateright::{Checker, HasDiscoveries, Model};

/// No path with these faults has so many steps: what makes the protocol longer shows.
const LONGEST: u32 = 80;

/// Looks at every situation that there is, and at every path's end.
fn check(faults: Faults) {
    let protocol = Protocol::with(faults);
    let walk = every_path_ends(&protocol).unwrap_or_else(|path| panic!("I4: {path}"));
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    assert_eq!(checker.unique_state_count(), walk.situations, "both looked at everything");
    assert!(walk.longest < LONGEST, "a path has {} steps", walk.longest);
}

/// Without one of its rules the protocol breaks this property.
fn is_caught(forget: impl FnOnce(&mut Protocol), faults: Faults, property: &'static str) {
    let mut protocol = Protocol::with(faults);
    forget(&mut protocol);
    let checker = protocol.checker().threads(2).finish_when(HasDiscoveries::AnyOf([property].into())).spawn_bfs().join();
    checker.assert_any_discovery(property);
}

#[test]
fn crashes_repeat_and_lose_nothing() {
    check(Faults { crashes: 2, ..Faults::default() });
}

#[test]
fn a_duplicate_a_lost_answer_and_a_crash_repeat_and_lose_nothing() {
    check(Faults { crashes: 1, duplicates: 1, lost_answers: 1, ..Faults::default() });
}

#[test]
fn hosts_that_fail_and_stop_events_that_are_late_are_survived() {
    check(Faults { crashes: 1, host_failures: 1, ..Faults::default() });
    check(Faults { host_failures: 3, ..Faults::default() });
}

#[test]
fn a_stop_at_any_moment_leaves_nothing_behind() {
    check(Faults { crashes: 1, duplicates: 1, stops: 1, ..Faults::default() });
}

#[test]
fn a_deadline_at_any_moment_leaves_nothing_behind() {
    check(Faults { crashes: 1, duplicates: 1, deadlines: 1, ..Faults::default() });
}

#[test]
fn without_the_look_up_a_second_comment_appears() {
    is_caught(|protocol| protocol.looks_up = false, Faults { crashes: 1, ..Faults::default() }, AT_MOST_ONE_COMMENT);
}

#[test]
fn without_the_look_up_a_second_pull_request_appears() {
    is_caught(|protocol| protocol.looks_up = false, Faults { crashes: 1, ..Faults::default() }, AT_MOST_ONE_PULL_REQUEST);
}

#[test]
fn with_a_lease_shorter_than_its_holder_two_pull_requests_appear() {
    is_caught(|protocol| protocol.lease_outlives_holder = false, Faults { duplicates: 1, ..Faults::default() }, AT_MOST_ONE_PULL_REQUEST);
}

#[test]
fn with_saves_that_overwrite_an_end_is_undone() {
    is_caught(|protocol| protocol.saves_by_version = false, Faults { stops: 1, ..Faults::default() }, AN_END_IS_AN_END);
}

#[test]
fn without_the_reaper_a_run_is_stuck_after_a_message_that_met_the_lease_of_a_dead_one() {
    let faults = Faults { crashes: 1, duplicates: 1, ..Faults::default() };
    let path = every_path_ends(&Protocol { reaps: false, ..Protocol::with(faults) }).expect_err("a path that does not end well");
    assert!(path.contains("stuck"), "{path}");
}
