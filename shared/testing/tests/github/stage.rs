//! A local GitHub with an organization, people and a repository in it; a client; a place that webhooks arrive at.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, Method};
use patchbay_testing::github::{AppConfig, Level, LocalGithub, LocalGithubConfig, generate_app_key};
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) const REPO: &str = "acme/hello";
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub github: LocalGithub,
    pub key: String,
    pub installation: u64,
    pub ada: String,
    pub folder: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub json: Value,
    pub text: String,
}

/// One key for all tests: making an RSA key takes longer than most of them.
pub(crate) fn app_key() -> String {
    static KEY: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    KEY.get_or_init(|| generate_app_key().expect("a key")).clone()
}

pub(crate) fn config(folder: &std::path::Path, key: &str) -> LocalGithubConfig {
    LocalGithubConfig::new(folder, AppConfig::new(4_242, "patchbay", key))
}

impl Stage {
    /// `acme/hello` (private), owned through the organization by ada; bob may read it, eve is nobody.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = app_key();
        let github = LocalGithub::start(config(folder.path(), &key)).await.expect("the local GitHub starts");
        let ada = github.create_user("ada").expect("ada");
        github.create_user("bob").expect("bob");
        github.create_user("eve").expect("eve");
        github.create_org("acme", "ada").expect("acme");
        let files = [("README.md", "# hello\n"), ("src/main.py", "print('hello')\n")];
        github.create_repository("acme", "hello", &files).expect("acme/hello");
        github.set_permission(REPO, "bob", Level::Read).expect("bob reads");
        let installation = github.install_app("acme").expect("installed");
        Self { github, key, installation, ada, folder }
    }

    pub(crate) fn jwt(&self) -> String {
        let now = jiff::Timestamp::now().as_second();
        sign_jwt(&self.key, &json!({"alg": "RS256", "typ": "JWT"}), &json!({"iat": now - 60, "exp": now + 540, "iss": "4242"}))
    }

    /// A token of the installation, narrowed by the body.
    pub(crate) async fn token(&self, body: Value) -> String {
        let path = format!("/app/installations/{}/access_tokens", self.installation);
        let answer = self.post(&self.jwt(), &path, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json["token"].as_str().expect("a token").to_owned()
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        self.call(Method::GET, token, path, None).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> Answer {
        self.call(Method::POST, token, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, token, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, token: &str, path: &str) -> Answer {
        self.call(Method::DELETE, token, path, None).await
    }

    pub(crate) async fn call(&self, method: Method, token: &str, path: &str, body: Option<Value>) -> Answer {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.github.api_url()) };
        let mut request = reqwest::Client::new().request(method, url).header("user-agent", "patchbay-tests");
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("a body");
        Answer { status, headers, json: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn message(&self) -> &str {
        self.json["message"].as_str().unwrap_or_default()
    }
}

pub(crate) fn sign_jwt(pem: &str, header: &Value, claims: &Value) -> String {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let pair = KeyPair::from_pkcs8(&STANDARD.decode(body).expect("base64")).expect("a key");
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A webhook as it arrived.
#[derive(Clone)]
pub(crate) struct Arrived {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// `event.action`, or the event alone.
    pub(crate) fn name(&self) -> String {
        let event = self.header("x-github-event");
        self.json()["action"].as_str().map_or_else(|| event.to_owned(), |action| format!("{event}.{action}"))
    }
}

/// A place that webhooks arrive at.
pub(crate) struct Inbox {
    pub url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    status: Arc<Mutex<u16>>,
    count: watch::Receiver<usize>,
    server: tokio::task::JoinHandle<()>,
}

impl Inbox {
    pub(crate) async fn open() -> Self {
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let status = Arc::new(Mutex::new(202));
        let (sender, count) = watch::channel(0);
        let (inbox, answer) = (Arc::clone(&arrived), Arc::clone(&status));
        let take = move |headers: HeaderMap, body: bytes::Bytes| {
            let mut inbox = inbox.lock().expect("no panic");
            inbox.push(Arrived { headers, body: body.to_vec() });
            sender.send_replace(inbox.len());
            let status = http::StatusCode::from_u16(*answer.lock().expect("no panic")).expect("a status");
            async move { (status, "noted") }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/webhooks/github", listener.local_addr().expect("an address"));
        let app = axum::Router::new().route("/webhooks/github", axum::routing::post(take));
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("serving") });
        Self { url, arrived, status, count, server }
    }

    pub(crate) fn answer_with(&self, status: u16) {
        *self.status.lock().expect("no panic") = status;
    }

    /// Everything so far, as soon as it is this much.
    pub(crate) async fn wait(&mut self, number: usize) -> Vec<Arrived> {
        let enough = tokio::time::timeout(PATIENCE, self.count.wait_for(|count| *count >= number)).await;
        let arrived = self.arrived.lock().expect("no panic").clone();
        let names: Vec<String> = arrived.iter().map(Arrived::name).collect();
        assert!(enough.is_ok(), "{number} webhooks were expected, these arrived: {names:?}");
        arrived
    }

    pub(crate) async fn names(&mut self, number: usize) -> Vec<String> {
        self.wait(number).await.iter().map(Arrived::name).collect()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}
