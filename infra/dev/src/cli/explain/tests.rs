//! What `explain` prints for the samples of `events/github`, and what it says when something is missing.

use super::*;
use clap::Parser;
use patchbay_domain::workflow::read;
use serde_json::{Value, json};

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

const FILE: &str = "workflows:
  docs:
    on: { pull_request: { paths: ['docs/**'] }, push: { branches: [main, 'releases/**'], paths: ['docs/**'] } }
    steps: [agent: { prompt: x }]
  greet:
    on: { push: { branches: [main] } }
    steps: [agent: { prompt: x }]
  team:
    on: { issues: { authors: ['@acme/docs'] } }
    steps: [agent: { prompt: x }]
  nightly:
    on: { schedule: { cron: ['30 2 * * *'] }, manual: }
    steps: [agent: { prompt: x }]
";

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../events/github/{name}.json")).display().to_string()
}

fn run_on(file: &str, words: &[&str]) -> anyhow::Result<(String, bool)> {
    let line = Line::try_parse_from(["explain"].iter().chain(words))?;
    explained(&line.arguments, &compiled(&read(file).unwrap_or_else(|problems| panic!("{problems}")))?)
}

fn explain(words: &[&str]) -> anyhow::Result<(String, bool)> {
    run_on(FILE, words)
}

fn said(words: &[&str]) -> String {
    explain(words).expect_err("it fails").to_string()
}

#[test]
fn json_is_one_object_per_workflow_in_the_files_order() {
    let (text, decided) = explain(&["--event", &sample("push"), "--kind", "push", "--json"]).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    let reason = |filter: &str, value: &str, pattern: &str, matched: bool| json!({ "filter": filter, "value": value, "pattern": pattern, "matched": matched });
    let expected = json!([
        { "workflow": "docs", "starts": false, "reasons": [reason("paths", "hello/languages.py, hello/main.py", "docs/**", false)] },
        {
            "workflow": "greet", "starts": true,
            "reasons": [reason("event", "push", "push", true), reason("branches", "main", "main", true)],
        },
        { "workflow": "team", "starts": false, "reasons": [reason("event", "push", "issues", false)] },
        { "workflow": "nightly", "starts": false, "reasons": [reason("event", "push", "schedule, manual", false)] },
    ]);
    assert!(decided);
    assert_eq!(found, expected);
}

#[test]
fn text_says_what_was_taken_for_granted_and_why() {
    let (text, decided) = explain(&["--event", &sample("push"), "--kind", "push", "--files", "docs/a.md", "x.rs"]).unwrap();
    assert!(decided);
    for told in
        ["push by robin in acme/hello\n", "robin has the permission write", "docs     starts\n", "  paths: `docs/a.md` matched `docs/**`"]
    {
        assert!(text.contains(told), "{told}:\n{text}");
    }
    assert!(text.contains("team     skipped\n  event: `push` is not one of `issues`"), "{text}");
}

#[test]
fn what_nobody_says_stays_open_and_names_the_option() {
    let words = ["--event", &sample("pull_request.opened"), "--kind", "pull_request"];
    let (text, decided) = explain(&words).unwrap();
    assert!(!decided && text.contains("docs     open\n  docs depends on which files were changed; give --files"), "{text}");
    assert!(said(&[&words[..], &["--json"]].concat()).contains("give --files PATH"));
    let issue = ["--event", &sample("issues.opened"), "--kind", "issues"];
    assert!(said(&[&issue[..], &["--json"]].concat()).contains("give --team acme/docs, or --no-team"));
    let starts = |more: &[&str]| explain(&[&issue[..], more].concat()).unwrap().0.contains("team     starts");
    assert!(starts(&["--team", "@Acme/docs"]) && !starts(&["--no-team"]) && !starts(&["--team", "acme/other"]));
}

#[test]
fn files_may_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    std::fs::write(&list, "src/a.rs\r\n\ndocs/b.md\n").unwrap();
    let words = ["--event", &sample("pull_request.opened"), "--kind", "pull_request", "--files-from", list.to_str().unwrap()];
    assert!(explain(&words).unwrap().0.contains("`docs/b.md` matched"));
    let missing = ["--event", &sample("push"), "--kind", "push", "--files-from", "/none"];
    assert_eq!(said(&missing), "/none cannot be read");
}

#[test]
fn permission_decides_where_it_is_asked_for() {
    let file = "workflows:\n  w:\n    on: issues\n    steps: [agent: { prompt: x }]\n";
    let starts = |permission: &str| {
        let words = ["--event", &sample("issues.opened"), "--kind", "issues", "--permission", permission];
        run_on(file, &words).unwrap().0.contains("w  starts")
    };
    assert_eq!(["none", "read", "triage", "write", "maintain", "admin"].map(starts), [false, false, false, true, true, true]);
}

#[test]
fn a_schedule_and_a_start_by_name_need_no_payload() {
    let (text, _) = explain(&["--kind", "schedule", "--workflow", "nightly"]).unwrap();
    assert!(text.contains("nightly  starts\n") && text.contains("the next time is "), "{text}");
    let (text, _) = explain(&["--kind", "schedule", "--cron", "0 0 * * *"]).unwrap();
    assert!(text.contains("cron: `0 0 * * *` is not one of `30 2 * * *`"), "{text}");
    let (text, _) = explain(&["--kind", "manual", "--workflow", "nightly", "--actor", "ada"]).unwrap();
    assert!(text.starts_with("manual by ada\n") && text.contains("nightly  starts"), "{text}");
    let (text, _) = explain(&["--kind", "manual", "--workflow", "greet", "--event", &sample("push")]).unwrap();
    assert!(text.starts_with("manual by robin in acme/hello\n") && text.contains("greet    skipped"), "{text}");
}

#[test]
fn what_is_missing_or_does_not_fit_is_said() {
    assert!(said(&["--kind", "manual"]).contains("give --workflow NAME: docs, greet, team, nightly"));
    assert!(said(&["--kind", "manual", "--workflow", "none"]).contains("has no workflow none; it has docs"));
    assert!(said(&["--kind", "push"]).contains("give --event FILE with the payload of a `push` webhook"));
    assert!(said(&["--kind", "push", "--event", "/none.json"]).contains("/none.json cannot be read"));
    let other = ["--event", &sample("issue_comment.created"), "--kind", "issues"];
    assert!(said(&other).contains("looks like the payload of `issue_comment`, not of `issues`"));
    assert!(said(&["--kind", "pushed"]).contains("tip: a similar value exists: 'push'"));
    assert!(said(&["--kind", "push", "--event", &sample("push"), "--workflow", "docs"]).contains("is decided for all workflows"));
    assert!(said(&["--kind", "push", "--event", &sample("push"), "--team", "docs"]).contains("a team is `organisation/team`"));
}
