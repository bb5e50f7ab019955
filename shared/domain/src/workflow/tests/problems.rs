//! What is wrong with files: every kind of problem, as people see it.

use super::super::limits::{MAX_FILE_BYTES, MAX_PROBLEMS};
use super::super::read;

/// What is said of a file.
fn told(text: &str) -> String {
    match read(text) {
        Ok(_) => panic!("nothing is wrong with\n{text}"),
        Err(problems) => problems.to_string(),
    }
}

/// What is said of files, one after another.
fn report(files: &[&str]) -> String {
    let one = |text: &&str| format!("{}\n──────\n{}", text.trim_end(), told(text));
    files.iter().map(one).collect::<Vec<_>>().join("\n════════════════════════════════════════\n")
}

/// What is said of workflows with these events.
fn events(events: &[&str]) -> String {
    let files: Vec<String> =
        events.iter().map(|on| format!("workflows:\n  w:\n    on: {on}\n    steps: [agent: {{ prompt: x }}]\n")).collect();
    report(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

/// What is said of workflows with these steps.
fn steps(steps: &[&str]) -> String {
    let file = |steps: &&str| {
        let indented: String = steps.lines().map(|line| format!("      {line}\n")).collect();
        format!("workflows:\n  w:\n    on: pull_request\n    steps:\n{indented}")
    };
    let files: Vec<String> = steps.iter().map(file).collect();
    report(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn yaml_that_cannot_be_read() {
    insta::assert_snapshot!(report(&[
        "",
        "# only a comment\n",
        "workflows: [\n",
        "workflows:\n  w:\n    on: push\n   steps: []\n",
        "workflows:\n\tw: {}\n",
        "workflows:\n  w:\n    on: { push: { branches: [*main] } }\n    steps: [agent: { prompt: x }]\n",
        "workflows:\n  w:\n    on: { push: { tags: *all } }\n    steps: [agent: { prompt: x }]\n",
        "workflows:\n  w:\n    on: { push: { paths: [!docs/**] } }\n    steps: [agent: { prompt: x }]\n",
        "workflows:\n  w: &anchor\n    on: push\n    steps: [agent: { prompt: x }]\n",
        "workflows:\n  w:\n    on: push\n    on: issues\n    steps: [agent: { prompt: x }]\n",
        "workflows: {}\n---\nworkflows: {}\n",
        "workflows:\n  ? [a, b]\n  : x\n",
        "text\n",
        "- a\n",
        "workflows:\n  w:\n    on: push\n    steps: [agent: { prompt: fix: this }]\n",
    ]));
}

#[test]
fn keys_and_shapes() {
    insta::assert_snapshot!(report(&[
        "workflow: {}\n",
        "jobs: {}\n",
        "workflows: {}\nagent: 5\n",
        "workflows:\n",
        "workflows: []\n",
        "workflows:\n  w:\n",
        "workflows:\n  w: text\n",
        "workflows:\n  my workflow:\n    on: push\n    steps: [agent: { prompt: x }]\n",
        "workflows:\n  w:\n    on: push\n    steps: agent\n",
        "workflows:\n  w:\n    on: push\n    steps: []\n    name: x\n    colour: red\n",
        "workflows:\n  w:\n    on: push\n    concurrency: { cancel-in-progress: true }\n    cooldown: 10\n    steps: [text, [], { id: a }]\n",
        "agent: { budget: 5, deadline: 3s, draft: yes, image: a/b, read: [../x, /etc/passwd], model: '{{ event.label }}' }\nworkflows:\n  w:\n    on: push\n    cooldown: 30d\n    concurrency: 'a{{ steps.x.outcome }}'\n    steps: [agent: { prompt: x }]\n",
    ]));
}

#[test]
fn events_that_are_wrong() {
    insta::assert_snapshot!(events(&[
        "",
        "[]",
        "pushed",
        "[push, push]",
        "[push, [issues]]",
        "workflow_dispatch",
        "{ pull_request_target: , fork: }",
        "{ push: { branchs: [main], tag: v1, workflows-ignore: x } }",
        "{ push: { branches: [], tags: [[v1]], paths: { a: b }, draft: maybe, title: '' } }",
        "{ push: main }",
        "{ schedule: [cron, { at: 5 }] }",
        "{ schedule: [{ cron: '0 4 * * *' }, { cron: '99 * * * *' }] }",
        "{ schedule: , release: { branches: [main] } }",
        "{ push: { types: [opened], branches: [main], branches-ignore: [dev] } }",
        "{ pull_request: { types: [opened, labelled], branches: ['!dev'], paths: [docs/**, '[a'], title: '(' } }",
        "{ issues: { authors: ['@'], draft: true } }",
    ]));
}

#[test]
fn steps_that_are_wrong() {
    insta::assert_snapshot!(steps(&[
        "- run: make\n",
        "- comments: { body: x }\n",
        "- comment: { body: x }\n  label: { add: x }\n",
        "- comment:\n",
        "- comment: text\n",
        "- comment: { text: x }\n",
        "- comment: { body: '' }\n",
        "- comment: { body: [a] }\n",
        "- label: {}\n- assign:\n- request_review: { number: 1 }\n",
        "- close: { reason: wontfix }\n",
        "- check: { name: n, conclusion: succes, summary: s }\n",
        "- pr_context: { include: [dif], max_chars: 0 }\n",
        "- http: { url: example.com, retries: 9, headers: { Webhook-Id: x, 'a b': c }, wait: 1 }\n- http: { url: 'https://{{ event.label }}/' }\n",
        "- id: a b\n  agent: { prompt: x, mode: aks, timeout: 5m }\n  timeout: 2\n  continue-on-error: true\n",
        "- id: a\n  agent: { prompt: x }\n- id: a\n  agent: { prompt: x }\n",
        "- name: x\n  agent: { prompt: x }\n",
        "- agent: { prompt: x, image: python:3, budget: $5 }\n",
        "- http: { url: https://example.com, inputs: { a: [1], b: { c: d } } }\n",
        "- agent: { prompt: x, paths: [src/**, '[a', '!docs'] }\n- agent: { prompt: x, paths: ['!docs'] }\n",
    ]));
}

#[test]
fn templates_that_are_wrong() {
    insta::assert_snapshot!(steps(&[
        "- comment: { body: '{{ event.subjct.title }}' }\n",
        "- comment: { body: \"{{ event.title }}\" }\n",
        "- comment: { body: 'Hello {{ github.actor }}, {{ title }}' }\n",
        "- comment: { body: '{{ event.label' }\n",
        "- comment: { body: '{{ event.label | uper }}' }\n",
        "- comment:\n    body: |\n      first\n      {{ event.label }}\n        {{ event.lable }}\n",
        "- comment:\n    body: |\n      first\n      {% if event.label %}\n      no end\n",
        "- comment:\n    body: |2-\n\n\n        indented {{ event.lable }}\n",
        "- comment:\n    body: >\n      first\n      {{ event.lable }}\n",
        "- if: '{{ event.label }}'\n  comment: { body: x }\n",
        "- if: event.label =\n  comment: { body: x }\n",
        "- if: event.labl == 'a'\n  comment: { body: x }\n",
        "- comment: { body: '{{ steps.look.outputs.answer }}' }\n- id: look\n  agent: { prompt: x }\n",
        "- id: look\n  agent: { prompt: '{{ steps.look.outputs.answer }}' }\n",
        "- id: look\n  agent: { prompt: x }\n- comment: { body: '{{ steps.lok.outputs.answer }} {{ steps.look.answer }} {{ steps.look.outputs.anser }}' }\n",
        "- id: look-up\n  agent: { prompt: x }\n- comment: { body: '{{ steps.look-up.outputs.answer }}' }\n",
        "- id: l\n  label: { add: a }\n- comment: { body: '{{ steps.l.outputs.labels }}' }\n",
    ]));
}

#[test]
fn references_that_are_wrong() {
    let steps = "steps: [agent: { prompt: x }]";
    insta::assert_snapshot!(report(&[
        &format!("workflows:\n  a:\n    on: push\n    steps: [run_workflow: {{ workflow: fix }}]\n  fixx: {{ on: manual, {steps} }}\n"),
        &format!("workflows:\n  a:\n    on: push\n    steps: [run_workflow: {{ workflow: b }}]\n  b: {{ on: push, {steps} }}\n"),
        "workflows:\n  a:\n    on: manual\n    steps: [run_workflow: { workflow: a }]\n",
        "workflows:\n  a: { on: push, steps: [run_workflow: { workflow: b }] }\n  b: { on: manual, steps: [run_workflow: { workflow: c }] }\n  c: { on: manual, steps: [run_workflow: { workflow: b }] }\n",
        "workflows:\n  a:\n    on: [issues, push]\n    steps:\n      - comment: { body: x }\n      - if: event.kind == 'issues'\n        comment: { body: x }\n      - comment: { body: x, number: 1 }\n      - check: { name: n, conclusion: success, summary: s }\n      - pr_context:\n",
    ]));
}

#[test]
fn limits_are_told() {
    let one = "on: push, steps: [agent: { prompt: x }]";
    let workflows: String = (0..51).map(|number| format!("  w{number}: {{ {one} }}\n")).collect();
    let steps = "agent: { prompt: x }, ".repeat(31).replace("agent: { prompt: x }", "{ agent: { prompt: x } }");
    let patterns = "a, ".repeat(101);
    let long = "x".repeat(40_000);
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let files = [
        format!("workflows:\n{workflows}"),
        format!("workflows:\n  w:\n    on: push\n    steps: [{steps}]\n"),
        format!("workflows:\n  w:\n    on: {{ push: {{ branches: [{patterns}] }} }}\n    steps: [agent: {{ prompt: x }}]\n"),
        format!("workflows:\n  w:\n    on: {{ push: {{ branches: {} }} }}\n    steps: [agent: {{ prompt: {long} }}]\n", "y".repeat(257)),
        format!("workflows: {deep}\n"),
        format!("workflows: {{ {} }}\n", (0..300).map(|number| format!("w{number}: , ")).collect::<String>()),
        format!("workflows: {{}}\n#{}", "x".repeat(MAX_FILE_BYTES)),
    ];
    insta::assert_snapshot!(files.iter().map(|file| told(file)).collect::<Vec<_>>().join("\n"));
}

#[test]
fn many_problems_are_cut() {
    let keys: String = (0..100).map(|number| format!("key{number}: 1\n")).collect();
    let problems = read(&format!("{keys}workflows: {{}}\n")).unwrap_err();
    assert_eq!((problems.len(), problems.omitted), (MAX_PROBLEMS, 51));
    assert!(problems.to_string().ends_with("… and 51 more problems\n"), "{problems}");
}

#[test]
fn all_problems_are_told_at_once_in_the_files_order() {
    let problems =
        read("workflows:\n  w:\n    on: pushed\n    steps:\n      - comment: { bdy: x }\n      - agent: { prompt: '{{ x }}' }\n")
            .unwrap_err();
    let lines: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [3, 5, 5, 6]);
}
