//! Workflows' steps against the stage: written as in a file, started as the matcher will, looked at where people would look.

mod callbacks;
mod calls;
mod reading;
mod threads;

use crate::stage::{REPO, Stage, ends_at, message};
use crate::watched_forge::Fault;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::tables::core::ConnectionStatus;
use patchbay_domain::event::{Detail, Event, Provider, Push, Subject, SubjectKind};
use patchbay_domain::ids::{DeliveryId, RunId};
use patchbay_domain::run::apply::accept;
use patchbay_domain::run::plan::{Outputs, Plan, StepStatus, WorkflowRef, WorkflowSource};
use patchbay_domain::run::state::{NewRun, Request, ThreadRef};
use patchbay_domain::run::{Effect, Outcome, Run, State};
use patchbay_domain::task::{Failure, FailureCode, Mode};
use patchbay_domain::workflow;
use patchbay_forge::ForgeError;

/// What a run is about.
#[derive(Clone, Default)]
pub(crate) struct About {
    thread: Option<(SubjectKind, u64)>,
    sha: Option<String>,
    body: String,
}

pub(crate) fn issue(number: u64) -> About {
    About { thread: Some((SubjectKind::Issue, number)), ..About::default() }
}

pub(crate) fn pull(number: u64) -> About {
    About { thread: Some((SubjectKind::PullRequest, number)), ..About::default() }
}

pub(crate) fn commit(sha: &str) -> About {
    About { sha: Some(sha.into()), ..About::default() }
}

fn event(stage: &Stage, about: &About, delivery: &str) -> Event {
    let subject = about.thread.map(|(kind, number)| Subject {
        kind,
        number,
        title: "A title".into(),
        body: about.body.clone(),
        url: String::new(),
        author: None,
        open: true,
        draft: false,
        labels: vec![],
        refs: None,
    });
    let push = |sha: &String| Push {
        full_ref: "refs/heads/main".into(),
        before: "0".repeat(40),
        after: sha.clone(),
        commit_count: 1,
        pusher: "dana".into(),
        forced: false,
        deleted: false,
        paths: None,
    };
    Event {
        provider: Provider::Github,
        delivery: DeliveryId(delivery.into()),
        kind: if about.sha.is_some() { "push" } else { "issues" }.into(),
        action: None,
        connection: Some(stage.at.connection.clone()),
        actor: None,
        repository: Some(stage.at.repository.clone()),
        subject,
        comment: None,
        detail: about.sha.as_ref().map_or(Detail::None, |sha| Detail::Push(push(sha))),
    }
}

impl Stage {
    pub(crate) fn new_issue(&self) -> u64 {
        self.github.open_issue(REPO, "dana", "A title", "", &[]).unwrap()
    }

    /// A run of a workflow with these steps (YAML, a list), accepted; nothing of it has been done.
    pub(crate) async fn planned(&self, about: &About, steps: &str) -> Run {
        let file = format!(
            "workflows:\n  docs:\n    on: pull_request\n    steps:\n{}\n  other: {{ on: manual, steps: [{{ file: {{ path: x }} }}] }}",
            indented(steps)
        );
        let read = workflow::read(&file).unwrap_or_else(|problems| panic!("{problems}\n{file}"));
        let workspace = self.connection.workspace.clone();
        let delivery = format!("d{}", self.cloud.rows("runs").len());
        let workflow = WorkflowRef { name: "docs".into(), source: WorkflowSource::Repository, version: "v1".into() };
        let context = workflow::event_context(&event(self, about, &delivery));
        let thread = about.thread.map(|(kind, number)| ThreadRef { kind, number, title: "A title".into(), url: String::new() });
        let new = NewRun {
            id: RunId::derive(&workspace, "docs", &delivery),
            workspace,
            connection: self.at.connection.clone(),
            repository: self.at.repository.clone(),
            thread,
            request: Request {
                mode: Mode::Auto,
                prompt: String::new(),
                requester: self.person("dana").await,
                url: String::new(),
                delivery: DeliveryId(delivery),
                label: None,
                authority: Default::default(),
                options: Default::default(),
            },
            plan: Some(Plan::new(workflow, read.workflows[0].steps.clone(), context, 1200, 500_000)),
            deadline_seconds: 1800,
            budget_microusd: 2_000_000,
        };
        let run = accept(new, Timestamp::now());
        self.services.dispatch.runs.create(&run).await.unwrap();
        self.forge.forget();
        run
    }

    /// run-launcher does what it can.
    pub(crate) async fn play(&self, run: &Run) -> Run {
        self.launch(run).await;
        self.stored(run).await
    }

    /// A run of these steps, played.
    pub(crate) async fn played(&self, about: &About, steps: &str) -> Run {
        let run = self.planned(about, steps).await;
        self.play(&run).await
    }

    /// The step's answer is lost; the next try finds what the first one did.
    pub(crate) async fn played_twice(&self, about: &About, steps: &str, lost: &'static str) -> Run {
        let run = self.planned(about, steps).await;
        self.forge.fault(lost, Fault::LoseAnswer);
        let waiting = self.play(&run).await;
        assert!(waiting.has_pending(Effect::PerformStep), "{lost}: {:?}", waiting.state);
        self.time_passes(&run).await;
        self.play(&run).await
    }
}

fn indented(text: &str) -> String {
    text.trim_matches('\n').lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
}

pub(crate) fn outputs(run: &Run, step: usize) -> Outputs {
    match &run.plan.as_ref().unwrap().steps[step].status {
        StepStatus::Succeeded { outputs } => outputs.clone(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn outcomes(run: &Run) -> Vec<&'static str> {
    run.plan.as_ref().unwrap().steps.iter().map(|planned| planned.status.outcome().unwrap_or("open")).collect()
}

#[track_caller]
pub(crate) fn failure(run: &Run) -> &Failure {
    match &run.state {
        State::Failed { failure } => failure,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn assert_done(run: &Run) {
    assert_eq!(run.state, State::Succeeded { outcome: Outcome::Steps }, "{:?}", run.plan.as_ref().unwrap().steps);
}

#[tokio::test]
async fn steps_are_done_in_their_order_and_later_ones_see_what_earlier_ones_left() {
    let stage = Stage::set().await;
    let about = issue(stage.new_issue());
    let run = stage
        .played(
            &about,
            r#"
- id: read
  file: { path: README.md }
- if: "steps.read.outputs.exists == 'false'"
  label: { add: [missing] }
- comment: { body: "It says {{ steps.read.outputs.content | trim }}." }
"#,
        )
        .await;
    assert_done(&run);
    assert_eq!(outcomes(&run), ["success", "skipped", "success"]);
    assert!(stage.said(&run)[0].body.ends_with("It says # hello."), "{:?}", stage.said(&run));
    assert!(run.outbox.is_empty() && stage.cloud.take_sent().is_empty(), "nothing else has to be done: {:?}", run.outbox);
}

#[tokio::test]
async fn a_template_that_cannot_be_rendered_fails_its_step_and_says_where() {
    let stage = Stage::set().await;
    let about = issue(stage.new_issue());
    let run = stage.played(&about, "- comment: { body: \"{{ event.subject.number + 'x' }}\" }").await;
    assert_eq!(failure(&run).code, FailureCode::Template);
    assert!(failure(&run).detail.starts_with("`body`: ") && failure(&run).detail.contains("line 1"), "{}", failure(&run).detail);
    stage.drain().await;
    let said = &stage.said(&run)[0].body;
    assert!(said.contains("Workflow `docs`.") && said.contains("**What to do:** Mend it in"), "{said}");
    let run = stage.played(&about, "- { if: \"event.subject.number + 'x'\", comment: { body: b } }").await;
    assert!(failure(&run).detail.starts_with("`if`: "), "{}", failure(&run).detail);
}

#[tokio::test]
async fn a_step_that_may_fail_lets_the_workflow_go_on() {
    let stage = Stage::set().await;
    let about = issue(stage.new_issue());
    let run = stage
        .played(
            &about,
            r#"
- id: bad
  continue_on_error: true
  comment: { number: "none", body: b }
- comment: { body: "It was a {{ steps.bad.outcome }}." }
"#,
        )
        .await;
    assert_done(&run);
    assert_eq!(outcomes(&run), ["failure", "success"]);
    assert!(stage.said(&run)[0].body.ends_with("It was a failure."));
}

#[tokio::test]
async fn an_agent_step_asks_the_agent_what_its_template_says() {
    let stage = Stage::set().await;
    let about = About { body: "Look <!-- and obey --> here".into(), ..issue(stage.new_issue()) };
    let asks = "- { id: look, agent: { mode: ask, prompt: \"{{ event.subject.body }} \\u200b\", model: small } }";
    let run = stage.played(&about, asks).await;
    assert!(matches!(run.state, State::Running { .. }), "{:?}", run.state);
    assert_eq!(
        (run.request.prompt.as_str(), run.request.mode, run.request.options.model.as_deref()),
        ("Look  here", Mode::Ask, Some("small"))
    );
    assert!(run.shows_status, "somebody waits for the answer");
    let other = About { thread: issue(stage.new_issue()).thread, ..about.clone() };
    let run = stage.played(&other, &format!("{asks}\n- comment: {{ body: '{{{{ steps.look.outputs.answer }}}}' }}")).await;
    assert!(!failing(&run) && !run.shows_status, "the answer is a later step's");
    let run = stage.played(&other, "- agent: { mode: ask, prompt: \"{{ event.label }}\" }").await;
    assert!(failure(&run).detail.contains("`prompt` came to nothing"), "{}", failure(&run).detail);
}

fn failing(run: &Run) -> bool {
    matches!(run.state, State::Failed { .. })
}

#[tokio::test]
async fn nothing_is_done_where_the_app_is_not_installed_any_more() {
    let stage = Stage::set().await;
    let run = stage.planned(&issue(stage.new_issue()), "- comment: { body: b }").await;
    stage.note_connection(ConnectionStatus::Suspended).await;
    let run = stage.play(&run).await;
    assert_eq!(failure(&run).code, FailureCode::StepRefused);
    assert_eq!(stage.forge.calls(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_permission_that_was_asked_for_long_ago_is_asked_for_again_before_anything_is_written() {
    let stage = Stage::set().await;
    let about = issue(stage.new_issue());
    for (login, may) in [("dana", true), ("robin", false)] {
        let run = stage.planned(&about, "- comment: { body: b }").await;
        let who = stage.person(login).await;
        stage.forge.forget();
        stage
            .edit(&run, |run| {
                run.created_at = Timestamp::now() - SignedDuration::from_secs(120);
                run.request.requester = who;
            })
            .await;
        let run = stage.play(&run).await;
        assert_eq!((stage.forge.count("permission"), stage.forge.count("create_comment")), (1, usize::from(may)), "{login}");
        assert_eq!(failing(&run).then(|| failure(&run).code), (!may).then_some(FailureCode::PermissionLost), "{login}");
    }
}

#[tokio::test]
async fn what_the_forge_refuses_fails_and_what_it_puts_off_waits() {
    let stage = Stage::set().await;
    let about = issue(stage.new_issue());
    let run = stage.planned(&about, "- label: { add: [a] }").await;
    let retry_at = Timestamp::now() + SignedDuration::from_secs(500);
    stage.forge.fault("add_labels", Fault::Refuse(ForgeError::RateLimited { retry_at }));
    let waiting = stage.play(&run).await;
    let pending = waiting.outbox.iter().find(|pending| pending.effect == Effect::PerformStep).unwrap();
    assert_eq!(pending.not_before, Some(retry_at));
    stage.time_passes(&run).await;
    stage.forge.fault("add_labels", Fault::Refuse(ForgeError::Permanent("the thread is locked".into())));
    let run = stage.play(&run).await;
    assert_eq!(failure(&run).code, FailureCode::StepRefused);
    assert!(failure(&run).detail.contains("the thread is locked"), "{}", failure(&run).detail);
}

#[tokio::test]
async fn a_failed_run_without_a_thread_shows_itself_beside_its_commit_once() {
    let stage = Stage::set().await;
    let sha = stage.github.branch_head(REPO, "main").unwrap();
    let run = stage.played(&commit(&sha), "- comment: { body: b, number: \"{{ event.sha }}\" }").await;
    assert!(run.has_pending(Effect::UpdateStatus), "{:?}", run.outbox);
    stage.forge.fault("create_check_run", Fault::LoseAnswer);
    stage.apply(&run).await;
    stage.time_passes(&run).await;
    stage.apply(&run).await;
    assert!(stage.stored(&run).await.outbox.is_empty());
    let checks = stage.github.check_runs(REPO, &sha);
    assert_eq!(checks.len(), 1, "{checks:?}");
    assert_eq!((checks[0].name.as_str(), checks[0].conclusion.as_deref()), ("patchbay / docs", Some("failure")));
    assert!(checks[0].summary.contains("`number` came to") && checks[0].summary.contains("**What to do:**"), "{}", checks[0].summary);
}

#[tokio::test]
async fn a_failed_run_about_nothing_shows_itself_beside_the_newest_commit() {
    let stage = Stage::set().await;
    let run = stage.played(&About::default(), "- { id: x, file: { path: '{{ event.label }}' } }").await;
    assert!(failure(&run).detail.contains("`path` came to nothing"));
    stage.apply(&run).await;
    assert!(stage.stored(&run).await.outbox.is_empty());
    let checks = stage.github.check_runs(REPO, &stage.github.branch_head(REPO, "main").unwrap());
    assert_eq!(checks.len(), 1, "{checks:?}");
    assert!(checks[0].summary.contains("`path` came to nothing"), "{}", checks[0].summary);
}

#[tokio::test]
async fn another_workflow_is_ordered_under_a_name_that_every_try_has() {
    let stage = Stage::set().await;
    let steps = "- { id: go, run_workflow: { workflow: other, inputs: { n: \"{{ event.subject.number }}\" } } }";
    let run = stage.played(&issue(stage.new_issue()), steps).await;
    assert_done(&run);
    let sent = stage.cloud.take_sent();
    let order = &sent.iter().find(|sent| sent.queue == "events").unwrap().body;
    assert_eq!((&order["v"], &order["id"]), (&"start.1".into(), &format!("step-{}-0", run.id).into()));
    assert_eq!(order["detail"]["workflow"], "other");
    assert_eq!((&order["detail"]["inputs"]["n"], &order["detail"]["depth"]), (&"1".into(), &1.into()));
    assert_eq!((&order["actor"], &order["repository"]["name"]), (&serde_json::Value::Null, &"hello".into()));
    assert_eq!(outputs(&run, 0)["delivery"], format!("step-{}-0", run.id));
}

#[tokio::test]
async fn runs_that_start_each_other_come_to_an_end() {
    let stage = Stage::set().await;
    let run = stage.planned(&issue(stage.new_issue()), "- run_workflow: { workflow: other }").await;
    stage.edit(&run, |run| run.plan.as_mut().unwrap().depth = 5).await;
    let run = stage.play(&run).await;
    assert!(failure(&run).detail.contains("the last of 5"), "{}", failure(&run).detail);
    assert!(stage.cloud.take_sent().iter().all(|sent| sent.queue != "events"));
}

#[tokio::test]
async fn what_a_secret_looks_like_does_not_leave_in_a_step() {
    let stage = Stage::set().await;
    let token = format!("ghp_{}", "a1B2c3D4e5".repeat(4).chars().take(36).collect::<String>());
    let about = About { body: format!("token {token}"), ..issue(stage.new_issue()) };
    let run = stage.played(&about, "- comment: { body: \"{{ event.subject.body }}\" }").await;
    let said = &stage.said(&run)[0].body;
    assert!(said.contains("token ") && !said.contains(&token), "{said}");
}

#[tokio::test]
async fn a_launcher_that_died_in_a_step_is_followed_by_one_that_looks_first() {
    let stage = Stage::set().await;
    let run = stage.planned(&issue(stage.new_issue()), "- comment: { body: b }").await;
    stage.forge.fault("create_comment", Fault::Die);
    let launcher = stage.launcher();
    tokio::select! {
        _ = launcher.handle_message(message(&run), ends_at()) => panic!("it lives"),
        () = stage.forge.happened() => {}
    }
    stage.time_passes(&run).await;
    let run = stage.play(&run).await;
    assert_done(&run);
    assert_eq!((stage.said(&run).len(), stage.forge.count("create_comment")), (1, 1));
}
