//! The protocol of performing effects, model-checked: in every situation that crashes, duplicates and late words can bring
//! about, the invariants I2–I4 hold. States change by `patchbay_domain::run::apply` alone, the function of production.

mod item;
mod performer;
mod protocol;
mod world;

use protocol::{AN_END_IS_AN_END, AT_MOST_ONE_COMMENT, AT_MOST_ONE_PULL_REQUEST, Faults, Protocol};
use stateright::{Checker, HasDiscoveries, Model};

/// Every check looks at far fewer situations; a model that grows without end fails instead of running for ever.
const MOST: usize = 600_000;

fn check(protocol: Protocol) {
    let checker = protocol.checker().threads(2).target_state_count(MOST).spawn_bfs().join();
    assert!(checker.state_count() < MOST, "not every situation was looked at");
    checker.assert_properties();
}

fn is_caught(protocol: Protocol, property: &'static str) {
    let checker = protocol.checker().threads(2).finish_when(HasDiscoveries::AnyOf([property].into())).spawn_bfs().join();
    checker.assert_any_discovery(property);
}

#[test]
fn crashes_repeat_nothing() {
    check(Protocol::writing(Faults { crashes: 2, ..Faults::default() }));
}

#[test]
fn duplicates_repeat_nothing() {
    check(Protocol::writing(Faults { crashes: 1, duplicates: 1, ..Faults::default() }));
}

#[test]
fn lost_answers_repeat_nothing() {
    check(Protocol::writing(Faults { crashes: 1, lost_answers: 1, ..Faults::default() }));
}

#[test]
fn a_stop_at_any_moment_leaves_nothing_behind() {
    check(Protocol::writing(Faults { crashes: 1, stops: 1, ..Faults::default() }));
}

#[test]
fn a_deadline_at_any_moment_leaves_nothing_behind() {
    check(Protocol::writing(Faults { crashes: 1, deadlines: 1, ..Faults::default() }));
}

#[test]
fn hosts_that_fail_and_stop_events_that_are_late_are_survived() {
    check(Protocol::with(Faults { host_failures: 1, ..Faults::default() }));
}

#[test]
fn without_the_look_up_a_second_comment_appears() {
    let faults = Faults { crashes: 1, ..Faults::default() };
    is_caught(Protocol { looks_up: false, ..Protocol::with(faults) }, AT_MOST_ONE_COMMENT);
}

#[test]
fn without_the_look_up_a_second_pull_request_appears() {
    let faults = Faults { crashes: 1, ..Faults::default() };
    is_caught(Protocol { looks_up: false, ..Protocol::writing(faults) }, AT_MOST_ONE_PULL_REQUEST);
}

#[test]
fn with_a_lease_shorter_than_its_holder_two_pull_requests_appear() {
    let faults = Faults { duplicates: 1, ..Faults::default() };
    is_caught(Protocol { lease_outlives_holder: false, ..Protocol::writing(faults) }, AT_MOST_ONE_PULL_REQUEST);
}

#[test]
fn with_saves_that_overwrite_an_end_is_undone() {
    let faults = Faults { stops: 1, ..Faults::default() };
    is_caught(Protocol { saves_by_version: false, ..Protocol::writing(faults) }, AN_END_IS_AN_END);
}
