//! Blobs, trees, commits, refs, contents: a change written the way an App writes it.

use serde_json::{Value, json};

use crate::stage::{REPO, Stage};

async fn head(stage: &Stage, token: &str) -> (String, String) {
    let branch = stage.get(token, &format!("/repos/{REPO}/branches/main")).await.json;
    let text = |value: &Value| value.as_str().expect("a sha").to_owned();
    (text(&branch["commit"]["sha"]), text(&branch["commit"]["commit"]["tree"]["sha"]))
}

#[tokio::test]
async fn an_app_writes_a_verified_commit_with_text_binary_mode_and_deletion() {
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"contents": "write"}})).await;
    let (base, base_tree) = head(&stage, &token).await;
    let git = format!("/repos/{REPO}/git");
    let blob = stage.post(&token, &format!("{git}/blobs"), json!({"content": "/wD+", "encoding": "base64"})).await;
    let entries = json!([
        {"path": "src/new.py", "mode": "100755", "type": "blob", "content": "print(1)\n"},
        {"path": "empty", "mode": "100644", "type": "blob", "content": ""},
        {"path": "data.bin", "mode": "100644", "type": "blob", "sha": blob.json["sha"]},
        {"path": "src/main.py", "mode": "100644", "type": "blob", "sha": null},
    ]);
    let tree = stage.post(&token, &format!("{git}/trees"), json!({"base_tree": base_tree, "tree": entries})).await;
    assert_eq!(tree.status, 201, "{}", tree.text);
    let body = json!({"message": "feat: Add\n\nBody.", "tree": tree.json["sha"], "parents": [base]});
    let commit = stage.post(&token, &format!("{git}/commits"), body.clone()).await;
    assert_eq!((commit.status, &commit.json["verification"]["verified"]), (201, &json!(true)), "{}", commit.text);
    assert!(commit.json["author"]["email"].as_str().is_some_and(|email| email.ends_with("+patchbay[bot]@users.noreply.github.com")));
    let sha = commit.json["sha"].as_str().expect("a sha").to_owned();
    let created = stage.post(&token, &format!("{git}/refs"), json!({"ref": "refs/heads/patchbay/1", "sha": sha})).await;
    assert_eq!((created.status, &created.json["object"]["sha"]), (201, &json!(sha)), "{}", created.text);
    assert_eq!(stage.github.file(REPO, "patchbay/1", "data.bin"), Some(vec![0xff, 0, 0xfe]));
    assert_eq!(stage.github.file(REPO, "patchbay/1", "empty"), Some(Vec::new()));
    assert_eq!(stage.github.file(REPO, "patchbay/1", "src/main.py"), None);
    assert!(stage.github.file(REPO, "patchbay/1", "README.md").is_some(), "the base tree stays");
    let listed = stage.get(&token, &format!("{git}/trees/patchbay%2F1?recursive=1")).await;
    let mode = listed.json["tree"]
        .as_array()
        .and_then(|tree| tree.iter().find(|entry| entry["path"] == "src/new.py"))
        .map(|entry| entry["mode"].clone());
    assert_eq!(mode, Some(json!("100755")), "{}", listed.text);
    assert_eq!(stage.github.commit_messages(REPO, "patchbay/1")[0], "feat: Add\n\nBody.");
    let mut named = body;
    named["author"] = json!({"name": "A", "email": "a@b.c"});
    let unsigned = stage.post(&token, &format!("{git}/commits"), named).await;
    assert_eq!(unsigned.json["verification"]["verified"], false, "with an author of its own GitHub does not sign");
}

#[tokio::test]
async fn trees_with_forbidden_paths_or_missing_objects_are_refused() {
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"contents": "write"}})).await;
    let (_, base_tree) = head(&stage, &token).await;
    for (entry, status) in [
        (json!({"path": ".git/config", "mode": "100644", "type": "blob", "content": "x"}), 422),
        (json!({"path": "../up", "mode": "100644", "type": "blob", "content": "x"}), 422),
        (json!({"path": "/abs", "mode": "100644", "type": "blob", "content": "x"}), 422),
        (json!({"path": "a", "mode": "100600", "type": "blob", "content": "x"}), 422),
        (json!({"path": "a", "mode": "100644", "type": "blob", "sha": "0123456789012345678901234567890123456789"}), 422),
        (json!({"path": "not/there", "mode": "100644", "type": "blob", "sha": null}), 422),
        (json!({"path": ".github/workflows/ci.yml", "mode": "100644", "type": "blob", "content": "x"}), 403),
    ] {
        let answer = stage.post(&token, &format!("/repos/{REPO}/git/trees"), json!({"base_tree": base_tree, "tree": [entry]})).await;
        assert_eq!(answer.status, status, "{entry}: {}", answer.text);
    }
}

#[tokio::test]
async fn refs_are_made_once_moved_forward_only_and_deleted() {
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"contents": "write"}})).await;
    let (base, tree) = head(&stage, &token).await;
    let git = format!("/repos/{REPO}/git");
    let make = async |message: &str, parent: &str| {
        let body = json!({"message": message, "tree": tree, "parents": [parent]});
        stage.post(&token, &format!("{git}/commits"), body).await.json["sha"].as_str().expect("a sha").to_owned()
    };
    let (one, two) = (make("one", &base).await, make("two", &base).await);
    let body = json!({"ref": "refs/heads/work", "sha": one});
    assert_eq!(stage.post(&token, &format!("{git}/refs"), body.clone()).await.status, 201);
    let again = stage.post(&token, &format!("{git}/refs"), body).await;
    assert_eq!((again.status, again.message()), (422, "Reference already exists"));
    let sideways = stage.patch(&token, &format!("{git}/refs/heads/work"), json!({"sha": two})).await;
    assert_eq!((sideways.status, sideways.message()), (422, "Update is not a fast forward"));
    assert_eq!(stage.patch(&token, &format!("{git}/refs/heads/work"), json!({"sha": two, "force": true})).await.status, 200);
    let three = make("three", &two).await;
    assert_eq!(stage.patch(&token, &format!("{git}/refs/heads/work"), json!({"sha": three})).await.json["object"]["sha"], json!(three));
    assert_eq!(stage.get(&token, &format!("{git}/ref/heads/work")).await.json["object"]["sha"], json!(three));
    let compare = stage.get(&token, &format!("/repos/{REPO}/compare/main...work")).await;
    assert_eq!((&compare.json["status"], &compare.json["ahead_by"]), (&json!("ahead"), &json!(2)));
    assert_eq!(stage.delete(&token, &format!("{git}/refs/heads/work")).await.status, 204);
    assert_eq!(stage.delete(&token, &format!("{git}/refs/heads/work")).await.message(), "Reference does not exist");
    assert_eq!(stage.get(&token, &format!("/repos/{REPO}/branches/work")).await.message(), "Branch not found");
    for sha in ["short", "0123456789012345678901234567890123456789"] {
        assert_eq!(stage.post(&token, &format!("{git}/refs"), json!({"ref": "refs/heads/x", "sha": sha})).await.status, 422);
    }
}

#[tokio::test]
async fn files_are_read_and_replaced_only_with_their_sha() {
    let stage = Stage::new().await;
    let path = format!("/repos/{REPO}/contents/README.md");
    let file = stage.get(&stage.ada, &path).await.json;
    assert_eq!((&file["content"], &file["encoding"], &file["type"]), (&json!("IyBoZWxsbwo=\n"), &json!("base64"), &json!("file")));
    let folder = stage.get(&stage.ada, &format!("/repos/{REPO}/contents/src")).await.json;
    assert_eq!((&folder[0]["path"], &folder[0]["type"]), (&json!("src/main.py"), &json!("file")));
    let put = |body: Value| stage.call(http::Method::PUT, &stage.ada, &path, Some(body));
    assert_eq!(put(json!({"message": "m", "content": "eA=="})).await.status, 422);
    assert_eq!(put(json!({"message": "m", "content": "eA==", "sha": "0123456789012345678901234567890123456789"})).await.status, 409);
    let replaced = put(json!({"message": "m", "content": "eA==", "sha": file["sha"]})).await;
    assert_eq!(replaced.status, 200, "{}", replaced.text);
    assert_eq!(stage.github.file(REPO, "main", "README.md"), Some(b"x".to_vec()));
    assert_eq!(stage.get(&stage.ada, &format!("/repos/{REPO}/contents/nothing")).await.status, 404);
    let commits = stage.get(&stage.ada, &format!("/repos/{REPO}/commits?per_page=1")).await;
    assert_eq!((commits.json.as_array().map(Vec::len), &commits.json[0]["commit"]["message"]), (Some(1), &json!("m")));
    assert_eq!(stage.get(&stage.ada, &format!("/repos/{REPO}/commits/main")).await.json["files"][0]["filename"], "README.md");
}
