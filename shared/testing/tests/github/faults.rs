//! Requests that are made to fail, before and after they took effect.

use crate::stage::{REPO, app_key, config};
use http::StatusCode;
use patchbay_testing::github::{Fault, ForgeCall, LocalGithub, LocalGithubConfig, Moment};
use std::sync::{Arc, Mutex};

const ISSUES: &str = "/repos/{owner}/{repo}/issues";

/// A local GitHub with `acme/hello`, in which this hook is asked; a person's token.
async fn start(
    folder: &std::path::Path,
    hook: impl Fn(&ForgeCall, Moment) -> Option<Fault> + Send + Sync + 'static,
) -> (LocalGithub, String) {
    let faults = Some(Arc::new(hook) as _);
    let github = LocalGithub::start(LocalGithubConfig { faults, ..config(folder, &app_key()) }).await.expect("it starts");
    let token = github.create_user("ada").expect("ada");
    github.create_org("acme", "ada").expect("acme");
    github.create_repository("acme", "hello", &[("README.md", "# hello\n")]).expect("acme/hello");
    (github, token)
}

async fn open_issue(github: &LocalGithub, token: &str) -> reqwest::Result<reqwest::Response> {
    let url = format!("{}/repos/{REPO}/issues", github.api_url());
    let client = reqwest::Client::builder().user_agent("tests").build().expect("a client");
    client.post(url).bearer_auth(token).json(&serde_json::json!({"title": "One"})).send().await
}

fn when(wanted: Moment, fault: Fault) -> impl Fn(&ForgeCall, Moment) -> Option<Fault> {
    move |call, moment| (call.route == ISSUES && call.method == "POST" && moment == wanted).then(|| fault.clone())
}

#[tokio::test]
async fn an_answer_before_leaves_no_effect() {
    let folder = tempfile::tempdir().expect("a folder");
    let answer = Fault::Answer { status: 502, headers: vec![("retry-after", "7".to_owned())], body: "bad gateway".to_owned() };
    let (github, token) = start(folder.path(), when(Moment::Before, answer)).await;
    let response = open_issue(&github, &token).await.expect("an answer");
    assert_eq!((response.status(), response.headers()["retry-after"].to_str().expect("text")), (StatusCode::BAD_GATEWAY, "7"));
    assert!(github.issues(REPO).is_empty());
}

#[tokio::test]
async fn a_dropped_answer_hides_an_effect() {
    let folder = tempfile::tempdir().expect("a folder");
    let (github, token) = start(folder.path(), when(Moment::After, Fault::Drop)).await;
    open_issue(&github, &token).await.expect_err("no answer");
    assert_eq!(github.issues(REPO).len(), 1);
}

#[tokio::test]
async fn the_hook_sees_route_path_and_peer() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let (github, token) = start(folder.path(), move |call, moment| {
        log.lock().expect("the log").push((call.clone(), moment));
        None
    })
    .await;
    open_issue(&github, &token).await.expect("an answer");
    let seen = seen.lock().expect("the log");
    assert_eq!(seen.iter().map(|(_, moment)| *moment).collect::<Vec<_>>(), [Moment::Before, Moment::After]);
    let call = &seen[0].0;
    assert_eq!((call.method.as_str(), call.route.as_str(), call.path.as_str()), ("POST", ISSUES, "/api/v3/repos/acme/hello/issues"));
    assert!(call.peer.is_some_and(|peer| peer.ip().is_loopback()));
}
