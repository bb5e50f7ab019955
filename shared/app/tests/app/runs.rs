//! Runs on the stage: how they come to be, what becomes of them, and how time passes for them.

use crate::stage::{REPO, Stage};
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::blobs::result_key;
use patchbay_aws::tables::runs::Save;
use patchbay_domain::change_set::{Change, ChangeSet, Content, FileChange};
use patchbay_domain::event::{Actor, ActorKind, SubjectKind};
use patchbay_domain::ids::{DeliveryId, RunId};
use patchbay_domain::run::apply::accept;
use patchbay_domain::run::state::{NewRun, Request, ThreadRef};
use patchbay_domain::run::{Input, Run, State};
use patchbay_domain::task::{Mode, StoredResult, TaskOutcome, TaskResult, Usage};
use patchbay_forge::Forge;
use patchbay_testing::github::CommentView;

impl Stage {
    /// dana asks in an issue of her own; the run is accepted, and nobody has been told.
    pub(crate) async fn request(&self) -> Run {
        let number = self.github.open_issue(REPO, "dana", "Spelling", "@patchbay fix it", &[]).unwrap();
        self.request_in(SubjectKind::Issue, number, &format!("d{number}")).await
    }

    /// dana asks in this thread, with a delivery of this name.
    pub(crate) async fn request_in(&self, kind: SubjectKind, number: u64, delivery: &str) -> Run {
        let workspace = self.connection.workspace.clone();
        let new = NewRun {
            id: RunId::derive(&workspace, "built-in", delivery),
            workspace,
            connection: self.at.connection.clone(),
            repository: self.at.repository.clone(),
            thread: Some(ThreadRef { kind, number, title: "Spelling".into(), url: format!("https://github.example/{number}") }),
            request: Request {
                mode: Mode::Auto,
                prompt: "fix it".into(),
                requester: self.person("dana").await,
                url: format!("https://github.example/{number}#1"),
                delivery: DeliveryId(delivery.into()),
                label: None,
                authority: Default::default(),
                options: Default::default(),
            },
            plan: None,
            deadline_seconds: 1800,
            budget_microusd: 2_000_000,
        };
        let run = accept(new, Timestamp::now());
        self.services.dispatch.runs.create(&run).await.unwrap();
        self.forge.forget();
        run
    }

    pub(crate) async fn person(&self, login: &str) -> Actor {
        let id = self.forge.permission(&self.at, login).await.unwrap().user_id;
        Actor { id, login: login.into(), kind: ActorKind::Person }
    }

    /// A run whose task works, and no message under way.
    pub(crate) async fn working(&self) -> Run {
        let run = self.request().await;
        self.start(&run).await
    }

    pub(crate) async fn start(&self, run: &Run) -> Run {
        self.launch(run).await;
        let run = self.stored(run).await;
        assert!(matches!(run.state, State::Running { .. }), "{:?}", run.state);
        self.cloud.take_sent();
        self.forge.forget();
        run
    }

    /// The run as it is in the table.
    pub(crate) async fn stored(&self, run: &Run) -> Run {
        self.services.dispatch.runs.load(&run.workspace, &run.id).await.unwrap().unwrap()
    }

    /// Changes the run in the table, as only a test may.
    pub(crate) async fn edit(&self, run: &Run, change: impl FnOnce(&mut Run)) -> Run {
        let mut next = self.stored(run).await;
        let version = next.version;
        change(&mut next);
        assert_eq!(self.services.dispatch.runs.save(&next, version).await.unwrap(), Save::Saved);
        self.stored(run).await
    }

    /// Leases have ended, and what was postponed is ready.
    pub(crate) async fn time_passes(&self, run: &Run) {
        self.edit(run, |run| {
            run.lease = None;
            run.outbox.iter_mut().for_each(|pending| pending.not_before = None);
        })
        .await;
    }

    pub(crate) async fn tell(&self, run: &Run, input: Input) -> Run {
        self.services.dispatch.tell(&run.workspace, &run.id, &input).await.unwrap().unwrap()
    }

    /// The task's result is stored, and nobody has been told.
    pub(crate) async fn store_result(&self, run: &Run, attempt: u32, outcome: TaskOutcome) {
        let (summary, isolation, agent) = (None, Vec::new(), "scripted".to_owned());
        let result =
            TaskResult { run: run.id.clone(), attempt, outcome, summary, agent, isolation, kept_back: 0, verify: None, notes: Vec::new() };
        let stored = serde_json::to_vec(&StoredResult { result, usage: Usage::default() }).unwrap();
        self.blobs().put(&result_key(&run.workspace, &run.id, attempt), stored, "application/json").await.unwrap();
    }

    /// The task wrote this file on top of main.
    pub(crate) fn change(&self, path: &str, text: &str) -> TaskOutcome {
        let change = Change::Write { mode: "100644".into(), content: Content::Text(text.into()), added: true };
        TaskOutcome::Changes {
            change_set: ChangeSet {
                base_sha: self.github.branch_head(REPO, "main").unwrap(),
                files: vec![FileChange { path: path.into(), change }],
                commit_message: "fix: Spell it right".into(),
                message_by_model: false,
            },
        }
    }

    /// What Patchbay has said in the run's thread.
    pub(crate) fn said(&self, run: &Run) -> Vec<CommentView> {
        let mut comments = self.github.comments(REPO, run.thread.as_ref().unwrap().number);
        comments.retain(|comment| comment.author == "patchbay[bot]");
        comments
    }

    /// The branches that are not main.
    pub(crate) fn branches(&self) -> Vec<String> {
        self.github.branches(REPO).into_iter().filter(|branch| branch != "main").collect()
    }
}

pub(crate) fn answer(text: &str) -> TaskOutcome {
    TaskOutcome::Answer { text: text.into() }
}

pub(crate) fn in_seconds(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}
