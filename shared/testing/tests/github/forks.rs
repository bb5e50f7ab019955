//! Pull requests from forks, and drafts.

use serde_json::json;

use crate::stage::{Arrived, Inbox, REPO, Stage};

#[tokio::test]
async fn a_pull_request_from_a_fork_names_the_fork_and_follows_it() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_private(REPO, false).expect("public");
    stage.github.set_webhook(&inbox.url, "s");
    let number = stage.github.open_fork_pull(REPO, "eve", "main", "main", "Help", "", &[("help.md", "1\n")]).expect("a pull request");
    let after = stage.github.push_to_fork(REPO, "eve", number, "More", &[("help.md", "2\n")]).expect("a commit");
    let arrived = inbox.wait(2).await;
    assert_eq!(arrived.iter().map(Arrived::name).collect::<Vec<_>>(), ["pull_request.opened", "pull_request.synchronize"]);
    let payload = arrived[1].json();
    let (head, base) = (&payload["pull_request"]["head"], &payload["pull_request"]["base"]);
    assert_eq!((&head["label"], &head["sha"], &head["repo"]["full_name"]), (&json!("eve:main"), &json!(after), &json!("eve/hello")));
    assert_eq!((&head["repo"]["fork"], &base["repo"]["full_name"]), (&json!(true), &json!(REPO)));
    assert_ne!(head["repo"]["id"], base["repo"]["id"]);
    let listed = stage.get(&stage.ada, &format!("/repos/{REPO}/pulls?head=eve:main")).await.json;
    assert_eq!(listed[0]["number"], number);
    assert_eq!(stage.get(&stage.ada, &format!("/repos/{REPO}/pulls?head=acme:main")).await.json, json!([]));
    assert_eq!(stage.get(&stage.ada, &format!("/repos/{REPO}/pulls/{number}/files")).await.json[0]["filename"], "help.md");
    assert_eq!(stage.get(&stage.ada, &format!("/repos/{REPO}/contents/help.md?ref={after}")).await.json["type"], "file");
    // The base moving is not the fork's branch of the same name moving.
    stage.github.push_commit(REPO, "ada", "main", "Elsewhere", &[("x", "1")]).expect("a commit");
    assert_eq!(stage.github.pulls(REPO)[0].head_sha, after);
}

#[tokio::test]
async fn a_draft_says_that_it_is_one() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    stage.github.set_webhook(&inbox.url, "s");
    stage.github.open_draft_pull(REPO, "ada", "topic", "main", "Add", "").expect("a pull request");
    assert_eq!(inbox.wait(1).await[0].json()["pull_request"]["draft"], true);
}
