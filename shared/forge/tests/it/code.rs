//! Commits, branches and pull requests on the wire.

use crate::server::{Github, REPOSITORY, Reply, Seen, at, pull, reply};
use patchbay_domain::change_set::{Change, Content, FileChange};
use patchbay_forge::{ForgeError, NewCommit, NewPullRequest};
use serde_json::{Value, json};

fn write(path: &str, mode: &str, content: Content) -> FileChange {
    FileChange { path: path.to_owned(), change: Change::Write { mode: mode.to_owned(), content, added: true } }
}

fn git_data(seen: &Seen) -> Reply {
    match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/repos/acme/hello/git/commits/base") => reply(200, json!({"message": "m", "tree": {"sha": "tree0"}})),
        ("POST", "/repos/acme/hello/git/blobs") if seen.body["content"] == "" => reply(201, json!({"sha": "empty"})),
        ("POST", "/repos/acme/hello/git/blobs") => reply(201, json!({"sha": "blob"})),
        ("POST", "/repos/acme/hello/git/trees") => {
            reply(201, json!({"sha": format!("after-{}", seen.body["base_tree"].as_str().unwrap())}))
        }
        ("POST", "/repos/acme/hello/git/commits") => reply(201, json!({"sha": "commit"})),
        _ => reply(404, json!({})),
    }
}

#[tokio::test]
async fn a_commit_is_blobs_one_tree_with_deletions_and_a_commit_without_author() {
    let github = Github::start(git_data).await;
    let files = [
        write("src/a.rs", "100644", Content::Text("fn a() {}\n".into())),
        write("run.sh", "100755", Content::Text("#!/bin/sh\n".into())),
        write("logo.png", "100644", Content::Base64("iVBORw==".into())),
        write("empty", "100644", Content::Text(String::new())),
        FileChange { path: "old.txt".into(), change: Change::Delete },
    ];
    let commit = NewCommit { base_sha: "base", message: "feat: x", files: &files };
    assert_eq!(github.forge().write_commit(&at(), &commit).await.unwrap(), "commit");
    let calls = github.calls();
    let bodies = |end: &str| -> Vec<Value> {
        let posts = calls.iter().filter(|seen| seen.method == "POST" && seen.path.ends_with(end));
        posts.map(|seen| seen.body.clone()).collect()
    };
    assert_eq!(bodies("/git/blobs"), [json!({"content": "iVBORw==", "encoding": "base64"}), json!({"content": "", "encoding": "utf-8"})]);
    let tree = json!({"base_tree": "tree0", "tree": [
        {"path": "old.txt", "mode": "100644", "type": "blob", "sha": null},
        {"path": "src/a.rs", "mode": "100644", "type": "blob", "content": "fn a() {}\n"},
        {"path": "run.sh", "mode": "100755", "type": "blob", "content": "#!/bin/sh\n"},
        {"path": "logo.png", "mode": "100644", "type": "blob", "sha": "blob"},
        {"path": "empty", "mode": "100644", "type": "blob", "sha": "empty"},
    ]});
    assert_eq!(bodies("/git/trees"), [tree]);
    let expected = json!({"message": "feat: x", "tree": "after-tree0", "parents": ["base"]});
    assert_eq!(bodies("/git/commits"), [expected]);
    assert!(calls.iter().all(|seen| !seen.path.contains("/git/refs")), "no ref may point at it yet");
}

#[tokio::test]
async fn a_big_change_goes_in_several_trees_each_on_top_of_the_other() {
    let github = Github::start(git_data).await;
    let big = || Content::Text("x".repeat(5 << 20));
    let files = [write("a", "100644", big()), write("b", "100644", big()), write("c", "100644", Content::Text("c".into()))];
    github.forge().write_commit(&at(), &NewCommit { base_sha: "base", message: "m", files: &files }).await.unwrap();
    let calls = github.calls();
    let bases: Vec<&Value> = calls.iter().filter(|seen| seen.path.ends_with("/git/trees")).map(|seen| &seen.body["base_tree"]).collect();
    assert_eq!(bases, ["tree0", "after-tree0"]);
    assert_eq!(calls.last().unwrap().body["tree"], "after-after-tree0");
}

async fn answering(status: u16, body: Value) -> Github {
    Github::start(move |_| reply(status, body.clone())).await
}

#[tokio::test]
async fn branches_are_created_and_advanced_without_force() {
    let github = answering(200, json!({"ref": "refs/heads/patchbay/12", "object": {"sha": "s"}})).await;
    let forge = github.forge();
    forge.create_branch(&at(), "patchbay/12", "s").await.unwrap();
    forge.advance_branch(&at(), "patchbay/12", "s").await.unwrap();
    assert_eq!(forge.branch_head(&at(), "patchbay/12").await.unwrap().as_deref(), Some("s"));
    let calls = github.calls();
    assert_eq!(
        github.lines(),
        [
            "POST /repos/acme/hello/git/refs",
            "PATCH /repos/acme/hello/git/refs/heads/patchbay/12",
            "GET /repos/acme/hello/git/ref/heads/patchbay/12"
        ]
    );
    assert_eq!(calls[0].body, json!({"ref": "refs/heads/patchbay/12", "sha": "s"}));
    assert_eq!(calls[1].body, json!({"sha": "s", "force": false}));
}

#[tokio::test]
async fn what_stands_in_a_branchs_way_is_a_conflict() {
    let exists = answering(422, json!({"message": "Reference already exists"})).await;
    assert!(matches!(exists.forge().create_branch(&at(), "b", "s").await, Err(ForgeError::Conflict(_))));
    let diverged = answering(422, json!({"message": "Update is not a fast forward"})).await;
    assert!(matches!(diverged.forge().advance_branch(&at(), "b", "s").await, Err(ForgeError::Conflict(_))));
    let unknown = answering(422, json!({"message": "Object does not exist"})).await;
    assert!(matches!(unknown.forge().create_branch(&at(), "b", "s").await, Err(ForgeError::Permanent(_))));
}

#[tokio::test]
async fn a_branch_that_is_not_there_has_no_head_and_is_deleted_already() {
    for (status, message) in [(404, "Not Found"), (409, "Git Repository is empty.")] {
        let github = answering(status, json!({"message": message})).await;
        assert_eq!(github.forge().branch_head(&at(), "b").await, Ok(None), "{status}");
    }
    for (status, message) in [(404, "Not Found"), (422, "Reference does not exist")] {
        let github = answering(status, json!({"message": message})).await;
        assert_eq!(github.forge().delete_branch(&at(), "b").await, Ok(()), "{status}");
        assert_eq!(github.lines(), ["DELETE /repos/acme/hello/git/refs/heads/b"]);
    }
    let protected = answering(422, json!({"message": "Cannot delete protected branch"})).await;
    assert!(matches!(protected.forge().delete_branch(&at(), "b").await, Err(ForgeError::Permanent(_))));
}

const HEAD: &str = "patchbay/12-0f1e2d3c";

#[tokio::test]
async fn pull_requests_of_forks_are_not_ours() {
    let list = json!([pull(20, "open", json!({"id": 5})), pull(19, "open", Value::Null), pull(18, "closed", json!({"id": REPOSITORY}))]);
    let github = answering(200, list).await;
    let found = github.forge().find_pull_request(&at(), HEAD).await.unwrap().unwrap();
    assert_eq!((found.number, found.open, found.merged, found.author_id), (18, false, false, Some(9)));
    assert_eq!((found.refs.head_branch.as_str(), found.refs.base_branch.as_str()), (HEAD, "main"));
    let expected = "GET /repos/acme/hello/pulls?head=acme%3Apatchbay%2F12-0f1e2d3c&sort=created&direction=desc&per_page=100&state=all";
    assert_eq!(github.lines(), [expected]);
}

#[tokio::test]
async fn opening_a_pull_request_that_exists_returns_the_open_one() {
    let exists = json!({"message": "Validation Failed", "errors": [{"message": "A pull request already exists for acme:x."}]});
    let new = NewPullRequest { head: HEAD, base: "main", title: "feat: x", body: "Closes #12", draft: true };
    let with_list = |list: Value| {
        let exists = exists.clone();
        Github::start(move |seen| if seen.method == "GET" { reply(200, list.clone()) } else { reply(422, exists.clone()) })
    };
    let github = with_list(json!([pull(21, "open", json!({"id": REPOSITORY}))])).await;
    assert_eq!(github.forge().open_pull_request(&at(), &new).await.unwrap().number, 21);
    let calls = github.calls();
    let body = json!({"head": HEAD, "base": "main", "title": "feat: x", "body": "Closes #12", "draft": true});
    assert_eq!((calls[0].line().as_str(), &calls[0].body), ("POST /repos/acme/hello/pulls", &body));
    assert!(calls[1].path.ends_with("&state=open&base=main"), "{}", calls[1].path);
    let gone = with_list(json!([])).await;
    assert!(matches!(gone.forge().open_pull_request(&at(), &new).await, Err(ForgeError::Conflict(_))));
}

#[tokio::test]
async fn a_pull_request_is_read_and_closed() {
    let mut answer = pull(21, "closed", Value::Null);
    answer["merged_at"] = json!("2026-11-16T12:00:41Z");
    let github = answering(200, answer).await;
    let forge = github.forge();
    let found = forge.pull_request(&at(), 21).await.unwrap();
    assert_eq!((found.merged, found.open, found.refs.head_repository_id), (true, false, None));
    forge.close_pull_request(&at(), 21).await.unwrap();
    assert_eq!(github.lines()[1], "PATCH /repos/acme/hello/pulls/21");
    assert_eq!(github.calls()[1].body, json!({"state": "closed"}));
}
