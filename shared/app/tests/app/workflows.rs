//! Which workflows start on what happens: where they are read from and when, what their filters ask the forge, what is
//! kept of it for whoever asks why.

use crate::stage::{REPO, Stage, ends_at};
use crate::watched_forge::Fault;
use jiff::Timestamp;
use patchbay_aws::lambda::Handled;
use patchbay_aws::tables::deliveries::Decision;
use patchbay_domain::envelope::{Delivery, EventMessage, StartOrder};
use patchbay_domain::event::{Detail, Manual};
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::run::plan::WorkflowSource;
use patchbay_domain::run::state::Authority;
use patchbay_domain::run::{CancelReason, Run, State};
use patchbay_domain::workflow::FILE_PATH;
use patchbay_forge::ForgeError;

/// A workflow of this name with these triggers (YAML, one a line).
pub(crate) fn file(name: &str, triggers: &[&str]) -> String {
    let triggers: String = triggers.iter().map(|trigger| format!("      {trigger}\n")).collect();
    format!("workflows:\n  {name}:\n    on:\n{triggers}    steps:\n      - file: {{ path: README.md }}\n")
}

impl Stage {
    /// dana pushes this text to a branch as the configuration, and Patchbay hears of it.
    pub(crate) async fn configure_on(&self, branch: &str, text: &str) -> (String, Delivery) {
        let sha = self.github.push_commit(REPO, "dana", branch, "chore: Configure", &[(FILE_PATH, text)]).unwrap();
        let delivery = self.latest("push");
        self.hear_well(&delivery).await;
        (sha, delivery)
    }

    pub(crate) async fn configure(&self, text: &str) -> String {
        self.listen();
        let (sha, _) = self.configure_on("main", text).await;
        self.cloud.take_sent();
        self.forge.forget();
        sha
    }

    /// The latest event of this kind, as intake queues it.
    pub(crate) fn latest(&self, event: &str) -> Delivery {
        let sent = self.github.deliveries().into_iter().rfind(|sent| sent.event == event).unwrap();
        self.delivery_named(&sent.guid, &sent.event)
    }

    pub(crate) async fn decisions(&self, delivery: &Delivery) -> Vec<Decision> {
        self.matcher().deliveries.load_decisions("github", &delivery.endpoint, &delivery.id, Timestamp::now()).await.unwrap()
    }

    /// What was decided about this workflow.
    pub(crate) async fn decision(&self, delivery: &Delivery, workflow: &str) -> Decision {
        let decisions = self.decisions(delivery).await;
        decisions.iter().find(|decision| decision.workflow == workflow).unwrap_or_else(|| panic!("{workflow}: {decisions:?}")).clone()
    }

    pub(crate) fn runs_of(&self, workflow: &str) -> Vec<Run> {
        let mut runs = self.runs();
        runs.retain(|run| run.plan.as_ref().is_some_and(|plan| plan.workflow.name == workflow));
        runs.sort_by_key(|run| run.created_at);
        runs
    }

    /// The check runs of ours on a commit: conclusion, lines, summary.
    fn checked(&self, sha: &str) -> Vec<(String, Vec<u64>, String)> {
        let runs = self.github.check_runs(REPO, sha).into_iter().filter(|run| run.name == "patchbay / configuration");
        runs.map(|run| (run.conclusion.unwrap_or_default(), run.annotations.iter().map(|a| a.start_line).collect(), run.summary)).collect()
    }

    async fn label(&self, number: u64, login: &str, label: &str) -> Delivery {
        self.github.label(REPO, number, login, label).unwrap();
        let delivery = self.latest("issues");
        self.hear_well(&delivery).await;
        delivery
    }

    async fn start_by_name(&self, id: &str, workflow: &str, depth: u32) -> (Handled, Delivery) {
        let detail = Detail::Manual(Manual { workflow: workflow.into(), inputs: [("k".to_owned(), "v".to_owned())].into(), depth });
        let order = StartOrder {
            id: DeliveryId(id.into()),
            connection: self.at.connection.clone(),
            repository: self.at.repository.clone(),
            actor: None,
            detail,
            at: Timestamp::now(),
        };
        let handled = self.matcher().handle_message(EventMessage::StartV1(Box::new(order)), ends_at()).await.unwrap();
        let delivery = Delivery { endpoint: "patchbay".into(), id: DeliveryId(id.into()), ..self.latest("push") };
        (handled, delivery)
    }
}

#[tokio::test]
async fn the_file_is_read_at_the_first_event_and_not_again() {
    let stage = Stage::set().await;
    stage.listen();
    for reads in [1, 0] {
        let (_, delivery) = stage.opened("dana", "hello");
        stage.hear_well(&delivery).await;
        assert_eq!((stage.forge.count("read_file"), stage.forge.count("repository_by_name")), (reads, reads));
        stage.forge.forget();
    }
}

#[tokio::test]
async fn a_push_that_does_not_touch_the_file_reads_nothing() {
    let stage = Stage::set().await;
    stage.configure(&file("docs", &["issues: {}"])).await;
    stage.github.push_commit(REPO, "dana", "main", "docs: More", &[("README.md", "more\n")]).unwrap();
    stage.hear_well(&stage.latest("push")).await;
    assert_eq!(stage.forge.calls(), [""; 0]);
}

#[tokio::test]
async fn a_label_starts_a_run_once_and_its_plan_knows_the_event() {
    let stage = Stage::set().await;
    stage.configure(&file("triage", &["issues: { types: [labeled], labels: [bug] }"])).await;
    let (number, opened) = stage.opened("dana", "It does not work");
    stage.hear_well(&opened).await;
    assert!(stage.runs().is_empty());
    let delivery = stage.label(number, "dana", "bug").await;
    stage.hear_well(&delivery).await;
    let runs = stage.runs_of("triage");
    assert_eq!(runs.len(), 1);
    let plan = runs[0].plan.as_ref().unwrap();
    assert_eq!((plan.workflow.source, plan.steps.len()), (WorkflowSource::Repository, 1));
    assert_eq!((plan.event["label"].as_str(), plan.event["subject"]["number"].as_u64()), (Some("bug"), Some(number)));
    assert_eq!((runs[0].thread.as_ref().unwrap().number, runs[0].request.authority), (number, Authority::Requester));
    assert_eq!(stage.cloud.take_sent().len(), 1);
    let decision = stage.decision(&delivery, "triage").await;
    assert_eq!(
        (decision.started, decision.run.as_ref(), decision.version.as_ref()),
        (true, Some(&runs[0].id), Some(&plan.workflow.version))
    );
    assert!(decision.reasons.iter().any(|reason| reason.filter == "labels" && reason.matched), "{:?}", decision.reasons);

    let other = stage.label(number, "dana", "question").await;
    let decision = stage.decision(&other, "triage").await;
    assert!(!decision.started && decision.why.contains("labels: `question` matched none of `bug`"), "{}", decision.why);
}

#[tokio::test]
async fn who_may_not_write_starts_nothing_unless_everybody_is_let_in() {
    let stage = Stage::set().await;
    stage.configure(&(file("closed", &["issues: {}"]) + &file("open", &["issues: { authors: ['*'] }"]).replace("workflows:\n", ""))).await;
    let (_, delivery) = stage.opened("robin", "hello");
    stage.hear_well(&delivery).await;
    assert_eq!((stage.runs_of("closed").len(), stage.runs_of("open").len()), (0, 1));
    assert_eq!(stage.runs_of("open")[0].request.authority, Authority::Configuration);
    let why = stage.decision(&delivery, "closed").await.why;
    assert!(why.contains("`robin (read)` may do less than `write` allows"), "{why}");
    assert_eq!(stage.forge.count("permission"), 1);
}

#[tokio::test]
async fn a_team_is_asked_for_only_where_a_filter_names_it() {
    let stage = Stage::set().await;
    stage.configure(&file("team", &["issues: { authors: ['@acme/core'] }"])).await;
    stage.github.set_team_members("acme", "core", &["dana"]).unwrap();
    for (login, runs) in [("robin", 0), ("dana", 1)] {
        let (_, delivery) = stage.opened(login, "hello");
        stage.hear_well(&delivery).await;
        assert_eq!((stage.runs_of("team").len(), stage.forge.count("is_team_member")), (runs, 1), "{login}");
        stage.forge.forget();
    }
}

#[tokio::test]
async fn a_push_starts_what_its_paths_say_and_nobody_is_asked_for_permission() {
    let stage = Stage::set().await;
    let triggers = ["push: { branches: [main], paths: ['docs/**', '!docs/drafts/**'] }"];
    stage.configure(&file("docs", &triggers)).await;
    for (path, starts) in [("docs/drafts/a.md", false), ("src/x.rs", false), ("docs/a.md", true)] {
        stage.github.push_commit(REPO, "dana", "main", "docs: Change", &[(path, "text\n")]).unwrap();
        let delivery = stage.latest("push");
        stage.hear_well(&delivery).await;
        assert_eq!(stage.decision(&delivery, "docs").await.started, starts, "{path}");
    }
    let run = &stage.runs_of("docs")[0];
    assert_eq!((run.thread.as_ref(), run.request.authority), (None, Authority::Configuration));
    assert_eq!((stage.forge.count("permission"), stage.forge.count("changed_paths")), (0, 3));
}

#[tokio::test]
async fn a_pull_request_is_decided_by_its_files() {
    let stage = Stage::set().await;
    stage.configure(&file("docs", &["pull_request: { paths: ['docs/**'] }"])).await;
    for (branch, path, starts) in [("code", "src/x.rs", false), ("words", "docs/x.md", true)] {
        stage.github.push_commit(REPO, "dana", branch, "feat: Change", &[(path, "text\n")]).unwrap();
        stage.github.open_pull(REPO, "dana", branch, "main", "Change", "").unwrap();
        let delivery = stage.latest("pull_request");
        stage.hear_well(&delivery).await;
        assert_eq!(stage.decision(&delivery, "docs").await.started, starts, "{path}");
    }
    assert_eq!(stage.forge.count("pull_request_paths"), 2);
}

#[tokio::test]
async fn a_broken_file_is_shown_at_its_lines_and_the_last_good_one_stays_in_force() {
    let stage = Stage::set().await;
    let good = stage.configure(&file("triage", &["issues: {}"])).await;
    assert_eq!(stage.checked(&good)[0].0, "success");
    let (broken, _) = stage.configure_on("main", &file("triage", &["issues: { labls: [bug] }"])).await;
    let checked = stage.checked(&broken);
    assert_eq!((checked.len(), checked[0].0.as_str(), &checked[0].1[..]), (1, "failure", &[4][..]));
    assert!(checked[0].2.contains("labls") && checked[0].2.contains("last good version stays in force"), "{}", checked[0].2);
    let (_, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    assert_eq!(stage.runs_of("triage").len(), 1);
    let why = stage.decision(&delivery, "configuration").await.why;
    assert!(why.contains("an earlier version is in force; .github/patchbay.yml:4:"), "{why}");
}

#[tokio::test]
async fn a_file_on_another_branch_is_checked_and_does_not_count() {
    let stage = Stage::set().await;
    stage.configure(&file("triage", &["issues: {}"])).await;
    let (broken, _) = stage.configure_on("try", &file("triage", &["isues: {}"])).await;
    let (good, _) = stage.configure_on("try", &file("other", &["issues: {}"])).await;
    assert_eq!((stage.checked(&broken)[0].0.as_str(), stage.checked(&good)[0].0.as_str()), ("failure", "success"));
    let (_, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    assert_eq!((stage.runs_of("triage").len(), stage.runs_of("other").len()), (1, 0));
}

#[tokio::test]
async fn a_check_run_whose_answer_was_lost_is_not_made_twice() {
    let stage = Stage::set().await;
    stage.configure(&file("triage", &["issues: {}"])).await;
    let sha = stage.github.push_commit(REPO, "dana", "main", "chore: Break", &[(FILE_PATH, "workflows: 1\n")]).unwrap();
    let delivery = stage.latest("push");
    stage.forge.fault("create_check_run", Fault::LoseAnswer);
    assert!(stage.is_put_off(&delivery).await);
    stage.hear_well(&delivery).await;
    assert_eq!(stage.checked(&sha).len(), 1);
}

#[tokio::test]
async fn a_file_that_a_pull_request_brings_from_a_fork_is_checked_and_does_not_count() {
    let stage = Stage::set().await;
    stage.configure(&file("triage", &["issues: {}"])).await;
    let propose = async |branch: &str, files: &[(&str, &str)]| {
        let number = stage.github.open_fork_pull(REPO, "dana", branch, "main", "A change", "Please look.", files).unwrap();
        stage.hear_well(&stage.latest("pull_request")).await;
        let head = stage.github.pulls(REPO).into_iter().find(|pull| pull.number == number).unwrap().head_sha;
        stage.checked(&head)
    };
    assert_eq!(propose("words", &[("README.md", "other words\n")]).await.len(), 0, "it does not touch the file");
    let checked = propose("broken", &[(FILE_PATH, "workflows: 1\n")]).await;
    assert_eq!(checked.len(), 1);
    assert_eq!(checked[0].0, "failure");
    let checked = propose("good", &[(FILE_PATH, &file("other", &["issues: {}"]))]).await;
    assert_eq!(checked[0].0, "success");
    let (_, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    let started: Vec<String> = stage.runs().into_iter().filter_map(|run| Some(run.plan?.workflow.name)).collect();
    assert_eq!(started, ["triage"], "what is proposed is not in force");
}

#[tokio::test]
async fn an_app_that_may_not_write_checks_reads_the_file_all_the_same() {
    let stage = Stage::set().await;
    stage.listen();
    stage.forge.fault("create_check_run", Fault::Refuse(ForgeError::Permanent("Resource not accessible by integration".into())));
    stage.configure_on("main", &file("triage", &["issues: {}"])).await;
    let (_, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    assert_eq!(stage.runs_of("triage").len(), 1);
}

#[tokio::test]
async fn the_organizations_default_counts_where_the_repository_has_no_workflow_of_that_name() {
    let stage = Stage::set().await;
    let defaults = file("triage", &["issues: {}"]) + &file("greet", &["issues: {}"]).replace("workflows:\n", "");
    stage.github.create_repository("acme", ".github", &[(FILE_PATH, &defaults)]).unwrap();
    stage.configure(&file("triage", &["release: {}"])).await;
    let (_, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    assert_eq!((stage.runs_of("triage").len(), stage.runs_of("greet").len()), (0, 1), "{:?}", stage.decisions(&delivery).await);
    assert_eq!(stage.decision(&delivery, "greet").await.source, Some(WorkflowSource::Organization));

    let text = file("other", &["issues: {}"]);
    stage.github.push_commit("acme/.github", "dana", "main", "chore: Change", &[(FILE_PATH, &text)]).unwrap();
    stage.hear_well(&stage.latest("push")).await;
    let (_, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    assert_eq!((stage.runs_of("greet").len(), stage.runs_of("other").len()), (1, 1));
}

#[tokio::test]
async fn another_default_branch_brings_its_own_file() {
    let stage = Stage::set().await;
    stage.configure(&file("old", &["issues: {}"])).await;
    stage.configure_on("next", &file("new", &["issues: {}"])).await;
    stage.github.set_default_branch(REPO, "dana", "next").unwrap();
    stage.hear_well(&stage.latest("repository")).await;
    let (_, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    assert_eq!((stage.runs_of("old").len(), stage.runs_of("new").len()), (0, 1));
}

#[tokio::test]
async fn a_mention_and_a_workflow_both_start_and_a_label_starts_the_repositorys_workflow_alone() {
    let stage = Stage::set().await;
    stage.configure(&file("own", &["issues: { types: [opened, labeled] }"])).await;
    let (number, delivery) = stage.opened("dana", "@patchbay change the spelling");
    stage.hear_well(&delivery).await;
    assert_eq!((stage.runs().len(), stage.runs_of("own").len()), (2, 1));
    let delivery = stage.label(number, "dana", "patchbay").await;
    assert_eq!((stage.runs().len(), stage.runs_of("own").len()), (3, 2));
    assert!(!stage.decision(&delivery, "built-in").await.started);
}

#[tokio::test]
async fn what_starts_because_a_thread_was_closed_is_not_ended_by_it() {
    let stage = Stage::set().await;
    stage.configure(&file("farewell", &["issues: { types: [closed] }"])).await;
    let (number, asked) = stage.opened("dana", "@patchbay change the spelling");
    stage.hear_well(&asked).await;
    stage.github.close_issue(REPO, number, "dana").unwrap();
    let closed = stage.latest("issues");
    stage.cloud.take_sent();
    // The first try dies when it wakes the new run; the second must not end it.
    stage.cloud.seen().refused_sends = 2;
    for _ in 0..3 {
        if stage.hear_of(&closed).await.is_ok() {
            break;
        }
    }
    let farewell = stage.runs_of("farewell");
    assert_eq!(farewell.len(), 1);
    assert!(!farewell[0].state.is_terminal(), "{:?}", farewell[0].state);
    let asked = stage.runs().into_iter().find(|run| run.plan.is_none()).unwrap();
    assert_eq!(asked.state, State::Cancelled { reason: CancelReason::ThreadClosed });
}

#[tokio::test]
async fn a_matcher_that_died_after_creating_a_run_is_made_good_by_the_next() {
    let stage = Stage::set().await;
    stage.configure(&file("triage", &["issues: {}"])).await;
    let (number, delivery) = stage.opened("dana", "hello");
    stage.cloud.seen().refused_sends = 1;
    assert!(stage.hear_of(&delivery).await.is_err());
    assert_eq!((stage.runs().len(), stage.cloud.take_sent().len()), (1, 0));
    stage.hear_well(&delivery).await;
    assert_eq!((stage.runs().len(), stage.cloud.take_sent().len()), (1, 1));
    let run = &stage.runs()[0];
    let listed = stage.matcher().threads.runs_of(&run.workspace, run.repository.id, number).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&run.id));
    let history = stage.services.dispatch.runs.load_audit(&run.workspace, &run.id).await.unwrap();
    assert_eq!(history.iter().filter(|entry| entry.what == "started").count(), 1, "{history:?}");
}

#[tokio::test]
async fn why_tells_what_was_decided_about_workflows_in_the_thread() {
    let stage = Stage::set().await;
    stage.configure(&file("triage", &["issues: { types: [labeled], labels: [bug] }"])).await;
    let (number, _) = stage.opened("dana", "hello");
    stage.label(number, "dana", "question").await;
    stage.github.comment(REPO, number, "dana", "@patchbay why").unwrap();
    stage.hear_well(&stage.latest("issue_comment")).await;
    let said = stage.said_in(number);
    assert!(said.len() == 1 && said[0].contains("`triage` did not start (`issues`): labels: `question` matched none of `bug`"), "{said:?}");
}

#[tokio::test]
async fn an_event_that_nothing_listens_to_is_told_in_one_decision() {
    let stage = Stage::set().await;
    stage.configure(&file("triage", &["push: {}"])).await;
    let (_, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    let decisions = stage.decisions(&delivery).await;
    let whys: Vec<&str> = decisions.iter().map(|decision| decision.why.as_str()).collect();
    assert_eq!(whys, ["the App is not mentioned", "no workflow listens to `issues`"]);
}

#[tokio::test]
async fn a_start_by_name_starts_that_workflow_if_it_may_be_started_so() {
    let stage = Stage::set().await;
    let text = file("tidy", &["manual: {}"]) + &file("other", &["manual: {}", "push: {}"]).replace("workflows:\n", "");
    stage.configure(&(text + &file("auto", &["push: {}"]).replace("workflows:\n", ""))).await;
    for _ in 0..2 {
        assert_eq!(stage.start_by_name("manual-1", "tidy", 2).await.0, Handled::Done, "given again at another time, it is the same");
    }
    let runs = stage.runs_of("tidy");
    assert_eq!((runs.len(), stage.runs().len()), (1, 1 + stage.runs_of("other").len() + stage.runs_of("auto").len()));
    let plan = runs[0].plan.as_ref().unwrap();
    assert_eq!((plan.event["kind"].as_str(), plan.event["inputs"]["k"].as_str(), plan.depth), (Some("manual"), Some("v"), 2));
    assert_eq!(runs[0].request.requester.login, "patchbay[bot]");

    let before = stage.runs().len();
    for (id, workflow, depth, why) in [("manual-2", "auto", 0, "no workflow `auto`"), ("manual-3", "tidy", 6, "more than 5 runs")] {
        let (handled, delivery) = stage.start_by_name(id, workflow, depth).await;
        assert_eq!(handled, Handled::Done);
        let decisions = stage.decisions(&delivery).await;
        assert!(decisions.len() == 1 && decisions[0].why.contains(why), "{decisions:?}");
    }
    assert_eq!(stage.runs().len(), before);
}
