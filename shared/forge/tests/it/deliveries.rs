//! The App's delivery log on the wire (R8).

use crate::server::{Github, Reply, Seen, reply};
use serde_json::{Value, json};

fn attempt(id: u64, guid: &str, minute: u32, status: u16) -> Value {
    json!({"id": id, "guid": guid, "delivered_at": format!("2026-11-20T10:{minute:02}:00Z"), "redelivery": id.is_multiple_of(2), "duration": 0.3,
           "status": "x", "status_code": status, "event": "issues", "action": "opened", "installation_id": 1, "repository_id": 2})
}

fn log(seen: &Seen) -> Reply {
    match seen.path.as_str() {
        "/app/hook/deliveries?per_page=100" => reply(
            200,
            json!([
                attempt(16_777_216_000_000_108, "c", 50, 502),
                attempt(107, "a", 45, 500),
                attempt(106, "b", 40, 202),
                attempt(105, "b", 35, 500)
            ]),
        )
        .with("link", "<https://api.elsewhere.example/app/hook/deliveries?per_page=100&cursor=v1_104>; rel=\"next\""),
        "/app/hook/deliveries?per_page=100&cursor=v1_104" => {
            reply(200, json!([attempt(104, "d", 30, 202), attempt(103, "a", 20, 0), attempt(102, "e", 9, 500)]))
                .with("link", "<https://api.elsewhere.example/app/hook/deliveries?per_page=100&cursor=v1_101>; rel=\"next\"")
        }
        _ => reply(500, json!({})),
    }
}

#[tokio::test]
async fn deliveries_that_never_succeeded_are_listed_by_their_latest_attempt_oldest_first() {
    let github = Github::start(log).await;
    let failed = github.forge().failed_deliveries("2026-11-20T10:10:00Z".parse().unwrap()).await.unwrap();
    let short: Vec<_> = failed.iter().map(|d| (d.id, d.guid.as_str(), d.status_code, d.redelivery)).collect();
    assert_eq!(short, [(107, "a", 500, false), (16_777_216_000_000_108, "c", 502, true)]);
    assert_eq!((failed[0].event.as_str(), failed[0].action.as_deref()), ("issues", Some("opened")));
    assert_eq!(github.seen().len(), 2, "what is older than asked for is not paged through");
    assert!(github.seen().iter().all(|seen| seen.token().starts_with("ey")), "every page carries the App's JWT");
}

#[tokio::test]
async fn a_delivery_is_asked_for_again_and_read() {
    let detail = json!({"id": 107, "guid": "a", "event": "push", "action": null,
        "request": {"headers": {"X-GitHub-Event": "push", "X-Count": 3}, "payload": {"ref": "refs/heads/main"}}, "response": {"headers": {}, "payload": "x"}});
    let github = Github::start(move |seen| if seen.method == "POST" { reply(202, json!({})) } else { reply(200, detail.clone()) }).await;
    let forge = github.forge();
    forge.redeliver(107).await.unwrap();
    let request = forge.delivery_request(107).await.unwrap();
    assert_eq!(github.lines(), ["POST /app/hook/deliveries/107/attempts", "GET /app/hook/deliveries/107"]);
    assert_eq!((request.guid.as_str(), request.event.as_str(), &request.payload["ref"]), ("a", "push", &json!("refs/heads/main")));
    assert_eq!(request.headers["X-GitHub-Event"], "push");
    assert_eq!(request.headers["X-Count"], "3");
}
