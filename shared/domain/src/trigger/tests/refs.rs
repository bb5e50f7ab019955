//! Branches and tags: which events have which, and what one filter says about the other kind of ref.

use super::samples::*;
use crate::event::RefKind;
use crate::trigger::EventKind;
use serde_json::json;

#[test]
fn branch_and_tag_filters_decide_about_pushes_as_in_actions() {
    // filters, then: push of branch main, branch topic, tag v1, tag x
    let table = [
        (json!({}), [true, true, true, true]),
        (json!({ "branches": ["main"] }), [true, false, false, false]),
        (json!({ "branches-ignore": ["main"] }), [false, true, false, false]),
        (json!({ "tags": ["v*"] }), [false, false, true, false]),
        (json!({ "tags-ignore": ["v*"] }), [false, false, false, true]),
        (json!({ "branches": ["main"], "tags": ["v*"] }), [true, false, true, false]),
        (json!({ "branches-ignore": ["main"], "tags": ["v*"] }), [false, true, true, false]),
        (json!({ "branches": ["main"], "tags-ignore": ["v*"] }), [true, false, false, true]),
        (json!({ "branches": ["**"] }), [true, true, false, false]),
        (json!({ "branches": ["**", "!main"] }), [false, true, false, false]),
    ];
    for (filters, expected) in table {
        let events = [push_branch("main"), push_branch("topic"), push_tag("v1"), push_tag("x")];
        for (event, expected) in events.iter().zip(expected) {
            assert_eq!(starts(EventKind::Push, filters.clone(), event), expected, "{filters} {:?}", event.detail);
        }
    }
}

#[test]
fn a_branch_is_not_a_tag_of_the_same_name_and_case_matters() {
    assert!(!starts(EventKind::Push, json!({ "branches": ["v1"] }), &push_tag("v1")));
    assert!(!starts(EventKind::Push, json!({ "branches": ["main"] }), &push_branch("Main")));
    assert!(!starts(EventKind::Push, json!({ "branches": ["refs/heads/main"] }), &push_branch("main")));
}

#[test]
fn a_deleted_ref_is_no_push_and_neither_is_one_that_is_neither_branch_nor_tag() {
    for event in [deletion("refs/heads/main"), deletion("refs/tags/v1"), push("refs/notes/commits")] {
        assert!(!starts(EventKind::Push, json!({}), &event));
    }
    let reasons = sentences(decided(EventKind::Push, json!({}), &deletion("refs/heads/main"), &facts()));
    assert_eq!(reasons, ["event: `refs/heads/main` was deleted, and a deletion is no push that starts anything"]);
}

#[test]
fn a_pull_request_is_judged_by_its_base() {
    let filters = json!({ "branches": ["main", "releases/**"] });
    assert!(starts(EventKind::PullRequest, filters.clone(), &pull_request("opened", "main")));
    assert!(starts(EventKind::PullRequest, filters.clone(), &pull_request("opened", "releases/1/x")));
    assert!(!starts(EventKind::PullRequest, filters, &pull_request("opened", "topic")));
    assert!(!starts(EventKind::PullRequest, json!({ "branches": ["topic"] }), &pull_request("opened", "main")));
    assert!(!starts(EventKind::PullRequest, json!({ "branches-ignore": ["main"] }), &pull_request("opened", "main")));
    assert!(starts(EventKind::PullRequestReview, json!({ "branches": ["main"] }), &review("approved")));
    assert!(!starts(EventKind::PullRequestReview, json!({ "branches": ["next"] }), &review("approved")));
}

#[test]
fn a_check_is_judged_by_its_head_branch_and_only_ignored_if_there_is_one() {
    for kind in [EventKind::WorkflowRun, EventKind::CheckRun, EventKind::CheckSuite] {
        let on = |branch| check(kind, "CI", branch, "failure");
        assert!(starts(kind, json!({ "branches": ["main"] }), &on(Some("main"))));
        assert!(!starts(kind, json!({ "branches": ["main"] }), &on(Some("topic"))));
        assert!(!starts(kind, json!({ "branches": ["main"] }), &on(None)));
        assert!(starts(kind, json!({ "branches-ignore": ["main"] }), &on(None)));
        assert!(!starts(kind, json!({ "branches-ignore": ["main"] }), &on(Some("main"))));
    }
}

#[test]
fn what_is_created_or_deleted_is_a_branch_or_a_tag() {
    for kind in [EventKind::Create, EventKind::Delete] {
        let branch = ref_change(kind, RefKind::Branch, "topic/1");
        let tag = ref_change(kind, RefKind::Tag, "v1");
        assert!(starts(kind, json!({}), &branch) && starts(kind, json!({}), &tag));
        assert!(starts(kind, json!({ "branches": ["topic/*"] }), &branch) && !starts(kind, json!({ "branches": ["topic/*"] }), &tag));
        assert!(starts(kind, json!({ "tags": ["v*"] }), &tag) && !starts(kind, json!({ "tags": ["v*"] }), &branch));
    }
}

#[test]
fn a_release_is_judged_by_its_tag() {
    assert!(starts(EventKind::Release, json!({ "tags": ["v*"] }), &release("published", "v1", false)));
    assert!(!starts(EventKind::Release, json!({ "tags-ignore": ["v*"] }), &release("published", "v1", false)));
}

#[test]
fn refs_are_explained_with_the_patterns() {
    let why = |filters, event| sentences(decided(EventKind::Push, filters, &event, &facts()));
    assert_eq!(
        why(json!({ "branches": ["main", "releases/**"] }), push_branch("feature/x")),
        ["branches: `feature/x` matched none of `main`, `releases/**`"]
    );
    assert_eq!(
        why(json!({ "branches": ["releases/**", "!releases/**-alpha"] }), push_branch("releases/1-alpha")),
        ["branches: `releases/1-alpha` is excluded by `!releases/**-alpha`"]
    );
    assert_eq!(why(json!({ "branches-ignore": ["wip/**"] }), push_branch("wip/x")), ["branches-ignore: `wip/x` is ignored by `wip/**`"]);
    assert_eq!(why(json!({ "tags": ["v*"] }), push_branch("main")), ["tags: `main` is a branch, and only tags are asked for (`v*`)"]);
    assert_eq!(why(json!({ "branches": ["main"] }), push_tag("v1")), ["branches: `v1` is a tag, and only branches are asked for (`main`)"]);
    let reason = refusals(decided(EventKind::Push, json!({ "branches": ["main", "x"] }), &push_branch("b"), &facts())).remove(0);
    assert_eq!(
        (reason.filter.as_str(), reason.value.as_str(), reason.pattern.as_deref(), reason.matched),
        ("branches", "b", Some("main, x"), false)
    );
}
