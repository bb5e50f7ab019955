//! Stored deliveries: what was received, what was decided about it and what keeping that costs; read from the deliveries table
//! and the bucket, and sent again on request. The rows' layout is the functions'; what they do not say is left open.

use super::Operations;
use super::records::{Item, text};
use anyhow::{Context as _, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::envelope::{Body, DICTIONARY, Delivery, EventMessage};
use patchbay_domain::event::Provider;
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::trigger::Reason;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::time::Duration;

/// Where deliveries come in: GitHub's only endpoint, the App's webhook; and what Patchbay tells itself.
const ENDPOINTS: [&str; 2] = ["app", "patchbay"];
/// Deliveries that are read at the same time.
const AT_ONCE: usize = 8;
/// No body that a deployment takes is larger.
const MAX_BODY_BYTES: u64 = 32 * 1024 * 1024;
/// A delivery is run again at most so often.
const MOST_REPLAYS: u32 = 99;
/// How often a delivery is looked at while it is under way.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// A delivery, as far as it is still stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDelivery {
    pub id: DeliveryId,
    pub endpoint: String,
    /// The forge's name of the event.
    pub event: String,
    pub received_at: Option<Timestamp>,
    /// What it carried, while that is kept.
    pub body: Option<Body>,
    /// Whether it was worked on to the end.
    pub done: bool,
    /// By workflow.
    pub decisions: Vec<RecordedDecision>,
    pub cost: StoredCost,
}

/// What was decided about one workflow when the delivery came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecordedDecision {
    pub workflow: String,
    pub started: bool,
    /// A sentence.
    pub why: String,
    /// Where the workflow came from: `repository`, `organization`, `workspace`; absent for the built-in one, and for a row that
    /// stands for several.
    pub source: Option<String>,
    /// What the filters said, if the row says so.
    pub reasons: Vec<RecordedReason>,
}

/// What one filter said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedReason {
    pub filter: String,
    pub value: String,
    pub pattern: Option<String>,
    pub matched: bool,
    #[serde(skip_serializing)]
    pub how: String,
}

impl RecordedReason {
    /// What a person reads.
    pub fn sentence(&self) -> String {
        let Self { filter, value, pattern, matched, how } = self;
        let reason = serde_json::json!({ "filter": filter, "value": value, "pattern": pattern, "matched": matched, "how": how });
        // Another version's words are told as they are.
        serde_json::from_value::<Reason>(reason).map_or_else(|_| format!("{filter}: {value}"), |reason| reason.sentence())
    }
}

/// What it costs to keep a delivery's claim, payload and decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoredCost {
    pub rows: u64,
    /// By DynamoDB's rule: names and values of all attributes.
    pub bytes: u64,
    /// Write units of everything that was written for it: see [`write_units`].
    pub write_units: u64,
}

impl Operations {
    /// The deliveries of a repository (`owner/name`) since then, newest first, at most `most`. One call per day, and one per
    /// delivery.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn deliveries_of(&self, repository: &str, since: Timestamp, most: usize) -> anyhow::Result<Vec<StoredDelivery>> {
        let now = Timestamp::now();
        let mut keys: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut day = now;
        while keys.len() < most && day_of(day) >= day_of(since) {
            let found = self.keys_of_repository(repository, &day_of(day), since).await?;
            keys.extend(found.into_iter().filter(|key| seen.insert(key.clone())));
            day -= SignedDuration::from_hours(24);
        }
        keys.truncate(most);
        let read = stream::iter(keys).map(|key| async move { self.delivery_at(&key, now).await }).buffered(AT_ONCE);
        let found: Vec<Option<StoredDelivery>> = read.try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// One delivery, by the id that the forge gave it, or Patchbay itself. Two calls at most.
    ///
    /// # Errors
    /// If nothing of it is stored, or the table cannot be read.
    pub async fn delivery(&self, id: &DeliveryId) -> anyhow::Result<StoredDelivery> {
        let found = self.find_delivery(id, Timestamp::now()).await?;
        found.with_context(|| {
            format!("nothing is stored of the delivery {id} in {}: decisions are kept for 14 days, payloads for 7", self.place)
        })
    }

    /// The payload; `None` if it is no longer kept. One call if it lies in the bucket.
    ///
    /// # Errors
    /// If the bucket cannot be read, or what is stored is no payload.
    pub async fn payload(&self, delivery: &StoredDelivery) -> anyhow::Result<Option<Vec<u8>>> {
        let packed = match &delivery.body {
            None => return Ok(None),
            Some(Body::Inline(text)) => STANDARD.decode(text)?,
            Some(Body::Stored(key)) => {
                let object = self.s3.get_object().bucket(self.resources.get("Bucket")?).key(key).send().await;
                match object {
                    Ok(object) => object.body.collect().await.context("the payload's object broke off")?.to_vec(),
                    Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
                    Err(error) => return Err(self.said("s3:GetObject", error)),
                }
            }
        };
        unpack(&packed).map(Some).with_context(|| format!("the payload of {} cannot be read", delivery.id))
    }

    /// Sends a stored delivery to the events queue again, as a new one, and waits until it was worked on: what it meant then
    /// it may mean now, with the files and permissions of today. Nothing is asked of the forge to find it.
    ///
    /// # Errors
    /// If its payload is gone, the queue refuses, or nobody worked on it within `patience`.
    pub async fn run_again(&self, id: &DeliveryId, patience: Duration) -> anyhow::Result<StoredDelivery> {
        let old = self.delivery(id).await?;
        let (Some(body), Some(_)) = (old.body.clone(), self.payload(&old).await?) else {
            bail!("the payload of {id} is no longer stored (it is kept for 7 days), and so it cannot be run again");
        };
        let new = self.free_id(id).await?;
        let message = EventMessage::V1(Delivery {
            provider: Provider::Github,
            endpoint: old.endpoint.clone(),
            id: new.clone(),
            event: old.event.clone(),
            received_at: Timestamp::now(),
            body,
        });
        let queue = self.url(self.resources.get("EventsQueue")?).await?;
        let request = self.sqs.send_message().queue_url(queue).message_group_id("operator");
        let sent = request.message_body(message.to_text()?).send().await;
        sent.map_err(|error| self.said("sqs:SendMessage", error))?;
        match tokio::time::timeout(patience, self.until_done(&new)).await {
            Ok(done) => done,
            Err(_) => bail!(
                "{new} was sent {} s ago and nobody has worked on it yet; it stays in the events queue. `patchbay top` shows whether \
                 that queue moves, the log of trigger-matcher why not",
                patience.as_secs()
            ),
        }
    }

    pub(super) async fn until_done(&self, id: &DeliveryId) -> anyhow::Result<StoredDelivery> {
        loop {
            if let Some(delivery) = self.find_delivery(id, Timestamp::now()).await?.filter(|delivery| delivery.done) {
                return Ok(delivery);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The first `<id>-replay-<n>` that nobody has seen.
    async fn free_id(&self, id: &DeliveryId) -> anyhow::Result<DeliveryId> {
        for number in 1..=MOST_REPLAYS {
            let new = replay_id(id, number);
            if self.find_delivery(&new, Timestamp::UNIX_EPOCH).await?.is_none() {
                return Ok(new);
            }
        }
        bail!("{id} was run again {MOST_REPLAYS} times already")
    }

    async fn keys_of_repository(&self, repository: &str, day: &str, since: Timestamp) -> anyhow::Result<Vec<String>> {
        let value = |text: &str| AttributeValue::S(text.to_owned());
        let request = self.dynamodb.query().table_name(self.resources.get("DeliveriesTable")?).index_name("by_repository");
        let request = request
            .key_condition_expression("repository_day = :day AND received_at >= :since")
            .expression_attribute_values(":day", value(&format!("{}#{repository}#{day}", Provider::Github.as_str())))
            .expression_attribute_values(":since", value(&since.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()))
            .scan_index_forward(false);
        let mut pages = request.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            keys.push(text(&item.map_err(|error| self.said("dynamodb:Query", error))?, "pk").to_owned());
        }
        Ok(keys)
    }

    async fn find_delivery(&self, id: &DeliveryId, now: Timestamp) -> anyhow::Result<Option<StoredDelivery>> {
        for endpoint in ENDPOINTS {
            let found = self.delivery_at(&key_of(endpoint, id), now).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn delivery_at(&self, key: &str, now: Timestamp) -> anyhow::Result<Option<StoredDelivery>> {
        let request = self.dynamodb.query().table_name(self.resources.get("DeliveriesTable")?).consistent_read(true);
        let request = request.key_condition_expression("pk = :pk").expression_attribute_values(":pk", AttributeValue::S(key.to_owned()));
        let mut pages = request.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| self.said("dynamodb:Query", error))?);
        }
        items.retain(|item| !expired(item, now));
        Ok(stored(key, &items))
    }
}

fn key_of(endpoint: &str, id: &DeliveryId) -> String {
    format!("{}#{endpoint}#{id}", Provider::Github.as_str())
}

/// One that is run again is counted with the delivery that it came from.
fn replay_id(id: &DeliveryId, number: u32) -> DeliveryId {
    let text = id.as_str();
    let first = text.rsplit_once("-replay-").filter(|(_, last)| last.parse::<u32>().is_ok()).map_or(text, |(first, _)| first);
    DeliveryId(format!("{first}-replay-{number}"))
}

fn day_of(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// DynamoDB takes rows away some time after their end.
fn expired(item: &Item, now: Timestamp) -> bool {
    let ttl = item.get("ttl").and_then(|value| value.as_n().ok()?.parse::<i64>().ok());
    ttl.is_some_and(|ttl| ttl <= now.as_second())
}

fn unpack(packed: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    zstd::stream::read::Decoder::with_dictionary(packed, DICTIONARY)?.take(MAX_BODY_BYTES).read_to_end(&mut body)?;
    Ok(body)
}

/// What a partition's rows say; `None` if there are none.
fn stored(key: &str, items: &[Item]) -> Option<StoredDelivery> {
    let mut parts = key.splitn(3, '#').skip(1);
    let (endpoint, id) = (parts.next()?.to_owned(), DeliveryId(parts.next()?.to_owned()));
    let row = |kind: &str| items.iter().find(|item| text(item, "sk") == kind);
    let payload = row("payload");
    let any = payload.or_else(|| items.iter().find(|item| item.contains_key("event")));
    let mut decisions: Vec<RecordedDecision> = items.iter().filter_map(decision).collect();
    decisions.sort_by(|a, b| a.workflow.cmp(&b.workflow));
    (!items.is_empty()).then(|| StoredDelivery {
        id,
        endpoint,
        event: any.map(|item| text(item, "event").to_owned()).unwrap_or_default(),
        received_at: any.and_then(|item| text(item, "received_at").parse().ok()),
        body: payload.and_then(|item| match item.get("body")? {
            AttributeValue::B(bytes) => Some(Body::Inline(STANDARD.encode(bytes))),
            AttributeValue::S(key) => Some(Body::Stored(key.clone())),
            _ => None,
        }),
        done: row("claim").and_then(|item| item.get("done")?.as_bool().ok().copied()).unwrap_or_default(),
        decisions,
        cost: StoredCost {
            rows: items.len() as u64,
            bytes: items.iter().map(size).sum(),
            write_units: items.iter().map(write_units).sum(),
        },
    })
}

fn decision(item: &Item) -> Option<RecordedDecision> {
    let what = text(item, "sk").strip_prefix("decision#")?;
    let what = what.split_once('#').map_or(what, |(what, _thread)| what);
    let (source, workflow) = what.split_once('/').map_or((None, what), |(source, workflow)| (Some(source.to_owned()), workflow));
    Some(RecordedDecision {
        workflow: workflow.to_owned(),
        started: item.get("started")?.as_bool().ok().copied()?,
        why: text(item, "why").to_owned(),
        source,
        reasons: serde_json::from_str(text(item, "reasons")).unwrap_or_default(),
    })
}

/// A row's size as DynamoDB counts it.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
fn size(item: &Item) -> u64 {
    item.iter().map(|(name, value)| name.len() as u64 + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> u64 {
    match value {
        AttributeValue::S(text) => text.len() as u64,
        AttributeValue::B(bytes) => bytes.as_ref().len() as u64,
        // One byte for two digits, and one more.
        AttributeValue::N(number) => number.trim_start_matches('-').len().div_ceil(2) as u64 + 1,
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<u64>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(name, value)| 1 + name.len() as u64 + value_size(value)).sum::<u64>(),
        AttributeValue::Ss(texts) => 3 + texts.iter().map(|text| 1 + text.len() as u64).sum::<u64>(),
        _ => 1,
    }
}

/// What a row cost to write: one unit for each begun kilobyte; the claim is written when the delivery is taken and, in a
/// transaction for the double, when it is done; all other rows are written in that transaction, and one once more to the index.
fn write_units(item: &Item) -> u64 {
    let once = size(item).div_ceil(1024);
    match text(item, "sk") {
        "claim" => 3 * once,
        _ => 2 * once + u64::from(item.contains_key("repository_day")),
    }
}

#[cfg(test)]
mod emulated;
#[cfg(test)]
mod tests;
