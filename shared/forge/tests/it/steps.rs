//! What steps do at the forge: labels, people, closing, check runs; teams, and repositories by name.

use crate::local::{REPO, World, world};
use crate::server::{APP_ID, Github, at, reply};
use patchbay_domain::event::SubjectKind;
use patchbay_domain::workflow::model::{CloseReason, Conclusion};
use patchbay_forge::{Annotation, AnnotationLevel, CheckStatus, ForgeError, MAX_SUMMARY_CHARS, NewCheckRun, RepoAt};
use patchbay_testing::github::{Access, Level};
use serde_json::{Value, json};

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn labels_are_put_on_issues_and_pull_requests() {
    let World { github, forge, at, .. } = &world().await;
    let number = github.open_issue(REPO, "dana", "t", "b", &["bug"]).unwrap();
    forge.add_labels(at, number, &names(&["bug", "new/ä"])).await.unwrap();
    forge.add_labels(at, number, &[]).await.unwrap();
    assert_eq!(github.labels_of(REPO, number), ["bug", "new/ä"]);
    assert!(matches!(forge.add_labels(at, 99, &names(&["bug"])).await, Err(ForgeError::NotFound(_))));
}

#[tokio::test]
async fn people_are_assigned_and_who_cannot_be_is_named() {
    let World { github, forge, at, .. } = &world().await;
    github.set_permission(REPO, "robin", Level::Write).unwrap();
    let number = github.open_issue(REPO, "dana", "t", "b", &[]).unwrap();
    let Err(ForgeError::Permanent(text)) = forge.add_assignees(at, number, &names(&["Robin", "nobody", "dana"])).await else { panic!() };
    assert!(text.starts_with(&format!("nobody could not be assigned to #{number}: only people with access")), "{text}");
    assert_eq!(github.assignees_of(REPO, number), ["robin", "dana"]);
    forge.add_assignees(at, number, &names(&["dana"])).await.unwrap();
    forge.remove_assignees(at, number, &names(&["robin", "nobody"])).await.unwrap();
    forge.remove_assignees(at, number, &names(&["robin"])).await.unwrap();
    assert_eq!(github.assignees_of(REPO, number), ["dana"]);
}

#[tokio::test]
async fn reviews_are_asked_for_with_the_permission_for_pull_requests_alone() {
    let World { github, forge, at, .. } = &world().await;
    github.set_permission(REPO, "robin", Level::Write).unwrap();
    github.set_team_members("acme", "docs", &["robin"]).unwrap();
    github.push_commit(REPO, "dana", "topic", "Add", &[("new.txt", "1\n")]).unwrap();
    let number = github.open_pull(REPO, "dana", "topic", "main", "Add", "").unwrap();
    forge.request_reviewers(at, number, &names(&["robin"]), &names(&["docs"])).await.unwrap();
    forge.request_reviewers(at, number, &names(&["robin"]), &[]).await.unwrap();
    assert_eq!(github.reviewers_of(REPO, number), ["robin", "@docs"]);
    for (users, teams) in [(names(&["dana"]), vec![]), (names(&["nobody"]), vec![]), (vec![], names(&["nothing"]))] {
        let refused = forge.request_reviewers(at, number, &users, &teams).await;
        assert!(matches!(refused, Err(ForgeError::Permanent(_))), "{refused:?}");
    }
    let token = github.installation_tokens().pop().unwrap();
    assert!(github.installation_tokens().iter().any(|token| token.permissions.get("pull_requests") == Some(&Access::Write)
        && !token.permissions.contains_key("issues")
        && !token.permissions.contains_key("contents")));
    assert_eq!(token.repositories, ["hello"]);
}

#[tokio::test]
async fn threads_are_closed_with_a_reason_and_discussions_are_not() {
    let World { github, forge, at, .. } = &world().await;
    let number = github.open_issue(REPO, "dana", "t", "b", &[]).unwrap();
    for _ in 0..2 {
        forge.close_thread(at, number, SubjectKind::Issue, CloseReason::NotPlanned).await.unwrap();
    }
    assert_eq!((github.issue(REPO, number).unwrap().open, github.state_reason_of(REPO, number).as_deref()), (false, Some("not_planned")));
    github.push_commit(REPO, "dana", "topic", "Add", &[("new.txt", "1\n")]).unwrap();
    let pull = github.open_pull(REPO, "dana", "topic", "main", "Add", "").unwrap();
    forge.close_thread(at, pull, SubjectKind::PullRequest, CloseReason::Completed).await.unwrap();
    assert!(!github.issue(REPO, pull).unwrap().open);
    let discussion = forge.close_thread(at, 5, SubjectKind::Discussion, CloseReason::Completed).await;
    assert!(matches!(discussion, Err(ForgeError::Unsupported(_))), "{discussion:?}");
}

fn annotations(count: u32) -> Vec<Annotation> {
    let annotation = |line| Annotation {
        path: "README.md".into(),
        start_line: line,
        end_line: line,
        level: AnnotationLevel::Warning,
        message: format!("line {line}"),
        title: None,
    };
    (1..=count).map(annotation).collect()
}

pub(crate) fn check<'a>(sha: &'a str, annotations: &'a [Annotation]) -> NewCheckRun<'a> {
    NewCheckRun {
        name: "docs",
        head_sha: sha,
        external_id: "run_1:2",
        status: CheckStatus::Completed,
        conclusion: Some(Conclusion::Failure),
        title: "Broken",
        summary: "Line 3",
        annotations,
        details_url: Some("https://patchbay.example/runs/1"),
    }
}

#[tokio::test]
async fn a_check_run_is_created_found_again_and_brought_up_to_date() {
    let world = world().await;
    let (github, forge, at) = (&world.github, &world.forge, &world.at);
    let sha = world.main().await;
    let begun = NewCheckRun { status: CheckStatus::InProgress, conclusion: None, ..check(&sha, &[]) };
    let created = forge.create_check_run(at, &begun).await.unwrap();
    github.report_check(REPO, "dana", "ci", "docs", &sha, "success").unwrap();
    assert_eq!(forge.find_check_run(at, &sha, "docs", "run_1:2").await.unwrap().as_ref(), Some(&created));
    assert_eq!(forge.find_check_run(at, &sha, "docs", "run_1:3").await.unwrap(), None);
    assert_eq!(forge.find_check_run(at, &sha, "other", "run_1:2").await.unwrap(), None);
    assert_eq!(github.check_runs(REPO, &sha)[0].status, "in_progress");
    let long = "ä".repeat(MAX_SUMMARY_CHARS + 5);
    let remarks = annotations(1);
    for _ in 0..2 {
        forge.update_check_run(at, created.id, &NewCheckRun { summary: &long, ..check(&sha, &remarks) }).await.unwrap();
    }
    let run = github.check_runs(REPO, &sha).remove(0);
    assert_eq!((run.status.as_str(), run.conclusion.as_deref(), run.title.as_str()), ("completed", Some("failure"), "Broken"));
    assert_eq!((run.summary.chars().count(), run.annotations.len()), (MAX_SUMMARY_CHARS, 1));
    assert_eq!((run.details_url.as_deref(), run.annotations[0].message.as_str()), (Some("https://patchbay.example/runs/1"), "line 1"));
}

#[tokio::test]
async fn many_annotations_go_fifty_at_a_time_and_none_twice() {
    let world = world().await;
    let (github, forge, at) = (&world.github, &world.forge, &world.at);
    let sha = world.main().await;
    let remarks = annotations(120);
    let created = forge.create_check_run(at, &check(&sha, &remarks)).await.unwrap();
    let lines = || github.check_runs(REPO, &sha)[0].annotations.iter().map(|one| one.start_line).collect::<Vec<_>>();
    assert_eq!(lines(), (1..=120).collect::<Vec<u64>>());
    assert_eq!(github.check_runs(REPO, &sha)[0].conclusion.as_deref(), Some("failure"));
    let calls = github.calls();
    assert_eq!((calls["POST /repos/{owner}/{repo}/check-runs"], calls["PATCH /repos/{owner}/{repo}/check-runs/{id}"]), (1, 2));
    // What an attempt that broke off has left is gone on with.
    let more = annotations(130);
    forge.update_check_run(at, created.id, &check(&sha, &more)).await.unwrap();
    assert_eq!(lines(), (1..=130).collect::<Vec<u64>>());
}

#[tokio::test]
async fn the_conclusion_comes_with_the_last_annotations() {
    let github = Github::start(|_| reply(201, json!({"id": 5, "html_url": "u", "output": {"annotations_count": 0}}))).await;
    let remarks = annotations(51);
    github.forge().create_check_run(&at(), &check("s", &remarks)).await.unwrap();
    let calls = github.calls();
    let sent: Vec<_> = calls.iter().map(|seen| (&seen.body["status"], &seen.body["conclusion"])).collect();
    assert_eq!(sent, [(&json!("in_progress"), &Value::Null), (&json!("completed"), &json!("failure"))]);
    assert_eq!(
        (&calls[0].body["name"], &calls[0].body["head_sha"], &calls[0].body["external_id"]),
        (&json!("docs"), &json!("s"), &json!("run_1:2"))
    );
    let remark = json!({"path": "README.md", "start_line": 51, "end_line": 51, "annotation_level": "warning", "message": "line 51"});
    assert_eq!(calls[1].body["output"]["annotations"], json!([remark]));
    assert_eq!(github.mints()[0].body["permissions"], json!({"checks": "write"}));
}

#[tokio::test]
async fn somebody_elses_check_run_is_never_ours() {
    let run = |id: u64, app: Value| json!({"id": id, "html_url": "u", "external_id": "run_1:2", "app": app});
    let runs = json!({"check_runs": [run(3, json!({"id": 5})), run(1, json!({"id": APP_ID})), run(2, json!({"id": APP_ID})), run(4, Value::Null)]});
    let github = Github::start(move |_| reply(200, runs.clone())).await;
    assert_eq!(github.forge().find_check_run(&at(), "s", "a b", "run_1:2").await.unwrap().unwrap().id, 2, "the newest of ours");
    let expected = format!("GET /repos/acme/hello/commits/s/check-runs?check_name=a%20b&app_id={APP_ID}&filter=all&per_page=100");
    assert_eq!(github.lines(), [expected]);
}

#[tokio::test]
async fn membership_of_a_team_is_asked_for_and_a_missing_permission_is_told_to_the_owner() {
    let World { github, forge, at, .. } = &world().await;
    github.set_team_members("acme", "docs", &["robin"]).unwrap();
    let member = async |team: &str, login: &str| forge.is_team_member(at, "acme", team, login).await;
    assert_eq!(member("docs", "robin").await, Ok(true));
    assert_eq!(member("docs", "dana").await, Ok(false));
    assert_eq!(member("nothing", "robin").await, Ok(false));
    let pending = Github::start(|_| reply(200, json!({"state": "pending"}))).await;
    assert_eq!(pending.forge().is_team_member(&crate::server::at(), "acme", "docs", "robin").await, Ok(false), "invited only");
    github.accept_permissions(at.connection.installation_id().unwrap(), &[("contents", Access::Write)]).unwrap();
    github.expire_tokens();
    let lacking = crate::local::forge_of(github);
    let Err(ForgeError::Permanent(text)) = lacking.is_team_member(at, "acme", "docs", "robin").await else { panic!() };
    assert!(text.contains("An owner of acme has to grant it the organization permission \"Members: read\""), "{text}");
}

#[tokio::test]
async fn a_repository_is_found_by_name_inside_the_installation_only() {
    let World { github, forge, at, .. } = &world().await;
    github.create_repository("acme", ".github", &[("patchbay.yml", "x")]).unwrap();
    github.create_repository("dana", "own", &[]).unwrap();
    let find = async |owner: &str, name: &str| forge.repository_by_name(&at.connection, owner, name).await.unwrap();
    let found = find("acme", ".GitHub").await.unwrap();
    assert_eq!((found.full_name(), found.default_branch.as_deref(), found.private), ("acme/.github".to_owned(), Some("main"), true));
    let there = RepoAt { connection: at.connection.clone(), repository: found };
    assert_eq!(forge.read_file(&there, "patchbay.yml", None).await.unwrap().unwrap().text, "x");
    assert_eq!(find("acme", "nothing").await, None);
    assert_eq!(find("dana", "own").await, None, "another account's");
    assert_eq!(find("dana", ".github").await, None, "never another owner's of that name");
    let failing = Github::start_without_tokens(500, "x").await;
    assert!(matches!(failing.forge().repository_by_name(&crate::server::at().connection, "a", "b").await, Err(ForgeError::Transient(_))));
}
