//! A function for the tests of the local Lambda: it does what its event says, through the Runtime API alone.

#![expect(clippy::print_stdout, reason = "its output is what the tests look for")]

use futures_util::stream;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

#[expect(clippy::disallowed_methods, reason = "the environment that it was given is what a test asks for")]
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    if environment.contains_key("TEST_DIE_AT_START") {
        println!("no configuration");
        std::process::exit(3);
    }
    let base = format!("http://{}/2018-06-01/runtime", environment["AWS_LAMBDA_RUNTIME_API"]);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    loop {
        let next = client.get(format!("{base}/invocation/next")).send().await.expect("an event");
        let id = next.headers()["lambda-runtime-aws-request-id"].to_str().expect("an id").to_owned();
        let deadline = next.headers()["lambda-runtime-deadline-ms"].to_str().expect("a deadline").to_owned();
        let event: Value = next.json().await.expect("JSON");
        let respond = |body: Value| client.post(format!("{base}/invocation/{id}/response")).body(body.to_string());
        let task = event["do"].as_str().or(event["body"].as_str()).unwrap_or_default().to_owned();
        if let Some(records) = event["Records"].as_array() {
            let failed: Vec<_> = records
                .iter()
                .filter(|record| record["body"] == "fail")
                .map(|record| json!({ "itemIdentifier": record["messageId"] }))
                .collect();
            respond(json!({ "batchItemFailures": failed })).send().await.expect("taken");
            continue;
        }
        match task.as_str() {
            "hang" => {
                println!("about to hang");
                std::future::pending::<()>().await;
            }
            "exit" => {
                println!("about to exit");
                std::process::exit(7);
            }
            "error" => {
                let error = json!({ "errorType": "TestError", "errorMessage": "asked for" });
                client.post(format!("{base}/invocation/{id}/error")).body(error.to_string()).send().await.expect("taken");
            }
            "environment" => _ = respond(json!(environment)).send().await.expect("taken"),
            "large" => _ = respond(json!("x".repeat(7 * 1024 * 1024))).send().await,
            "stream" => {
                let prelude = format!("{}\0\0\0\0\0\0\0\0", json!({ "statusCode": 200, "headers": { "content-type": "text/plain" } }));
                let chunks = stream::unfold(0u8, move |number| {
                    let prelude = prelude.clone();
                    async move {
                        match number {
                            0 => Some((Ok::<_, std::io::Error>(prelude), 1)),
                            1 => Some((Ok("first".to_owned()), 2)),
                            2 => {
                                tokio::time::sleep(Duration::from_millis(300)).await;
                                Some((Ok("second".to_owned()), 3))
                            }
                            _ => None,
                        }
                    }
                });
                client
                    .post(format!("{base}/invocation/{id}/response"))
                    .header("lambda-runtime-function-response-mode", "streaming")
                    .body(reqwest::Body::wrap_stream(chunks))
                    .send()
                    .await
                    .expect("taken");
            }
            _ => {
                if let Some(millis) = event["wait_ms"].as_u64() {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                }
                respond(json!({ "pid": std::process::id(), "deadline_ms": deadline, "event": event })).send().await.expect("taken");
            }
        }
    }
}
