//! The runs table: runs under a version condition, what is due, which are active, their capability and their history.
//!
//! The whole run is JSON in one attribute; beside it stands only what conditions and indexes need. Slots (`slots`), gates
//! (`gates`) and the budget (`ledger`) are rows of their own. What a run may become is decided in `domain`.

mod gates;
mod ledger;
mod slots;

pub use gates::{Arrival, GateClaim};
pub use ledger::Reservation;
pub use slots::{Slot, SlotClaim};

use super::{Item, Table, Written, conditional, expired, json, keys, n, nonce, number, s, text, to_json, ttl_days};
use crate::config::AwsConfig;
use crate::error::AwsError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use patchbay_domain::ids::{ConnectionId, RunId, WorkspaceId};
use patchbay_domain::run::Run;
use serde::{Deserialize, Serialize};

pub use super::keys::DUE_SHARDS;

const RUN_DAYS: i64 = 90;
const CAPABILITY_DAYS: i64 = 2;
const AUDIT_DAYS: i64 = 400;

/// What creating a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    Created,
    /// The same event and trigger made it before (R11).
    Exists,
}

/// What saving a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Save {
    Saved,
    /// Somebody else saved it in the meantime: load and apply again.
    Conflict,
}

/// One line of a run's history (R46): only ever added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    pub at: Timestamp,
    /// Who: a login, or the function's name.
    pub actor: String,
    /// A word: `authorised`, `token_minted`, `pull_request_opened`.
    pub what: String,
    /// A sentence, free of secrets.
    pub detail: String,
}

/// The table. Cheap to clone.
#[derive(Clone)]
pub struct RunsTable(Table);

impl RunsTable {
    /// The table named `name` (`TABLE_RUNS`).
    pub fn new(aws: &AwsConfig, name: impl Into<String>) -> Self {
        Self(Table::new(aws, name))
    }

    /// Saves a new run as it is; one that exists is left alone. One call.
    pub async fn create(&self, run: &Run) -> Result<Create, AwsError> {
        let nonce = nonce();
        let result = self
            .0
            .client
            .put_item()
            .table_name(&self.0.name)
            .set_item(Some(run_item(run, &nonce)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(if written(conditional(result)?, "nonce", &nonce) { Create::Created } else { Create::Exists })
    }

    /// The run, strongly consistent. One call.
    pub async fn load(&self, workspace: &WorkspaceId, run: &RunId) -> Result<Option<Run>, AwsError> {
        let item = self.0.get(&keys::run(workspace, run)).await?;
        item.filter(|item| !expired(item, Timestamp::now())).map(|item| json(&item, "run", "run")).transpose()
    }

    /// Saves `run` as version `expected_version + 1`, if the stored one is `expected_version` (R12). One call.
    pub async fn save(&self, run: &Run, expected_version: u64) -> Result<Save, AwsError> {
        let nonce = nonce();
        let next = Run { version: expected_version + 1, ..run.clone() };
        let result = self
            .0
            .client
            .put_item()
            .table_name(&self.0.name)
            .set_item(Some(run_item(&next, &nonce)?))
            .condition_expression("version = :expected")
            .expression_attribute_values(":expected", n(expected_version))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(if written(conditional(result)?, "nonce", &nonce) { Save::Saved } else { Save::Conflict })
    }

    /// Runs of one shard (0 to `DUE_SHARDS` - 1) that are due, longest due first, at most `limit`. The index follows the
    /// table within a second or so. One call.
    pub async fn due(&self, shard: u8, before: Timestamp, limit: i32) -> Result<Vec<(WorkspaceId, RunId)>, AwsError> {
        let request = self.0.client.query().table_name(&self.0.name).index_name("due").limit(limit);
        let output = request
            .key_condition_expression("due_shard = :shard AND due_at <= :before")
            .expression_attribute_values(":shard", s(shard.to_string()))
            .expression_attribute_values(":before", s(keys::seconds(before)))
            .send()
            .await?;
        Ok(output.items().iter().filter_map(|item| keys::parse_run(text(item, "pk")?)).collect())
    }

    /// All runs of a connection that are not terminal, oldest first. One call per megabyte of keys: one.
    pub async fn active_of_connection(&self, connection: &ConnectionId) -> Result<Vec<(WorkspaceId, RunId)>, AwsError> {
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let request = self.0.client.query().table_name(&self.0.name).index_name("active").set_exclusive_start_key(next);
            let output = request
                .key_condition_expression("active_connection = :connection")
                .expression_attribute_values(":connection", s(connection.as_str()))
                .send()
                .await?;
            found.extend(output.items().iter().filter_map(|item| keys::parse_run(text(item, "pk")?)));
            next = output.last_evaluated_key;
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Keeps the hash of the capability with which an attempt's supervisor speaks. One call.
    pub async fn set_capability(&self, workspace: &WorkspaceId, run: &RunId, attempt: u32, hash: &str) -> Result<(), AwsError> {
        let key = keys::capability(workspace, run, attempt);
        let request = self.0.client.put_item().table_name(&self.0.name).item("pk", s(key.pk)).item("sk", s(key.sk));
        request.item("hash", s(hash)).item("ttl", ttl_days(Timestamp::now(), CAPABILITY_DAYS)).send().await?;
        Ok(())
    }

    /// The hash of the attempt's capability, if it has one. One call.
    pub async fn check_capability(&self, workspace: &WorkspaceId, run: &RunId, attempt: u32) -> Result<Option<String>, AwsError> {
        let item = self.0.get(&keys::capability(workspace, run, attempt)).await?;
        Ok(item.filter(|item| !expired(item, Timestamp::now())).and_then(|item| text(&item, "hash").map(str::to_owned)))
    }

    /// Adds to the run's history; adding the same entry again changes nothing. One call.
    pub async fn append_audit(&self, workspace: &WorkspaceId, run: &RunId, entry: &AuditEntry) -> Result<(), AwsError> {
        let key = keys::audit(workspace, run, entry.at, &entry.what);
        let request = self.0.client.put_item().table_name(&self.0.name).item("pk", s(key.pk)).item("sk", s(key.sk));
        request.item("entry", s(to_json(entry, "audit entry")?)).item("ttl", ttl_days(entry.at, AUDIT_DAYS)).send().await?;
        Ok(())
    }

    /// The run's history, oldest first. One call per megabyte.
    pub async fn load_audit(&self, workspace: &WorkspaceId, run: &RunId) -> Result<Vec<AuditEntry>, AwsError> {
        let mut entries = Vec::new();
        let mut next = None;
        loop {
            let request = self.0.client.query().table_name(&self.0.name).set_exclusive_start_key(next);
            let output = request
                .key_condition_expression("pk = :pk AND begins_with(sk, :audit)")
                .expression_attribute_values(":pk", s(keys::run(workspace, run).pk))
                .expression_attribute_values(":audit", s(keys::AUDIT))
                .send()
                .await?;
            for item in output.items() {
                entries.push(json(item, "entry", "audit entry")?);
            }
            next = output.last_evaluated_key;
            if next.is_none() {
                return Ok(entries);
            }
        }
    }
}

/// Whether the write happened: now, or in a try whose answer was lost.
fn written<T>(result: Written<T>, attribute: &str, nonce: &str) -> bool {
    match result {
        Written::Yes(_) => true,
        Written::No(item) => text(&item, attribute) == Some(nonce),
    }
}

/// The run's row. Attributes of the sparse indexes are there only while they mean something.
fn run_item(run: &Run, nonce: &str) -> Result<Item, AwsError> {
    let key = keys::run(&run.workspace, &run.id);
    let mut item = Item::from([
        ("pk".to_owned(), s(key.pk)),
        ("sk".to_owned(), s(key.sk)),
        ("run".to_owned(), s(to_json(run, "run")?)),
        ("version".to_owned(), n(run.version)),
        ("state".to_owned(), s(run.state.name())),
        ("created_at".to_owned(), s(keys::nanos(run.created_at))),
        ("created_day".to_owned(), s(keys::day(run.created_at))),
        ("nonce".to_owned(), s(nonce)),
    ]);
    if let Some(at) = run.due_at() {
        item.insert("due_shard".to_owned(), s(keys::due_shard(&run.id).to_string()));
        item.insert("due_at".to_owned(), s(keys::due_at(at)));
    }
    if !run.state.is_terminal() {
        item.insert("active_connection".to_owned(), s(run.connection.as_str()));
    } else if run.outbox.is_empty() {
        item.insert("ttl".to_owned(), ttl_days(run.updated_at, RUN_DAYS));
    }
    Ok(item)
}
