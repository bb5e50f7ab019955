//! The deliveries table: who handles a delivery (claim, 8 days), what it carried (7 days), and what was decided (14 days).
//!
//! A claim is a lease: a delivery that was received and never completed is taken up again, one that was completed never
//! (R5). What a delivery means is the matcher's affair.

use super::{Item, Table, Written, conditional, expired, keys, n, nonce, number, s, text, to_json, ttl_days};
use crate::compress::{from_inline, to_inline};
use crate::config::AwsConfig;
use crate::error::AwsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use jiff::Timestamp;
use patchbay_domain::envelope::{Body, Delivery};
use patchbay_domain::ids::{DeliveryId, RunId};
use patchbay_domain::run::plan::WorkflowSource;
use patchbay_domain::trigger::Reason;

const CLAIM_DAYS: i64 = 8;
const PAYLOAD_DAYS: i64 = 7;
const DECISION_DAYS: i64 = 14;
/// A compressed body up to this size is kept in the row.
pub const MAX_INLINE_PAYLOAD_BYTES: usize = 300 * 1024;
/// Texts of decisions are cut to this many characters.
pub const MAX_DECISION_CHARS: usize = 200;
/// Reasons are left out beyond this many bytes of JSON.
pub const MAX_REASONS_BYTES: usize = 4096;
/// How many decisions about one delivery are kept: what a transaction holds beside claim and payload.
pub const MAX_DECISIONS: usize = 98;
/// How many of a day's keys are looked through for a thread's.
const MAX_KEYS: i32 = 1_000;

/// What a claim found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Ours, seen for the first time.
    New,
    /// Ours; an earlier holder's lease ran out before it was completed.
    TakenUp,
    /// Completed before: a duplicate.
    Done,
    /// Somebody else works on it until then.
    Busy { until: Timestamp },
    /// The id came before with another body: to be refused and audited.
    OtherBody,
}

/// What came of a delivery for one workflow: the answer to "why".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The workflow's name; `built-in`, or what stands for several.
    pub workflow: String,
    /// Where the workflow comes from, and in which version it was considered.
    pub source: Option<WorkflowSource>,
    pub version: Option<String>,
    /// Whether a run was started or something else was done.
    pub started: bool,
    pub run: Option<RunId>,
    /// What each filter said; cut to `MAX_REASONS_BYTES`.
    pub reasons: Vec<Reason>,
    /// A sentence; cut to `MAX_DECISION_CHARS`.
    pub why: String,
    /// `owner/name`, where the event has one: lists the delivery under that repository and day.
    pub repository: Option<String>,
    /// The thread's number, where the event has one.
    pub thread: Option<u64>,
    /// The delivery's event; filled in when it is read.
    pub event: String,
}

/// The table. Cheap to clone.
#[derive(Clone)]
pub struct DeliveriesTable(Table);

impl DeliveriesTable {
    /// The table named `name` (`TABLE_DELIVERIES`).
    pub fn new(aws: &AwsConfig, name: impl Into<String>) -> Self {
        Self(Table::new(aws, name))
    }

    /// Takes the delivery until `lease_until`, if nobody has it. One call.
    pub async fn claim(
        &self,
        provider: &str,
        endpoint: &str,
        delivery: &DeliveryId,
        body_sha256: &str,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<Claim, AwsError> {
        let key = keys::claim(provider, endpoint, delivery);
        let nonce = nonce();
        let request = self.0.client.update_item().table_name(&self.0.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request
            .update_expression(
                "SET done = if_not_exists(done, :no), body_sha256 = :sha, lease_until = :until, nonce = :nonce, \
                 #ttl = if_not_exists(#ttl, :ttl) ADD takes :one",
            )
            .condition_expression("attribute_not_exists(pk) OR (done = :no AND body_sha256 = :sha AND lease_until <= :now)")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":sha", s(body_sha256))
            .expression_attribute_values(":until", n(lease_until.as_millisecond()))
            .expression_attribute_values(":now", n(now.as_millisecond()))
            .expression_attribute_values(":nonce", s(&nonce))
            .expression_attribute_values(":one", n(1))
            .expression_attribute_values(":ttl", ttl_days(now, CLAIM_DAYS))
            .return_values(ReturnValue::UpdatedNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(match conditional(result)? {
            Written::Yes(output) => ours(&output.attributes.unwrap_or_default()),
            Written::No(item) if text(&item, "nonce") == Some(&nonce) => ours(&item),
            Written::No(item) => theirs(&item, body_sha256, now),
        })
    }

    /// Ends the lease early, so that a failed delivery's next try need not wait for it. One call.
    pub async fn give_back(&self, provider: &str, endpoint: &str, delivery: &DeliveryId) -> Result<(), AwsError> {
        let key = keys::claim(provider, endpoint, delivery);
        let request = self.0.client.update_item().table_name(&self.0.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request
            .update_expression("SET lease_until = :past")
            .condition_expression("done = :no")
            .expression_attribute_values(":past", n(0))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .send()
            .await;
        conditional(result).map(|_| ())
    }

    /// Marks the delivery as done for good and keeps its decisions (the first `MAX_DECISIONS`) and what it carried, all or
    /// nothing. The first decision lists the delivery under its repository and day. One call (a transaction). An inline body
    /// over `MAX_INLINE_PAYLOAD_BYTES` compressed is `TooLarge`: store it as a blob first.
    pub async fn complete(&self, delivery: &Delivery, body_sha256: &str, decisions: &[Decision], now: Timestamp) -> Result<(), AwsError> {
        let writes = self.completion(delivery, self.done(delivery, body_sha256, now), decisions)?;
        self.0.client.transact_write_items().set_transact_items(Some(writes)).send().await?;
        Ok(())
    }

    /// Claims and completes at once a delivery that nobody ever claimed; else changes nothing and answers `false`. For
    /// deliveries that change nothing elsewhere: whoever is second must find nothing done twice. One call, otherwise as
    /// [`Self::complete`].
    pub async fn complete_unclaimed(
        &self,
        delivery: &Delivery,
        body_sha256: &str,
        decisions: &[Decision],
        now: Timestamp,
    ) -> Result<bool, AwsError> {
        let unclaimed = self.done(delivery, body_sha256, now).condition_expression("attribute_not_exists(pk)");
        let writes = self.completion(delivery, unclaimed, decisions)?;
        match self.0.client.transact_write_items().set_transact_items(Some(writes)).send().await.map_err(AwsError::from) {
            Ok(_) => Ok(true),
            Err(AwsError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn done(&self, delivery: &Delivery, body_sha256: &str, now: Timestamp) -> UpdateBuilder {
        let key = keys::claim(delivery.provider.as_str(), &delivery.endpoint, &delivery.id);
        Update::builder()
            .table_name(&self.0.name)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("SET done = :yes, body_sha256 = :sha, #ttl = if_not_exists(#ttl, :ttl)")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":sha", s(body_sha256))
            .expression_attribute_values(":ttl", ttl_days(now, CLAIM_DAYS))
    }

    fn completion(&self, delivery: &Delivery, done: UpdateBuilder, decisions: &[Decision]) -> Result<Vec<TransactWriteItem>, AwsError> {
        let done = done.build().map_err(|e| AwsError::Permanent(e.to_string()))?;
        let mut writes = vec![TransactWriteItem::builder().update(done).build()];
        let mut items = vec![payload_item(delivery)?];
        for (place, decision) in decisions.iter().take(MAX_DECISIONS).enumerate() {
            items.push(decision_item(delivery, decision, place == 0)?);
        }
        for item in items {
            let put = Put::builder().table_name(&self.0.name).set_item(Some(item)).build();
            writes.push(TransactWriteItem::builder().put(put.map_err(|e| AwsError::Permanent(e.to_string()))?).build());
        }
        Ok(writes)
    }

    /// What was decided about a delivery, by workflow. One call.
    pub async fn load_decisions(
        &self,
        provider: &str,
        endpoint: &str,
        delivery: &DeliveryId,
        now: Timestamp,
    ) -> Result<Vec<Decision>, AwsError> {
        let request = self.0.client.query().table_name(&self.0.name).key_condition_expression("pk = :pk AND begins_with(sk, :decisions)");
        let output = request
            .expression_attribute_values(":pk", s(keys::delivery_pk(provider, endpoint, delivery)))
            .expression_attribute_values(":decisions", s(keys::DECISIONS))
            .send()
            .await?;
        Ok(output.items().iter().filter(|item| !expired(item, now)).filter_map(parse_decision).collect())
    }

    /// The deliveries of a repository (`owner/name`) on the day (UTC) of `day`, newest first, at most `limit`: each as its
    /// endpoint and id. One call.
    pub async fn list_of_repository(
        &self,
        provider: &str,
        repository: &str,
        day: Timestamp,
        limit: u32,
    ) -> Result<Vec<(String, DeliveryId)>, AwsError> {
        let request = self.0.client.query().table_name(&self.0.name).index_name("by_repository");
        let output = request
            .key_condition_expression("repository_day = :day")
            .expression_attribute_values(":day", s(keys::repository_day(provider, repository, day)))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await?;
        let mut found: Vec<(String, DeliveryId)> = Vec::new();
        for item in output.items() {
            if let Some(entry) = parse_delivery(item)
                && !found.contains(&entry)
            {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// The deliveries about a thread of a repository (`owner/name`) on the day (UTC) of `day`, newest first, at most `limit`:
    /// each as its endpoint and id. One call, which looks through no more than the day's last thousand decisions.
    pub async fn list_of_thread(
        &self,
        provider: &str,
        repository: &str,
        thread: u64,
        day: Timestamp,
        limit: usize,
    ) -> Result<Vec<(String, DeliveryId)>, AwsError> {
        let request = self.0.client.query().table_name(&self.0.name).index_name("by_repository");
        let output = request
            .key_condition_expression("repository_day = :day")
            .expression_attribute_values(":day", s(keys::repository_day(provider, repository, day)))
            .scan_index_forward(false)
            .limit(MAX_KEYS)
            .send()
            .await?;
        let of_thread = |item: &&Item| {
            let parsed = text(item, "sk").and_then(keys::parse_decision);
            parsed.is_some_and(|(_, _, number)| number == Some(thread))
        };
        Ok(output.items().iter().filter(of_thread).filter_map(parse_delivery).take(limit).collect())
    }

    /// What the delivery carried, while it is kept (R43). One call.
    pub async fn load_payload(
        &self,
        provider: &str,
        endpoint: &str,
        delivery: &DeliveryId,
        now: Timestamp,
    ) -> Result<Option<Body>, AwsError> {
        let item = self.0.get(&keys::payload(provider, endpoint, delivery)).await?.filter(|item| !expired(item, now));
        item.map(|item| match item.get("body") {
            Some(AttributeValue::B(bytes)) => Ok(to_inline(bytes.as_ref())),
            Some(AttributeValue::S(key)) => Ok(Body::Stored(key.clone())),
            _ => Err(AwsError::unreadable("payload")),
        })
        .transpose()
    }
}

fn ours(item: &Item) -> Claim {
    if number::<u64>(item, "takes") == Some(1) { Claim::New } else { Claim::TakenUp }
}

fn theirs(item: &Item, body_sha256: &str, now: Timestamp) -> Claim {
    if text(item, "body_sha256") != Some(body_sha256) {
        return Claim::OtherBody;
    }
    if item.get("done") == Some(&AttributeValue::Bool(true)) {
        return Claim::Done;
    }
    let until = number::<i64>(item, "lease_until").and_then(|ms| Timestamp::from_millisecond(ms).ok());
    Claim::Busy { until: until.unwrap_or(now) }
}

/// The endpoint and the id in a row's key.
fn parse_delivery(item: &Item) -> Option<(String, DeliveryId)> {
    let mut parts = text(item, "pk")?.splitn(3, '#').skip(1);
    Some((parts.next()?.to_owned(), DeliveryId(parts.next()?.to_owned())))
}

fn decision_item(delivery: &Delivery, decision: &Decision, is_listed: bool) -> Result<Item, AwsError> {
    let provider = delivery.provider.as_str();
    let what = match decision.source {
        Some(source) => format!("{}/{}", source.as_str(), decision.workflow),
        None => decision.workflow.clone(),
    };
    let key = keys::decision(provider, &delivery.endpoint, &delivery.id, &what, decision.thread);
    let mut item = Item::from([
        ("pk".to_owned(), s(key.pk)),
        ("sk".to_owned(), s(key.sk)),
        ("started".to_owned(), AttributeValue::Bool(decision.started)),
        ("why".to_owned(), s(decision.why.chars().take(MAX_DECISION_CHARS).collect::<String>())),
        ("event".to_owned(), s(&delivery.event)),
        ("received_at".to_owned(), s(keys::nanos(delivery.received_at))),
        ("ttl".to_owned(), ttl_days(delivery.received_at, DECISION_DAYS)),
    ]);
    if !decision.reasons.is_empty() {
        item.insert("reasons".to_owned(), s(reasons_text(&decision.reasons)?));
    }
    let run = decision.run.as_ref().map(RunId::as_str);
    for (name, value) in [("version", decision.version.as_deref()), ("run", run), ("repository", decision.repository.as_deref())] {
        if let Some(value) = value {
            item.insert(name.to_owned(), s(value));
        }
    }
    if let Some(repository) = decision.repository.as_ref().filter(|_| is_listed) {
        item.insert("repository_day".to_owned(), s(keys::repository_day(provider, repository, delivery.received_at)));
    }
    Ok(item)
}

/// As many of the reasons as there is room for.
fn reasons_text(reasons: &[Reason]) -> Result<String, AwsError> {
    for kept in (0..=reasons.len()).rev() {
        let text = to_json(&&reasons[..kept], "reasons")?;
        if text.len() <= MAX_REASONS_BYTES {
            return Ok(text);
        }
    }
    Ok("[]".to_owned())
}

/// What a delivery carried, for seven days (R43).
fn payload_item(delivery: &Delivery) -> Result<Item, AwsError> {
    let key = keys::payload(delivery.provider.as_str(), &delivery.endpoint, &delivery.id);
    let body = match &delivery.body {
        Body::Inline(text) => AttributeValue::B(Blob::new(from_inline(text)?)),
        Body::Stored(key) => s(key),
    };
    if matches!(&body, AttributeValue::B(bytes) if bytes.as_ref().len() > MAX_INLINE_PAYLOAD_BYTES) {
        return Err(AwsError::TooLarge);
    }
    Ok(Item::from([
        ("pk".to_owned(), s(key.pk)),
        ("sk".to_owned(), s(key.sk)),
        ("event".to_owned(), s(&delivery.event)),
        ("received_at".to_owned(), s(keys::nanos(delivery.received_at))),
        ("body".to_owned(), body),
        ("ttl".to_owned(), ttl_days(delivery.received_at, PAYLOAD_DAYS)),
    ]))
}

fn parse_decision(item: &Item) -> Option<Decision> {
    let (source, workflow, thread) = keys::parse_decision(text(item, "sk")?)?;
    Some(Decision {
        workflow: workflow.to_owned(),
        source: source.and_then(WorkflowSource::parse),
        version: text(item, "version").map(str::to_owned),
        started: *item.get("started")?.as_bool().ok()?,
        run: text(item, "run").map(|run| RunId(run.to_owned())),
        reasons: text(item, "reasons").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
        why: text(item, "why")?.to_owned(),
        repository: text(item, "repository").map(str::to_owned),
        thread,
        event: text(item, "event").unwrap_or_default().to_owned(),
    })
}
