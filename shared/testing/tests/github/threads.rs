//! Issues, comments, labels: through the API, with paging and GitHub's words for what is wrong.

use http::Method;
use serde_json::{Value, json};

use crate::stage::{REPO, Stage};

#[tokio::test]
async fn an_issue_is_opened_changed_closed_and_found() {
    let stage = Stage::new().await;
    let issues = format!("/repos/{REPO}/issues");
    let opened = stage.post(&stage.ada, &issues, json!({"title": "Greet", "body": "please", "labels": ["bug", "new one"]})).await;
    assert_eq!((opened.status, &opened.json["number"], &opened.json["state"]), (201, &json!(1), &json!("open")), "{}", opened.text);
    assert_eq!(opened.json["html_url"], format!("{}/{REPO}/issues/1", stage.github.web_url()));
    let labels: Vec<&str> = opened.json["labels"].as_array().expect("labels").iter().filter_map(|label| label["name"].as_str()).collect();
    assert_eq!(labels, ["bug", "new one"]);
    let closed = stage.patch(&stage.ada, &format!("{issues}/1"), json!({"state": "closed", "title": "Greet all"})).await;
    assert_eq!(
        (&closed.json["state"], &closed.json["state_reason"], &closed.json["closed_by"]["login"]),
        (&json!("closed"), &json!("completed"), &json!("ada"))
    );
    assert_eq!(stage.get(&stage.ada, &issues).await.json, json!([]), "only open ones are listed");
    assert_eq!(stage.get(&stage.ada, &format!("{issues}?state=all&labels=bug")).await.json[0]["title"], "Greet all");
    assert_eq!(stage.post(&stage.ada, &issues, json!({"body": "x"})).await.status, 422);
    assert_eq!(stage.get(&stage.ada, &format!("{issues}/99")).await.message(), "Not Found");
    stage.github.set_archived(REPO, true).expect("archived");
    assert_eq!(stage.post(&stage.ada, &issues, json!({"title": "x"})).await.message(), "Repository was archived so is read-only.");
}

#[tokio::test]
async fn comments_come_in_pages_with_links_that_lead_on() {
    let stage = Stage::new().await;
    let number = stage.github.open_issue(REPO, "ada", "Talk", "", &[]).expect("an issue");
    for text in 1..=5 {
        stage.github.comment(REPO, number, "bob", &format!("comment {text}")).expect("a comment");
    }
    let mut next = Some(format!("/repos/{REPO}/issues/{number}/comments?per_page=2"));
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = stage.get(&stage.ada, &path).await;
        seen.extend(page.json.as_array().expect("a list").iter().map(|comment| comment["body"].as_str().expect("text").to_owned()));
        let link = page.header("link").split(", ").find(|link| link.ends_with("rel=\"next\"")).map(str::to_owned);
        next = link.map(|link| link[1..link.find('>').expect("an end")].to_owned());
    }
    assert_eq!(seen, ["comment 1", "comment 2", "comment 3", "comment 4", "comment 5"]);
    let last = stage.get(&stage.ada, &format!("/repos/{REPO}/issues/{number}/comments?per_page=2&page=3")).await;
    assert!(last.header("link").contains("rel=\"first\"") && !last.header("link").contains("rel=\"next\""), "{}", last.header("link"));
}

#[tokio::test]
async fn a_comment_is_edited_and_deleted_and_its_history_is_kept() {
    let stage = Stage::new().await;
    let token = stage.token(json!({"permissions": {"issues": "write"}})).await;
    let number = stage.github.open_issue(REPO, "ada", "Talk", "", &[]).expect("an issue");
    let created = stage.post(&token, &format!("/repos/{REPO}/issues/{number}/comments"), json!({"body": "queued"})).await;
    assert_eq!((created.status, &created.json["user"]["login"]), (201, &json!("patchbay[bot]")));
    assert_eq!(created.json["performed_via_github_app"]["slug"], "patchbay");
    let path = format!("/repos/{REPO}/issues/comments/{}", created.json["id"]);
    assert_eq!(stage.patch(&token, &path, json!({"body": "done"})).await.json["body"], "done");
    assert_eq!(stage.patch(&token, &path, json!({"body": " "})).await.status, 422);
    let bob = stage.github.create_user("bob").expect("bob");
    assert_eq!(stage.patch(&bob, &path, json!({"body": "mine"})).await.status, 403, "a reader changes his own comments only");
    assert_eq!(stage.delete(&token, &path).await.status, 204);
    assert_eq!(stage.get(&token, &path).await.status, 404);
    let history = stage.github.comment_history(REPO, number);
    let bodies: Vec<&str> = history[0].bodies.iter().map(|(_, body)| body.as_str()).collect();
    assert_eq!((bodies, history[0].deleted), (vec!["queued", "done"], true));
    assert!(stage.github.comments(REPO, number).is_empty());
    let long = "x".repeat(65_537);
    let refused = stage.post(&token, &format!("/repos/{REPO}/issues/{number}/comments"), json!({"body": long})).await;
    assert_eq!((refused.status, &refused.json["errors"][0]["code"]), (422, &json!("custom")));
}

#[tokio::test]
async fn labels_are_put_on_and_taken_off() {
    let stage = Stage::new().await;
    let number = stage.github.open_issue(REPO, "ada", "Talk", "", &["patchbay"]).expect("an issue");
    let labels = format!("/repos/{REPO}/issues/{number}/labels");
    let names = |answer: &Value| {
        answer.as_array().expect("a list").iter().map(|label| label["name"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&stage.post(&stage.ada, &labels, json!({"labels": ["Bug", "a/b"]})).await.json), ["patchbay", "bug", "a/b"]);
    assert_eq!(names(&stage.delete(&stage.ada, &format!("{labels}/a%2Fb")).await.json), ["patchbay", "bug"]);
    let missing = stage.delete(&stage.ada, &format!("{labels}/nothing")).await;
    assert_eq!((missing.status, missing.message()), (404, "Label does not exist"));
    assert_eq!(names(&stage.call(Method::PUT, &stage.ada, &labels, Some(json!({"labels": ["question"]}))).await.json), ["question"]);
}

#[tokio::test]
async fn errors_look_like_githubs() {
    let stage = Stage::new().await;
    let unknown = stage.get(&stage.ada, "/no/such/route").await;
    assert_eq!((unknown.status, &unknown.json["status"], unknown.message()), (404, &json!("404"), "Not Found"));
    assert!(unknown.json["documentation_url"].as_str().is_some_and(|url| url.starts_with("https://docs.github.com/")));
    let url = format!("{}/repos/{REPO}/issues", stage.github.api_url());
    let client = reqwest::Client::new();
    let broken = client.post(&url).bearer_auth(&stage.ada).header("user-agent", "x").body("{").send().await.expect("an answer");
    assert_eq!(broken.status(), 400);
    let nameless = client.get(&url).bearer_auth(&stage.ada).send().await.expect("an answer");
    assert_eq!(nameless.status(), 403, "GitHub refuses requests without a User-Agent");
}
