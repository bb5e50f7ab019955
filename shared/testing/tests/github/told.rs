//! What is only told in events: releases, deployments, workflow runs, discussions, another default branch, forced pushes.

use serde_json::json;

use crate::stage::{Inbox, REPO, Stage};

#[tokio::test]
async fn a_release_makes_its_tag_and_is_told_three_times() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_webhook(&inbox.url, "s");
    stage.github.publish_release(REPO, "ada", "v1", "One", "- all").expect("a release");
    assert_eq!(inbox.names(5).await, ["create", "push", "release.created", "release.published", "release.released"]);
    let payload = inbox.wait(5).await[3].json();
    assert_eq!((&payload["release"]["tag_name"], &payload["release"]["body"]), (&json!("v1"), &json!("- all")));
    stage.github.push_tag(REPO, "ada", "v2", "main").expect("a tag");
    assert_eq!(inbox.names(7).await[5..], ["create", "push"]);
}

#[tokio::test]
async fn a_workflow_run_tells_branch_pull_request_and_fork() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    let pull = stage.github.open_pull(REPO, "ada", "topic", "main", "Add", "").expect("a pull request");
    stage.github.open_fork_pull(REPO, "eve", "topic", "main", "Help", "", &[("help.md", "1\n")]).expect("a pull request");
    stage.github.set_webhook(&inbox.url, "s");
    stage.github.finish_workflow_run(REPO, "ada", "test", "topic", "failure").expect("a run");
    stage.github.finish_workflow_run(REPO, "eve", "test", "eve:topic", "success").expect("a run");
    stage.github.finish_workflow_run(REPO, "eve", "test", "nowhere", "success").expect_err("no such branch");
    assert_eq!(inbox.names(2).await, ["workflow_run.completed", "workflow_run.completed"]);
    let arrived = inbox.wait(2).await;
    let (own, fork) = (&arrived[0].json()["workflow_run"], &arrived[1].json()["workflow_run"]);
    assert_eq!((&own["conclusion"], &own["pull_requests"][0]["number"]), (&json!("failure"), &json!(pull)));
    assert_eq!(own["head_repository"]["id"], own["repository"]["id"]);
    assert_ne!(fork["head_repository"]["id"], fork["repository"]["id"]);
    assert_eq!((&fork["pull_requests"], &fork["head_branch"]), (&json!([]), &json!("topic")));
}

#[tokio::test]
async fn deployments_discussions_and_the_default_branch_are_told() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.push_commit(REPO, "ada", "trunk", "Add", &[("new.txt", "1\n")]).expect("a commit");
    stage.github.set_webhook(&inbox.url, "s");
    stage.github.deploy(REPO, "ada", "production", "main", Some("failure")).expect("a deployment");
    let issue = stage.github.open_issue(REPO, "ada", "First", "", &[]).expect("an issue");
    let discussion = stage.github.open_discussion(REPO, "bob", "Talk", "about it").expect("a discussion");
    stage.github.comment_discussion(REPO, discussion, "ada", "yes").expect("a comment");
    let next = stage.github.open_issue(REPO, "ada", "Second", "", &[]).expect("an issue");
    assert_eq!((discussion, next), (issue + 1, issue + 2), "one line of numbers");
    stage.github.set_default_branch(REPO, "ada", "trunk").expect("a branch");
    let expected = [
        "deployment.created",
        "deployment_status.created",
        "issues.opened",
        "discussion.created",
        "discussion_comment.created",
        "issues.opened",
        "repository.edited",
    ];
    assert_eq!(inbox.names(7).await, expected);
    let edited = inbox.wait(7).await[6].json();
    assert_eq!((&edited["changes"]["default_branch"]["from"], &edited["repository"]["default_branch"]), (&json!("main"), &json!("trunk")));
    assert_eq!(stage.get(&stage.ada, &format!("/repos/{REPO}/contents/new.txt")).await.status, 200);
}

#[tokio::test]
async fn a_forced_push_says_so() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    let base = stage.github.branch_head(REPO, "main").expect("a branch");
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    stage.github.set_webhook(&inbox.url, "s");
    stage.github.force_push(REPO, "ada", "topic", &base).expect("pushed");
    let payload = inbox.wait(1).await[0].json();
    assert_eq!((&payload["forced"], &payload["after"], &payload["commits"]), (&json!(true), &json!(base), &json!([])));
}
