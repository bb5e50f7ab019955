//! Mistakes in triggers: each with its filter, its place and a sentence.

use super::samples::written;
use crate::trigger::kinds::{FILTERS, rules};
use crate::trigger::{EventKind, MAX_PATTERNS, compile};
use serde_json::{Value, json};

/// `filter[place]: message` of every problem.
fn problems(kind: EventKind, filters: Value) -> Vec<String> {
    let found = compile(&written(kind, filters)).expect_err("something is wrong");
    found
        .iter()
        .map(|problem| match problem.index {
            Some(index) => format!("{}[{index}]: {}", problem.filter, problem.message),
            None => format!("{}: {}", problem.filter, problem.message),
        })
        .collect()
}

/// Something that is right for the filter where it makes sense.
fn sample(key: &str, kind: EventKind) -> Value {
    match key {
        "types" => json!(rules(kind).actions.first().map_or(vec!["opened"], |action| vec![action])),
        "conclusions" => json!(rules(kind).conclusions.first().map_or(vec!["success"], |word| vec![word])),
        "ignore_bots" | "forks" | "draft" => json!(true),
        "title" | "body" => json!("x"),
        "cron" => json!(["0 4 * * *"]),
        _ => json!(["x"]),
    }
}

#[test]
fn every_filter_is_taken_where_it_makes_sense_and_nowhere_else() {
    for kind in EventKind::ALL {
        for key in FILTERS {
            let mut filters = json!({ key: sample(key, kind) });
            if kind == EventKind::Schedule {
                filters["cron"] = json!(["0 4 * * *"]);
            }
            let result = compile(&written(kind, filters));
            let expected = rules(kind).filters.contains(&key);
            assert_eq!(result.is_ok(), expected, "{kind:?} {key}: {:?}", result.err());
        }
    }
}

#[test]
fn a_filter_that_makes_no_sense_is_told_with_those_that_do() {
    assert_eq!(
        problems(EventKind::Deployment, json!({ "branches": ["main"] })),
        ["branches: `branches` makes no sense for `deployment`; its filters are `authors`, `ignore_bots`, `environments`"]
    );
}

#[test]
fn a_filter_and_its_ignore_exclude_each_other() {
    let table = [("branches", "branches-ignore"), ("tags", "tags-ignore"), ("paths", "paths-ignore")];
    for (key, ignore) in table {
        let found = problems(EventKind::Push, json!({ key: ["a"], ignore: ["b"] }));
        assert_eq!(
            found,
            [format!("{ignore}: `{key}` and `{ignore}` exclude each other; keep `{key}` and put what is to be ignored there with `!`")]
        );
    }
    assert!(compile(&written(EventKind::Push, json!({ "branches": ["a"], "tags-ignore": ["b"], "paths": ["c"] }))).is_ok());
}

#[test]
fn unknown_words_come_with_what_was_probably_meant() {
    assert_eq!(
        problems(EventKind::PullRequest, json!({ "types": ["opened", "synchronise", "Labeled", "labled"] })),
        [
            "types[1]: `synchronise` is no action of `pull_request`; did you mean `synchronize`?",
            "types[2]: `Labeled` is no action of `pull_request`; did you mean `labeled`?",
            "types[3]: `labled` is no action of `pull_request`; did you mean `labeled`?",
        ]
    );
    assert_eq!(
        problems(EventKind::CheckSuite, json!({ "types": ["requested"], "conclusions": ["failed"] })),
        [
            "types[0]: `requested` is no action of `check_suite`; it has `completed`",
            "conclusions[0]: `failed` is no conclusion of `check_suite`; did you mean `failure`?",
        ]
    );
}

#[test]
fn patterns_expressions_and_authors_are_told_with_their_places() {
    assert_eq!(
        problems(EventKind::Push, json!({ "branches": ["ok", "[a"], "paths": ["!a", "!b"], "authors": ["ada", "@acme"] })),
        [
            "branches[1]: `[` has no `]`; a bracket that is part of the name is written `\\[`",
            "paths[0]: all patterns begin with `!`, and so nothing is left to exclude from; put `'**'` first",
            "authors[1]: `@acme` is no team; a team is `@organisation/team`, a person's login has no `@`",
        ]
    );
    let found = problems(EventKind::Issues, json!({ "authors": ["app:x", "!!ada", "99999999999999999999", ""], "title": "(" }));
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(found[0].contains("names no App") && found[1].contains("two are not understood"), "{found:?}");
    assert_eq!(found[4], "title: this is no regular expression: unclosed group");
}

#[test]
fn expressions_that_would_blow_up_are_refused_with_a_way_out() {
    for expression in [r"(?:a{1000}){1000}", r"\w{2000}", r"(?:(?:x{100}){100}){100}"] {
        let found = problems(EventKind::Issues, json!({ "body": expression }));
        assert!(found[0].starts_with("body: the regular expression is too large once it is written out"), "{found:?}");
    }
    let deep = format!("{}x{}", "(".repeat(400), ")".repeat(400));
    assert!(problems(EventKind::Issues, json!({ "body": deep }))[0].starts_with("body: this is no regular expression"));
    let long = "a".repeat(1_001);
    assert_eq!(
        problems(EventKind::Issues, json!({ "title": long })),
        ["title: the regular expression has 1001 characters, and 1000 are the most"]
    );
    for fine in [r"^(feat|fix)(\(\w+\))?!?: ", r"(?i)\bflaky\b.*\btest\b", r"(a+)+$"] {
        assert!(compile(&written(EventKind::Issues, json!({ "title": fine }))).is_ok(), "{fine}");
    }
}

#[test]
fn what_would_never_start_is_an_error() {
    for key in ["types", "authors", "labels"] {
        let found = problems(EventKind::Issues, json!({ key: [] }));
        assert!(found[0].contains("nothing would ever start"), "{found:?}");
    }
    assert!(problems(EventKind::Schedule, json!({}))[0].starts_with("cron: `schedule` needs `cron`"));
    assert_eq!(
        problems(EventKind::Schedule, json!({ "cron": ["0 4 * * *", "*/2 * * * *"] })),
        ["cron[1]: `*/2 * * * *`: two of its times are 2 minutes apart, and 5 minutes are the least"]
    );
}

#[test]
fn too_many_entries_and_too_long_ones_are_refused() {
    let many = vec!["a"; MAX_PATTERNS + 1];
    for key in ["branches", "authors", "paths-ignore"] {
        assert_eq!(problems(EventKind::Push, json!({ key: many })), [format!("{key}[100]: `{key}` has 101 entries, and 100 are the most")]);
    }
    let long = "a".repeat(257);
    assert_eq!(problems(EventKind::Push, json!({ "tags": [long] })), ["tags[0]: the pattern has 257 characters, and 256 are the most"]);
}

#[test]
fn all_problems_are_told_at_once() {
    let found = problems(EventKind::Push, json!({ "types": ["opened"], "branches": ["["], "branches-ignore": ["]", ""], "cron": ["x"] }));
    assert_eq!(found.len(), 6, "{found:?}");
}
