//! Changed files: when they are asked for, and what follows from them.

use super::samples::*;
use crate::trigger::{ChangedPaths, Decision, EventKind, Facts, Need};
use serde_json::json;

fn is_start(decision: &Decision) -> bool {
    matches!(decision, Decision::Starts { .. })
}

#[test]
fn one_file_that_is_included_or_not_ignored_is_enough() {
    let docs = json!({ "paths": ["docs/**", "!docs/drafts/**"] });
    let ignoring = json!({ "paths-ignore": ["docs/**", "*.md"] });
    // changed files, then: by `paths`, by `paths-ignore`
    let table: [(&[&str], bool, bool); 7] = [
        (&["docs/a.md"], true, false),
        (&["docs/a.md", "src/x.rs"], true, true),
        (&["src/x.rs"], false, true),
        (&["docs/drafts/a.md"], false, false),
        (&["docs/drafts/a.md", "docs/b.md"], true, false),
        (&["README.md", "docs/drafts/a.md"], false, false),
        (&[], false, false),
    ];
    for (files, by_paths, by_ignore) in table {
        for event in [push_branch("main"), pull_request("opened", "main")] {
            let kind = crate::trigger::kind_of(&event).unwrap();
            assert_eq!(is_start(&decided(kind, docs.clone(), &event, &changed(files))), by_paths, "{kind:?} {files:?}");
            assert_eq!(is_start(&decided(kind, ignoring.clone(), &event, &changed(files))), by_ignore, "{kind:?} {files:?}");
        }
    }
}

#[test]
fn a_later_pattern_takes_a_file_in_again() {
    let filters = json!({ "paths": ["*.md", "!README.md", "README*"] });
    assert!(is_start(&decided(EventKind::Push, filters, &push_branch("main"), &changed(&["README.md"]))));
}

#[test]
fn an_ignored_file_can_be_taken_out_of_what_is_ignored() {
    let filters = json!({ "paths-ignore": ["docs/**", "!docs/api/**"] });
    assert!(is_start(&decided(EventKind::Push, filters.clone(), &push_branch("main"), &changed(&["docs/api/x.md"]))));
    assert!(!is_start(&decided(EventKind::Push, filters, &push_branch("main"), &changed(&["docs/x.md"]))));
}

#[test]
fn a_file_far_beyond_the_first_three_hundred_counts() {
    let mut files: Vec<String> = (0..5_000).map(|n| format!("src/{n}.rs")).collect();
    files.push("docs/last.md".to_owned());
    let facts = Facts { changed_paths: Some(ChangedPaths::Known(files)), ..facts() };
    assert!(is_start(&decided(EventKind::Push, json!({ "paths": ["docs/**"] }), &push_branch("main"), &facts)));
}

#[test]
fn what_cannot_be_found_out_passes() {
    let facts = Facts { changed_paths: Some(ChangedPaths::Unknown), ..facts() };
    for filters in [json!({ "paths": ["docs/**"] }), json!({ "paths-ignore": ["**"] })] {
        assert!(is_start(&decided(EventKind::Push, filters, &push_branch("main"), &facts)));
    }
}

#[test]
fn paths_are_not_looked_at_for_tags() {
    let nothing_known = Facts { changed_paths: None, ..facts() };
    for filters in [json!({ "paths": ["docs/**"] }), json!({ "tags": ["v*"], "paths-ignore": ["**"] })] {
        assert!(is_start(&decided(EventKind::Push, filters, &push_tag("v1"), &nothing_known)));
    }
}

#[test]
fn branch_and_path_filters_both_have_to_pass() {
    let filters = json!({ "branches": ["main"], "paths": ["docs/**"] });
    assert!(is_start(&decided(EventKind::Push, filters.clone(), &push_branch("main"), &changed(&["docs/a"]))));
    assert!(!is_start(&decided(EventKind::Push, filters.clone(), &push_branch("topic"), &changed(&["docs/a"]))));
    assert!(!is_start(&decided(EventKind::Push, filters, &push_branch("main"), &changed(&["src/a"]))));
}

#[test]
fn files_are_asked_for_only_when_everything_else_has_passed() {
    let filters = json!({ "branches": ["main"], "paths": ["docs/**"] });
    let nothing = Facts::default();
    assert_eq!(decided(EventKind::Push, filters.clone(), &push_branch("main"), &nothing), Decision::Needs(Need::ChangedPaths));
    assert!(matches!(decided(EventKind::Push, filters, &push_branch("topic"), &nothing), Decision::Skipped { .. }));
    assert!(is_start(&decided(EventKind::Push, json!({ "branches": ["main"] }), &push_branch("main"), &nothing)));
    let docs = json!({ "paths": ["docs/**"] });
    let opened = pull_request("opened", "main");
    assert_eq!(decided(EventKind::PullRequest, docs.clone(), &opened, &nothing), Decision::Needs(Need::Permission));
    let may = Facts { permission: facts().permission, ..Facts::default() };
    assert_eq!(decided(EventKind::PullRequest, docs, &opened, &may), Decision::Needs(Need::ChangedPaths));
}

#[test]
fn paths_are_explained_by_the_file_that_decided() {
    let why = |filters, files: &[&str]| sentences(decided(EventKind::Push, filters, &push_branch("main"), &changed(files)));
    let docs = json!({ "paths": ["docs/**", "!docs/drafts/**"] });
    assert_eq!(why(docs.clone(), &["a.rs", "b.rs"]), ["paths: `a.rs, b.rs` matched none of `docs/**`, `!docs/drafts/**`"]);
    assert_eq!(why(docs.clone(), &["a.rs", "docs/drafts/x"]), ["paths: `docs/drafts/x` is excluded by `!docs/drafts/**`"]);
    assert_eq!(why(docs.clone(), &[]), ["paths: no file was changed"]);
    assert_eq!(why(json!({ "paths-ignore": ["docs/**"] }), &["docs/x"]), ["paths-ignore: `docs/x` is ignored by `docs/**`"]);
    let Decision::Starts { reasons } = decided(EventKind::Push, docs, &push_branch("main"), &changed(&["a.rs", "docs/x"])) else {
        panic!("it starts")
    };
    assert_eq!(reasons.last().unwrap().sentence(), "paths: `docs/x` matched `docs/**`");
    let many: Vec<String> = (0..100).map(|n| format!("folder/file{n}.rs")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(
        refusals(decided(EventKind::Push, json!({ "paths": ["x"] }), &push_branch("main"), &changed(&many)))[0].value.chars().count()
            <= 200
    );
}
