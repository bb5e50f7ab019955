//! Comments and labels on the wire.

use crate::server::{APP_ID, Github, Reply, Seen, at, reply};
use patchbay_forge::{CommentRef, ForgeError};
use serde_json::{Value, json};

const MARKER: &str = "<!-- patchbay:run_1 -->";

fn comment(id: u64, login: &str, kind: &str, app: Value) -> Value {
    json!({"id": id, "body": format!("{MARKER} {id}"), "html_url": format!("https://github.example/c{id}"),
           "user": {"id": 1, "login": login, "type": kind}, "performed_via_github_app": app})
}

async fn find(comments: Value) -> Option<CommentRef> {
    let github = Github::start(move |_| reply(200, comments.clone())).await;
    github.forge().find_comment(&at(), 12, MARKER).await.unwrap()
}

#[tokio::test]
async fn only_the_apps_own_comment_is_found_by_its_marker() {
    let own_app = || json!({"id": APP_ID});
    let strangers = json!([
        comment(1, "dana", "User", Value::Null),
        comment(2, "dana", "User", own_app()),
        comment(3, "patchbay[bot]", "User", Value::Null),
        comment(4, "other[bot]", "Bot", json!({"id": 5})),
        {"id": 5, "body": "no marker", "html_url": "", "user": {"id": 1, "login": "patchbay[bot]", "type": "Bot"}},
        {"id": 6, "body": null, "html_url": "", "user": null},
    ]);
    assert_eq!(find(strangers).await, None);
    assert_eq!(find(json!([comment(7, "patchbay[bot]", "Bot", Value::Null)])).await.unwrap().id, 7);
    assert_eq!(find(json!([comment(8, "renamed[bot]", "Bot", own_app())])).await.unwrap().id, 8);
    let twice = json!([comment(9, "patchbay[bot]", "Bot", own_app()), comment(10, "patchbay[bot]", "Bot", own_app())]);
    let expected = CommentRef { id: 9, body: format!("{MARKER} 9"), url: "https://github.example/c9".into() };
    assert_eq!(find(twice).await, Some(expected));
}

fn page(seen: &Seen, last: u32, found_on: u32) -> Reply {
    let page: u32 = seen.path.rsplit_once("&page=").map_or(1, |(_, page)| page.parse().unwrap());
    let comments = if page == found_on { json!([comment(u64::from(page), "patchbay[bot]", "Bot", Value::Null)]) } else { json!([]) };
    reply(200, comments).with("link", format!("<https://elsewhere.example/x?per_page=100&page={last}>; rel=\"last\""))
}

async fn pages_read(last: u32, found_on: u32) -> (Option<u64>, Vec<String>) {
    let github = Github::start(move |seen| page(seen, last, found_on)).await;
    let found = github.forge().find_comment(&at(), 12, MARKER).await.unwrap().map(|comment| comment.id);
    assert!(github.calls().iter().all(|seen| seen.token() == "ghs_1"), "every page is authorised");
    (found, github.lines().iter().map(|line| line.rsplit_once('=').unwrap().1.to_owned()).collect())
}

#[tokio::test]
async fn long_threads_are_read_from_their_end_and_not_for_ever() {
    assert_eq!(pages_read(4, 3).await, (Some(3), ["1", "4", "3"].map(String::from).to_vec()));
    assert_eq!(pages_read(3, 1).await, (Some(1), ["1", "3", "2"].map(String::from).to_vec()));
    let (found, pages) = pages_read(5000, 2).await;
    assert_eq!((found, pages.len(), pages[1].as_str(), pages[9].as_str()), (None, 10, "5000", "4992"));
}

#[tokio::test]
async fn comments_are_created_and_replaced() {
    let github = Github::start(|_| reply(201, comment(44, "patchbay[bot]", "Bot", Value::Null))).await;
    let forge = github.forge();
    assert_eq!(forge.create_comment(&at(), 12, "Queued.").await.unwrap().id, 44);
    forge.update_comment(&at(), 44, "Done.").await.unwrap();
    assert_eq!(github.lines(), ["POST /repos/acme/hello/issues/12/comments", "PATCH /repos/acme/hello/issues/comments/44"]);
    let bodies: Vec<Value> = github.calls().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [json!({"body": "Queued."}), json!({"body": "Done."})]);
}

#[tokio::test]
async fn a_deleted_comment_is_not_found_but_a_missing_label_is_done() {
    let github = Github::start(|_| reply(404, json!({"message": "Label does not exist"}))).await;
    let forge = github.forge();
    assert!(matches!(forge.update_comment(&at(), 44, "x").await, Err(ForgeError::NotFound(_))));
    assert_eq!(forge.remove_label(&at(), 12, "needs review/ä").await, Ok(()));
    assert_eq!(github.lines()[1], "DELETE /repos/acme/hello/issues/12/labels/needs%20review%2F%C3%A4");
}
