//! What tests need again and again: ids, runs, deliveries, times.

use jiff::{SignedDuration, Timestamp};
use patchbay_domain::envelope::{Body, Delivery};
use patchbay_domain::event::{Actor, ActorKind, Provider, Repository, SubjectKind};
use patchbay_domain::ids::{ConnectionId, DeliveryId, RunId, WorkspaceId};
use patchbay_domain::run::Run;
use patchbay_domain::run::apply::accept;
use patchbay_domain::run::state::{NewRun, Request, ThreadRef};
use patchbay_domain::task::Mode;

/// A whole second, long enough ago for nothing, near enough for every `ttl`.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap()
}

pub(crate) fn in_seconds(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

pub(crate) fn workspace() -> WorkspaceId {
    WorkspaceId::of_account("github", 7)
}

pub(crate) fn connection() -> ConnectionId {
    ConnectionId::of_installation("github", 42)
}

pub(crate) fn run_id(index: u32) -> RunId {
    RunId::derive(&workspace(), "test", &index.to_string())
}

pub(crate) fn repository(id: u64) -> Repository {
    Repository { id, owner: "acme".into(), name: format!("repo-{id}"), default_branch: Some("main".into()), private: true }
}

/// A run that was just queued and has nothing to do yet.
pub(crate) fn run(index: u32) -> Run {
    let new = NewRun {
        id: run_id(index),
        workspace: workspace(),
        connection: connection(),
        repository: repository(1),
        thread: Some(ThreadRef { kind: SubjectKind::Issue, number: 5, title: "Title".into(), url: "https://example.com/5".into() }),
        request: Request {
            mode: Mode::Auto,
            prompt: "do it".into(),
            requester: Actor { id: 1, login: "ada".into(), kind: ActorKind::Person },
            url: "https://example.com/5#1".into(),
            delivery: DeliveryId("d1".into()),
            label: None,
            authority: Default::default(),
            options: Default::default(),
        },
        plan: None,
        deadline_seconds: 1800,
        budget_microusd: 2_000_000,
    };
    Run { version: 1, attempt: 1, outbox: Vec::new(), ..accept(new, now()) }
}

pub(crate) fn delivery(id: &str, body: Body) -> Delivery {
    Delivery {
        provider: Provider::Github,
        endpoint: "app".into(),
        id: DeliveryId(id.into()),
        event: "issues".into(),
        received_at: now(),
        body,
    }
}
