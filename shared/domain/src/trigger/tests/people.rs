//! Who did it: what is asked for, what decides, and what holds without `authors`.

use super::samples::*;
use crate::event::RefKind;
use crate::trigger::{Decision, EventKind, Facts, Need, Permission, team_key};
use serde_json::{Value, json};

fn with(permission: Permission) -> Facts {
    Facts { permission: Some(permission), ..facts() }
}

fn by(login: &str) -> crate::event::Event {
    let mut event = issue("opened");
    event.actor = Some(person(login));
    event
}

fn is_start(filters: Value, login: &str, facts: &Facts) -> bool {
    match decided(EventKind::Issues, filters, &by(login), facts) {
        Decision::Starts { .. } => true,
        Decision::Skipped { .. } => false,
        Decision::Needs(need) => panic!("{need:?}"),
    }
}

fn need(filters: Value, login: &str) -> Option<Need> {
    match decided(EventKind::Issues, filters, &by(login), &Facts::default()) {
        Decision::Needs(need) => Some(need),
        _ => None,
    }
}

#[test]
fn without_authors_only_who_may_write_starts_what_anybody_can_bring_about() {
    let events = [
        issue("opened"),
        comment("hello"),
        pull_request("opened", "main"),
        review("approved"),
        release("published", "v1", false),
        ref_change(EventKind::Create, RefKind::Branch, "b"),
        ref_change(EventKind::Delete, RefKind::Tag, "t"),
        manual(Some(person("ada"))),
    ];
    for event in events {
        let kind = crate::trigger::kind_of(&event).unwrap();
        assert_eq!(decided(kind, json!({}), &event, &Facts::default()), Decision::Needs(Need::Permission), "{kind:?}");
        for (permission, expected) in [
            (Permission::None, false),
            (Permission::Read, false),
            (Permission::Triage, false),
            (Permission::Write, true),
            (Permission::Maintain, true),
            (Permission::Admin, true),
        ] {
            let decision = decided(kind, json!({}), &event, &with(permission));
            assert_eq!(matches!(decision, Decision::Starts { .. }), expected, "{kind:?} {permission:?}");
        }
    }
}

#[test]
fn without_authors_nobody_is_asked_for_what_only_writers_can_bring_about() {
    let events = [
        push_branch("main"),
        deployment_status("production", "success"),
        check(EventKind::WorkflowRun, "CI", Some("main"), "failure"),
        check(EventKind::CheckRun, "lint", Some("main"), "failure"),
        check(EventKind::CheckSuite, "App", Some("main"), "failure"),
        manual(None),
    ];
    for event in events {
        let kind = crate::trigger::kind_of(&event).unwrap();
        assert!(matches!(decided(kind, json!({}), &event, &Facts::default()), Decision::Starts { .. }), "{kind:?}");
    }
}

#[test]
fn an_event_of_nobody_starts_nothing_that_needs_permission() {
    let mut event = issue("opened");
    event.actor = None;
    assert!(!starts(EventKind::Issues, json!({}), &event));
    assert!(!starts(EventKind::Issues, json!({ "authors": ["*"] }), &event));
    assert!(!starts(EventKind::Issues, json!({ "authors": ["!mallory"] }), &event));
}

#[test]
fn logins_are_patterns_without_upper_and_lower_case() {
    // authors, login, starts
    let table = [
        (json!(["ada"]), "ada", true),
        (json!(["ADA"]), "Ada", true),
        (json!(["ada"]), "adam", false),
        (json!(["acme-*"]), "acme-bob", true),
        (json!(["*"]), "mallory", true),
        (json!(["**"]), "mallory", true),
        (json!(["*", "!mallory"]), "mallory", false),
        (json!(["*", "!mallory"]), "ada", true),
        (json!(["!mallory", "*"]), "mallory", true),
        (json!(["9"]), "somebody", true),
        (json!(["8"]), "8", false),
        (json!(["renovate[bot]"]), "renovateb", false),
    ];
    for (authors, login, expected) in table {
        assert_eq!(is_start(json!({ "authors": authors }), login, &with(Permission::None)), expected, "{authors} {login}");
    }
}

#[test]
fn entries_that_only_exclude_leave_the_rest_to_the_rule_without_authors() {
    let filters = json!({ "authors": ["!mallory"] });
    assert!(is_start(filters.clone(), "ada", &with(Permission::Write)));
    assert!(!is_start(filters.clone(), "ada", &with(Permission::Read)));
    assert!(!is_start(filters.clone(), "mallory", &with(Permission::Admin)));
    assert_eq!(need(filters.clone(), "ada"), Some(Need::Permission));
    assert_eq!(need(filters.clone(), "mallory"), None);
    assert!(starts(EventKind::Push, filters, &push_branch("main")));
}

#[test]
fn a_permission_word_means_at_least_that() {
    for (word, permission, expected) in [
        ("write", Permission::Write, true),
        ("write", Permission::Admin, true),
        ("write", Permission::Triage, false),
        ("admin", Permission::Maintain, false),
        ("read", Permission::Read, true),
        ("read", Permission::None, false),
    ] {
        assert_eq!(is_start(json!({ "authors": [word] }), "ada", &with(permission)), expected, "{word} {permission:?}");
    }
    assert!(!is_start(json!({ "authors": ["*", "!write"] }), "ada", &with(Permission::Write)));
}

#[test]
fn a_team_is_asked_for_by_name() {
    let filters = json!({ "authors": ["@Acme/Docs"] });
    let team = Need::Team { organisation: "acme".into(), team: "docs".into() };
    assert_eq!(need(filters.clone(), "ada"), Some(team));
    for member in [true, false] {
        let facts = Facts { teams: [(team_key("Acme", "docs"), member)].into(), ..facts() };
        assert_eq!(is_start(filters.clone(), "ada", &facts), member);
    }
}

#[test]
fn nothing_is_asked_for_that_cannot_change_the_answer() {
    let team = Need::Team { organisation: "acme".into(), team: "docs".into() };
    // authors, login, what is asked for
    let table = [
        (json!(["@acme/docs", "ada"]), "ada", None),
        (json!(["ada", "@acme/docs"]), "ada", None),
        (json!(["ada", "!@acme/docs"]), "ada", Some(team.clone())),
        (json!(["!@acme/docs", "ada"]), "ada", None),
        (json!(["ada", "!@acme/docs"]), "bob", None),
        (json!(["ada", "@acme/docs"]), "bob", Some(team.clone())),
        (json!(["@acme/docs", "write"]), "bob", Some(Need::Permission)),
        (json!(["*"]), "bob", None),
        (json!(["@acme/docs", "!bob"]), "bob", None),
    ];
    for (authors, login, expected) in table {
        assert_eq!(need(json!({ "authors": authors }), login), expected, "{authors} {login}");
    }
}

#[test]
fn one_answer_after_the_other_is_asked_for_until_it_is_decided() {
    let filters = json!({ "authors": ["@acme/docs", "write"] });
    assert_eq!(need(filters.clone(), "bob"), Some(Need::Permission));
    let reader = Facts { permission: Some(Permission::Read), ..Facts::default() };
    let team = Need::Team { organisation: "acme".into(), team: "docs".into() };
    assert_eq!(decided(EventKind::Issues, filters.clone(), &by("bob"), &reader), Decision::Needs(team));
    let member = Facts { teams: [("acme/docs".to_owned(), true)].into(), ..reader };
    assert!(is_start(filters, "bob", &member));
}

#[test]
fn people_are_explained() {
    let why = |filters, login, facts: &Facts| sentences(decided(EventKind::Issues, filters, &by(login), facts));
    assert_eq!(why(json!({}), "bob", &with(Permission::Read)), ["authors: `bob (read)` may do less than `write` allows"]);
    assert_eq!(
        why(json!({ "authors": ["ada", "@acme/docs"] }), "bob", &Facts { teams: [("acme/docs".to_owned(), false)].into(), ..facts() }),
        ["authors: `bob` is none of `ada`, `@acme/docs`"]
    );
    assert_eq!(why(json!({ "authors": ["*", "!bob"] }), "bob", &facts()), ["authors: `bob` is excluded by `!bob`"]);
}
