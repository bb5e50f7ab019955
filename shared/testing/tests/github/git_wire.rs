//! Clone, fetch and push with the real git, over HTTP.

use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::stage::{Inbox, REPO, Stage};

async fn git(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("git");
    command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "credential.helper="]).args(arguments);
    command.current_dir(folder).env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.output().await.expect("git runs")
}

async fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder, arguments).await;
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder, arguments).await;
    assert!(!output.status.success(), "git {arguments:?} should fail");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn remote(stage: &Stage, token: &str) -> String {
    let host = stage.github.web_url().trim_start_matches("http://");
    format!("http://x-access-token:{token}@{host}/{REPO}.git")
}

#[tokio::test]
async fn a_person_clones_and_pushes_and_the_push_is_told() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_webhook(&inbox.url, "secret");
    let folder = tempfile::tempdir().expect("a folder");
    succeed(folder.path(), &["clone", "--quiet", &remote(&stage, &stage.ada), "work"]).await;
    let work = folder.path().join("work");
    assert_eq!(std::fs::read_to_string(work.join("README.md")).expect("a file"), "# hello\n");
    succeed(&work, &["checkout", "--quiet", "-b", "topic"]).await;
    std::fs::write(work.join("new.txt"), "new\n").expect("written");
    // Large and hard to compress: git sends it in chunks.
    let noise: Vec<u8> = (0..3_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(work.join("large.bin"), noise).expect("written");
    std::fs::remove_file(work.join("src/main.py")).expect("removed");
    succeed(&work, &["add", "-A"]).await;
    succeed(&work, &["commit", "--quiet", "-m", "Change things"]).await;
    succeed(&work, &["push", "--quiet", "origin", "topic"]).await;
    let sha = succeed(&work, &["rev-parse", "HEAD"]).await;
    assert_eq!(stage.github.branch_head(REPO, "topic"), Some(sha.clone()));
    let arrived = inbox.wait(2).await;
    assert_eq!(arrived[0].name(), "create");
    let push = arrived[1].json();
    assert_eq!((&push["ref"], &push["after"], &push["created"]), (&json!("refs/heads/topic"), &json!(sha), &json!(true)));
    assert_eq!(push["commits"].as_array().map(Vec::len), Some(1), "only what is new: {push}");
    assert_eq!((&push["commits"][0]["added"], &push["commits"][0]["removed"]), (&json!(["large.bin", "new.txt"]), &json!(["src/main.py"])));
    assert_eq!((&push["pusher"]["name"], &push["sender"]["login"]), (&json!("ada"), &json!("ada")));
    succeed(&work, &["push", "--quiet", "origin", ":topic"]).await;
    assert_eq!(inbox.names(4).await[2..], ["delete", "push"]);
    assert!(stage.github.calls()["GIT receive-pack"] >= 4, "two pushes, each asks first and sends then");
}

#[tokio::test]
async fn an_installation_token_that_may_read_may_not_push() {
    let stage = Stage::new().await;
    let reader = stage.token(json!({"permissions": {"contents": "read"}})).await;
    let folder = tempfile::tempdir().expect("a folder");
    succeed(folder.path(), &["clone", "--quiet", "--depth", "1", &remote(&stage, &reader), "work"]).await;
    let work = folder.path().join("work");
    succeed(&work, &["commit", "--quiet", "--allow-empty", "-m", "x"]).await;
    let words = refused(&work, &["push", "origin", "HEAD:refs/heads/x"]).await;
    assert!(words.contains("403"), "{words}");
    assert_eq!(stage.github.branches(REPO), ["main"]);
    let writer = stage.token(json!({"permissions": {"contents": "write"}})).await;
    succeed(&work, &["push", "--quiet", &remote(&stage, &writer), "HEAD:refs/heads/x"]).await;
    assert_eq!(stage.github.branches(REPO), ["main", "x"]);
}

#[tokio::test]
async fn strangers_and_dead_tokens_get_nothing() {
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let token = stage.token(json!({"permissions": {"contents": "read"}})).await;
    let eve = stage.github.create_user("eve").expect("eve");
    let anonymous = format!("{}/{REPO}.git", stage.github.web_url());
    let words = refused(folder.path(), &["clone", &anonymous, "a"]).await;
    assert!(words.contains("could not read Username") || words.contains("Authentication failed"), "{words}");
    assert!(refused(folder.path(), &["clone", &remote(&stage, &eve), "b"]).await.contains("not found"));
    assert!(refused(folder.path(), &["clone", &remote(&stage, "ghs_wrong"), "c"]).await.contains("Authentication failed"));
    let issues_only = stage.token(json!({"permissions": {"issues": "write"}})).await;
    assert!(refused(folder.path(), &["clone", &remote(&stage, &issues_only), "d"]).await.contains("403"));
    stage.github.expire_tokens();
    assert!(refused(folder.path(), &["clone", &remote(&stage, &token), "e"]).await.contains("Authentication failed"));
    stage.github.set_private(REPO, false).expect("public");
    succeed(folder.path(), &["clone", "--quiet", &anonymous, "f"]).await;
    assert!(refused(&folder.path().join("f"), &["push", "origin", "HEAD:refs/heads/x"]).await.contains("could not read Username"));
}
