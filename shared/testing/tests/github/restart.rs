//! State survives a restart, with its ids; what was not delivered is delivered then.

use patchbay_testing::github::LocalGithub;
use serde_json::json;

use crate::stage::{Inbox, REPO, Stage, config};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_webhook(&inbox.url, "s");
    let number = stage.github.open_issue(REPO, "ada", "Greet", "please", &["bug"]).expect("an issue");
    let comment = stage.github.comment(REPO, number, "bob", "yes").expect("a comment");
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    stage.github.open_pull(REPO, "ada", "topic", "main", "Add", "").expect("a pull request");
    inbox.wait(6).await;
    let (issue, pulls) = (stage.github.issue(REPO, number).expect("an issue"), stage.github.pulls(REPO));
    let token = stage.token(json!({})).await;
    let Stage { github, key, installation, ada, folder } = stage;
    github.shutdown().await.expect("saved");

    let github = LocalGithub::start(config(folder.path(), &key)).await.expect("it starts again");
    let stage = Stage { github, key, installation, ada, folder };
    let found = stage.github.issue(REPO, number).expect("the issue");
    assert_eq!((found.title, found.labels), (issue.title, issue.labels));
    assert_eq!(stage.github.comments(REPO, number)[0].id, comment);
    assert_eq!(stage.github.pulls(REPO)[0].head_sha, pulls[0].head_sha);
    assert_eq!(stage.github.create_user("ada").expect("ada"), stage.ada, "a person keeps their token");
    assert_eq!(stage.get(&token, &format!("/repos/{REPO}/issues/{number}")).await.status, 200);
    assert!(stage.github.comment(REPO, number, "ada", "more").expect("a comment") > comment, "ids go on");
    assert_eq!(inbox.names(7).await[6], "issue_comment.created", "the webhook's address is kept");
}

#[tokio::test]
async fn only_loopback_addresses_are_served_and_damaged_state_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let key = crate::stage::app_key();
    let mut open = config(folder.path(), &key);
    open.bind = "0.0.0.0:0".parse().expect("an address");
    assert!(LocalGithub::start(open).await.is_err_and(|error| error.to_string().contains("loopback")));
    std::fs::write(folder.path().join("github.json"), "{").expect("written");
    assert!(LocalGithub::start(config(folder.path(), &key)).await.is_err_and(|error| error.to_string().contains("damaged")));
}
