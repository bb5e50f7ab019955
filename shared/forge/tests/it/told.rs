//! What the local GitHub tells in webhooks, read as events: every kind that can start a workflow.

use crate::local::{REPO, World, world};
use patchbay_domain::event::{Check, Detail, Event, RefChange, RefKind, SubjectKind};
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::trigger::EventKind;
use patchbay_forge::github::convert::parse_event;
use patchbay_testing::github::LocalGithub;

/// Everything that was sent so far, in order.
fn events(github: &LocalGithub) -> Vec<Event> {
    let parse = |guid: String, name: String| {
        let payload = github.delivery_payload(&guid).unwrap();
        parse_event(&name, &DeliveryId(guid), payload.to_string().as_bytes()).unwrap()
    };
    github.deliveries().into_iter().map(|delivery| parse(delivery.guid, delivery.event)).collect()
}

fn listen(github: &LocalGithub) {
    let closed_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    github.set_webhook(&format!("http://{closed_port}/"), "secret");
}

fn checks(github: &LocalGithub) -> Vec<Check> {
    let check = |event: Event| if let Detail::Check(check) = event.detail { Some(check) } else { None };
    events(github).into_iter().filter_map(check).collect()
}

#[tokio::test]
async fn every_kind_of_event_is_told_and_read() {
    let World { github, .. } = &world().await;
    listen(github);
    let sha = github.push_commit(REPO, "dana", "topic", "Add", &[("new.txt", "1\n")]).unwrap();
    github.push_commit(REPO, "dana", "topic", "More", &[("b.txt", "1\n"), ("new.txt", "2\n")]).unwrap();
    github.open_draft_pull(REPO, "dana", "topic", "main", "Add", "").unwrap();
    github.review(REPO, 1, "robin", "COMMENTED", "hm", &[("new.txt", 1, "why?")]).unwrap();
    let issue = github.open_issue(REPO, "dana", "Talk", "", &[]).unwrap();
    github.comment(REPO, issue, "robin", "yes").unwrap();
    github.publish_release(REPO, "dana", "v1", "One", "- all").unwrap();
    github.deploy(REPO, "dana", "production", "main", Some("failure")).unwrap();
    github.report_check(REPO, "dana", "ci", "test", &sha, "failure").unwrap();
    github.finish_workflow_run(REPO, "dana", "test", "topic", "failure").unwrap();
    let discussion = github.open_discussion(REPO, "robin", "Ideas", "").unwrap();
    github.comment_discussion(REPO, discussion, "dana", "good").unwrap();
    github.delete_branch(REPO, "dana", "topic").unwrap();
    let events = events(github);
    let of = |kind: &str| events.iter().find(|event| event.kind == kind).unwrap_or_else(|| panic!("no {kind}"));
    for kind in EventKind::ALL.into_iter().filter(|kind| !matches!(kind, EventKind::Schedule | EventKind::Manual)) {
        let event = of(kind.as_str());
        assert!(event.repository.is_some() && event.actor.is_some() && event.connection.is_some(), "{kind:?}");
    }
    assert_eq!(of("create").detail, Detail::Ref(RefChange { name: "topic".into(), kind: RefKind::Branch }));
    assert_eq!(of("pull_request_review").detail, Detail::Review { state: "commented".into() });
    assert!(of("pull_request").subject.as_ref().unwrap().draft);
    assert_eq!(of("discussion_comment").subject.as_ref().unwrap().kind, SubjectKind::Discussion);
    let pushes = events.iter().filter_map(|event| if let Detail::Push(push) = &event.detail { Some(push.paths.clone()) } else { None });
    let plain = Some(vec!["b.txt".to_owned(), "new.txt".to_owned()]);
    assert_eq!(pushes.collect::<Vec<_>>(), [None, plain, None, None], "a new branch, a plain push, a tag, a deletion");
    let Detail::Deployment(deployment) = &of("deployment_status").detail else { panic!() };
    assert_eq!((deployment.environment.as_str(), deployment.state.as_deref()), ("production", Some("failure")));
}

#[tokio::test]
async fn checks_of_a_fork_of_ours_and_of_other_apps_are_told_apart() {
    let World { github, forge, at, .. } = &world().await;
    let own = at.repository.id;
    let fork = github.open_fork_pull(REPO, "robin", "topic", "main", "Help", "", &[("help.md", "1\n")]).unwrap();
    let fork_sha = github.pulls(REPO)[0].head_sha.clone();
    let main = github.branch_head(REPO, "main").unwrap();
    listen(github);
    github.finish_workflow_run(REPO, "robin", "test", "robin:topic", "success").unwrap();
    github.report_check(REPO, "dana", "ci", "test", &fork_sha, "success").unwrap();
    let check = crate::steps::check(&main, &[]);
    forge.create_check_run(at, &check).await.unwrap();
    let found: Vec<_> = checks(github).into_iter().map(|check| (check.name, check.app_id, check.head_repository_id)).collect();
    let other = found[1].1;
    let ours = Some(crate::server::APP_ID);
    assert_ne!(other, ours);
    let forked = forge.pull_request(at, fork).await.unwrap().refs.head_repository_id;
    assert!(forked.is_some() && forked != Some(own));
    let line = |name: &str, app, head| (name.to_owned(), app, head);
    let expected = [
        line("test", None, forked),
        line("test", other, None),
        line("test", other, None),
        line("ci", other, None),
        line("docs", ours, Some(own)),
        line("docs", ours, Some(own)),
        line("patchbay", ours, Some(own)),
    ];
    assert_eq!(found, expected, "GitHub does not say which fork a check belongs to");
}

#[tokio::test]
async fn a_new_default_branch_is_told_with_the_old_one() {
    let World { github, .. } = &world().await;
    github.push_commit(REPO, "dana", "trunk", "Add", &[("new.txt", "1\n")]).unwrap();
    listen(github);
    github.set_default_branch(REPO, "dana", "trunk").unwrap();
    let told = events(github).pop().unwrap();
    assert_eq!(told.detail, Detail::DefaultBranch { before: "main".into(), after: "trunk".into() });
    assert_eq!(told.repository.unwrap().default_branch.as_deref(), Some("trunk"));
}
