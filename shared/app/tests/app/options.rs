//! What a workflow asks of an agent's run: another model, another branch, fewer paths, a draft.

use crate::launch::variable;
use crate::stage::{REPO, Stage};
use patchbay_app::services::started_by;
use patchbay_domain::event::SubjectKind;
use patchbay_domain::run::{Outcome, Run, State};
use patchbay_domain::task::{Brief, BriefOptions, Failure, FailureCode, TaskOutcome};
use patchbay_domain::workflow::model::AgentOptions;
use sha2::{Digest, Sha256};

impl Stage {
    /// A run whose workflow has these options, not started.
    async fn request_with(&self, options: AgentOptions) -> Run {
        let run = self.request().await;
        self.edit(&run, |run| run.request.options = options).await
    }

    async fn failed(&self, run: &Run) -> Failure {
        match self.stored(run).await.state {
            State::Failed { failure } => failure,
            other => panic!("{other:?}"),
        }
    }

    /// What the task of a started run is told.
    async fn brief(&self, run: &Run) -> Brief {
        let starts = self.cloud.seen().ecs.starts.clone();
        let start = starts.iter().find(|start| start["startedBy"] == started_by(run)).unwrap();
        let hash = hex::encode(Sha256::digest(variable(start, "PATCHBAY_BOOTSTRAP_SECRET")));
        assert!(self.vault().exchange(&run.workspace, &run.id, 1, &hash).await.unwrap());
        let brief = self.vault().take_brief(&run.workspace, &run.id, 1).await.unwrap().unwrap();
        serde_json::from_slice(&brief).unwrap()
    }
}

fn named(model: &str) -> AgentOptions {
    AgentOptions { model: Some(model.into()), ..AgentOptions::default() }
}

#[tokio::test]
async fn a_task_is_told_the_options_of_its_run() {
    let stage = Stage::set().await;
    let options = AgentOptions {
        read: vec!["AGENTS.md".into()],
        setup: vec!["npm ci".into()],
        verify: Some("npm test".into()),
        ..named("vendor/small")
    };
    let run = stage.request_with(options).await;
    let brief = stage.brief(&stage.start(&run).await).await;
    let expected = BriefOptions { read: vec!["AGENTS.md".into()], setup: vec!["npm ci".into()], verify: Some("npm test".into()) };
    assert_eq!((brief.options, brief.model.model.as_str()), (expected, "vendor/small"));
    let plain = stage.working().await;
    let brief = stage.brief(&plain).await;
    assert_eq!((brief.options, brief.model.model.as_str()), (BriefOptions::default(), "m"));
}

#[tokio::test]
async fn a_model_that_is_not_allowed_starts_no_task() {
    let stage = Stage::set().await;
    let run = stage.request_with(named("expensive")).await;
    stage.launch(&run).await;
    let failure = stage.failed(&run).await;
    assert_eq!((failure.code, failure.detail.as_str()), (FailureCode::ModelNotAllowed, "The workflow wants `expensive`."));
    assert!(stage.cloud.seen().ecs.starts.is_empty());
    let allowed = stage.request_with(named("small")).await;
    stage.start(&allowed).await;
}

#[tokio::test]
async fn a_task_runs_in_the_image_that_its_workflow_names() {
    let stage = Stage::set().await;
    let image = |name: &str| AgentOptions { image: Some(name.into()), ..AgentOptions::default() };
    let run = stage.request_with(image("node")).await;
    stage.start(&run).await;
    assert_eq!(stage.cloud.seen().ecs.starts[0]["taskDefinition"], "agent-task-1:1");
    let run = stage.request_with(image("go")).await;
    stage.launch(&run).await;
    let failure = stage.failed(&run).await;
    let said = "The workflow wants `go`; this deployment has `jvm`, `node`.";
    assert_eq!((failure.code, failure.detail.as_str()), (FailureCode::ImageUnknown, said));
    assert_eq!(stage.cloud.seen().ecs.starts.len(), 1);
}

#[tokio::test]
async fn a_run_starts_from_its_base_and_opens_its_draft_against_it() {
    let stage = Stage::set().await;
    let head = stage.github.push_commit(REPO, "dana", "releases/1", "feat: x", &[("x", "x\n")]).unwrap();
    let options = AgentOptions { base: Some("releases/1".into()), draft: true, ..AgentOptions::default() };
    let run = stage.request_with(options).await;
    let run = stage.start(&run).await;
    assert_eq!(stage.brief(&run).await.base_branch, "releases/1");
    let mut outcome = stage.change("a.txt", "a\n");
    let TaskOutcome::Changes { change_set } = &mut outcome else { unreachable!() };
    change_set.base_sha = head;
    stage.store_result(&run, 1, outcome).await;
    stage.apply(&run).await;
    let pull = stage.github.pulls(REPO).pop().unwrap();
    assert_eq!((pull.base.as_str(), pull.head, pull.draft), ("releases/1", run.branch_name(), true));
}

#[tokio::test]
async fn in_a_pull_request_the_base_of_the_workflow_counts() {
    let stage = Stage::set().await;
    stage.github.push_commit(REPO, "dana", "feature", "feat: x", &[("x", "x\n")]).unwrap();
    let number = stage.github.open_pull(REPO, "dana", "feature", "main", "x", "").unwrap();
    let run = stage.request_in(SubjectKind::PullRequest, number, "d").await;
    let run = stage.edit(&run, |run| run.request.options.base = Some("main".into())).await;
    let run = stage.start(&run).await;
    assert_eq!(stage.brief(&run).await.base_branch, "main");
    stage.store_result(&run, 1, stage.change("a.txt", "a\n")).await;
    stage.apply(&run).await;
    let ours = stage.github.pulls(REPO).pop().unwrap();
    assert_eq!((ours.head, ours.base.as_str(), ours.draft), (run.branch_name(), "main", false));
}

#[tokio::test]
async fn a_base_that_does_not_exist_is_named_before_and_after_the_task() {
    let stage = Stage::set().await;
    let gone = AgentOptions { base: Some("gone".into()), ..AgentOptions::default() };
    let run = stage.request_with(gone).await;
    stage.launch(&run).await;
    let failure = stage.failed(&run).await;
    assert_eq!(failure.code, FailureCode::CloneFailed);
    assert!(failure.detail.contains("`gone`") && stage.cloud.seen().ecs.starts.is_empty(), "{}", failure.detail);

    stage.github.push_commit(REPO, "dana", "next", "feat: x", &[("x", "x\n")]).unwrap();
    let run = stage.request_with(AgentOptions { base: Some("next".into()), ..AgentOptions::default() }).await;
    let run = stage.start(&run).await;
    stage.github.delete_branch(REPO, "dana", "next").unwrap();
    stage.store_result(&run, 1, stage.change("a.txt", "a\n")).await;
    stage.apply(&run).await;
    assert!(stage.failed(&run).await.detail.contains("`next`"));
    assert!(stage.branches().is_empty());
}

#[tokio::test]
async fn a_change_outside_of_the_workflows_paths_is_refused_and_the_path_named() {
    let stage = Stage::set().await;
    let paths = AgentOptions { paths: vec!["docs/**".into(), "!docs/legal/**".into()], ..AgentOptions::default() };
    for (path, refused) in [("docs/a.md", false), ("src/main.rs", true), ("docs/legal/terms.md", true)] {
        let run = stage.request_with(paths.clone()).await;
        let run = stage.start(&run).await;
        stage.store_result(&run, 1, stage.change(path, "x\n")).await;
        stage.apply(&run).await;
        if refused {
            let failure = stage.failed(&run).await;
            assert_eq!(failure.code, FailureCode::Blocked);
            assert!(failure.detail.contains(&format!("`{path}`")) && failure.detail.contains("`paths`"), "{}", failure.detail);
        } else {
            let state = stage.stored(&run).await.state;
            assert!(matches!(state, State::Succeeded { outcome: Outcome::PullRequest { .. } }), "{state:?}");
        }
    }
}
