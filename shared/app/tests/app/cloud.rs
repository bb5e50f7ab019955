//! One endpoint for all of AWS on loopback: DynamoDB is dynoxide's, SQS keeps what was sent, S3 is a map, KMS has one key,
//! and ECS is `ecs`'s. It also takes the forge's webhooks, with the answer that a test wants.

use crate::ecs::Ecs;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dynoxide::Database;
use patchbay_aws::AwsConfig;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;

/// KMS here gives out always the same key.
const DATA_KEY: [u8; 32] = [7; 32];

/// What the signing secret holds.
pub(crate) const SIGNING_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A message that somebody sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sent {
    /// The queue's name: `runs`, `results`.
    pub(crate) queue: String,
    pub(crate) body: Value,
    pub(crate) delay: i64,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) sent: Vec<Sent>,
    pub(crate) ecs: Ecs,
    /// How many more messages SQS refuses.
    pub(crate) refused_sends: u32,
    /// What a webhook is answered by its text; otherwise 202.
    pub(crate) hook_answers: Vec<(&'static str, u16)>,
    blobs: HashMap<String, Vec<u8>>,
    table_operations: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct Cloud {
    pub(crate) url: String,
    database: Database,
    dynamo: String,
    http: reqwest::Client,
    seen: Arc<Mutex<Seen>>,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        let database = Database::memory().unwrap();
        for (name, indexes) in TABLES {
            database.create_table(serde_json::from_value(table(name, indexes)).unwrap()).unwrap();
        }
        let dynamo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dynamo_url = format!("http://{}/", dynamo.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_with_shutdown(dynamo, database.clone(), std::future::pending()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let cloud = Self { url, database, dynamo: dynamo_url, http, seen: Arc::default() };
        let app = Router::new().fallback(answer).with_state(cloud.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        cloud
    }

    pub(crate) fn config(&self) -> AwsConfig {
        AwsConfig::at_endpoint(&self.url)
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// The messages since the last time, and forgets them.
    pub(crate) fn take_sent(&self) -> Vec<Sent> {
        std::mem::take(&mut self.seen().sent)
    }

    /// DynamoDB's operations since the last time, and forgets them.
    pub(crate) fn take_table_operations(&self) -> Vec<String> {
        std::mem::take(&mut self.seen().table_operations)
    }

    /// The oldest message that is not held back.
    pub(crate) fn receive(&self) -> Option<Sent> {
        let mut seen = self.seen();
        let ready = seen.sent.iter().position(|message| message.delay == 0)?;
        Some(seen.sent.remove(ready))
    }

    /// All rows of a table, DynamoDB JSON.
    pub(crate) fn rows(&self, table: &str) -> Vec<Value> {
        let answer = self.database.scan(serde_json::from_value(json!({ "TableName": table })).unwrap()).unwrap();
        serde_json::to_value(answer).unwrap()["Items"].as_array().unwrap().clone()
    }

    async fn dynamo(&self, headers: &HeaderMap, body: Bytes) -> Response {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        self.seen().table_operations.extend(target.rsplit('.').next().map(str::to_owned));
        let mut request = self.http.post(&self.dynamo).body(body);
        for name in ["content-type", "x-amz-target", "x-amz-date", "authorization"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await.unwrap();
        (answer.status(), [("content-type", "application/x-amz-json-1.0")], answer.bytes().await.unwrap()).into_response()
    }

    fn aws(&self, operation: &str, body: &Value) -> Response {
        let mut seen = self.seen();
        let (status, answer) = match operation {
            "AmazonSQS.SendMessage" => seen.send(body),
            "secretsmanager.GetSecretValue" => (200, json!({ "SecretString": json!({ "key": SIGNING_KEY }).to_string() })),
            "TrentService.GenerateDataKey" => {
                (200, json!({ "KeyId": "key", "Plaintext": STANDARD.encode(DATA_KEY), "CiphertextBlob": STANDARD.encode("sealed key") }))
            }
            "TrentService.Decrypt" => (200, json!({ "KeyId": "key", "Plaintext": STANDARD.encode(DATA_KEY) })),
            other => seen.ecs.answer(other.rsplit('.').next().unwrap(), body),
        };
        let status = StatusCode::from_u16(status).unwrap();
        (status, [("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response()
    }

    fn blob(&self, method: &Method, path: &str, body: Bytes) -> Response {
        let mut seen = self.seen();
        match *method {
            Method::PUT => {
                seen.blobs.insert(path.to_owned(), body.to_vec());
                StatusCode::OK.into_response()
            }
            Method::GET => match seen.blobs.get(path) {
                Some(bytes) => bytes.clone().into_response(),
                None => (StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>").into_response(),
            },
            _ => panic!("nobody has any business with {method} {path}"),
        }
    }
}

impl Seen {
    fn send(&mut self, body: &Value) -> (u16, Value) {
        if self.refused_sends > 0 {
            self.refused_sends -= 1;
            return (400, json!({ "__type": "com.amazonaws.sqs#KmsAccessDenied", "message": "not now" }));
        }
        let queue = body["QueueUrl"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let text = body["MessageBody"].as_str().unwrap();
        // A delivery is words.
        let message = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        self.sent.push(Sent { queue, body: message, delay: body["DelaySeconds"].as_i64().unwrap_or(0) });
        (200, json!({ "MessageId": "1", "MD5OfMessageBody": "0" }))
    }
}

async fn answer(State(cloud): State<Cloud>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").map(|target| target.to_str().unwrap().to_owned());
    match target.as_deref() {
        Some(operation) if operation.starts_with("DynamoDB") => cloud.dynamo(&headers, body).await,
        Some(operation) => cloud.aws(operation, &serde_json::from_slice(&body).unwrap()),
        None if uri.path() == "/hook" => {
            let text = String::from_utf8_lossy(&body);
            let found = cloud.seen().hook_answers.iter().find(|(word, _)| text.contains(word)).map(|(_, status)| *status);
            StatusCode::from_u16(found.unwrap_or(202)).unwrap().into_response()
        }
        None => cloud.blob(&method, uri.path(), body),
    }
}

type Index = (&'static str, &'static str, &'static str);

/// As in template.yaml.
const TABLES: [(&str, &[Index]); 5] = [
    ("deliveries", &[("by_repository", "repository_day", "received_at")]),
    ("core", &[]),
    ("runs", &[("due", "due_shard", "due_at"), ("active", "active_connection", "created_at"), ("by_day", "created_day", "created_at")]),
    ("threads", &[]),
    ("vault", &[]),
];

fn table(name: &str, indexes: &[Index]) -> Value {
    let keys = |hash: &str, range: &str| json!([{"AttributeName": hash, "KeyType": "HASH"}, {"AttributeName": range, "KeyType": "RANGE"}]);
    let names = ["pk", "sk"].into_iter().chain(indexes.iter().flat_map(|(_, hash, range)| [*hash, *range]));
    let names: std::collections::BTreeSet<&str> = names.collect();
    let attributes: Vec<Value> = names.iter().map(|name| json!({"AttributeName": name, "AttributeType": "S"})).collect();
    let mut request = json!({
        "TableName": name, "BillingMode": "PAY_PER_REQUEST", "KeySchema": keys("pk", "sk"), "AttributeDefinitions": attributes,
    });
    if !indexes.is_empty() {
        let index = |(name, hash, range): &Index| json!({"IndexName": name, "KeySchema": keys(hash, range), "Projection": {"ProjectionType": "KEYS_ONLY"}});
        request["GlobalSecondaryIndexes"] = indexes.iter().map(index).collect();
    }
    request
}
