//! Kinds of events and their actions: what counts without `types`, and what a workflow says to other kinds.

use super::samples::*;
use crate::trigger::kinds::rules;
use crate::trigger::{Decision, EventKind, decide, kind_of};
use serde_json::json;

#[test]
fn a_pull_request_starts_something_when_opened_pushed_to_or_reopened() {
    for action in rules(EventKind::PullRequest).actions {
        let expected = matches!(*action, "opened" | "synchronize" | "reopened");
        assert_eq!(starts(EventKind::PullRequest, json!({}), &pull_request(action, "main")), expected, "{action}");
        assert!(starts(EventKind::PullRequest, json!({ "types": [action] }), &pull_request(action, "main")), "{action}");
    }
}

#[test]
fn without_types_every_documented_action_of_other_events_counts_and_no_other() {
    for kind in EventKind::ALL.into_iter().filter(|kind| *kind != EventKind::PullRequest) {
        assert_eq!(rules(kind).default_actions, rules(kind).actions, "{kind:?}");
    }
    for action in rules(EventKind::Issues).actions {
        assert!(starts(EventKind::Issues, json!({}), &issue(action)), "{action}");
    }
    assert!(!starts(EventKind::Issues, json!({}), &issue("something_new")));
    let mut requested = check(EventKind::CheckSuite, "CI", Some("main"), "success");
    requested.action = Some("requested".into());
    assert!(!starts(EventKind::CheckSuite, json!({}), &requested));
}

#[test]
fn types_take_the_place_of_the_defaults() {
    let filters = || json!({ "types": ["labeled", "closed"] });
    assert!(starts(EventKind::PullRequest, filters(), &pull_request("closed", "main")));
    assert!(!starts(EventKind::PullRequest, filters(), &pull_request("opened", "main")));
    assert_eq!(
        sentences(decided(EventKind::PullRequest, filters(), &pull_request("opened", "main"), &facts())),
        ["types: `opened` is not one of `labeled`, `closed`"]
    );
}

#[test]
fn another_kind_of_event_is_told_what_the_workflow_waits_for() {
    let triggers = [trigger(EventKind::Issues, json!({})), trigger(EventKind::PullRequest, json!({}))];
    let reasons = sentences(decide(&triggers, &push_branch("main"), &facts()));
    assert_eq!(reasons, ["event: `push` is not one of `issues`, `pull_request`"]);
    let mut unknown = push_branch("main");
    unknown.kind = "star".into();
    assert_eq!(kind_of(&unknown), None);
    assert_eq!(sentences(decide(&triggers, &unknown, &facts())), ["event: `star` is not one of `issues`, `pull_request`"]);
}

#[test]
fn the_trigger_of_the_events_kind_decides() {
    let triggers = [trigger(EventKind::Push, json!({ "branches": ["main"] })), trigger(EventKind::Issues, json!({ "types": ["closed"] }))];
    assert!(matches!(decide(&triggers, &push_branch("main"), &facts()), Decision::Starts { .. }));
    assert!(matches!(decide(&triggers, &issue("opened"), &facts()), Decision::Skipped { .. }));
    assert!(matches!(decide(&triggers, &issue("closed"), &facts()), Decision::Starts { .. }));
}

#[test]
fn everything_that_stands_in_the_way_is_told_at_once() {
    let filters = json!({ "types": ["closed"], "branches": ["next"], "draft": true, "labels": ["x"] });
    let event = from_fork(pull_request("opened", "main"), Some(6));
    let filters: Vec<String> =
        refusals(decided(EventKind::PullRequest, filters, &event, &facts())).into_iter().map(|reason| reason.filter).collect();
    assert_eq!(filters, ["types", "forks", "branches", "draft", "labels"]);
}

#[test]
fn a_start_tells_what_every_filter_said() {
    let filters = json!({ "branches": ["main"], "authors": ["ada"], "paths": ["src/**"] });
    let Decision::Starts { reasons } = decided(EventKind::Push, filters, &push_branch("main"), &facts()) else { panic!("it starts") };
    let sentences: Vec<String> = reasons.iter().map(|reason| reason.sentence()).collect();
    assert_eq!(
        sentences,
        [
            "event: `push` is one of `push`",
            "branches: `main` matched `main`",
            "authors: `ada` matched `ada`",
            "paths: `src/main.rs` matched `src/**`",
        ]
    );
    assert!(reasons.iter().all(|reason| reason.matched));
}

#[test]
fn a_draft_release_starts_nothing_before_it_is_published() {
    for action in ["created", "edited", "deleted"] {
        assert!(!starts(EventKind::Release, json!({}), &release(action, "v1", true)), "{action}");
        assert!(starts(EventKind::Release, json!({}), &release(action, "v1", false)), "{action}");
    }
    assert!(starts(EventKind::Release, json!({}), &release("published", "v1", true)));
}

#[test]
fn a_schedule_meets_only_its_own_expressions() {
    let filters = || json!({ "cron": ["0  4 * * *", "30 5 * * 1,3"] });
    assert!(starts(EventKind::Schedule, filters(), &scheduled("0 4 * * *")));
    assert!(starts(EventKind::Schedule, filters(), &scheduled("30 5 * * 1,3")));
    assert!(!starts(EventKind::Schedule, filters(), &scheduled("0 5 * * *")));
    let crons: Vec<String> = trigger(EventKind::Schedule, filters()).crons().iter().map(|cron| cron.text().to_owned()).collect();
    assert_eq!(crons, ["0 4 * * *", "30 5 * * 1,3"]);
}

#[test]
fn reasons_survive_being_stored() {
    let reasons = refusals(decided(EventKind::Push, json!({ "tags": ["v*"] }), &push_branch("main"), &facts()));
    let stored = serde_json::to_value(&reasons).unwrap();
    assert_eq!(stored, json!([{ "filter": "tags", "value": "main", "pattern": "v*", "matched": false, "how": "only_tags" }]));
    assert_eq!(serde_json::from_value::<Vec<crate::trigger::Reason>>(stored).unwrap(), reasons);
}
