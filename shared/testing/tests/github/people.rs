//! Assignees, reviewers, teams.

use http::Method;
use serde_json::json;

use crate::stage::{Inbox, REPO, Stage};

#[tokio::test]
async fn only_those_with_access_are_assigned_and_the_rest_is_left_out_silently() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"issues": "write"}})).await;
    let number = stage.github.open_issue(REPO, "ada", "Talk", "", &[]).expect("an issue");
    stage.github.set_webhook(&inbox.url, "s");
    let path = format!("/repos/{REPO}/issues/{number}/assignees");
    let assigned = stage.post(&token, &path, json!({"assignees": ["Bob", "eve", "nobody"]})).await;
    assert_eq!((assigned.status, &assigned.json["assignees"][0]["login"]), (201, &json!("bob")), "{}", assigned.text);
    assert_eq!(stage.github.assignees_of(REPO, number), ["bob"]);
    let taken = stage.call(Method::DELETE, &token, &path, Some(json!({"assignees": ["bob", "ada"]}))).await;
    assert_eq!((taken.status, &taken.json["assignees"]), (200, &json!([])));
    assert_eq!(inbox.names(2).await, ["issues.assigned", "issues.unassigned"]);
    assert_eq!(inbox.wait(2).await[0].json()["assignee"]["login"], "bob");
}

#[tokio::test]
async fn reviews_are_asked_of_all_or_of_nobody() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"pull_requests": "write"}})).await;
    stage.github.set_team_members("acme", "docs", &["bob"]).expect("a team");
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    let number = stage.github.open_pull(REPO, "ada", "topic", "main", "Add", "").expect("a pull request");
    stage.github.set_webhook(&inbox.url, "s");
    let path = format!("/repos/{REPO}/pulls/{number}/requested_reviewers");
    for (case, body) in [
        ("a stranger", json!({"reviewers": ["bob", "eve"]})),
        ("no such team", json!({"reviewers": ["bob"], "team_reviewers": ["nothing"]})),
        ("the author", json!({"reviewers": ["ada"]})),
    ] {
        let refused = stage.post(&token, &path, body).await;
        assert_eq!((refused.status, stage.github.reviewers_of(REPO, number).len()), (422, 0), "{case}: {}", refused.text);
    }
    let asked = stage.post(&token, &path, json!({"reviewers": ["bob"], "team_reviewers": ["docs"]})).await;
    assert_eq!((asked.status, &asked.json["requested_teams"][0]["slug"]), (201, &json!("docs")), "{}", asked.text);
    assert_eq!(stage.github.reviewers_of(REPO, number), ["bob", "@docs"]);
    assert_eq!(inbox.names(2).await, ["pull_request.review_requested", "pull_request.review_requested"]);
}

#[tokio::test]
async fn who_is_in_a_team_is_told_to_members_and_to_those_who_may_read_members() {
    let stage = Stage::new().await;
    stage.github.set_team_members("acme", "docs", &["bob"]).expect("a team");
    let token = stage.token(json!({"permissions": {"members": "read"}})).await;
    let path = |team: &str, login: &str| format!("/orgs/acme/teams/{team}/memberships/{login}");
    assert_eq!(stage.get(&token, &path("docs", "Bob")).await.json["state"], "active");
    assert_eq!(stage.get(&token, &path("docs", "ada")).await.status, 404);
    assert_eq!(stage.get(&token, &path("nothing", "bob")).await.status, 404);
    assert_eq!(stage.get(&stage.ada, &path("docs", "bob")).await.status, 200);
    let eve = stage.github.create_user("eve").expect("eve");
    assert_eq!(stage.get(&eve, &path("docs", "bob")).await.status, 404, "a stranger does not even see the team");
    let other = stage.token(json!({"permissions": {"metadata": "read"}})).await;
    assert_eq!(stage.get(&other, &path("docs", "bob")).await.message(), "Resource not accessible by integration");
}
