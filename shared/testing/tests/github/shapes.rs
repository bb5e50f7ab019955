//! The JSON against what GitHub publishes: required fields of answers, fields of recorded webhooks, with their types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::stage::{Inbox, REPO, Stage};

type Fields = BTreeMap<String, String>;

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn differences(name: &str, value: &Value, fields: &Fields) -> Vec<String> {
    let wrong = |(field, expected): (&String, &String)| match value.get(field) {
        None => Some(format!("{name}.{field} is missing")),
        Some(found) if expected != "any" && kind(found) != expected => Some(format!("{name}.{field} is {}, not {expected}", kind(found))),
        Some(_) => None,
    };
    fields.iter().filter_map(wrong).collect()
}

fn shapes() -> Value {
    serde_json::from_str(include_str!("shapes.json")).expect("shapes.json")
}

#[test]
fn a_missing_or_mistyped_field_is_noticed() {
    let fields: Fields = serde_json::from_value(json!({"id": "number", "body": "any", "url": "string"})).expect("fields");
    assert_eq!(differences("x", &json!({"id": "1", "body": null}), &fields), ["x.id is string, not number", "x.url is missing"]);
}

#[tokio::test]
async fn answers_have_every_field_that_github_requires() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_webhook(&inbox.url, "s");
    let r = format!("/repos/{REPO}");
    let number = stage.github.open_issue(REPO, "ada", "Greet", "please", &["bug"]).expect("an issue");
    stage.github.comment(REPO, number, "bob", "yes").expect("a comment");
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    stage.github.open_pull(REPO, "ada", "topic", "main", "Add", "text").expect("a pull request");
    let bob = stage.github.create_user("bob").expect("bob");
    let review = stage.post(&bob, &format!("{r}/pulls/2/reviews"), json!({"event": "COMMENT", "body": "hm"})).await.json;
    let line = stage.post(&bob, &format!("{r}/pulls/2/comments"), json!({"path": "new.txt", "line": 1, "body": "x"})).await.json;
    stage.github.set_team_members("acme", "docs", &["bob"]).expect("a team");
    let checks = stage.token(json!({"permissions": {"checks": "write", "pull_requests": "write"}})).await;
    let remark = json!({"path": "new.txt", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"});
    let check = json!({"name": "x", "head_sha": stage.github.branch_head(REPO, "topic"), "conclusion": "success",
                       "output": {"title": "t", "summary": "s", "annotations": [remark]}});
    let check = stage.post(&checks, &format!("{r}/check-runs"), check).await.json;
    let remarks = stage.get(&checks, &format!("{r}/check-runs/{}/annotations", check["id"])).await.json;
    let asked = stage.post(&checks, &format!("{r}/pulls/2/requested_reviewers"), json!({"team_reviewers": ["docs"]})).await.json;
    inbox.wait(5).await;
    let jwt = stage.jwt();
    let get = async |path: &str| stage.get(if path.starts_with("/app") { &jwt } else { &stage.ada }, path).await.json;
    let delivery = get("/app/hook/deliveries").await[0].clone();
    let main = get(&format!("{r}/branches/main")).await;
    let (sha, tree) = (main["commit"]["sha"].as_str().expect("sha"), main["commit"]["commit"]["tree"]["sha"].as_str().expect("sha"));
    let file = get(&format!("{r}/contents/README.md")).await;
    let blob = stage.post(&stage.ada, &format!("{r}/git/blobs"), json!({"content": "x"})).await.json;
    let put = json!({"message": "m", "content": "eA==", "sha": file["sha"]});
    let put = stage.call(http::Method::PUT, &stage.ada, &format!("{r}/contents/README.md"), Some(put)).await.json;
    let path = format!("/app/installations/{}/access_tokens", stage.installation);
    let token = stage.post(&jwt, &path, json!({"repositories": ["hello"]})).await.json;
    let answers = [
        ("issue", get(&format!("{r}/issues/1")).await),
        ("issue-comment", get(&format!("{r}/issues/1/comments")).await[0].clone()),
        ("pull-request", get(&format!("{r}/pulls/2")).await),
        ("pull-request-simple", get(&format!("{r}/pulls")).await[0].clone()),
        ("full-repository", get(&r).await),
        ("label", get(&format!("{r}/labels")).await[0].clone()),
        ("simple-user", get(&format!("{r}/issues/1")).await["user"].clone()),
        ("private-user", get("/user").await),
        ("public-user", get("/users/bob").await),
        ("organization-full", get("/orgs/acme").await),
        ("installation", get("/app/installations").await[0].clone()),
        ("installation-token", token),
        ("hook-delivery-item", delivery.clone()),
        ("hook-delivery", get(&format!("/app/hook/deliveries/{}", delivery["id"])).await),
        ("repository-collaborator-permission", get(&format!("{r}/collaborators/bob/permission")).await),
        ("git-ref", get(&format!("{r}/git/ref/heads/main")).await),
        ("git-commit", get(&format!("{r}/git/commits/{sha}")).await),
        ("git-tree", get(&format!("{r}/git/trees/{tree}")).await),
        ("blob", get(&format!("{r}/git/blobs/{}", blob["sha"].as_str().expect("sha"))).await),
        ("short-blob", blob),
        ("commit", get(&format!("{r}/commits/topic")).await),
        ("content-file", file),
        ("file-commit", put),
        ("short-branch", get(&format!("{r}/branches")).await[0].clone()),
        ("branch-with-protection", main.clone()),
        ("commit-comparison", get(&format!("{r}/compare/main...topic")).await),
        ("pull-request-review", review),
        ("pull-request-review-comment", line),
        ("rate-limit-overview", get("/rate_limit").await),
        ("diff-entry", get(&format!("{r}/pulls/2/files")).await[0].clone()),
        ("integration", get("/app").await),
        ("check-run", check),
        ("check-annotation", remarks[0].clone()),
        ("team-membership", get("/orgs/acme/teams/docs/memberships/bob").await),
        ("team", asked["requested_teams"][0].clone()),
    ];
    let shapes: BTreeMap<String, Fields> = serde_json::from_value(shapes()["rest"].clone()).expect("shapes");
    let compared: BTreeSet<&str> = answers.iter().map(|(name, _)| *name).collect();
    assert_eq!(compared, shapes.keys().map(String::as_str).collect(), "every published shape is compared");
    let wrong: Vec<String> = answers.iter().flat_map(|(name, value)| differences(name, value, &shapes[*name])).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn webhooks_have_every_field_that_recorded_ones_have() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_webhook(&inbox.url, "s");
    act_everything(&stage).await;
    let shapes: BTreeMap<String, BTreeMap<String, Fields>> = serde_json::from_value(shapes()["webhooks"].clone()).expect("shapes");
    let arrived = inbox.wait(stage.github.deliveries().len()).await;
    let mut missing: BTreeSet<&str> = shapes.keys().map(String::as_str).collect();
    let mut wrong = Vec::new();
    for one in &arrived {
        let (name, payload) = (one.name(), one.json());
        let Some(expected) = shapes.get(&name) else { continue };
        missing.remove(name.as_str());
        for (part, fields) in expected {
            let value = if part.is_empty() { &payload } else { &payload[part] };
            // A push that deletes has no head commit.
            if !(value.is_null() && part == "head_commit") {
                wrong.extend(differences(&format!("{name}.{part}"), value, fields));
            }
        }
    }
    assert!(missing.is_empty(), "never sent: {missing:?}");
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn act_everything(stage: &Stage) {
    let github = &stage.github;
    let number = github.open_issue(REPO, "ada", "Greet", "please", &["bug"]).expect("an issue");
    github.edit_issue(REPO, number, "ada", "please do").expect("edited");
    github.unlabel(REPO, number, "ada", "bug").expect("unlabeled");
    github.close_issue(REPO, number, "ada").expect("closed");
    github.reopen_issue(REPO, number, "ada").expect("reopened");
    let comment = github.comment(REPO, number, "bob", "yes").expect("a comment");
    github.edit_comment(REPO, comment, "bob", "no").expect("edited");
    github.delete_comment(REPO, comment, "bob").expect("deleted");
    github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    let pull = github.open_pull(REPO, "ada", "topic", "main", "Add", "text").expect("a pull request");
    github.label(REPO, pull, "ada", "bug").expect("labeled");
    github.push_commit(REPO, "ada", "topic", "More", &[("new.txt", "2\n")]).expect("a commit");
    let bob = github.create_user("bob").expect("bob");
    let line = json!([{"path": "new.txt", "line": 1, "body": "x"}]);
    let review = json!({"event": "COMMENT", "body": "hm", "comments": line});
    assert_eq!(stage.post(&bob, &format!("/repos/{REPO}/pulls/{pull}/reviews"), review).await.status, 200);
    let sha = github.branch_head(REPO, "topic").expect("a branch");
    github.report_check(REPO, "ada", "ci", "test", &sha, "failure").expect("a check");
    github.finish_workflow_run(REPO, "ada", "test", "topic", "failure").expect("a run");
    github.publish_release(REPO, "ada", "v1", "One", "- all").expect("a release");
    github.deploy(REPO, "ada", "production", "main", Some("failure")).expect("a deployment");
    let discussion = github.open_discussion(REPO, "bob", "Talk", "about it").expect("a discussion");
    github.comment_discussion(REPO, discussion, "ada", "yes").expect("a comment");
    github.assign(REPO, number, "ada", "bob").expect("assigned");
    let reviewers = json!({"reviewers": ["bob"]});
    assert_eq!(stage.post(&stage.ada, &format!("/repos/{REPO}/pulls/{pull}/requested_reviewers"), reviewers).await.status, 201);
    github.close_issue(REPO, pull, "ada").expect("closed");
    github.delete_branch(REPO, "ada", "topic").expect("deleted");
    github.create_repository("acme", "other", &[("a", "b")]).expect("a repository");
    github.remove_repository(stage.installation, "acme/other").expect("removed");
    github.accept_permissions(stage.installation, &[("issues", patchbay_testing::github::Access::Read)]).expect("accepted");
    github.suspend_app(stage.installation).expect("suspended");
    github.unsuspend_app(stage.installation).expect("resumed");
    github.uninstall_app(stage.installation).expect("removed");
    github.install_app("acme").expect("installed");
}
