//! Files by path where they are no plain files, trees that are too big, and commits as diffs.

use serde_json::{Value, json};

use crate::stage::{REPO, Stage};

async fn commit(stage: &Stage, token: &str, entries: Value) -> String {
    let base = stage.github.branch_head(REPO, "main").expect("a branch");
    let git = format!("/repos/{REPO}/git");
    let tree = stage.post(token, &format!("{git}/trees"), json!({"base_tree": base, "tree": entries})).await;
    assert_eq!(tree.status, 201, "{}", tree.text);
    let body = json!({"message": "m", "tree": tree.json["sha"], "parents": [base]});
    stage.post(token, &format!("{git}/commits"), body).await.json["sha"].as_str().expect("a sha").to_owned()
}

#[tokio::test]
async fn links_are_followed_inside_the_repository_only_and_submodules_are_named() {
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"contents": "write"}})).await;
    let link = |path: &str, target: &str| json!({"path": path, "mode": "120000", "type": "blob", "content": target});
    let module = json!({"path": "lib", "mode": "160000", "type": "commit", "sha": stage.github.branch_head(REPO, "main")});
    let entries = json!([link("docs/README", "../README.md"), link("out", "/etc/passwd"), link("gone", "nothing"), module]);
    let sha = commit(&stage, &token, entries).await;
    let show = async |path: &str| stage.get(&token, &format!("/repos/{REPO}/contents/{path}?ref={sha}")).await.json;
    let followed = show("docs/README").await;
    let direct = show("README.md").await;
    assert_eq!((&followed["type"], &followed["path"], &followed["content"]), (&json!("file"), &json!("docs/README"), &direct["content"]));
    for (path, target) in [("out", "/etc/passwd"), ("gone", "nothing")] {
        let shown = show(path).await;
        assert_eq!((&shown["type"], &shown["target"], &shown["content"]), (&json!("symlink"), &json!(target), &Value::Null));
    }
    assert_eq!(show("lib").await["type"], "submodule");
    assert_eq!(show("docs").await[0]["type"], "symlink");
}

#[tokio::test]
async fn a_tree_above_the_limit_says_that_it_is_cut() {
    let stage = Stage::new().await;
    let tree = format!("/repos/{REPO}/git/trees/main?recursive=1");
    let answer = stage.get(&stage.ada, &tree).await.json;
    assert_eq!((&answer["truncated"], answer["tree"].as_array().map(Vec::len)), (&json!(false), Some(3)));
    stage.github.limit_trees(2);
    let answer = stage.get(&stage.ada, &tree).await.json;
    assert_eq!((&answer["truncated"], answer["tree"].as_array().map(Vec::len)), (&json!(true), Some(2)));
}

#[tokio::test]
async fn a_commit_is_shown_as_a_diff_on_request() {
    let stage = Stage::new().await;
    let sha = stage.github.push_commit(REPO, "ada", "main", "Add", &[("new.txt", "1\n")]).expect("a commit");
    let url = format!("{}/repos/{REPO}/commits/{sha}", stage.github.api_url());
    let request = reqwest::Client::new().get(url).bearer_auth(&stage.ada).header("user-agent", "x");
    let text = request.header("accept", "application/vnd.github.diff").send().await.expect("an answer").text().await.expect("text");
    assert!(text.starts_with("diff --git a/new.txt b/new.txt\nnew file mode 100644"), "{text}");
}
