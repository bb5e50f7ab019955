//! Events of every kind, and the shortest way to ask whether they start something.

use crate::event::{
    Actor, ActorKind, Check, Comment, Deployment, Detail, Event, Manual, Provider, PullRequestRefs, Push, RefChange, RefKind, Release,
    Repository, Subject, SubjectKind,
};
use crate::ids::DeliveryId;
use crate::trigger::{ChangedPaths, CompiledTrigger, Decision, EventKind, Facts, Filters, Permission, Reason, Trigger, compile, decide};
use serde_json::Value;

pub(super) const REPOSITORY: u64 = 5;
pub(super) const OWN_BOT: u64 = 900;
pub(super) const OWN_APP: u64 = 90;

/// A trigger with filters as they stand in a file.
pub(super) fn trigger(kind: EventKind, filters: Value) -> CompiledTrigger {
    compile(&written(kind, filters)).unwrap_or_else(|problems| panic!("{kind:?}: {problems:?}"))
}

pub(super) fn written(kind: EventKind, filters: Value) -> Trigger {
    let filters: Filters = serde_json::from_value(filters).expect("filters");
    Trigger { event: kind, filters }
}

/// Everything known: a person with write permission, no team, no known files.
pub(super) fn facts() -> Facts {
    Facts {
        changed_paths: Some(ChangedPaths::Known(vec!["src/main.rs".into()])),
        permission: Some(Permission::Write),
        own_bot_user_id: Some(OWN_BOT),
        own_app_id: Some(OWN_APP),
        ..Facts::default()
    }
}

pub(super) fn changed(paths: &[&str]) -> Facts {
    Facts { changed_paths: Some(ChangedPaths::Known(paths.iter().map(|path| (*path).to_owned()).collect())), ..facts() }
}

/// The decision about a workflow with this one trigger.
pub(super) fn decided(kind: EventKind, filters: Value, event: &Event, facts: &Facts) -> Decision {
    decide(&[trigger(kind, filters)], event, facts)
}

/// Whether it starts when everything is known.
pub(super) fn starts(kind: EventKind, filters: Value, event: &Event) -> bool {
    match decided(kind, filters, event, &facts()) {
        Decision::Starts { .. } => true,
        Decision::Skipped { .. } => false,
        Decision::Needs(need) => panic!("{need:?} is known"),
    }
}

/// Why it is skipped.
pub(super) fn refusals(decision: Decision) -> Vec<Reason> {
    match decision {
        Decision::Skipped { reasons } => reasons,
        other => panic!("not skipped: {other:?}"),
    }
}

/// Why it is skipped, for people.
pub(super) fn sentences(decision: Decision) -> Vec<String> {
    refusals(decision).iter().map(Reason::sentence).collect()
}

pub(super) fn person(login: &str) -> Actor {
    Actor { id: 9, login: login.to_owned(), kind: ActorKind::Person }
}

pub(super) fn bot(id: u64, login: &str) -> Actor {
    Actor { id, login: login.to_owned(), kind: ActorKind::App }
}

/// An event by `ada`, without anything special.
fn event(kind: EventKind, action: Option<&str>, detail: Detail) -> Event {
    Event {
        provider: Provider::Github,
        delivery: DeliveryId("d1".into()),
        kind: kind.as_str().into(),
        action: action.map(str::to_owned),
        connection: None,
        actor: Some(person("ada")),
        repository: Some(Repository {
            id: REPOSITORY,
            owner: "acme".into(),
            name: "hello".into(),
            default_branch: Some("main".into()),
            private: false,
        }),
        subject: None,
        comment: None,
        detail,
    }
}

pub(super) fn push(full_ref: &str) -> Event {
    let push = Push {
        full_ref: full_ref.to_owned(),
        before: "a".repeat(40),
        after: "b".repeat(40),
        commit_count: 1,
        pusher: "ada".into(),
        forced: false,
        deleted: false,
        paths: None,
    };
    event(EventKind::Push, None, Detail::Push(push))
}

pub(super) fn push_branch(branch: &str) -> Event {
    push(&format!("refs/heads/{branch}"))
}

pub(super) fn push_tag(tag: &str) -> Event {
    push(&format!("refs/tags/{tag}"))
}

pub(super) fn deletion(full_ref: &str) -> Event {
    let mut event = push(full_ref);
    if let Detail::Push(push) = &mut event.detail {
        push.deleted = true;
    }
    event
}

fn subject(kind: SubjectKind) -> Subject {
    Subject {
        kind,
        number: 12,
        title: "Greet people".into(),
        body: "By name, please.".into(),
        url: "https://github.com/acme/hello/issues/12".into(),
        author: Some(person("ada")),
        open: true,
        draft: false,
        labels: Vec::new(),
        refs: None,
    }
}

pub(super) fn issue(action: &str) -> Event {
    Event { subject: Some(subject(SubjectKind::Issue)), ..event(EventKind::Issues, Some(action), Detail::None) }
}

pub(super) fn issue_with_labels(action: &str, labels: &[&str]) -> Event {
    let mut event = issue(action);
    event.subject.as_mut().unwrap().labels = labels.iter().map(|label| (*label).to_owned()).collect();
    event
}

pub(super) fn labeled(label: &str, others: &[&str]) -> Event {
    Event { detail: Detail::Label { name: label.into() }, ..issue_with_labels("labeled", others) }
}

pub(super) fn comment(body: &str) -> Event {
    let comment = Comment { id: 77, body: body.into(), url: String::new(), author: Some(person("ada")), via_app: None };
    Event { kind: "issue_comment".into(), comment: Some(comment), ..issue("created") }
}

/// A pull request from a branch of the same repository.
pub(super) fn pull_request(action: &str, base: &str) -> Event {
    let refs = PullRequestRefs {
        head_branch: "topic".into(),
        head_sha: "c".repeat(40),
        head_repository_id: Some(REPOSITORY),
        base_branch: base.into(),
    };
    let subject = Subject { refs: Some(refs), ..subject(SubjectKind::PullRequest) };
    Event { subject: Some(subject), ..event(EventKind::PullRequest, Some(action), Detail::None) }
}

/// The same with its commits in another repository, or in one that is gone.
pub(super) fn from_fork(mut event: Event, head: Option<u64>) -> Event {
    if let Detail::Check(check) = &mut event.detail {
        check.head_repository_id = head;
    } else {
        event.subject.as_mut().unwrap().refs.as_mut().unwrap().head_repository_id = head;
    }
    event
}

pub(super) fn review(state: &str) -> Event {
    Event { kind: "pull_request_review".into(), detail: Detail::Review { state: state.into() }, ..pull_request("submitted", "main") }
}

pub(super) fn release(action: &str, tag: &str, draft: bool) -> Event {
    let release = Release {
        tag: tag.into(),
        name: "First".into(),
        body: "What is new: much.".into(),
        url: String::new(),
        target: "main".into(),
        draft,
        prerelease: false,
    };
    event(EventKind::Release, Some(action), Detail::Release(release))
}

pub(super) fn check(kind: EventKind, name: &str, branch: Option<&str>, conclusion: &str) -> Event {
    let check = Check {
        id: 1,
        name: name.into(),
        conclusion: Some(conclusion.into()),
        head_branch: branch.map(str::to_owned),
        head_sha: "c".repeat(40),
        head_repository_id: Some(REPOSITORY),
        pull_requests: Vec::new(),
        app_id: Some(15_368),
        url: String::new(),
    };
    event(kind, Some("completed"), Detail::Check(check))
}

pub(super) fn deployment_status(environment: &str, state: &str) -> Event {
    let deployment = Deployment {
        id: 1,
        environment: environment.into(),
        git_ref: "main".into(),
        sha: "c".repeat(40),
        state: Some(state.into()),
        url: None,
    };
    event(EventKind::DeploymentStatus, Some("created"), Detail::Deployment(deployment))
}

pub(super) fn ref_change(kind: EventKind, ref_kind: RefKind, name: &str) -> Event {
    event(kind, None, Detail::Ref(RefChange { name: name.into(), kind: ref_kind }))
}

pub(super) fn scheduled(cron: &str) -> Event {
    let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    Event { actor: None, ..event(EventKind::Schedule, None, Detail::Schedule { cron: cron.into(), at }) }
}

pub(super) fn manual(actor: Option<Actor>) -> Event {
    let manual = Manual { workflow: "nightly".into(), inputs: Default::default(), depth: 0 };
    Event { actor, ..event(EventKind::Manual, None, Detail::Manual(manual)) }
}
