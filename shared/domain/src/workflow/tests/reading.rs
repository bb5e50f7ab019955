//! Files that are right, and what they become; and that no text at all makes the reader panic.

use super::super::model::*;
use super::super::{Configuration, read};
use crate::task::Mode;
use crate::trigger::{EventKind, Filters, Trigger};
use proptest::prelude::*;

/// The file that the documentation shows first.
const EXAMPLE: &str = r#"
agent: { model: gpt-5-mini, budget: 1.50 USD, deadline: 20m, read: [AGENTS.md, CONTRIBUTING.md] }   # defaults for all agent steps
workflows:
  fix-on-label:
    on:
      issues: { types: [labeled], labels: [patchbay] }
    steps:
      - agent: { mode: change, prompt: "{{ event.subject.title }}\n{{ event.subject.body }}" }
  review-docs:
    on:
      pull_request: { branches: [main, 'releases/**'], paths: ['docs/**', '!docs/drafts/**'], authors: ['!renovate[bot]'] }
      push: { branches: [main], tags: ['v*'] }
    concurrency: { group: "docs-{{ event.subject.number }}", cancel: true }
    cooldown: 10m
    steps:
      - id: look
        agent: { mode: ask, prompt: "Look at the docs." }
      - if: "steps.look.outputs.answer != ''"
        comment: { body: "{{ steps.look.outputs.answer }}" }
"#;

fn good(text: &str) -> Configuration {
    read(text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The only workflow's steps.
fn steps(text: &str) -> Vec<Step> {
    let indented: String = text.lines().map(|line| format!("      {line}\n")).collect();
    let mut configuration = good(&format!(
        "workflows:\n  w:\n    on: pull_request\n    steps:\n{indented}  m: {{ on: manual, steps: [agent: {{ prompt: x }}] }}\n"
    ));
    configuration.workflows.remove(0).steps
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn the_example_becomes_what_it_says() {
    let configuration = good(EXAMPLE);
    let names: Vec<&str> = configuration.workflows.iter().map(|workflow| workflow.name.as_str()).collect();
    assert_eq!(names, ["fix-on-label", "review-docs"]);
    let [fix, review] = configuration.workflows.as_slice() else { panic!() };
    let filters = Filters { types: Some(texts(&["labeled"])), labels: Some(texts(&["patchbay"])), ..Filters::default() };
    assert_eq!(fix.triggers, [Trigger { event: EventKind::Issues, filters }]);
    let options = AgentOptions {
        model: Some("gpt-5-mini".to_owned()),
        budget_microusd: Some(1_500_000),
        deadline_seconds: Some(1_200),
        read: texts(&["AGENTS.md", "CONTRIBUTING.md"]),
        ..AgentOptions::default()
    };
    let StepAction::Agent(agent) = &fix.steps[0].action else { panic!() };
    assert_eq!((agent.mode, &agent.options), (Mode::Change, &options));
    assert_eq!(agent.prompt, "{{ event.subject.title }}\n{{ event.subject.body }}");
    assert_eq!(review.triggers[0].filters.paths, Some(texts(&["docs/**", "!docs/drafts/**"])));
    assert_eq!(review.triggers[1].filters.tags, Some(texts(&["v*"])));
    assert_eq!(review.concurrency, Some(Concurrency { group: "docs-{{ event.subject.number }}".to_owned(), cancel: true }));
    assert_eq!(review.cooldown_seconds, Some(600));
    assert_eq!(review.steps[0].id.as_deref(), Some("look"));
    assert_eq!(review.steps[1].condition.as_deref(), Some("steps.look.outputs.answer != ''"));
}

#[test]
fn events_are_written_as_in_actions() {
    let kinds = |on: &str| -> Vec<EventKind> {
        let text = format!("workflows:\n  w:\n    on: {on}\n    steps: [agent: {{ prompt: x }}]\n");
        good(&text).workflows[0].triggers.iter().map(|trigger| trigger.event).collect()
    };
    assert_eq!(kinds("push"), [EventKind::Push]);
    assert_eq!(kinds("[push, issues]"), [EventKind::Push, EventKind::Issues]);
    assert_eq!(kinds("{ push: , issues: { types: opened } }"), [EventKind::Push, EventKind::Issues]);
    for on in ["{ schedule: [{ cron: '0 5 * * 1' }, { cron: '0 6 * * *' }] }", "{ schedule: { cron: ['0 5 * * 1', '0 6 * * *'] } }"] {
        let text = format!("workflows:\n  w:\n    on: {on}\n    steps: [agent: {{ prompt: x }}]\n");
        assert_eq!(good(&text).workflows[0].triggers[0].filters.cron, Some(texts(&["0 5 * * 1", "0 6 * * *"])), "{on}");
    }
}

#[test]
fn every_step_is_read_with_its_defaults() {
    insta::assert_debug_snapshot!(steps(
        "- agent: { prompt: x }
- comment: { body: b }
- label: { add: a }
- assign: { remove: [b] }
- request_review: { users: [a], teams: b }
- close:
- check: { name: n, conclusion: success, summary: s }
- pr_context:
- commit_context: {}
- file: { path: README.md }
- http: { url: https://example.com }
- run_workflow: { workflow: m }
"
    ));
}

#[test]
fn every_key_of_every_step_is_read() {
    insta::assert_debug_snapshot!(steps(
        "- id: a
  if: event.subject.open
  continue_on_error: true
  timeout: 1h30m
  agent:
    { mode: ask, prompt: p, status: false, model: m, budget: 2 USD, deadline: 1h, image: node, read: r, paths: ['src/**'], base: dev, draft: true,
      setup: [make], verify: make test }
- comment: { body: b, key: k, number: 1 }
- label: { add: [a, b], remove: c, number: '{{ event.subject.number }}' }
- assign: { add: [a], remove: [b], number: 1 }
- request_review: { users: [a], teams: [b], number: 1 }
- close: { reason: not_planned, number: 1 }
- check: { name: n, conclusion: '{{ steps.a.outcome }}', title: t, summary: s, annotations: 'a:1: b', sha: abc }
- pr_context: { include: [commits, diff], max_chars: 10, number: 1 }
- commit_context: { include: files, max_chars: 10, sha: abc }
- file: { path: README.md, ref: v1, max_chars: 10 }
- http: { url: 'https://example.com/a', headers: { X-A: b }, inputs: { n: 1, e: '', t: true }, retries: 0, wait: true }
- run_workflow: { workflow: m, inputs: { a: b } }
"
    ));
}

#[test]
fn a_step_takes_the_files_defaults_and_changes_some() {
    let configuration = good(
        "agent: { model: m, read: [A.md], verify: make, draft: true }\nworkflows:\n  w:\n    on: push\n    steps:\n      - agent: { prompt: x, model: n, draft: false }\n",
    );
    let StepAction::Agent(agent) = &configuration.workflows[0].steps[0].action else { panic!() };
    let AgentOptions { model, read, verify, draft, .. } = &agent.options;
    assert_eq!(
        (model.as_deref(), read.as_slice(), verify.as_deref(), *draft),
        (Some("n"), texts(&["A.md"]).as_slice(), Some("make"), false)
    );
}

#[test]
fn text_stays_as_it_was_written() {
    let configuration =
        good("workflows:\n  w:\n    on: { push: { branches: [1.10, true, 0x1, 'null', on] } }\n    steps: [agent: { prompt: 007 }]\n");
    assert_eq!(configuration.workflows[0].triggers[0].filters.branches, Some(texts(&["1.10", "true", "0x1", "null", "on"])));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        _ = read(&text);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        _ = read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_change_of_a_good_file_makes_the_reader_panic(at in 0..EXAMPLE.len(), cut in 0_usize..30, put in "[ \\n\\t{}\\[\\]:,'\"&*!|>%@#a-]{0,6}") {
        let to = (at + cut).min(EXAMPLE.len());
        let text = format!("{}{put}{}", &EXAMPLE[..at], &EXAMPLE[to..]);
        if let Err(problems) = read(&text) {
            prop_assert!(!problems.is_empty());
            _ = problems.to_string();
        }
    }
}
