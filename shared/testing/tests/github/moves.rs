//! Repositories that move, threads that are locked, webhooks that go astray.

use crate::stage::{Inbox, REPO, Stage, app_key, config};
use http::Method;
use patchbay_testing::github::{LocalGithub, LocalGithubConfig, PostFault};
use serde_json::json;
use std::sync::Arc;

/// The answer itself, redirects included.
async fn sent(stage: &Stage, method: Method, token: &str, path: &str) -> (u16, String) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).user_agent("tests").build().expect("a client");
    let request = client.request(method, format!("{}{path}", stage.github.api_url())).bearer_auth(token).json(&json!({"body": "hello"}));
    let response = request.send().await.expect("an answer");
    let location = response.headers().get("location").map_or("", |value| value.to_str().expect("text")).to_owned();
    (response.status().as_u16(), location)
}

#[tokio::test]
async fn an_old_name_redirects_and_the_number_leads_to_the_repository() {
    let stage = Stage::new().await;
    let number = stage.github.open_issue(REPO, "ada", "One", "", &[]).expect("an issue");
    let id = stage.github.repositories()[0].0;
    let token = stage.token(json!({"repository_ids": [id]})).await;
    stage.github.rename_repository(REPO, "ada", "bye").expect("renamed");

    let comments = format!("/repos/{REPO}/issues/{number}/comments");
    let by_number = format!("{}/repositories/{id}/issues/{number}/comments", stage.github.api_url());
    assert_eq!(sent(&stage, Method::GET, &token, &format!("{comments}?page=1")).await, (301, format!("{by_number}?page=1")));
    assert_eq!(sent(&stage, Method::POST, &token, &comments).await, (307, by_number));
    assert!(stage.github.comments("acme/bye", number).is_empty(), "a redirect did nothing");
    assert_eq!(stage.post(&token, &format!("/repositories/{id}/issues/{number}/comments"), json!({"body": "x"})).await.status, 201);
    assert_eq!(stage.get(&token, &format!("/repositories/{id}")).await.json["full_name"], "acme/bye");

    stage.github.create_repository("acme", "hello", &[]).expect("the name is free again");
    assert_eq!(sent(&stage, Method::GET, &stage.ada, &format!("/repos/{REPO}")).await.0, 200);
}

#[tokio::test]
async fn a_transferred_repository_is_out_of_the_installations_reach() {
    let stage = Stage::new().await;
    let id = stage.github.repositories()[0].0;
    let token = stage.token(json!({"repository_ids": [id]})).await;
    stage.github.transfer_repository(REPO, "ada", "ada").expect("transferred");
    assert_eq!(sent(&stage, Method::GET, &token, &format!("/repos/{REPO}")).await.0, 404);
    assert_eq!(sent(&stage, Method::GET, &stage.ada, &format!("/repos/{REPO}")).await.0, 301);
}

#[tokio::test]
async fn in_a_locked_thread_the_app_cannot_comment() {
    let stage = Stage::new().await;
    let number = stage.github.open_issue(REPO, "ada", "One", "", &[]).expect("an issue");
    stage.github.lock_issue(REPO, number, "ada").expect("locked");
    let token = stage.token(json!({})).await;
    let refused = stage.post(&token, &format!("/repos/{REPO}/issues/{number}/comments"), json!({"body": "x"})).await;
    assert_eq!((refused.status, refused.message()), (403, "Unable to create comment because issue is locked."));
    stage.github.comment(REPO, number, "ada", "people still can").expect("commented");
}

#[tokio::test]
async fn an_archived_repository_refuses_every_write() {
    let stage = Stage::new().await;
    stage.github.set_archived(REPO, true).expect("archived");
    let token = stage.token(json!({})).await;
    let refused = stage.post(&token, &format!("/repos/{REPO}/git/blobs"), json!({"content": "x", "encoding": "utf-8"})).await;
    assert_eq!((refused.status, refused.message()), (403, "Repository was archived so is read-only."));
    assert_eq!(stage.get(&token, &format!("/repos/{REPO}")).await.status, 200);
}

/// What arrives when the first webhook suffers this, and the status that the log has for it.
async fn posted(fault: PostFault, arrivals: usize) -> (Vec<String>, Option<u16>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut inbox = Inbox::open().await;
    let hook = move |post: &patchbay_testing::github::Post| (post.event == "issues").then_some(fault);
    let start = LocalGithubConfig { post_faults: Some(Arc::new(hook)), ..config(folder.path(), &app_key()) };
    let github = LocalGithub::start(start).await.expect("it starts");
    github.create_user("ada").expect("ada");
    github.create_org("acme", "ada").expect("acme");
    github.create_repository("acme", "hello", &[]).expect("acme/hello");
    github.install_app("acme").expect("installed");
    github.set_webhook(&inbox.url, "");
    let number = github.open_issue(REPO, "ada", "One", "", &[]).expect("an issue");
    github.comment(REPO, number, "ada", "two").expect("a comment");
    let names = inbox.names(arrivals).await;
    let logged = |github: &LocalGithub| github.deliveries().into_iter().find(|one| one.event == "issues")?.status_code;
    let status = github.wait_for("the outcome", crate::stage::PATIENCE, logged).await.ok();
    (names, status)
}

#[tokio::test]
async fn webhooks_come_twice_late_or_without_a_known_answer() {
    let (opened, commented) = ("issues.opened".to_owned(), "issue_comment.created".to_owned());
    assert_eq!(posted(PostFault::Twice, 3).await, (vec![opened.clone(), opened.clone(), commented.clone()], Some(202)));
    assert_eq!(posted(PostFault::Late, 2).await, (vec![commented.clone(), opened.clone()], Some(202)));
    assert_eq!(posted(PostFault::Unanswered, 2).await, (vec![opened, commented], Some(504)));
}
