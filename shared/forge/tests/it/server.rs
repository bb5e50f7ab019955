//! A scripted GitHub: records every request and answers with what the test says. Only minting tokens is built in:
//! `ghs_1`, `ghs_2`, … in order. Stateless on purpose; the stateful one is another crate's.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, StatusCode};
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::event::Repository;
use patchbay_domain::ids::ConnectionId;
use patchbay_forge::{Forge, GithubConfig, RepoAt, open_github};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock, Mutex};

pub(crate) const APP_ID: u64 = 1_180_226;
pub(crate) const INSTALLATION: u64 = 71_204_538;
pub(crate) const REPOSITORY: u64 = 1_107_394_821;
const MINT: &str = "/app/installations/71204538/access_tokens";

/// The App's key, made once per test process.
pub(crate) static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

/// The App's key as GitHub would hand it out.
pub(crate) fn pem() -> String {
    let der: Pkcs8V1Der<'_> = KEY.as_der().unwrap();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(der.as_ref()))
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Seen {
    /// The bearer token, empty if there is none.
    pub(crate) fn token(&self) -> &str {
        self.headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer ")).unwrap_or_default()
    }

    /// Method and path in one, for comparing.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// What the server answers.
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// An answer with a status and JSON.
pub(crate) fn reply(status: u16, body: Value) -> Reply {
    Reply { status, headers: Vec::new(), body: body.to_string() }
}

impl Reply {
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

type Script = Box<dyn Fn(&Seen) -> Reply + Send + Sync>;

struct Inner {
    script: Script,
    seen: Mutex<Vec<Seen>>,
    mint: Mint,
}

/// How token requests are answered.
enum Mint {
    Tokens { life: SignedDuration },
    Refused { status: u16, message: &'static str },
}

/// The running server; ends with the test's runtime.
pub(crate) struct Github {
    pub(crate) url: String,
    inner: Arc<Inner>,
}

impl Github {
    /// Starts a server that answers everything but token requests by `script`.
    pub(crate) async fn start(script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(Mint::Tokens { life: SignedDuration::from_hours(1) }, script).await
    }

    /// The same, with tokens that live this long.
    pub(crate) async fn start_with_token_life(life: SignedDuration, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(Mint::Tokens { life }, script).await
    }

    /// Starts a server that gives no tokens.
    pub(crate) async fn start_without_tokens(status: u16, message: &'static str) -> Self {
        Self::start_with(Mint::Refused { status, message }, |_| reply(500, json!({}))).await
    }

    async fn start_with(mint: Mint, script: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let inner = Arc::new(Inner { script: Box::new(script), seen: Mutex::default(), mint });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, inner }
    }

    /// The client under test.
    pub(crate) fn forge(&self) -> Arc<dyn Forge> {
        self.forge_below("")
    }

    /// The client under test, with a path prefix as a GitHub Enterprise Server has.
    pub(crate) fn forge_below(&self, prefix: &str) -> Arc<dyn Forge> {
        open_github(GithubConfig {
            api_url: format!("{}{prefix}", self.url),
            web_url: "https://github.example/".to_owned(),
            app_id: APP_ID,
            slug: "patchbay".to_owned(),
            private_key: pem().into(),
        })
        .unwrap()
    }

    /// Everything that arrived, mints included.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// The token requests.
    pub(crate) fn mints(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path.ends_with(MINT)).collect()
    }

    /// Everything but the token requests.
    pub(crate) fn calls(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| !seen.path.ends_with(MINT)).collect()
    }

    /// `METHOD path` of everything but the token requests.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.calls().iter().map(Seen::line).collect()
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().unwrap().to_string(),
        headers: parts.headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    };
    let minted = {
        let mut all = inner.seen.lock().unwrap();
        all.push(seen.clone());
        all.iter().filter(|seen| seen.path.ends_with(MINT)).count()
    };
    let reply = match &inner.mint {
        _ if !seen.path.ends_with(MINT) => (inner.script)(&seen),
        Mint::Tokens { life } => {
            reply(201, json!({"token": format!("ghs_{minted}"), "expires_at": (Timestamp::now() + *life).to_string()}))
        }
        Mint::Refused { status, message } => reply(*status, json!({"message": message})),
    };
    let mut response = Response::builder().status(StatusCode::from_u16(reply.status).unwrap());
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

/// Where the tests call: `acme/hello`.
pub(crate) fn at() -> RepoAt {
    RepoAt {
        connection: ConnectionId::of_installation("github", INSTALLATION),
        repository: Repository {
            id: REPOSITORY,
            owner: "acme".to_owned(),
            name: "hello".to_owned(),
            default_branch: Some("main".to_owned()),
            private: false,
        },
    }
}

/// GitHub's answer about `acme/hello`.
pub(crate) fn repository() -> Value {
    json!({"id": REPOSITORY, "name": "hello", "owner": {"id": 1, "login": "acme"}, "default_branch": "trunk", "private": true,
           "archived": false, "disabled": false})
}

/// GitHub's answer about a pull request from a branch of the repository with the id `head_repository`.
pub(crate) fn pull(number: u64, state: &str, head_repository: Value) -> Value {
    json!({"number": number, "title": "t", "html_url": format!("https://github.example/acme/hello/pull/{number}"), "state": state,
           "merged_at": null, "user": {"id": 9, "login": "patchbay[bot]", "type": "Bot"},
           "head": {"ref": "patchbay/12-0f1e2d3c", "sha": "h", "repo": head_repository}, "base": {"ref": "main", "sha": "b"}})
}
