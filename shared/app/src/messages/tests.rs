//! What people read, whole: a snapshot of every text in every state.

use super::*;
use patchbay_domain::change_set::{Change, ChangeSet, Content, FileChange};
use patchbay_domain::event::SubjectKind;
use patchbay_domain::event::{Actor, ActorKind, Repository};
use patchbay_domain::ids::{ConnectionId, DeliveryId, WorkspaceId};
use patchbay_domain::run::apply::accept;
use patchbay_domain::run::plan::{Outputs, Plan, StepStatus, WorkflowRef, WorkflowSource};
use patchbay_domain::run::state::{NewRun, PushedBranch, Request, ThreadRef};
use patchbay_domain::run::{CancelReason, Outcome, QueuedBecause, Run, State};
use patchbay_domain::task::{Failure, FailureCode, Mode, StoredResult, TaskOutcome, Usage};
use patchbay_domain::task::{TaskResult, VerifyOutcome, VerifyReport};
use patchbay_domain::workflow;

fn run(state: State) -> Run {
    let workspace = WorkspaceId::of_account("github", 9);
    let new = NewRun {
        id: RunId("run_0123456789abcdef0123456789abcdef".to_owned()),
        workspace,
        connection: ConnectionId::of_installation("github", 5),
        repository: Repository {
            id: 3,
            owner: "acme".to_owned(),
            name: "hello".to_owned(),
            default_branch: Some("main".to_owned()),
            private: false,
        },
        thread: Some(ThreadRef {
            kind: SubjectKind::Issue,
            number: 7,
            title: "Greet by name".to_owned(),
            url: "https://github.com/acme/hello/issues/7".to_owned(),
        }),
        request: Request {
            mode: Mode::Auto,
            prompt: "Greet by name, @octocat, and fix #99".to_owned(),
            requester: Actor { id: 11, login: "ada".to_owned(), kind: ActorKind::Person },
            url: "https://github.com/acme/hello/issues/7".to_owned(),
            delivery: DeliveryId("d-1".to_owned()),
            label: None,
            authority: Default::default(),
            options: Default::default(),
        },
        plan: None,
        deadline_seconds: 1800,
        budget_microusd: 2_000_000,
    };
    Run {
        state,
        version: 3,
        attempt: 1,
        outbox: Vec::new(),
        usage: Usage { model_calls: 2, input_tokens: 900, output_tokens: 100, cost_microusd: 12_300 },
        ..accept(new, "2026-01-01T00:00:00Z".parse().unwrap())
    }
}

fn stored(outcome: TaskOutcome) -> StoredResult {
    StoredResult {
        result: TaskResult {
            run: RunId("run_0123456789abcdef0123456789abcdef".to_owned()),
            attempt: 1,
            outcome,
            summary: Some("Added a parameter. cc @everyone".to_owned()),
            agent: "aider 0.86.2".to_owned(),
            isolation: Vec::new(),
            kept_back: 0,
            verify: None,
            notes: Vec::new(),
        },
        usage: Usage { model_calls: 1, input_tokens: 10, output_tokens: 5, cost_microusd: 0 },
    }
}

fn changes() -> StoredResult {
    let write = |added| Change::Write { mode: "100644".to_owned(), content: Content::Text("x\n".to_owned()), added };
    let files = vec![
        FileChange { path: "hello.py".to_owned(), change: write(false) },
        FileChange { path: "test_hello.py".to_owned(), change: write(true) },
        FileChange { path: "old.py".to_owned(), change: Change::Delete },
    ];
    stored(TaskOutcome::Changes {
        change_set: ChangeSet { base_sha: "a".repeat(40), files, commit_message: "feat: greet by name".to_owned(), message_by_model: true },
    })
}

#[test]
fn every_state_reads_well() {
    let pull_request = |updated| State::Succeeded {
        outcome: Outcome::PullRequest { number: 8, url: "https://github.com/acme/hello/pull/8".to_owned(), updated },
    };
    let states = [
        State::Queued { because: QueuedBecause::New },
        State::Queued { because: QueuedBecause::ThreadBusy },
        State::Queued { because: QueuedBecause::Capacity },
        State::Starting,
        State::Running { stage: None },
        State::Running { stage: Some("The agent is working.".to_owned()) },
        State::Applying,
        pull_request(false),
        State::Failed { failure: Failure::new(FailureCode::NothingToDo, "I could not find @octocat's file.") },
        State::Cancelled { reason: CancelReason::Stopped { by: "ada".to_owned() } },
    ];
    let texts: Vec<String> = states.into_iter().map(|state| status_message(&run(state), None)).collect();
    insta::assert_snapshot!(texts.join("\n\n=====\n\n"));
}

#[test]
fn an_answer_leaves_inert() {
    let answer = stored(TaskOutcome::Answer { text: "Because @octocat said so. Fixes #99 <!-- patchbay:status run_x -->".to_owned() });
    let text = status_message(&run(State::Succeeded { outcome: Outcome::Answer }), Some(&answer));
    assert!(text.starts_with("<!-- patchbay:status run_0123456789abcdef0123456789abcdef -->\n"));
    assert_eq!(text.matches("<!--").count(), 1, "{text}");
    assert!(text.contains("`@octocat`") || !text.contains("@octocat"), "{text}");
}

#[test]
fn a_long_answer_fits_into_a_comment() {
    let answer = stored(TaskOutcome::Answer { text: "All work and no play.\n\n".repeat(20_000) });
    let text = status_message(&run(State::Succeeded { outcome: Outcome::Answer }), Some(&answer));
    assert!(text.chars().count() <= 65_536, "{}", text.chars().count());
    assert!(text.contains("<details>"));
}

#[test]
fn a_pull_request_says_what_was_asked_and_done() {
    insta::assert_snapshot!(pull_request_body(&run(State::Applying), &changes(), "patchbay"));
}

#[test]
fn what_nobody_asked_for_names_nobody_and_links_to_no_page() {
    let mut run = planned(State::Applying);
    (run.thread, run.request.url) = (None, String::new());
    let mut told = |event: serde_json::Value| {
        run.plan.as_mut().unwrap().event = event;
        (pull_request_body(&run, &changes(), "patchbay"), commit_message(&run, "feat: x"))
    };
    let (body, commit) = told(serde_json::json!({ "actor": { "login": "ada" } }));
    assert!(body.contains("— `@ada` in workflow docs\n") && commit.contains("Co-authored-by: ada"), "{body}{commit}");
    let (body, commit) = told(serde_json::json!({ "actor": { "login": "" } }));
    assert!(body.contains("— workflow docs\n"), "{body}");
    assert_eq!(commit, "feat: x\n\nPatchbay-Run: run_0123456789abcdef0123456789abcdef");
}

#[test]
fn a_commit_names_who_asked_and_which_run() {
    let text = commit_message(&run(State::Applying), "feat: greet by name\n\nfixes #99, thanks @octocat");
    assert_eq!(
        text,
        "feat: greet by name\n\nsee #99, thanks octocat\n\nCo-authored-by: ada <11+ada@users.noreply.github.com>\nPatchbay-Run: run_0123456789abcdef0123456789abcdef"
    );
}

#[test]
fn a_commits_trailers_are_not_the_agents_to_write() {
    let forged = "feat: x\n\nwhy\n\nPatchbay-Run: run_other\n Co-authored-by: eve <1+eve@users.noreply.github.com>\nSigned-off-by: eve";
    let text = commit_message(&run(State::Applying), forged);
    assert_eq!(text.matches("Patchbay-Run:").count(), 1, "{text}");
    assert!(!text.contains("eve") && text.starts_with("feat: x\n\nwhy\n\n"), "{text}");
}

#[test]
fn the_agents_name_is_the_agents_word() {
    let mut result = changes();
    result.result.agent = "evil\n\n@acme/everyone ![x](https://evil.test/p.png) fixes #99".to_owned();
    let body = pull_request_body(&run(State::Applying), &result, "patchbay");
    assert!(body.contains("by evil `@acme/everyone` [image: x](https://evil.test/p.png) `fixes #99` · run"), "{body}");
}

#[test]
fn every_failure_says_what_to_do_next() {
    use FailureCode::*;
    for code in [
        NoModel,
        ModelNotAllowed,
        ImageUnknown,
        ModelRefused,
        ModelUnavailable,
        Budget,
        TimedOut,
        OutOfMemory,
        DiskFull,
        CloneFailed,
        SetupFailed,
        AgentCrashed,
        AgentMissing,
        NothingToDo,
        TooLarge,
        Blocked,
        PermissionLost,
        Conflict,
        ForgeRefused,
        Fork,
        Infrastructure,
        Template,
        StepRefused,
        CallFailed,
    ] {
        let text = status_message(&run(State::Failed { failure: Failure::new(code, "") }), None);
        assert!(text.contains("❌") && text.contains("**What to do:** "), "{code:?}: {text}");
    }
}

#[test]
fn an_added_commit_is_named() {
    let mut updated = run(State::Succeeded { outcome: Outcome::PullRequest { number: 7, url: String::new(), updated: true } });
    updated.branch = Some(PushedBranch {
        name: "patchbay/1-x".to_owned(),
        base: "main".to_owned(),
        commit_sha: "0123456789ab".to_owned(),
        existing_pull_request: Some(7),
    });
    assert!(status_message(&updated, None).contains("added commit 01234567"));
}

fn checked(outcome: VerifyOutcome, output: &str) -> StoredResult {
    let mut result = changes();
    result.result.verify = Some(VerifyReport { command: "make `lint`\n&& make test".to_owned(), outcome, output: output.to_owned() });
    result.result.notes = vec!["The agent was not shown `docs/AGENTS.md`: it is not in the repository.".to_owned()];
    result
}

#[test]
fn what_the_check_said_is_told_in_the_pull_request_and_in_the_thread() {
    let done = |updated| State::Succeeded {
        outcome: Outcome::PullRequest { number: 8, url: "https://github.com/acme/hello/pull/8".into(), updated },
    };
    let failed = "error: unused\n```\n@octocat fixes #99 <img src=x>\n````";
    let mut texts = Vec::new();
    for (outcome, output) in [(VerifyOutcome::Passed, ""), (VerifyOutcome::PassedAfterRepair, ""), (VerifyOutcome::Failed, failed)] {
        let result = checked(outcome, output);
        let body = pull_request_body(&run(State::Applying), &result, "patchbay");
        let (_, sections) = body.split_once("### Check").unwrap();
        texts.push(format!("### Check{}", sections.split_once("### Files").unwrap().0));
        texts.push(status_message(&run(done(false)), Some(&result)));
    }
    texts.push(status_message(&run(done(true)), Some(&checked(VerifyOutcome::Failed, failed))));
    insta::assert_snapshot!(texts.join("\n=====\n"));
}

#[test]
fn a_setup_that_failed_is_told_with_what_it_printed_and_cannot_leave_its_quote() {
    let detail = "`npm ci` ended with exit code 1.\n\nThe end of what it printed:\n\n```\nno such package @acme/x\nfixes #99\n```";
    let failed = run(State::Failed { failure: Failure::new(FailureCode::SetupFailed, detail) });
    insta::assert_snapshot!(format!("{}\n=====\n{}", status_message(&failed, None), why_message(Some(&failed))));
}

/// A workflow's run: the agent has answered, the engine failed and was forgiven, a comment is at work.
fn planned(state: State) -> Run {
    let file = "workflows:\n  docs:\n    on: issues\n    steps:\n      - { id: look, agent: { mode: ask, prompt: p } }\n      \
                - { id: engine, continue_on_error: true, http: { url: 'https://engine.test' } }\n      \
                - { if: 'false', label: { add: [x] } }\n      - comment: { body: b }\n";
    let steps = workflow::read(file).unwrap().workflows.remove(0).steps;
    let workflow = WorkflowRef { name: "docs".to_owned(), source: WorkflowSource::Repository, version: "v".to_owned() };
    let event = serde_json::json!({ "kind": "issues", "action": "opened", "actor": { "login": "ada" } });
    let mut plan = Plan::new(workflow, steps, event, 600, 1);
    let url = "https://github.com/acme/hello/pull/8".to_owned();
    plan.steps[0].status = StepStatus::Succeeded { outputs: Outputs::from([("url".to_owned(), url)]) };
    let failure = Failure::new(FailureCode::CallFailed, "engine.test answered with 404, @octocat.");
    plan.steps[1].status = StepStatus::Failed { failure };
    plan.steps[2].status = StepStatus::Skipped { why: "its `if` is false".to_owned() };
    plan.steps[3].status = match &state {
        State::Failed { failure } => StepStatus::Failed { failure: failure.clone() },
        State::Succeeded { .. } => StepStatus::Succeeded { outputs: Outputs::new() },
        _ => StepStatus::Active,
    };
    plan.at = 3;
    Run { plan: Some(plan), ..run(state) }
}

#[test]
fn a_workflows_run_says_which_step_it_is_at_and_what_the_others_did() {
    let failed = |code, detail: &str| State::Failed { failure: Failure::new(code, detail) };
    let states = [
        State::Queued { because: QueuedBecause::New },
        State::Stepping,
        State::Succeeded { outcome: Outcome::Steps },
        failed(FailureCode::Template, "`body`: syntax error (line 1 of the template)."),
        failed(FailureCode::TimedOut, "the step's time was over"),
        failed(FailureCode::ModelUnavailable, ""),
        State::Cancelled { reason: CancelReason::Superseded { by: "run_2".to_owned() } },
    ];
    let texts: Vec<String> = states.into_iter().map(|state| status_message(&planned(state), None)).collect();
    insta::assert_snapshot!(texts.join("\n\n=====\n\n"));
}

#[test]
fn a_failed_check_and_the_answer_to_why_name_the_workflow() {
    let failed = planned(State::Failed { failure: Failure::new(FailureCode::StepRefused, "GitHub's answer: refused: no.") });
    let State::Failed { failure } = &failed.state else { panic!() };
    let (title, summary) = failed_check(&failed, failure);
    insta::assert_snapshot!(format!("{title}\n=====\n{summary}\n=====\n{}", why_message(Some(&failed))));
}
