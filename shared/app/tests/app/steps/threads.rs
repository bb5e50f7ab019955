//! Steps that write into issues, pull requests and beside commits: each once, whatever gets lost on the way.

use super::{About, assert_done, commit, failure, issue, outputs, pull};
use crate::stage::{REPO, Stage};
use patchbay_domain::event::SubjectKind;
use patchbay_domain::run::Effect;
use patchbay_domain::task::FailureCode;

impl Stage {
    fn new_pull(&self) -> u64 {
        let branch = format!("feature-{}", self.github.pulls(REPO).len());
        self.github.push_commit(REPO, "dana", &branch, "feat: x", &[("x.txt", "one\n")]).unwrap();
        self.github.open_pull(REPO, "dana", &branch, "main", "A title", "").unwrap()
    }
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_is_found_again() {
    let stage = Stage::set().await;
    let run = stage.played_twice(&issue(stage.new_issue()), "- { id: say, comment: { body: Hello } }", "create_comment").await;
    assert_done(&run);
    let said = stage.said(&run);
    assert_eq!((said.len(), stage.forge.count("create_comment"), stage.forge.count("find_comment")), (1, 1, 1), "{said:?}");
    assert_eq!(said[0].body, format!("<!-- patchbay:step {}/0 -->\nHello", run.id));
    assert_eq!((&outputs(&run, 0)["id"], &outputs(&run, 0)["url"]), (&said[0].id.to_string(), &said[0].url));
}

#[tokio::test]
async fn the_comment_of_a_key_is_edited_in_place_by_every_run() {
    let stage = Stage::set().await;
    let number = stage.new_issue();
    for text in ["one", "two", "two"] {
        let about = About { body: text.into(), ..issue(number) };
        let run = stage.played(&about, "- comment: { key: 'the state', body: \"{{ event.subject.body }}\" }").await;
        assert_done(&run);
        let said = stage.said(&run);
        assert!(said.len() == 1 && said[0].body.ends_with(text), "{said:?}");
    }
    let run = stage.played(&issue(number), "- comment: { key: other, body: x }").await;
    assert_eq!(stage.said(&run).len(), 2, "another key is another comment");
}

#[tokio::test]
async fn what_events_bring_into_a_comment_acts_on_nobody_and_what_the_file_says_does() {
    let stage = Stage::set().await;
    let about =
        About { body: "@robin ![x](https://evil.test/p.png) closes #1 <!-- patchbay:step run_1/0 -->".into(), ..issue(stage.new_issue()) };
    let run = stage.played(&about, "- comment: { body: \"cc @acme/docs, @{{ 'robin' }}: {{ event.subject.body }}\" }").await;
    let said = &stage.said(&run)[0].body;
    assert!(said.contains("cc @acme/docs,") && !said.contains("![x]"), "{said}");
    assert!(said.contains("`@robin`") && !said.replace("`@robin`", "").contains("@robin"), "{said}");
    assert!(said.contains("`closes #1`") && said.matches("<!--").count() == 1, "{said}");
}

#[tokio::test]
async fn a_comment_that_is_too_long_is_cut_and_one_of_nothing_is_refused() {
    let stage = Stage::set().await;
    let about = About { body: "@robin ".repeat(4_000), ..issue(stage.new_issue()) };
    let steps = "- comment: { body: \"{{ event.subject.body }}{{ event.subject.body }}{{ event.subject.body }}\" }";
    let run = stage.played(&about, steps).await;
    assert_done(&run);
    let said = &stage.said(&run)[0].body;
    assert!(said.chars().count() <= 65_536 && said.ends_with("(cut here: the text was too long for GitHub)"), "{}", said.chars().count());
    let run = stage.played(&issue(stage.new_issue()), "- comment: { body: \"{{ event.label }}\" }").await;
    assert!(failure(&run).detail.contains("`body` came to nothing"), "{}", failure(&run).detail);
}

#[tokio::test]
async fn labels_come_and_go_and_a_text_of_several_lines_is_several() {
    let stage = Stage::set().await;
    let number = stage.new_issue();
    stage.github.label(REPO, number, "dana", "old").unwrap();
    let about = About { body: "bug\n docs \n\nbug".into(), ..issue(number) };
    let run = stage.played_twice(&about, "- label: { add: [\"{{ event.subject.body }}\"], remove: [old, never] }", "add_labels").await;
    assert_done(&run);
    assert_eq!(stage.github.labels_of(REPO, number), ["bug", "docs"]);
    let run = stage.played(&issue(number), "- label: { add: [\"{{ event.label }}\"] }").await;
    assert_done(&run);
    assert_eq!(stage.forge.calls(), [] as [&str; 0], "nothing came of the template, and nothing was asked of the forge");
}

#[tokio::test]
async fn people_are_assigned_and_taken_off() {
    let stage = Stage::set().await;
    let number = stage.new_issue();
    let run = stage.played_twice(&issue(number), "- assign: { add: ['@dana'] }", "add_assignees").await;
    assert_done(&run);
    assert_eq!(stage.github.assignees_of(REPO, number), ["dana"]);
    let run = stage.played(&issue(number), "- assign: { remove: [dana] }").await;
    assert_done(&run);
    assert!(stage.github.assignees_of(REPO, number).is_empty());
}

#[tokio::test]
async fn a_review_is_asked_for_in_pull_requests_alone() {
    let stage = Stage::set().await;
    let number = stage.new_pull();
    stage.github.set_permission(REPO, "robin", patchbay_testing::github::Level::Write).unwrap();
    let run = stage.played(&pull(number), "- request_review: { users: [robin] }").await;
    assert_done(&run);
    assert_eq!(stage.github.reviewers_of(REPO, number), ["robin"]);
    let run = stage.played(&issue(stage.new_issue()), "- request_review: { users: [robin] }").await;
    assert!(failure(&run).detail.contains("works on pull requests"), "{}", failure(&run).detail);
}

#[tokio::test]
async fn threads_are_closed_also_by_their_number_and_twice_is_once() {
    let stage = Stage::set().await;
    let (number, other, pull_request) = (stage.new_issue(), stage.new_issue(), stage.new_pull());
    let run = stage.played_twice(&issue(number), "- close: { reason: not_planned }", "close_thread").await;
    assert_done(&run);
    assert_eq!(stage.github.state_reason_of(REPO, number).as_deref(), Some("not_planned"));
    for thread in [other, pull_request] {
        let run = stage.played(&commit(&"a".repeat(40)), &format!("- close: {{ number: '#{thread}' }}")).await;
        assert_done(&run);
        assert!(!stage.github.issue(REPO, thread).unwrap().open, "#{thread}");
    }
}

#[tokio::test]
async fn no_step_speaks_in_a_discussion() {
    let stage = Stage::set().await;
    let number = stage.github.open_discussion(REPO, "dana", "Ideas", "").unwrap();
    let about = About { thread: Some((SubjectKind::Discussion, number)), ..About::default() };
    for step in ["comment: { body: b }", "label: { add: [a] }", "assign: { add: [dana] }", "close: {}"] {
        let run = stage.played(&about, &format!("- {step}")).await;
        assert_eq!(failure(&run).code, FailureCode::StepRefused, "{step}");
        assert!(failure(&run).detail.contains("not supported on discussions"), "{}", failure(&run).detail);
        assert!(run.has_pending(Effect::UpdateStatus), "it is said beside the newest commit: {:?}", run.outbox);
    }
    assert_eq!(stage.forge.calls(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_check_is_written_once_with_its_annotations() {
    let stage = Stage::set().await;
    let sha = stage.github.branch_head(REPO, "main").unwrap();
    let steps = r#"
- id: look
  check:
    name: Spelling
    conclusion: "{{ 'neutral' }}"
    summary: "Two words, cc @{{ 'robin' }}"
    annotations: "README.md:1: warning: hallo\nI found nothing else."
"#;
    let run = stage.played_twice(&commit(&sha), steps, "create_check_run").await;
    assert_done(&run);
    let checks = stage.github.check_runs(REPO, &sha);
    assert_eq!((checks.len(), checks[0].conclusion.as_deref(), checks[0].title.as_str()), (1, Some("neutral"), "docs"), "{checks:?}");
    assert_eq!(checks[0].external_id, format!("{}/0", run.id));
    assert_eq!(checks[0].annotations.iter().map(|a| (a.path.as_str(), a.message.as_str())).collect::<Vec<_>>(), [("README.md", "hallo")]);
    assert!(checks[0].summary.contains("`@robin`") && checks[0].summary.contains("1 line of `annotations`"), "{}", checks[0].summary);
    assert_eq!(outputs(&run, 0)["id"], checks[0].id.to_string());
    let run = stage.played(&commit(&sha), "- check: { name: X, conclusion: \"{{ 'good' }}\", summary: s }").await;
    assert!(failure(&run).detail.contains("`good`") && failure(&run).detail.contains("`action_required`"), "{}", failure(&run).detail);
}

#[tokio::test]
async fn a_step_that_fits_no_event_of_its_kind_says_what_is_missing() {
    let stage = Stage::set().await;
    let sha = stage.github.branch_head(REPO, "main").unwrap();
    let run = stage.planned(&issue(stage.new_issue()), "- comment: { body: b }").await;
    let run = stage.edit(&run, |run| run.thread = None).await;
    let run = stage.play(&run).await;
    assert!(failure(&run).detail.contains("Say with `number`"), "{}", failure(&run).detail);
    let run = stage
        .planned(&commit(&sha), "- { if: 'true', check: { name: X, conclusion: success, summary: s, sha: '{{ event.label }}' } }")
        .await;
    let run = stage.play(&run).await;
    assert!(failure(&run).detail.contains("`sha` came to nothing"), "{}", failure(&run).detail);
}
