//! The pool with a real process behind it: `examples/bootstrap.rs`, which `cargo test` builds.

use super::*;
use crate::stack::http::api::{Api, handle_request as handle_api};
use crate::stack::http::function_url::{FunctionFace, handle_request as handle_url};
use crate::stack::logs::LogBook;
use crate::template::model::{Function, Route};
use axum::Router;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(in crate::stack) struct Fixture {
    pub(in crate::stack) pool: Arc<Pool>,
    pub(in crate::stack) logs: Arc<LogBook>,
    _folder: tempfile::TempDir,
}

fn bootstrap() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join("examples/bootstrap");
    assert!(binary.is_file(), "{} is missing; run: cargo build -p patchbay --examples", binary.display());
    binary
}

pub(in crate::stack) fn fixture(timeout: Duration, environment: &[(&str, &str)]) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let logs = LogBook::open(folder.path().join("logs")).unwrap();
    let function = Function {
        id: "Echo".to_owned(),
        name: "local-echo".to_owned(),
        package: "echo".to_owned(),
        environment: environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        timeout,
        memory_mib: 128,
        routes: Vec::new(),
        mappings: Vec::new(),
        schedules: Vec::new(),
        url: None,
    };
    let launch = Launch { function, binary: bootstrap(), aws_endpoint: "http://127.0.0.1:1".to_owned(), logs: Arc::clone(&logs) };
    Fixture { pool: Pool::new(launch, 4), logs, _folder: folder }
}

async fn invoke(pool: &Arc<Pool>, event: Value) -> Result<Value, Failure> {
    match pool.invoke(event.to_string().into()).await {
        Outcome::Payload(payload) => Ok(serde_json::from_slice(&payload).unwrap()),
        Outcome::Failed(failure) => Err(failure),
        Outcome::Stream(_) => panic!("a stream"),
    }
}

#[tokio::test]
async fn an_idle_process_is_reused_and_a_busy_one_gets_company() {
    let fixture = fixture(Duration::from_secs(20), &[]);
    let first = invoke(&fixture.pool, json!({ "n": 1 })).await.unwrap();
    assert_eq!(first["event"], json!({ "n": 1 }));
    let second = invoke(&fixture.pool, json!({})).await.unwrap();
    assert_eq!(first["pid"], second["pid"]);
    let slow = json!({ "wait_ms": 300 });
    let (a, b) = tokio::join!(invoke(&fixture.pool, slow.clone()), invoke(&fixture.pool, slow));
    assert_ne!(a.unwrap()["pid"], b.unwrap()["pid"]);
    assert_eq!(fixture.pool.processes(), 2);
    fixture.pool.shutdown().await;
    assert_eq!(fixture.pool.processes(), 0);
    let failure = invoke(&fixture.pool, json!({})).await.unwrap_err();
    assert_eq!(failure.kind, "Service.Exception");
}

#[tokio::test]
async fn a_process_gets_lambdas_environment_and_nothing_of_its_parents() {
    let fixture = fixture(Duration::from_secs(20), &[("TABLE_RUNS", "runs")]);
    let environment = invoke(&fixture.pool, json!({ "do": "environment" })).await.unwrap();
    let environment: BTreeMap<String, String> = serde_json::from_value(environment).unwrap();
    assert_eq!(environment["TABLE_RUNS"], "runs");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "local-echo");
    assert_eq!(environment["AWS_ACCESS_KEY_ID"], "LOCALecho");
    assert_eq!(environment["AWS_ENDPOINT_URL"], "http://127.0.0.1:1");
    let foreign: Vec<_> = environment
        .keys()
        .filter(|name| {
            !name.starts_with("AWS_")
                && !name.starts_with("LAMBDA_")
                && !["_HANDLER", "TABLE_RUNS", "PATH", "LANG", "TZ", "LD_LIBRARY_PATH"].contains(&name.as_str())
        })
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[tokio::test]
async fn a_hanging_process_is_killed_reported_and_replaced() {
    let fixture = fixture(Duration::from_millis(500), &[]);
    let failure = invoke(&fixture.pool, json!({ "do": "hang" })).await.unwrap_err();
    assert_eq!(failure.kind, "Sandbox.Timedout");
    let report = fixture.logs.last_lines("echo").join("\n");
    assert!(report.contains("timed out after 0.5 s and was killed") && report.contains("last_lines=about to hang"), "{report}");
    invoke(&fixture.pool, json!({})).await.unwrap();
}

#[tokio::test]
async fn an_exiting_process_is_reported_with_its_last_lines_and_replaced() {
    let fixture = fixture(Duration::from_secs(20), &[]);
    let failure = invoke(&fixture.pool, json!({ "do": "exit" })).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), ("Runtime.ExitError", "echo exited with code 7 during an invocation"));
    let report = fixture.logs.last_lines("echo").join("\n");
    assert!(report.contains("last_lines=about to exit"), "{report}");
    invoke(&fixture.pool, json!({})).await.unwrap();
}

#[tokio::test]
async fn a_process_that_dies_at_its_start_says_so() {
    let fixture = fixture(Duration::from_secs(20), &[("TEST_DIE_AT_START", "1")]);
    let failure = invoke(&fixture.pool, json!({})).await.unwrap_err();
    assert_eq!(failure.message, "echo exited with code 3 at its start");
    assert!(fixture.logs.last_lines("echo").join("\n").contains("no configuration"));
}

#[tokio::test]
async fn an_error_of_the_function_is_the_invokers() {
    let fixture = fixture(Duration::from_secs(20), &[]);
    let failure = invoke(&fixture.pool, json!({ "do": "error" })).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), ("Unhandled", "TestError: asked for"));
    let failure = invoke(&fixture.pool, json!({ "do": "large" })).await.unwrap_err();
    assert_eq!(failure.kind, "Function.ResponseSizeTooLarge");
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).into_future());
    url
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn a_function_url_streams_chunk_by_chunk() {
    let fixture = fixture(Duration::from_secs(20), &[]);
    let face = FunctionFace { pool: Arc::clone(&fixture.pool), streaming: true, faults: None };
    let url = serve(Router::new().fallback(handle_url).with_state(face)).await;
    let request = client().post(url).header("content-type", "text/plain").body("stream");
    let mut response = request.send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()), (200, "text/plain"));
    assert_eq!(response.chunk().await.unwrap(), Some(Bytes::from_static(b"first")));
    assert_eq!(response.chunk().await.unwrap(), Some(Bytes::from_static(b"second")));
    assert_eq!(response.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn the_api_answers_as_api_gateway_does() {
    let fixture = fixture(Duration::from_secs(20), &[]);
    let route = Route { method: "POST".to_owned(), path: "/hook".to_owned() };
    let api = Api::new(vec![(route, Arc::clone(&fixture.pool))]).with_wait_limit(Duration::from_millis(800));
    let url = serve(Router::new().fallback(handle_api).with_state(api)).await;
    let check = async |path: &str, body: Vec<u8>| {
        let response = client().post(format!("{url}{path}")).header("content-type", "text/plain").body(body).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    // The first call waits for the process to come up.
    let _ = check("/hook", b"hello".to_vec()).await;
    let (status, body) = check("/hook", b"hello".to_vec()).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, answer["event"]["routeKey"].as_str(), answer["event"]["body"].as_str()), (200, Some("POST /hook"), Some("hello")));
    assert_eq!(check("/nowhere", Vec::new()).await, (404, r#"{"message":"Not Found"}"#.to_owned()));
    assert_eq!(check("/hook", b"error".to_vec()).await, (500, r#"{"message":"Internal Server Error"}"#.to_owned()));
    assert_eq!(check("/hook", b"hang".to_vec()).await, (503, r#"{"message":"Service Unavailable"}"#.to_owned()));
    let quotes = vec![b'"'; 4 * 1024 * 1024];
    assert_eq!(check("/hook", quotes).await.0, 413, "the event with its escapes is over 6 MB");
    assert_eq!(check("/hook", vec![b'a'; 11 * 1024 * 1024]).await.0, 413);
}
