//! Labels, titles and texts.

use super::samples::*;
use crate::trigger::EventKind;
use serde_json::json;

#[test]
fn the_label_that_came_or_went_decides_and_else_any_of_the_threads() {
    let filters = || json!({ "types": ["labeled", "opened"], "labels": ["patchbay", "area/*"] });
    let table = [
        (labeled("patchbay", &["patchbay"]), true),
        (labeled("Patchbay", &[]), true),
        (labeled("bug", &["bug", "patchbay"]), false),
        (issue_with_labels("opened", &["bug", "area/ui"]), true),
        (issue_with_labels("opened", &["area/ui/x"]), false),
        (issue_with_labels("opened", &[]), false),
    ];
    for (event, expected) in table {
        assert_eq!(starts(EventKind::Issues, filters(), &event), expected, "{:?} {:?}", event.detail, event.subject);
    }
}

#[test]
fn an_excluded_label_does_not_count_and_others_still_do() {
    let filters = || json!({ "labels": ["**", "!wontfix"] });
    assert!(!starts(EventKind::Issues, filters(), &issue_with_labels("opened", &["wontfix"])));
    assert!(starts(EventKind::Issues, filters(), &issue_with_labels("opened", &["wontfix", "bug"])));
}

#[test]
fn labels_are_explained() {
    let why = |event| sentences(decided(EventKind::Issues, json!({ "labels": ["patchbay", "!wip"] }), &event, &facts()));
    assert_eq!(why(labeled("bug", &[])), ["labels: `bug` matched none of `patchbay`, `!wip`"]);
    assert_eq!(why(issue_with_labels("opened", &["a", "b"])), ["labels: `a, b` matched none of `patchbay`, `!wip`"]);
    assert_eq!(why(issue_with_labels("opened", &[])), ["labels: there is nothing that could match `patchbay`, `!wip`"]);
    assert_eq!(why(issue_with_labels("opened", &["wip"])), ["labels: `wip` is excluded by `!wip`"]);
}

#[test]
fn title_and_body_contain_a_match() {
    let table = [
        (EventKind::Issues, json!({ "title": "^Greet" }), issue("opened"), true),
        (EventKind::Issues, json!({ "title": "^people" }), issue("opened"), false),
        (EventKind::Issues, json!({ "body": "(?i)PLEASE" }), issue("opened"), true),
        (EventKind::Issues, json!({ "title": "Greet", "body": "never" }), issue("opened"), false),
        (EventKind::IssueComment, json!({ "body": "^/deploy" }), comment("/deploy now"), true),
        (EventKind::IssueComment, json!({ "body": "By name" }), comment("/deploy now"), false),
        (EventKind::IssueComment, json!({ "title": "Greet" }), comment("x"), true),
        (EventKind::Release, json!({ "title": "First", "body": "much" }), release("published", "v1", false), true),
    ];
    for (kind, filters, event, expected) in table {
        assert_eq!(starts(kind, filters.clone(), &event), expected, "{kind:?} {filters}");
    }
}

#[test]
fn what_nobody_sees_is_not_matched() {
    assert!(!starts(EventKind::IssueComment, json!({ "body": "deploy" }), &comment("nothing <!-- deploy -->")));
    assert!(starts(EventKind::IssueComment, json!({ "body": "deploy" }), &comment("de\u{200b}ploy")));
}

#[test]
fn only_the_beginning_of_a_huge_text_is_looked_at() {
    let far = |chars: usize| comment(&format!("{}needle", "é".repeat(chars)));
    assert!(starts(EventKind::IssueComment, json!({ "body": "needle" }), &far(1_000)));
    assert!(!starts(EventKind::IssueComment, json!({ "body": "needle" }), &far(crate::trigger::MAX_TEXT_CHARS)));
}

#[test]
fn texts_are_cut_and_kept_from_breaking_the_sentence() {
    let long = format!("`x`\n# {}", "y".repeat(500));
    let reason = refusals(decided(EventKind::IssueComment, json!({ "body": "needle" }), &comment(&long), &facts())).remove(0);
    assert_eq!(reason.value.chars().count(), 200);
    let sentence = reason.sentence();
    assert!(sentence.starts_with("body: `'x' # yyy") && sentence.ends_with("…` contains no match of `needle`"), "{sentence}");
    assert!(!sentence.contains('\n'));
}
