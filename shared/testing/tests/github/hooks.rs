//! Webhooks: signed, complete, in order; logged, and delivered again only on request.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

use crate::stage::{Inbox, PATIENCE, REPO, Stage};

fn signature(secret: &[u8], body: &[u8]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).expect("any key");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn what_happens_to_a_thread_is_told_in_order_and_signed() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_webhook(&inbox.url, "it's secret");
    let number = stage.github.open_issue(REPO, "ada", "Greet", "please", &["patchbay"]).expect("an issue");
    let comment = stage.github.comment(REPO, number, "bob", "hm").expect("a comment");
    stage.github.edit_comment(REPO, comment, "bob", "yes").expect("edited");
    stage.github.delete_comment(REPO, comment, "bob").expect("deleted");
    stage.github.edit_issue(REPO, number, "ada", "please do").expect("edited");
    stage.github.unlabel(REPO, number, "ada", "patchbay").expect("unlabeled");
    stage.github.close_issue(REPO, number, "ada").expect("closed");
    stage.github.reopen_issue(REPO, number, "ada").expect("reopened");
    let arrived = inbox.wait(9).await;
    let names: Vec<String> = arrived.iter().map(super::stage::Arrived::name).collect();
    let expected = [
        "issues.opened",
        "issues.labeled",
        "issue_comment.created",
        "issue_comment.edited",
        "issue_comment.deleted",
        "issues.edited",
        "issues.unlabeled",
        "issues.closed",
        "issues.reopened",
    ];
    assert_eq!(names, expected);
    for one in &arrived {
        assert_eq!(one.header("x-hub-signature-256"), signature(b"it's secret", &one.body));
        assert!(one.header("user-agent").starts_with("GitHub-Hookshot/"));
        assert_eq!(one.header("x-github-hook-installation-target-type"), "integration");
        assert_eq!(one.header("x-github-delivery").len(), 36);
        let payload = one.json();
        assert_eq!((&payload["installation"]["id"], &payload["organization"]["login"]), (&json!(stage.installation), &json!("acme")));
    }
    assert_eq!(arrived[3].json()["changes"]["body"]["from"], "hm");
    assert_eq!(arrived[5].json()["changes"]["body"]["from"], "please");
}

#[tokio::test]
async fn a_failed_delivery_stays_failed_until_it_is_asked_for_again() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_webhook(&inbox.url, "s");
    inbox.answer_with(503);
    stage.github.open_issue(REPO, "ada", "Greet", "", &[]).expect("an issue");
    inbox.wait(1).await;
    let first =
        stage.github.wait_for("the outcome", PATIENCE, |github| github.deliveries().into_iter().find(|one| one.status_code.is_some()));
    let first = first.await.expect("an outcome");
    let log = stage.get(&stage.jwt(), "/app/hook/deliveries").await;
    assert_eq!((&log.json[0]["status_code"], &log.json[0]["status"]), (&json!(503), &json!("Invalid HTTP Response: 503")));
    let detail = stage.get(&stage.jwt(), &format!("/app/hook/deliveries/{}", first.id)).await;
    assert_eq!(detail.json["request"]["payload"]["action"], "opened");
    assert_eq!(
        (&detail.json["request"]["headers"]["X-GitHub-Event"], &detail.json["response"]["payload"]),
        (&json!("issues"), &json!("noted"))
    );
    inbox.answer_with(202);
    let again = stage.post(&stage.jwt(), &format!("/app/hook/deliveries/{}/attempts", first.id), json!({})).await;
    assert_eq!((again.status, &again.json), (202, &json!({})));
    let arrived = inbox.wait(2).await;
    assert_eq!(arrived[0].header("x-github-delivery"), arrived[1].header("x-github-delivery"), "the GUID stays");
    assert_eq!(arrived[0].body, arrived[1].body);
    let done = stage.github.wait_for("the second outcome", PATIENCE, |github| {
        github.deliveries().into_iter().find(|one| one.redelivery && one.status_code == Some(202))
    });
    assert_eq!(done.await.expect("an outcome").guid, first.guid);
    assert_eq!(stage.post(&stage.jwt(), "/app/hook/deliveries/1/attempts", json!({})).await.status, 404);
}

#[tokio::test]
async fn the_delivery_log_is_read_page_by_page() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_webhook(&inbox.url, "s");
    for title in ["a", "b", "c"] {
        stage.github.open_issue(REPO, "ada", title, "", &[]).expect("an issue");
    }
    inbox.wait(3).await;
    let finished =
        |github: &patchbay_testing::github::LocalGithub| github.deliveries().iter().all(|one| one.status_code.is_some()).then_some(());
    stage.github.wait_for("all outcomes", PATIENCE, finished).await.expect("outcomes");
    let first = stage.get(&stage.jwt(), "/app/hook/deliveries?per_page=2").await;
    let link = first.header("link").to_owned();
    let next = &link[1..link.find('>').expect("a link")];
    let second = stage.get(&stage.jwt(), next).await;
    assert_eq!((first.json.as_array().map(Vec::len), second.json.as_array().map(Vec::len)), (Some(2), Some(1)));
    assert!(first.json[1]["id"].as_u64() > second.json[0]["id"].as_u64(), "newest first");
    assert_eq!(second.header("link"), "");
}

#[tokio::test]
async fn an_unreachable_receiver_is_noted_and_does_not_hold_up_the_next() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.set_webhook("http://127.0.0.1:9/nobody", "s");
    stage.github.open_issue(REPO, "ada", "lost", "", &[]).expect("an issue");
    stage.github.set_webhook(&inbox.url, "s");
    stage.github.open_issue(REPO, "ada", "heard", "", &[]).expect("an issue");
    assert_eq!(inbox.wait(1).await[0].json()["issue"]["title"], "heard");
    assert_eq!(stage.github.deliveries()[0].status_code, Some(502));
}

#[tokio::test]
async fn the_life_of_an_installation_is_told_even_without_subscription() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    stage.github.create_repository("acme", "other", &[]).expect("acme/other");
    stage.github.set_webhook(&inbox.url, "s");
    stage.github.remove_repository(stage.installation, "acme/other").expect("removed");
    stage.github.add_repository(stage.installation, "acme/other").expect("added");
    stage.github.accept_permissions(stage.installation, &[("issues", patchbay_testing::github::Access::Read)]).expect("accepted");
    stage.github.suspend_app(stage.installation).expect("suspended");
    stage.github.open_issue(REPO, "ada", "unheard", "", &[]).expect("an issue");
    stage.github.unsuspend_app(stage.installation).expect("resumed");
    stage.github.uninstall_app(stage.installation).expect("deleted");
    stage.github.open_issue(REPO, "ada", "unheard", "", &[]).expect("an issue");
    let installation = stage.github.install_app_on("acme", &[REPO]).expect("installed");
    stage.github.open_issue("acme/other", "ada", "unheard", "", &[]).expect("an issue");
    stage.github.open_issue(REPO, "ada", "heard", "", &[]).expect("an issue");
    let arrived = inbox.wait(8).await;
    let names: Vec<String> = arrived.iter().map(super::stage::Arrived::name).collect();
    let expected = [
        "installation_repositories.removed",
        "installation_repositories.added",
        "installation.new_permissions_accepted",
        "installation.suspend",
        "installation.unsuspend",
        "installation.deleted",
        "installation.created",
        "issues.opened",
    ];
    assert_eq!(names, expected);
    assert_eq!(arrived[0].json()["repositories_removed"][0]["full_name"], "acme/other");
    assert_eq!(
        (&arrived[6].json()["repositories"], &arrived[6].json()["installation"]["id"]),
        (
            &json!([{"id": stage.get(&stage.ada, &format!("/repos/{REPO}")).await.json["id"], "node_id": arrived[6].json()["repositories"][0]["node_id"], "name": "hello", "full_name": REPO, "private": true}]),
            &json!(installation)
        )
    );
    assert_eq!(arrived[7].json()["issue"]["title"], "heard");
}

#[tokio::test]
async fn the_app_reads_and_sets_where_its_events_go() {
    let mut inbox = Inbox::open().await;
    let stage = Stage::new().await;
    let body = json!({"url": inbox.url, "secret": "new", "content_type": "json"});
    assert_eq!(stage.patch(&stage.jwt(), "/app/hook/config", body).await.json["secret"], "********");
    assert_eq!(stage.get(&stage.jwt(), "/app/hook/config").await.json["url"], json!(inbox.url));
    stage.github.open_issue(REPO, "ada", "Greet", "", &[]).expect("an issue");
    let arrived = inbox.wait(1).await;
    assert_eq!(arrived[0].header("x-hub-signature-256"), signature(b"new", &arrived[0].body));
}
