//! Check runs: the App's own, other Apps', their events, and what GitHub refuses.

use serde_json::{Value, json};

use crate::stage::{Arrived, Inbox, REPO, Stage};

fn annotation(line: u64) -> Value {
    json!({"path": "README.md", "start_line": line, "end_line": line, "annotation_level": "warning", "message": format!("line {line}")})
}

#[tokio::test]
async fn an_app_creates_its_check_run_completes_it_and_hears_of_it() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"checks": "write"}})).await;
    let sha = stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    let pull = stage.github.open_pull(REPO, "ada", "topic", "main", "Add", "").expect("a pull request");
    stage.github.set_webhook(&inbox.url, "s");
    let runs = format!("/repos/{REPO}/check-runs");
    let body = json!({"name": "docs", "head_sha": sha, "external_id": "run_1", "status": "in_progress",
                      "output": {"title": "Reading", "summary": "…", "annotations": [annotation(1)]}});
    let created = stage.post(&token, &runs, body).await;
    assert_eq!((created.status, &created.json["status"], &created.json["conclusion"]), (201, &json!("in_progress"), &Value::Null));
    assert_eq!((&created.json["app"]["id"], &created.json["pull_requests"][0]["number"]), (&json!(4_242), &json!(pull)));
    assert_eq!(created.json["check_suite"]["head_branch"], "topic");
    let path = format!("{runs}/{}", created.json["id"]);
    let body = json!({"conclusion": "failure", "output": {"title": "Two", "summary": "s", "annotations": [annotation(2)]}});
    let updated = stage.patch(&token, &path, body).await;
    assert_eq!((&updated.json["status"], &updated.json["external_id"]), (&json!("completed"), &json!("run_1")), "{}", updated.text);
    assert_eq!(updated.json["output"]["annotations_count"], 2, "annotations are added");
    let lines = stage.get(&token, &format!("{path}/annotations")).await.json;
    assert_eq!((&lines[0]["start_line"], &lines[1]["message"]), (&json!(1), &json!("line 2")));
    let arrived = inbox.wait(3).await;
    assert_eq!(
        arrived.iter().map(Arrived::name).collect::<Vec<_>>(),
        ["check_run.created", "check_run.completed", "check_suite.completed"]
    );
    let payload = arrived[2].json();
    assert_eq!((&payload["check_suite"]["conclusion"], &payload["sender"]["login"]), (&json!("failure"), &json!("patchbay[bot]")));
    let seen = &stage.github.check_runs(REPO, &sha)[0];
    assert_eq!((seen.app.as_str(), seen.conclusion.as_deref(), seen.annotations.len()), ("patchbay", Some("failure"), 2));
}

#[tokio::test]
async fn the_check_runs_of_a_commit_are_listed_by_app_name_and_age() {
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"checks": "write"}})).await;
    let sha = stage.github.branch_head(REPO, "main").expect("a branch");
    stage.github.report_check(REPO, "ada", "ci", "docs", &sha, "success").expect("a check");
    for external_id in ["a", "b"] {
        let body = json!({"name": "docs", "head_sha": sha, "external_id": external_id, "conclusion": "neutral"});
        assert_eq!(stage.post(&token, &format!("/repos/{REPO}/check-runs"), body).await.status, 201);
    }
    let list = async |query: &str| {
        let answer = stage.get(&token, &format!("/repos/{REPO}/commits/main/check-runs{query}")).await.json;
        let runs = answer["check_runs"].as_array().expect("a list").clone();
        assert_eq!(answer["total_count"], runs.len());
        runs.iter().map(|run| format!("{} {}", run["app"]["slug"], run["external_id"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(list("").await, ["patchbay b", "ci "], "the newest of each App and name");
    assert_eq!(list("?filter=all&app_id=4242").await, ["patchbay b", "patchbay a"]);
    assert_eq!(list("?check_name=other").await, Vec::<String>::new());
    let other = stage.github.check_runs(REPO, &sha)[0].id;
    assert_eq!(stage.patch(&token, &format!("/repos/{REPO}/check-runs/{other}"), json!({"conclusion": "failure"})).await.status, 403);
}

#[tokio::test]
async fn what_github_does_not_take_is_refused() {
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"checks": "write"}})).await;
    let sha = stage.github.branch_head(REPO, "main").expect("a branch");
    let runs = format!("/repos/{REPO}/check-runs");
    let many: Vec<Value> = (1..=51).map(annotation).collect();
    for (case, body) in [
        ("51 annotations", json!({"name": "x", "head_sha": sha, "output": {"title": "t", "summary": "s", "annotations": many}})),
        ("long summary", json!({"name": "x", "head_sha": sha, "output": {"title": "t", "summary": "s".repeat(65_536)}})),
        ("no conclusion", json!({"name": "x", "head_sha": sha, "status": "completed"})),
        ("unknown conclusion", json!({"name": "x", "head_sha": sha, "conclusion": "splendid"})),
        ("line 0", json!({"name": "x", "head_sha": sha, "output": {"title": "t", "summary": "s", "annotations": [annotation(0)]}})),
        ("no such commit", json!({"name": "x", "head_sha": "0123456789012345678901234567890123456789"})),
        ("no name", json!({"head_sha": sha})),
    ] {
        let answer = stage.post(&token, &runs, body).await;
        assert_eq!(answer.status, 422, "{case}: {}", answer.text);
    }
    let reader = stage.token(json!({"permissions": {"checks": "read"}})).await;
    assert_eq!(stage.post(&reader, &runs, json!({"name": "x", "head_sha": sha})).await.status, 403);
    assert_eq!(
        stage.post(&stage.ada, &runs, json!({"name": "x", "head_sha": sha})).await.message(),
        "You must authenticate via a GitHub App."
    );
    assert!(stage.github.check_runs(REPO, &sha).is_empty());
}
