//! The `http` step against a real receiver on loopback, which checks signatures with an implementation of its own.

use super::{assert_done, failure, issue, outputs};
use crate::cloud::SIGNING_KEY;
use crate::stage::{CALLBACK_URL, Stage, ends_at, message};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{KeyInit, Mac};
use jiff::Timestamp;
use patchbay_app::steps::http::guard::AllowedAddresses;
use patchbay_domain::run::{Effect, Run};
use patchbay_domain::signing::SigningSecret;
use patchbay_domain::task::FailureCode;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

type Answer = (u16, &'static [(&'static str, &'static str)], String);

#[derive(Default)]
struct Heard {
    calls: Vec<(HeaderMap, String)>,
    answers: VecDeque<Answer>,
}

/// Somebody's workflow engine.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    heard: Arc<Mutex<Heard>>,
}

impl Receiver {
    /// Answers so, one after the other; then with 200 and nothing.
    pub(super) async fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/start", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Heard { calls: Vec::new(), answers: answers.into() }));
        let app = Router::new().fallback(hear).with_state(Arc::clone(&heard));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, heard }
    }

    fn calls(&self) -> Vec<(HeaderMap, String)> {
        self.heard.lock().unwrap().calls.clone()
    }

    pub(super) fn body(&self) -> Value {
        serde_json::from_str(&self.calls()[0].1).unwrap()
    }
}

async fn hear(Shared(heard): Shared<Arc<Mutex<Heard>>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut heard = heard.lock().unwrap();
    heard.calls.push((headers, String::from_utf8(body.to_vec()).unwrap()));
    let (status, headers, body) = heard.answers.pop_front().unwrap_or((200, &[], String::new()));
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

fn ok(body: &str) -> Answer {
    (200, &[], body.to_owned())
}

/// As a receiver does it, with the secret that `patchbay signing-secret` gave it.
fn is_signed(secret: &str, headers: &HeaderMap, body: &str) -> bool {
    let header = |name: &str| headers[name].to_str().unwrap();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.{body}", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let age = Timestamp::now().as_second() - header("webhook-timestamp").parse::<i64>().unwrap();
    header("webhook-signature") == expected && (0..300).contains(&age)
}

fn secret_of(run: &Run) -> String {
    SigningSecret::new(SIGNING_KEY).unwrap().repository_key(&run.connection, run.repository.id).as_secret()
}

fn step(receiver: &Receiver, rest: &str) -> String {
    format!("- {{ id: engine, http: {{ url: '{}'{rest} }} }}", receiver.url)
}

#[tokio::test]
async fn a_call_carries_the_runs_context_and_a_signature_that_anybody_can_check() {
    let stage = Stage::set().await;
    let receiver = Receiver::start(vec![ok(r#"{"build": 7, "ok": true, "deep": {}}"#)]).await;
    let rest = ", headers: { Authorization: 'Bearer {{ event.subject.title | length }}' }, inputs: { title: '{{ event.subject.title }}' }";
    let run = stage.played(&issue(stage.new_issue()), &step(&receiver, rest)).await;
    assert_done(&run);
    let (headers, body) = receiver.calls().remove(0);
    assert!(is_signed(&secret_of(&run), &headers, &body), "{headers:?}");
    assert!(!is_signed(&secret_of(&run), &headers, &format!("{body} ")));
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!((header("webhook-id"), header("content-type")), (format!("{}/0", run.id).as_str(), "application/json"));
    assert!(header("user-agent").starts_with("patchbay/") && header("authorization") == "Bearer 7");
    let (sent, data) = (receiver.body(), receiver.body()["data"].clone());
    assert_eq!((&sent["type"], sent["timestamp"].is_string()), (&json!("patchbay.step"), true));
    assert_eq!(data["workflow"], json!({ "name": "docs", "source": "repository", "version": "v1" }));
    assert_eq!((&data["run"], &data["step"]), (&json!(run.id), &json!({ "id": "engine", "index": 0 })));
    assert_eq!((&data["delivery"], &data["repository"]["full_name"]), (&json!(run.request.delivery), &json!("acme/hello")));
    assert_eq!((&data["inputs"], &data["event"]["subject"]["title"]), (&json!({ "title": "A title" }), &json!("A title")));
    assert!(data.get("callback_url").is_none());
    let given = outputs(&run, 0);
    assert_eq!((given["status"].as_str(), given["build"].as_str(), given["ok"].as_str()), ("200", "7", "true"));
    assert!(given["body"].starts_with("{\"build\"") && !given.contains_key("deep"), "{given:?}");
}

#[tokio::test]
async fn a_call_that_may_yet_succeed_is_made_again_under_the_same_name() {
    let stage = Stage::set().await;
    let receiver = Receiver::start(vec![(503, &[], String::new()), (429, &[("retry-after", "60")], String::new()), ok("fine")]).await;
    let run = stage.planned(&issue(stage.new_issue()), &step(&receiver, ", retries: 2")).await;
    for least in [1, 60] {
        let waiting = stage.play(&run).await;
        let pending = waiting.outbox.iter().find(|pending| pending.effect == Effect::PerformStep).unwrap();
        let wait = pending.not_before.unwrap().as_second() - Timestamp::now().as_second();
        assert!((least - 1..=80).contains(&wait), "{wait}");
        stage.time_passes(&run).await;
    }
    let run = stage.play(&run).await;
    assert_done(&run);
    let calls = receiver.calls();
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|(headers, body)| is_signed(&secret_of(&run), headers, body)));
    assert!(calls.iter().all(|(headers, body)| headers["webhook-id"] == calls[0].0["webhook-id"] && *body == calls[0].1));
}

#[tokio::test]
async fn a_call_ends_in_a_failure_when_its_tries_are_spent_or_its_answer_is_final() {
    let stage = Stage::set().await;
    let about = issue(stage.new_issue());
    for (answer, retries, says) in [
        ((500, &[][..], String::new()), 0, "it answered with 500"),
        ((404, &[][..], "no such hook".to_owned()), 3, "answered with 404"),
        ((302, &[("location", "https://example.com")][..], String::new()), 3, "redirects are not followed"),
    ] {
        let receiver = Receiver::start(vec![answer]).await;
        let run = stage.played(&about, &step(&receiver, &format!(", retries: {retries}"))).await;
        assert_eq!(failure(&run).code, FailureCode::CallFailed, "{says}");
        assert!(failure(&run).detail.contains(says), "{}", failure(&run).detail);
        assert_eq!(receiver.calls().len(), 1, "{says}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let run = stage.played(&about, &format!("- http: {{ url: 'http://{closed}/', retries: 0 }}")).await;
    assert!(failure(&run).detail.contains("could not be reached"), "{}", failure(&run).detail);
}

#[tokio::test]
async fn no_address_is_called_that_is_neither_public_nor_listed() {
    let stage = Stage::set().await;
    let receiver = Receiver::start(Vec::new()).await;
    let port = receiver.url.rsplit(':').next().unwrap().to_owned();
    for url in [receiver.url.clone(), format!("https://localhost:{port}"), "https://169.254.169.254/latest/".to_owned()] {
        let run = stage.planned(&issue(stage.new_issue()), &format!("- http: {{ url: '{url}' }}")).await;
        let mut launcher = stage.launcher();
        launcher.outside.allowed = AllowedAddresses::default();
        launcher.handle_message(message(&run), ends_at()).await.unwrap();
        let run = stage.stored(&run).await;
        assert_eq!(failure(&run).code, FailureCode::CallFailed, "{url}");
        assert!(failure(&run).detail.contains("not a public address"), "{}", failure(&run).detail);
    }
    assert!(receiver.calls().is_empty());
}

#[tokio::test]
async fn a_long_answer_is_read_to_its_limit() {
    let stage = Stage::set().await;
    let receiver = Receiver::start(vec![ok(&"x".repeat(2_000_000))]).await;
    let run = stage.played(&issue(stage.new_issue()), &step(&receiver, "")).await;
    assert_done(&run);
    assert_eq!(outputs(&run, 0)["body"].len(), 32_000);
}

#[tokio::test]
async fn a_header_that_would_be_two_is_refused() {
    let stage = Stage::set().await;
    let receiver = Receiver::start(Vec::new()).await;
    let about = super::About { body: "a\nX-Evil: 1".into(), ..issue(stage.new_issue()) };
    let run = stage.played(&about, &step(&receiver, ", headers: { X-Note: '{{ event.subject.body }}' }")).await;
    assert_eq!(failure(&run).code, FailureCode::Template);
    assert!(failure(&run).detail.contains("`headers.X-Note`") && receiver.calls().is_empty(), "{}", failure(&run).detail);
}

#[tokio::test]
async fn a_receiver_that_is_to_call_back_is_told_where() {
    let stage = Stage::set().await;
    let receiver = Receiver::start(Vec::new()).await;
    let run = stage.played(&issue(stage.new_issue()), &step(&receiver, ", wait: true")).await;
    let url = receiver.body()["data"]["callback_url"].as_str().unwrap().to_owned();
    let token = SigningSecret::new(SIGNING_KEY).unwrap().callback_token(&run.workspace, &run.id, 0);
    assert_eq!(url, format!("{CALLBACK_URL}/callbacks/{}/{}/0/{token}", run.workspace, run.id));
}
