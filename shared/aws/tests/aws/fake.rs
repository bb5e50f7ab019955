//! One endpoint for all of AWS on loopback: counts calls, hands DynamoDB's to dynoxide, plays KMS, and answers the rest
//! from what the test put down. It can also do a DynamoDB write and lose the answer, as networks do.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use patchbay_aws::AwsConfig;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// A call that the fake received.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// `DynamoDB_20120810.PutItem`, or for S3 method and path.
    pub(crate) name: String,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Script {
    calls: Vec<Call>,
    answers: VecDeque<(u16, Value)>,
    lose_next_write: bool,
    refusals: VecDeque<Value>,
}

#[derive(Clone)]
pub(crate) struct FakeAws {
    url: String,
    database: Database,
    dynamo_url: String,
    client: reqwest::Client,
    script: Arc<Mutex<Script>>,
}

impl FakeAws {
    pub(crate) async fn start() -> Self {
        let database = Database::memory().unwrap();
        for (name, indexes) in TABLES {
            database.create_table(serde_json::from_value(table(name, indexes)).unwrap()).unwrap();
        }
        let dynamo = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dynamo_url = format!("http://{}/", dynamo.local_addr().unwrap());
        tokio::spawn(serve_with_shutdown(dynamo, database.clone(), std::future::pending()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let fake = Self { url, database, dynamo_url, client, script: Arc::default() };
        let app = Router::new().fallback(serve).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    pub(crate) fn config(&self) -> AwsConfig {
        AwsConfig::at_endpoint(&self.url)
    }

    /// The next call that is neither DynamoDB's nor KMS's gets this answer.
    pub(crate) fn answer(&self, status: u16, body: Value) {
        self.script.lock().unwrap().answers.push_back((status, body));
    }

    /// The next write to DynamoDB happens, but its answer becomes a 500.
    pub(crate) fn lose_next_write(&self) {
        self.script.lock().unwrap().lose_next_write = true;
    }

    /// The next write to DynamoDB does not happen and gets this error.
    pub(crate) fn refuse_next_write(&self, error: Value) {
        self.script.lock().unwrap().refusals.push_back(error);
    }

    /// The calls since the last time, and forgets them.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.script.lock().unwrap().calls)
    }

    /// The operations of `take_calls`, without the service's name.
    pub(crate) fn take_operations(&self) -> Vec<String> {
        self.take_calls().into_iter().map(|call| call.name.rsplit('.').next().unwrap().to_owned()).collect()
    }

    /// A row as it lies in the table, DynamoDB JSON; null if there is none.
    pub(crate) fn row(&self, table: &str, pk: &str, sk: &str) -> Value {
        let request = json!({"TableName": table, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}});
        let answer = self.database.get_item(serde_json::from_value(request).unwrap()).unwrap();
        serde_json::to_value(answer).unwrap()["Item"].clone()
    }

    /// All rows of a table.
    pub(crate) fn rows(&self, table: &str) -> Vec<Value> {
        let answer = self.database.scan(serde_json::from_value(json!({"TableName": table})).unwrap()).unwrap();
        serde_json::to_value(answer).unwrap()["Items"].as_array().unwrap().clone()
    }

    /// Puts a row down as it is.
    pub(crate) fn put_row(&self, table: &str, item: &Value) {
        self.database.put_item(serde_json::from_value(json!({"TableName": table, "Item": item})).unwrap()).unwrap();
    }

    async fn dynamo(&self, name: &str, headers: &HeaderMap, body: Bytes) -> Response {
        let writes = !name.ends_with("GetItem") && !name.ends_with("Query");
        let refusal = if writes { self.script.lock().unwrap().refusals.pop_front() } else { None };
        if let Some(error) = refusal {
            return json_response(400, &error);
        }
        let mut request = self.client.post(&self.dynamo_url).body(body);
        for header in ["content-type", "x-amz-target", "x-amz-date", "authorization"] {
            if let Some(value) = headers.get(header) {
                request = request.header(header, value);
            }
        }
        let answer = request.send().await.unwrap();
        let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
        let body = answer.bytes().await.unwrap();
        if writes && std::mem::take(&mut self.script.lock().unwrap().lose_next_write) {
            return json_response(500, &json!({"__type": "InternalServerError", "message": "the answer was lost"}));
        }
        (status, [("content-type", "application/x-amz-json-1.0")], body).into_response()
    }
}

async fn serve(State(fake): State<FakeAws>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").map(|value| value.to_str().unwrap().to_owned());
    let name = target.unwrap_or_else(|| format!("{method} {}", uri.path()));
    let parsed = serde_json::from_slice(&body).unwrap_or_else(|_| json!(STANDARD.encode(&body)));
    fake.script.lock().unwrap().calls.push(Call { name: name.clone(), body: parsed.clone() });
    match name.as_str() {
        name if name.starts_with("DynamoDB") => fake.dynamo(name, &headers, body).await,
        "TrentService.GenerateDataKey" => json_response(200, &generate_data_key(&parsed)),
        "TrentService.Decrypt" => decrypt(&parsed),
        _ => {
            let (status, body) = fake.script.lock().unwrap().answers.pop_front().unwrap_or_else(|| panic!("unexpected call {name}"));
            match body {
                Value::String(text) => (StatusCode::from_u16(status).unwrap(), text).into_response(),
                body => json_response(status, &body),
            }
        }
    }
}

fn json_response(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/x-amz-json-1.1")], body.to_string()).into_response()
}

/// The wrapped key is the key with its context, in the clear: enough to hold the context to what it was.
fn generate_data_key(request: &Value) -> Value {
    let key = STANDARD.encode([uuid::Uuid::new_v4().into_bytes(), uuid::Uuid::new_v4().into_bytes()].concat());
    let wrapped = json!({"key": key, "context": request["EncryptionContext"]}).to_string();
    json!({"KeyId": request["KeyId"], "Plaintext": key, "CiphertextBlob": STANDARD.encode(wrapped)})
}

fn decrypt(request: &Value) -> Response {
    let wrapped = STANDARD.decode(request["CiphertextBlob"].as_str().unwrap()).unwrap();
    match serde_json::from_slice::<Value>(&wrapped) {
        Ok(wrapped) if wrapped["context"] == request["EncryptionContext"] => {
            json_response(200, &json!({"KeyId": request["KeyId"], "Plaintext": wrapped["key"]}))
        }
        _ => json_response(400, &json!({"__type": "InvalidCiphertextException", "message": ""})),
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
