//! Pull requests: opening, duplicates, following their branch, reviews.

use serde_json::json;

use crate::stage::{Inbox, REPO, Stage};

#[tokio::test]
async fn a_pull_request_is_opened_once() {
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"pull_requests": "write"}})).await;
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n2\n")]).expect("a commit");
    let pulls = format!("/repos/{REPO}/pulls");
    let body = json!({"title": "Add", "head": "topic", "base": "main", "body": "Closes #1", "draft": true});
    let opened = stage.post(&token, &pulls, body.clone()).await;
    assert_eq!(
        (opened.status, &opened.json["draft"], &opened.json["user"]["login"]),
        (201, &json!(true), &json!("patchbay[bot]")),
        "{}",
        opened.text
    );
    assert_eq!((&opened.json["additions"], &opened.json["changed_files"], &opened.json["commits"]), (&json!(2), &json!(1), &json!(1)));
    let again = stage.post(&token, &pulls, body).await;
    assert_eq!((again.status, again.message()), (422, "Validation Failed"));
    assert_eq!(again.json["errors"][0]["message"], "A pull request already exists for acme:topic.");
    let empty = stage.post(&token, &pulls, json!({"title": "x", "head": "main", "base": "topic"})).await;
    assert_eq!(empty.json["errors"][0]["message"], "No commits between topic and main");
    let unknown = stage.post(&token, &pulls, json!({"title": "x", "head": "gone", "base": "main"})).await;
    assert_eq!((&unknown.json["errors"][0]["field"], &unknown.json["errors"][0]["code"]), (&json!("head"), &json!("invalid")));
}

#[tokio::test]
async fn a_pull_request_is_found_by_head_closed_and_never_confused_with_an_issue() {
    let stage = Stage::new().await;
    stage.github.open_issue(REPO, "ada", "First", "", &[]).expect("an issue");
    for branch in ["one", "two"] {
        stage.github.push_commit(REPO, "ada", branch, "Add", &[("new.txt", branch)]).expect("a commit");
        stage.github.open_pull(REPO, "ada", branch, "main", branch, "").expect("a pull request");
    }
    let pulls = format!("/repos/{REPO}/pulls");
    let numbers = async |query: &str| {
        let answer = stage.get(&stage.ada, &format!("{pulls}{query}")).await;
        answer.json.as_array().expect("a list").iter().filter_map(|pull| pull["number"].as_u64()).collect::<Vec<_>>()
    };
    assert_eq!(numbers("").await, [3, 2]);
    assert_eq!(numbers("?head=acme:one&state=all").await, [2]);
    assert_eq!(numbers("?head=one").await, [3, 2], "without an owner GitHub ignores the filter");
    let closed = stage.patch(&stage.ada, &format!("{pulls}/2"), json!({"state": "closed"})).await;
    assert_eq!((&closed.json["state"], &closed.json["merged"]), (&json!("closed"), &json!(false)));
    assert_eq!(numbers("").await, [3]);
    assert_eq!(numbers("?head=acme:one&state=all").await, [2]);
    assert_eq!(stage.get(&stage.ada, &format!("{pulls}/1")).await.status, 404);
    assert!(stage.get(&stage.ada, &format!("/repos/{REPO}/issues/2")).await.json["pull_request"].is_object());
    assert_eq!(
        stage.get(&stage.ada, &format!("{pulls}/3/files")).await.json[0]["patch"],
        "@@ -0,0 +1 @@\n+two\n\\ No newline at end of file"
    );
}

#[tokio::test]
async fn a_moved_branch_synchronizes_and_a_deleted_one_closes() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    let number = stage.github.open_pull(REPO, "ada", "topic", "main", "Add", "").expect("a pull request");
    let before = stage.github.branch_head(REPO, "topic").expect("a branch");
    stage.github.set_webhook(&inbox.url, "s");
    let after = stage.github.push_commit(REPO, "bob", "topic", "More", &[("new.txt", "2\n")]).expect("a commit");
    stage.github.label(REPO, number, "ada", "bug").expect("labeled");
    stage.github.comment(REPO, number, "bob", "look").expect("a comment");
    stage.github.delete_branch(REPO, "ada", "topic").expect("deleted");
    let arrived = inbox.wait(7).await;
    let names: Vec<String> = arrived.iter().map(super::stage::Arrived::name).collect();
    let expected =
        ["push", "pull_request.synchronize", "pull_request.labeled", "issue_comment.created", "delete", "push", "pull_request.closed"];
    assert_eq!(names, expected);
    let moved = arrived[1].json();
    assert_eq!((&moved["before"], &moved["after"], &moved["pull_request"]["head"]["sha"]), (&json!(before), &json!(after), &json!(after)));
    assert_eq!(arrived[3].json()["issue"]["pull_request"]["html_url"], json!(stage.github.pulls(REPO)[0].url));
    assert!(!stage.github.pulls(REPO)[0].open);
}

#[tokio::test]
async fn reviews_and_line_comments_are_kept_and_told() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    let number = stage.github.open_pull(REPO, "ada", "topic", "main", "Add", "").expect("a pull request");
    stage.github.set_webhook(&inbox.url, "s");
    let bob = stage.github.create_user("bob").expect("bob");
    let pull = format!("/repos/{REPO}/pulls/{number}");
    let comments = json!([{"path": "new.txt", "line": 1, "body": "why?"}]);
    let review =
        stage.post(&bob, &format!("{pull}/reviews"), json!({"event": "REQUEST_CHANGES", "body": "hm", "comments": comments})).await;
    assert_eq!((review.status, &review.json["state"]), (200, &json!("CHANGES_REQUESTED")), "{}", review.text);
    assert_eq!(inbox.names(2).await, ["pull_request_review.submitted", "pull_request_review_comment.created"]);
    assert_eq!(stage.get(&bob, &format!("{pull}/comments")).await.json[0]["body"], "why?");
    let own = stage.post(&stage.ada, &format!("{pull}/reviews"), json!({"event": "APPROVE"})).await;
    assert_eq!((own.status, own.message()), (422, "Can not approve your own pull request"));
    let elsewhere = stage.post(&bob, &format!("{pull}/comments"), json!({"path": "README.md", "line": 1, "body": "x"})).await;
    assert_eq!(elsewhere.status, 422, "{}", elsewhere.text);
}

#[tokio::test]
async fn a_conflict_is_told() {
    let stage = Stage::new().await;
    stage.github.push_commit(REPO, "ada", "topic", "Mine", &[("README.md", "mine\n")]).expect("a commit");
    stage.github.open_pull(REPO, "ada", "topic", "main", "Mine", "").expect("a pull request");
    let pull = format!("/repos/{REPO}/pulls/1");
    assert_eq!(stage.get(&stage.ada, &pull).await.json["mergeable_state"], "clean");
    stage.github.push_commit(REPO, "bob", "main", "Theirs", &[("README.md", "theirs\n")]).expect("a commit");
    let answer = stage.get(&stage.ada, &pull).await.json;
    assert_eq!((&answer["mergeable"], &answer["mergeable_state"], &answer["commits"]), (&json!(false), &json!("dirty"), &json!(1)));
}
