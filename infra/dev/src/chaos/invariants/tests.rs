use super::*;
use crate::aws::Depth;
use crate::chaos::evidence::{RepositoryEvidence, RunEvidence, TaskEvidence};
use crate::operations::records::tests::saved_run;
use jiff::SignedDuration;
use patchbay_domain::ids::RunId;
use patchbay_domain::run::plan::{Outputs, Plan, StepStatus, WorkflowRef, WorkflowSource};
use patchbay_domain::run::{CancelReason, Effect, Outcome, PendingEffect, Place, Run, State};
use patchbay_domain::task::{Failure, FailureCode};
use patchbay_testing::github::{CheckRunView, CommentHistory, DeliveryView, PullView};
use serde_json::json;

const RUN: &str = "run_0123456789abcdef0123456789abcdef";

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn comment(id: u64, body: &str) -> CommentHistory {
    CommentHistory { id, author: "patchbay[bot]".to_owned(), bodies: vec![(now(), body.to_owned())], deleted: false }
}

fn status(text: &str) -> String {
    format!("<!-- patchbay:status {RUN} -->\n{text}")
}

/// One issue that became one pull request, everything done.
fn clean() -> Evidence {
    let mut saved = saved_run(RUN, "2026-11-20T10:00:00Z");
    saved["outbox"] = json!([]);
    let mut run: Run = serde_json::from_value(saved).unwrap();
    run.state = State::Succeeded { outcome: Outcome::PullRequest { number: 8, url: "https://x/8".to_owned(), updated: false } };
    let pull = PullView {
        number: 8,
        title: String::new(),
        body: String::new(),
        author: "patchbay[bot]".to_owned(),
        open: true,
        draft: false,
        head: run.branch_name(),
        head_sha: String::new(),
        base: "main".to_owned(),
        labels: Vec::new(),
        url: "https://x/8".to_owned(),
    };
    let repository = RepositoryEvidence {
        id: 1,
        name: "acme/hello".to_owned(),
        comments: [(7, vec![comment(1, &status("✅ Done: https://x/8"))])].into(),
        branches: [("main".to_owned(), vec![]), (run.branch_name(), vec![format!("fix\n\nPatchbay-Run: {RUN}")])].into(),
        pulls: vec![pull],
        ..RepositoryEvidence::default()
    };
    let delivery = DeliveryView {
        id: 1,
        guid: "d1".to_owned(),
        event: "issues".to_owned(),
        action: Some("opened".to_owned()),
        redelivery: false,
        status_code: Some(202),
        milliseconds: Some(1),
    };
    let task = TaskEvidence { id: "t1".to_owned(), started_by: Some(format!("ws_1/{RUN}/1")), created_at: now(), stopped_at: Some(now()) };
    Evidence {
        runs: vec![RunEvidence { run, partition: format!("ws_1#{RUN}"), indexed: false }],
        claims: [("d1".to_owned(), true)].into(),
        repositories: vec![repository],
        deliveries: vec![delivery],
        tasks: vec![task],
        queues: vec![("events".to_owned(), Depth::default())],
        dead_letters: vec![("events-dead".to_owned(), Depth::default())],
        secrets: vec![("the webhook secret", "topsecret".to_owned())],
        ..Evidence::default()
    }
}

fn judged(change: impl FnOnce(&mut Evidence)) -> Vec<String> {
    let mut evidence = clean();
    change(&mut evidence);
    violations(&evidence, &Rules::at_rest(), now()).iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(expected: &str, change: impl FnOnce(&mut Evidence)) {
    let found = judged(change);
    assert!(found.len() == 1 && found[0].starts_with(expected), "expected {expected}\nfound {found:#?}");
}

fn thread(evidence: &mut Evidence) -> &mut Vec<CommentHistory> {
    evidence.repositories[0].comments.get_mut(&7).unwrap()
}

fn ended(evidence: &mut Evidence, state: State, said: &str) {
    evidence.runs[0].run.state = state;
    *thread(evidence) = vec![comment(1, &status(said))];
}

#[test]
fn a_run_that_went_well_breaks_nothing() {
    assert_eq!(judged(|_| {}), Vec::<String>::new());
}

#[test]
fn a_lost_delivery_is_seen() {
    check("I1: delivery d1 (issues opened) was acknowledged, and nothing knows it", |e| e.claims.clear());
    check("I1: delivery d1 (issues opened) was acknowledged, and its claim", |e| e.claims = [("d1".to_owned(), false)].into());
    check("I1: delivery d1 (issues opened) was never taken", |e| {
        e.claims.clear();
        e.deliveries[0].status_code = Some(503);
    });
}

#[test]
fn a_second_pull_request_commit_or_run_is_seen() {
    check("I2: run_0123456789abcdef0123456789abcdef opened 2 pull requests: #8, #9", |e| {
        let second = PullView { number: 9, ..e.repositories[0].pulls[0].clone() };
        e.repositories[0].pulls.push(second);
    });
    check("I2: run_0123456789abcdef0123456789abcdef has 2 commits on patchbay/7-01234567", |e| {
        let commits = e.repositories[0].branches.get_mut("patchbay/7-01234567").unwrap();
        commits.push(commits[0].clone());
    });
    check("I2: delivery d1 started", |e| {
        let mut second = e.runs[0].clone();
        second.run.id = RunId("run_ff".to_owned());
        second.partition = "ws_1#run_ff".to_owned();
        second.run.state = State::Cancelled { reason: CancelReason::Uninstalled };
        e.runs.push(second);
    });
    check("I2: patchbay/9-x of acme/hello belongs to no run", |e| {
        e.repositories[0].branches.insert("patchbay/9-x".to_owned(), vec![]);
    });
    check("I2: run_0123456789abcdef0123456789abcdef says that it opened #8", |e| e.repositories[0].pulls.clear());
}

#[test]
fn a_pull_request_of_a_run_that_came_to_nothing_is_seen() {
    let failure = Failure::new(FailureCode::AgentCrashed, "");
    check("I2: run_0123456789abcdef0123456789abcdef is failed, and #8 is open", |e| ended(e, State::Failed { failure }, "❌"));
    let stopped = || State::Cancelled { reason: CancelReason::ThreadClosed };
    check("I2: patchbay/7-01234567 of acme/hello is still there", |e| {
        ended(e, stopped(), "⏹️");
        e.repositories[0].pulls[0].open = false;
    });
    assert_eq!(judged(|e| ended(e, State::Cancelled { reason: CancelReason::Uninstalled }, "⚙️")), Vec::<String>::new());
}

#[test]
fn a_comment_too_many_or_too_few_or_untrue_is_seen() {
    check("I3: acme/hello#7 has 2 comments for run_", |e| thread(e).push(comment(2, &status("✅"))));
    check("I3: acme/hello#7 has 2 comments for d1", |e| {
        thread(e).extend([2, 3].map(|id| comment(id, "<!-- patchbay:reply d1 -->\nhelp")));
    });
    check("I3: nobody was told", |e| thread(e).clear());
    check("I3: run_0123456789abcdef0123456789abcdef is succeeded, and its comment says", |e| {
        thread(e)[0] = comment(1, &status("⚙️ at work"))
    });
    let mut silent = clean();
    thread(&mut silent).clear();
    assert_eq!(violations(&silent, &Rules::at_rest().with_mute("acme/hello", 7), now()), []);
    thread(&mut silent).push(CommentHistory { deleted: true, ..comment(1, &status("✅")) });
    assert_eq!(violations(&silent, &Rules::at_rest(), now()).len(), 1, "a deleted comment tells nobody");
}

#[test]
fn a_run_that_never_ends_or_keeps_something_is_seen() {
    let stuck = judged(|e| e.runs[0].run.state = State::Starting);
    assert!(stuck.contains(&format!("I4: {RUN} is starting for good")), "{stuck:?}");
    check("I4: run_0123456789abcdef0123456789abcdef (succeeded) is still in the reaper's index", |e| e.runs[0].indexed = true);
    check("I4: run_0123456789abcdef0123456789abcdef (succeeded) never did release_slots (tries 0)", |e| {
        let pending = PendingEffect { effect: Effect::ReleaseSlots, tries: 0, decided_after: 0, not_before: None, place: Place::Results };
        e.runs[0].run.outbox.push(pending);
        e.runs[0].indexed = true;
    });
    check("I4: slot workspace is still held by run_", |e| e.slots.push(("workspace".to_owned(), vec![RunId(RUN.to_owned())])));
    check("I4: slot workspace is still held by run_gone", |e| e.slots.push(("workspace".to_owned(), vec![RunId("run_gone".to_owned())])));
    check("I4: events still holds messages", |e| e.queues[0].1.delayed = 1);
    check("I4: events-dead holds 1 given-up messages", |e| e.dead_letters[0].1.visible = 1);
}

#[test]
fn what_is_under_way_is_no_breach_yet() {
    let mut evidence = clean();
    evidence.claims.clear();
    evidence.queues[0].1.in_flight = 1;
    evidence.tasks[0].stopped_at = None;
    evidence.runs[0].run.state = State::Running { stage: None };
    evidence.runs[0].run.deadline_at = Some(now() + SignedDuration::from_secs(60));
    evidence.runs[0].indexed = true;
    evidence.repositories[0].pulls.clear();
    assert_eq!(violations(&evidence, &Rules::default(), now()), []);
    let late = violations(&evidence, &Rules::default(), now() + SignedDuration::from_secs(600));
    assert_eq!(late.iter().map(|v| v.invariant).collect::<Vec<_>>(), [Invariant::I4]);
}

#[test]
fn a_task_too_many_is_seen() {
    check("I5: task t1 of ws_1/run_0123456789abcdef0123456789abcdef/1 still runs", |e| e.tasks[0].stopped_at = None);
    let second = |e: &Evidence, attempt: u32| TaskEvidence {
        id: "t2".to_owned(),
        started_by: Some(format!("ws_1/{RUN}/{attempt}")),
        ..e.tasks[0].clone()
    };
    check("I5: ws_1/run_0123456789abcdef0123456789abcdef/1 has more than one task", |e| e.tasks.push(second(e, 1)));
    check("I5: run_0123456789abcdef0123456789abcdef had the tasks t1 and t2 at once", |e| {
        let mut second = second(e, 2);
        second.created_at = now() - SignedDuration::from_secs(5);
        e.tasks.push(second);
    });
    assert_eq!(judged(|e| e.tasks.push(second(e, 2))), Vec::<String>::new(), "a second try after the first one's end");
}

#[test]
fn a_secret_outside_the_vault_is_seen() {
    check("I6: the log of run-results shows the webhook secret", |e| e.logs.push(("run-results".to_owned(), "a topsecret b".to_owned())));
    check("I6: a comment of acme/hello#7 shows an installation token", |e| {
        let body = format!("{} ghs_{}", status("✅ https://x/8"), "a1".repeat(18));
        thread(e)[0] = comment(1, &body);
    });
    assert_eq!(judged(|e| e.logs.push(("x".to_owned(), "tokens begin with ghs_".to_owned()))), Vec::<String>::new());
}

#[test]
fn something_of_another_tenants_is_seen() {
    check("I7: run_0123456789abcdef0123456789abcdef of ws_1 lies in ws_2#", |e| e.runs[0].partition = "ws_2#x".to_owned());
    check("I7: acme/hello#9 has a comment of run_", |e| {
        e.repositories[0].comments.insert(9, vec![comment(5, &status("✅"))]);
    });
}

/// The run came from a workflow: a comment, a change and a check, all done.
fn with_plan(evidence: &mut Evidence) {
    let text = "workflows:\n  docs:\n    on: issues\n    steps:\n      - comment: { body: x }\n      - agent: { mode: change, prompt: x }\n      - check: { name: docs, sha: x, conclusion: success, summary: x }\n";
    let workflow = patchbay_domain::workflow::read(text).unwrap().workflows.remove(0);
    let named = WorkflowRef { name: workflow.name, source: WorkflowSource::Repository, version: "v".to_owned() };
    let mut plan = Plan::new(named, workflow.steps, json!({}), 1200, 1_000_000);
    plan.at = plan.steps.len();
    let branch = "patchbay/7-01234567-2".to_owned();
    let outputs = [("branch", branch.as_str()), ("pull_request", "8")];
    let outputs = Outputs::from(outputs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for step in &mut plan.steps {
        step.status = StepStatus::Succeeded { outputs: outputs.clone() };
    }
    let run = &mut evidence.runs[0].run;
    (run.plan, run.state) = (Some(plan), State::Succeeded { outcome: Outcome::Steps });
    let repository = &mut evidence.repositories[0];
    let commits = repository.branches.remove("patchbay/7-01234567").unwrap();
    repository.branches.insert(branch.clone(), commits);
    repository.pulls[0].head = branch.clone();
    repository.checks.insert(branch, vec![check_run(1)]);
    thread(evidence).push(comment(2, &step_comment(0)));
}

fn check_run(id: u64) -> CheckRunView {
    CheckRunView {
        id,
        app: "patchbay".to_owned(),
        name: "docs".to_owned(),
        external_id: format!("{RUN}/2"),
        status: "completed".to_owned(),
        conclusion: Some("success".to_owned()),
        title: String::new(),
        summary: String::new(),
        annotations: Vec::new(),
        details_url: None,
    }
}

fn step_comment(step: u32) -> String {
    format!("<!-- patchbay:step {RUN}/{step} -->\nHello.")
}

#[track_caller]
fn check_with_plan(expected: &str, change: impl FnOnce(&mut Evidence)) {
    check(expected, |e| {
        with_plan(e);
        change(e);
    });
}

#[test]
fn a_workflow_that_went_well_breaks_nothing() {
    assert_eq!(judged(with_plan), Vec::<String>::new());
}

#[test]
fn what_a_step_did_twice_or_not_at_all_is_seen() {
    check_with_plan("I3: acme/hello#7 has 2 comments for run_0123456789abcdef0123456789abcdef/0", |e| {
        thread(e).push(comment(3, &step_comment(0)));
    });
    check_with_plan("I3: acme/hello#7 has 2 comments for docs/review", |e| {
        thread(e).extend([3, 4].map(|id| comment(id, "<!-- patchbay:key docs/review -->\nHello.")));
    });
    check_with_plan("I3: acme/hello#7 has a comment of run_gone/0, which does not exist", |e| {
        thread(e).push(comment(3, "<!-- patchbay:step run_gone/0 -->\nHello."));
    });
    check_with_plan("I3: patchbay/7-01234567-2 of acme/hello has 2 check runs docs for", |e| {
        e.repositories[0].checks.values_mut().for_each(|checks| checks.push(check_run(2)));
    });
    check_with_plan("I2: run_0123456789abcdef0123456789abcdef opened 2 pull requests: #8, #9", |e| {
        let second = PullView { number: 9, ..e.repositories[0].pulls[0].clone() };
        e.repositories[0].pulls.push(second);
    });
    check_with_plan("I2: a step of run_0123456789abcdef0123456789abcdef says that it opened #8", |e| e.repositories[0].pulls.clear());
}

#[test]
fn what_a_step_opened_stays_when_a_later_one_fails() {
    let fail = |e: &mut Evidence| {
        with_plan(e);
        let failure = Failure::new(FailureCode::CallFailed, "");
        e.runs[0].run.state = State::Failed { failure };
        thread(e)[0] = comment(1, &status("❌"));
    };
    assert_eq!(judged(fail), Vec::<String>::new());
    check("I2: run_0123456789abcdef0123456789abcdef is failed, and #8 is open", |e| {
        fail(e);
        let plan = e.runs[0].run.plan.as_mut().unwrap();
        plan.steps[1].status = StepStatus::Failed { failure: Failure::new(FailureCode::AgentCrashed, "") };
    });
}
