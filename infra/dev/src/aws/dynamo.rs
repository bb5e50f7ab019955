//! DynamoDB: dynoxide in this process, on a file. Calls pass through the front, so that they are counted.

use super::error::AwsError;
use super::spec::TableSpec;
use anyhow::Context;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use http::request::Parts;
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How often expired items are deleted. AWS takes up to days: readers must filter by themselves.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// The headers that dynoxide looks at.
const FORWARDED: [&str; 4] = ["content-type", "x-amz-target", "x-amz-date", "authorization"];

pub(super) struct Dynamo {
    database: Database,
    url: String,
    client: reqwest::Client,
}

impl Dynamo {
    /// Opens the database, creates absent tables, and serves it until `shutdown`.
    pub(super) async fn start(data_dir: &Path, tables: &[TableSpec], shutdown: CancellationToken) -> anyhow::Result<Self> {
        let path = data_dir.join("dynamodb.sqlite");
        let database = Database::new(&path.to_string_lossy()).with_context(|| format!("cannot open {}", path.display()))?;
        for table in tables {
            create_table(&database, table).with_context(|| format!("cannot create the table {}", table.name))?;
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        tokio::spawn(serve_with_shutdown(listener, database.clone(), shutdown.clone().cancelled_owned()));
        tokio::spawn(sweep(database.clone(), shutdown));
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { database, url, client })
    }

    /// Passes a request on to dynoxide and its answer back.
    pub(super) async fn forward(&self, parts: &Parts, body: Bytes) -> Result<Response, AwsError> {
        let mut request = self.client.post(&self.url).body(body);
        for name in FORWARDED {
            if let Some(value) = parts.headers.get(name) {
                request = request.header(name, value);
            }
        }
        let broken = |error: reqwest::Error| AwsError::internal(format!("DynamoDB did not answer: {error}"));
        let answer = request.send().await.map_err(broken)?;
        let mut response = Response::builder().status(answer.status());
        for name in ["content-type", "x-amz-crc32", "x-amzn-requestid"] {
            if let Some(value) = answer.headers().get(name) {
                response = response.header(name, value);
            }
        }
        response.body(Body::from(answer.bytes().await.map_err(broken)?)).map_err(AwsError::internal)
    }

    /// Deletes what has expired. Returns how many items.
    pub(super) fn sweep_now(&self) -> anyhow::Result<usize> {
        Ok(self.database.sweep_ttl()?)
    }

    /// Every item of a table, in no order.
    pub(super) async fn items(&self, table: &str) -> anyhow::Result<Vec<Map<String, Value>>> {
        let (database, mut request) = (self.database.clone(), json!({ "TableName": table, "ConsistentRead": true }));
        let scan = move || -> anyhow::Result<_> {
            let mut items = Vec::new();
            loop {
                let mut answer = serde_json::to_value(database.scan(serde_json::from_value(request.clone())?)?)?;
                items.extend(serde_json::from_value::<Vec<_>>(answer["Items"].take())?);
                request["ExclusiveStartKey"] = answer["LastEvaluatedKey"].take();
                if request["ExclusiveStartKey"].is_null() {
                    return Ok(items);
                }
            }
        };
        tokio::task::spawn_blocking(scan).await?
    }
}

impl Dynamo {
    /// Puts items, whatever was there.
    pub(super) async fn put_items(&self, table: &str, items: Vec<Map<String, Value>>) -> anyhow::Result<()> {
        let (database, table) = (self.database.clone(), table.to_owned());
        let put = move || -> anyhow::Result<()> {
            for item in items {
                database.put_item(serde_json::from_value(json!({ "TableName": table, "Item": item }))?)?;
            }
            Ok(())
        };
        tokio::task::spawn_blocking(put).await?
    }

    /// Gives items the attributes that `change` gives anew, and touches no other: somebody may be writing those. An item whose
    /// attributes are no longer as they were read is left alone. Returns how many changed.
    pub(super) async fn change_items(
        &self,
        table: &str,
        change: impl Fn(&Map<String, Value>) -> Option<Map<String, Value>>,
    ) -> anyhow::Result<usize> {
        let items = self.items(table).await?.into_iter();
        let changed: Vec<_> = items.filter_map(|old| Some((change(&old)?, old))).filter(|(new, old)| new != old).collect();
        let (database, table) = (self.database.clone(), table.to_owned());
        let replace = move || -> anyhow::Result<_> {
            let mut replaced = 0;
            for (new, old) in changed {
                let update = serde_json::from_value(update_if_same(&table, &new, &old))?;
                replaced += usize::from(database.update_item(update).is_ok());
            }
            Ok(replaced)
        };
        tokio::task::spawn_blocking(replace).await?
    }
}

/// An update of the attributes that differ, on the condition that each is what it was.
fn update_if_same(table: &str, new: &Map<String, Value>, old: &Map<String, Value>) -> Value {
    let changes = new.iter().filter(|(name, value)| old.get(*name) != Some(value)).enumerate();
    let (mut sets, mut conditions, mut names, mut values) = (Vec::new(), Vec::new(), Map::new(), Map::new());
    for (index, (name, value)) in changes {
        sets.push(format!("#a{index} = :new{index}"));
        names.insert(format!("#a{index}"), json!(name));
        values.insert(format!(":new{index}"), value.clone());
        match old.get(name) {
            Some(value) => {
                conditions.push(format!("#a{index} = :old{index}"));
                values.insert(format!(":old{index}"), value.clone());
            }
            None => conditions.push(format!("attribute_not_exists(#a{index})")),
        }
    }
    json!({
        "TableName": table, "Key": { "pk": old["pk"], "sk": old["sk"] },
        "UpdateExpression": format!("SET {}", sets.join(", ")), "ConditionExpression": conditions.join(" AND "),
        "ExpressionAttributeNames": names, "ExpressionAttributeValues": values,
    })
}

async fn sweep(database: Database, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(SWEEP_EVERY)).await.is_some() {
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Err(error)) => tracing::warn!(%error, "expired DynamoDB items could not be deleted"),
            Err(error) => tracing::warn!(%error, "the sweep of expired DynamoDB items died"),
            Ok(Ok(_)) => {}
        }
    }
}

/// Creates the table and its TTL unless it exists.
fn create_table(database: &Database, spec: &TableSpec) -> anyhow::Result<()> {
    let existing = serde_json::to_value(database.list_tables(serde_json::from_value(json!({}))?)?)?;
    if existing["TableNames"].as_array().is_some_and(|names| names.contains(&json!(spec.name))) {
        return add_indexes(database, spec);
    }
    database.create_table(serde_json::from_value(create_request(spec))?)?;
    if let Some(attribute) = &spec.ttl_attribute {
        let ttl = json!({"TableName": spec.name, "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true}});
        database.update_time_to_live(serde_json::from_value(ttl)?)?;
    }
    Ok(())
}

/// Adds the indexes that a newer template has: data folders outlive it.
fn add_indexes(database: &Database, spec: &TableSpec) -> anyhow::Result<()> {
    let described = serde_json::to_value(database.describe_table(serde_json::from_value(json!({"TableName": spec.name}))?)?)?;
    let there = described["Table"]["GlobalSecondaryIndexes"].as_array().cloned().unwrap_or_default();
    for index in spec.indexes.iter().filter(|index| !there.iter().any(|known| known["IndexName"] == json!(index.name))) {
        let request = create_request(&TableSpec { indexes: vec![index.clone()], ..spec.clone() });
        let update = json!({
            "TableName": spec.name,
            "AttributeDefinitions": request["AttributeDefinitions"],
            "GlobalSecondaryIndexUpdates": [{"Create": request["GlobalSecondaryIndexes"][0]}],
        });
        database.update_table(serde_json::from_value(update)?)?;
    }
    Ok(())
}

/// CreateTable's input for a table.
pub(super) fn create_request(spec: &TableSpec) -> Value {
    let key = |hash: &str, range: Option<&String>| {
        let hash = json!({"AttributeName": hash, "KeyType": "HASH"});
        let range = range.map(|range| json!({"AttributeName": range, "KeyType": "RANGE"}));
        std::iter::once(hash).chain(range).collect::<Vec<_>>()
    };
    let index = |index: &super::spec::IndexSpec| {
        let keys = key(&index.hash, index.range.as_ref());
        json!({"IndexName": index.name, "KeySchema": keys, "Projection": {"ProjectionType": index.projection}})
    };
    let mut attributes = vec![&spec.hash];
    attributes.extend(&spec.range);
    for index in &spec.indexes {
        attributes.push(&index.hash);
        attributes.extend(&index.range);
    }
    attributes.sort();
    attributes.dedup();
    let definitions: Vec<Value> = attributes.iter().map(|name| json!({"AttributeName": name, "AttributeType": "S"})).collect();
    let mut request = json!({
        "TableName": spec.name,
        "KeySchema": key(&spec.hash, spec.range.as_ref()),
        "AttributeDefinitions": definitions,
        "BillingMode": "PAY_PER_REQUEST",
    });
    if !spec.indexes.is_empty() {
        request["GlobalSecondaryIndexes"] = spec.indexes.iter().map(index).collect();
    }
    request
}
