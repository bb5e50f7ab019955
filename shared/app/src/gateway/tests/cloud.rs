//! What stands in for AWS and for the model's provider: one loopback server. DynamoDB is dynoxide's; of the other
//! services there is what the gateway calls, and everything that was sent to them is kept.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A 256-bit key: KMS here gives out always the same one.
const DATA_KEY: [u8; 32] = [7; 32];
/// What the model's secret holds as key.
pub(super) const MODEL_KEY: &str = "model-key-canary-0123456789";

/// How the model answers one call.
pub(super) enum Script {
    Whole(StatusCode, Vec<(&'static str, &'static str)>, String),
    /// Chunks as the test sends them; the sender's end is the answer's.
    Stream(mpsc::Receiver<String>),
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) messages: Vec<(String, Value)>,
    pub(super) blobs: HashMap<String, Vec<u8>>,
    pub(super) model_calls: Vec<(String, HeaderMap, Value)>,
    scripts: VecDeque<Script>,
    secret: Option<String>,
}

pub(super) struct Cloud {
    pub(super) url: String,
    pub(super) seen: Arc<Mutex<Seen>>,
}

#[derive(Clone)]
struct Shared {
    dynamo: String,
    http: reqwest::Client,
    seen: Arc<Mutex<Seen>>,
}

impl Cloud {
    pub(super) async fn start() -> Self {
        let database = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dynamo = format!("http://{}", database.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(database, dynoxide::Database::memory().unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let secret = json!({ "base_url": format!("{url}/model/v1"), "api_key": MODEL_KEY }).to_string();
        let seen = Arc::new(Mutex::new(Seen { secret: Some(secret), ..Seen::default() }));
        let shared = Shared { dynamo, http: reqwest::Client::new(), seen: seen.clone() };
        let app = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        for table in ["runs", "vault"] {
            shared.create_table(table).await;
        }
        Self { url, seen }
    }

    pub(super) fn set_secret(&self, secret: Value) {
        self.seen.lock().unwrap().secret = Some(secret.to_string());
    }

    pub(super) fn script(&self, script: Script) {
        self.seen.lock().unwrap().scripts.push_back(script);
    }

    /// The model answers the next call with this JSON.
    pub(super) fn script_json(&self, status: u16, body: Value) {
        let headers = vec![("content-type", "application/json"), ("retry-after", "7")];
        self.script(Script::Whole(StatusCode::from_u16(status).unwrap(), headers, body.to_string()));
    }

    /// The model answers the next call with what is sent here.
    pub(super) fn script_stream(&self) -> mpsc::Sender<String> {
        let (sender, receiver) = mpsc::channel(1);
        self.script(Script::Stream(receiver));
        sender
    }

    /// Path, headers and body of a call that the model got.
    pub(super) fn model_call(&self, index: usize) -> (String, HeaderMap, Value) {
        self.seen.lock().unwrap().model_calls[index].clone()
    }

    pub(super) fn model_calls(&self) -> usize {
        self.seen.lock().unwrap().model_calls.len()
    }
}

impl Shared {
    async fn create_table(&self, name: &str) {
        let attribute = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
        let body = json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [attribute("pk"), attribute("sk")],
            "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }, { "AttributeName": "sk", "KeyType": "RANGE" }],
        });
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", "DynamoDB_20120810.CreateTable".parse().unwrap());
        headers.insert("content-type", "application/x-amz-json-1.0".parse().unwrap());
        headers.insert(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0".parse().unwrap(),
        );
        headers.insert("x-amz-date", "20260101T000000Z".parse().unwrap());
        let response = self.dynamo(&headers, body.to_string().into()).await;
        assert_eq!(response.status(), StatusCode::OK);
    }

    async fn dynamo(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let mut headers = headers.clone();
        headers.remove("host");
        let answer = self.http.post(&self.dynamo).headers(headers).body(body).send().await.unwrap();
        let status = answer.status();
        (status, [("content-type", "application/x-amz-json-1.0")], answer.bytes().await.unwrap()).into_response()
    }

    fn aws(&self, operation: &str, body: &Value) -> Response {
        let mut seen = self.seen.lock().unwrap();
        let answer = match operation {
            "AmazonSQS.SendMessage" => {
                let queue = body["QueueUrl"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                seen.messages.push((queue, serde_json::from_str(body["MessageBody"].as_str().unwrap()).unwrap()));
                json!({ "MessageId": "1", "MD5OfMessageBody": "0" })
            }
            "secretsmanager.GetSecretValue" => json!({ "Name": "model", "SecretString": seen.secret }),
            "TrentService.GenerateDataKey" => {
                json!({ "KeyId": "key", "Plaintext": STANDARD.encode(DATA_KEY), "CiphertextBlob": STANDARD.encode("sealed key") })
            }
            "TrentService.Decrypt" => json!({ "KeyId": "key", "Plaintext": STANDARD.encode(DATA_KEY) }),
            other => panic!("the gateway has no business with {other}"),
        };
        (StatusCode::OK, [("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response()
    }

    fn model(&self, path: &str, headers: HeaderMap, body: &[u8]) -> Response {
        let mut seen = self.seen.lock().unwrap();
        seen.model_calls.push((path.to_owned(), headers, serde_json::from_slice(body).unwrap()));
        match seen.scripts.pop_front().expect("the model is called as often as the test says") {
            Script::Whole(status, headers, body) => {
                headers.into_iter().fold((status, body).into_response(), |mut response, (name, value)| {
                    response.headers_mut().insert(name, value.parse().unwrap());
                    response
                })
            }
            Script::Stream(chunks) => {
                let stream = futures_util::stream::unfold(chunks, async |mut chunks| {
                    chunks.recv().await.map(|chunk| (Ok::<_, std::convert::Infallible>(chunk), chunks))
                });
                ([("content-type", "text/event-stream")], Body::from_stream(stream)).into_response()
            }
        }
    }
}

async fn answer(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").map(|target| target.to_str().unwrap().to_owned());
    match target.as_deref() {
        Some(operation) if operation.starts_with("DynamoDB") => shared.dynamo(&headers, body).await,
        Some(operation) => shared.aws(operation, &serde_json::from_slice(&body).unwrap()),
        None if uri.path().starts_with("/model/") => shared.model(uri.path(), headers, &body),
        None if method == Method::PUT => {
            shared.seen.lock().unwrap().blobs.insert(uri.path().to_owned(), body.to_vec());
            StatusCode::OK.into_response()
        }
        None => panic!("the gateway has no business with {method} {uri}"),
    }
}
