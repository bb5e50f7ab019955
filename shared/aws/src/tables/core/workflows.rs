//! What is configured in a repository, or in all repositories of an account: a small row that says what every event needs to
//! know (which kinds of event, which names, when), and the text in a row of its own for each version.
//!
//! Reads come back in any order: what was read from the forge earlier never overwrites what was read later (R21). What a
//! text means is `domain`'s; when it is read from the forge is the matcher's.

use super::super::{Item, Written, conditional, expired, json, keys, n, number, s, text, to_json, ttl_days};
use super::{Connection, CoreTable};
use crate::compress::{compress, decompress};
use crate::error::AwsError;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem};
use jiff::Timestamp;
use patchbay_domain::event::Repository;
use patchbay_domain::ids::ConnectionId;
use patchbay_domain::trigger::EventKind;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// The version where there is no file, or none that could ever be read.
pub const NO_FILE: &str = "none";
/// A text that is gone is read from the forge again; the workspace's, which no forge has, is kept for ever.
const TEXT_DAYS: i64 = 90;
/// How often keys that DynamoDB left out are asked for again.
const MAX_BATCHES: usize = 5;
const PROBLEM_CHARS: usize = 500;

/// Whose configuration it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The repository of this number.
    Repository(u64),
    /// All repositories of the account: the file of its `.github` repository.
    Default,
    /// All repositories of the account: what the operator put in force. No forge has it.
    Workspace,
}

impl Scope {
    fn word(self) -> String {
        match self {
            Scope::Repository(id) => id.to_string(),
            Scope::Default => "default".to_owned(),
            Scope::Workspace => "workspace".to_owned(),
        }
    }
}

/// What is in force, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowsRow {
    /// The blob's SHA, for the workspace the SHA-256 of the text, or [`NO_FILE`].
    pub version: String,
    /// The repository that the file lies in, as it was then; `None` if the account has no `.github`, and for the workspace.
    pub repository: Option<Repository>,
    pub names: Vec<String>,
    /// The kinds of event that any of the workflows starts on.
    pub kinds: BTreeSet<EventKind>,
    /// All times of all workflows, each once.
    pub crons: Vec<String>,
    /// By which the row of the next due time is known to belong to these crons.
    pub schedule: Option<String>,
    /// Why what was read last is not in force.
    #[serde(skip)]
    pub problem: Option<String>,
    /// When the forge was asked, or the operator gave the order.
    #[serde(skip)]
    pub fetched_at: Timestamp,
}

impl WorkflowsRow {
    /// Nothing is configured.
    pub fn nothing(repository: Option<Repository>, fetched_at: Timestamp) -> Self {
        Self {
            version: NO_FILE.to_owned(),
            repository,
            names: Vec::new(),
            kinds: BTreeSet::new(),
            crons: Vec::new(),
            schedule: None,
            problem: None,
            fetched_at,
        }
    }

    fn parse(item: &Item) -> Result<Self, AwsError> {
        let row: Self = json(item, "workflows", "configuration")?;
        let fetched_at = number::<i64>(item, "fetched_at_ms").and_then(|ms| Timestamp::from_millisecond(ms).ok());
        Ok(Self { problem: text(item, "problem").map(str::to_owned), fetched_at: fetched_at.unwrap_or_default(), ..row })
    }
}

/// What an event in a repository stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    pub connection: Option<Connection>,
    /// The repository's own configuration; `None` if its file was never read.
    pub own: Option<WorkflowsRow>,
    /// The account's; `None` if it was never looked for.
    pub default: Option<WorkflowsRow>,
    /// The workspace's; `None` if the operator never put any in force.
    pub workspace: Option<WorkflowsRow>,
}

impl CoreTable {
    /// The connection and what is configured in a repository of it, strongly consistent. One call.
    pub async fn load_ground(&self, connection: &ConnectionId, repository: u64) -> Result<Ground, AwsError> {
        let scopes = [Scope::Repository(repository), Scope::Default, Scope::Workspace];
        let [own, default, workspace] = scopes.map(|scope| keys::workflows(connection, &scope.word()));
        let keys = [keys::connection(connection), own, default, workspace];
        let items = self.batch(&keys).await?;
        let find = |key: &keys::Key| items.iter().find(|item| text(item, "sk") == Some(&key.sk));
        Ok(Ground {
            connection: find(&keys[0]).map(|item| json(item, "connection", "connection")).transpose()?,
            own: find(&keys[1]).map(WorkflowsRow::parse).transpose()?,
            default: find(&keys[2]).map(WorkflowsRow::parse).transpose()?,
            workspace: find(&keys[3]).map(WorkflowsRow::parse).transpose()?,
        })
    }

    /// The text of a version, while it is kept. One call.
    pub async fn load_workflow_text(&self, connection: &ConnectionId, scope: Scope, version: &str) -> Result<Option<String>, AwsError> {
        let item = self.0.get(&keys::workflow_text(connection, &scope.word(), version)).await?;
        let Some(item) = item.filter(|item| !expired(item, Timestamp::now())) else { return Ok(None) };
        let Some(AttributeValue::B(packed)) = item.get("text") else { return Err(AwsError::unreadable("workflow text")) };
        let bytes = decompress(packed.as_ref())?;
        String::from_utf8(bytes).map(Some).map_err(|_| AwsError::unreadable("workflow text"))
    }

    /// Puts a configuration in force: its row, its text, and with `due` the row of its next time (of `row.schedule`), all or
    /// none. False if a later read was saved meanwhile. One call (a transaction).
    pub async fn save_workflows(
        &self,
        connection: &ConnectionId,
        scope: Scope,
        row: &WorkflowsRow,
        text: Option<&str>,
        due: Option<Timestamp>,
    ) -> Result<bool, AwsError> {
        let mut writes = vec![self.put(row_item(connection, scope, row)?, Some(row.fetched_at))?];
        if let Some(text) = text {
            writes.push(self.put(text_item(connection, scope, row, text), None)?);
        }
        if let (Some(due), Some(mark), Scope::Repository(id)) = (due, &row.schedule, scope) {
            writes.push(self.put(super::schedules::item(connection, id, mark, due, row.fetched_at), None)?);
        }
        let result = self.0.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        match result {
            Err(SdkError::ServiceError(context)) if is_older(context.err()) => Ok(false),
            other => other.map(|_| true).map_err(AwsError::from),
        }
    }

    /// Notes why what was read at `fetched_at` cannot be in force; what is in force stays. `nothing` is what there is if
    /// nothing ever was. False if a later read was saved meanwhile. One call.
    pub async fn note_workflow_problem(
        &self,
        connection: &ConnectionId,
        scope: Scope,
        nothing: &WorkflowsRow,
        problem: &str,
    ) -> Result<bool, AwsError> {
        let key = keys::workflows(connection, &scope.word());
        let request = self.0.client.update_item().table_name(&self.0.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request
            .update_expression("SET problem = :problem, fetched_at_ms = :at, workflows = if_not_exists(workflows, :nothing)")
            .condition_expression("attribute_not_exists(pk) OR fetched_at_ms <= :at")
            .expression_attribute_values(":problem", s(problem.chars().take(PROBLEM_CHARS).collect::<String>()))
            .expression_attribute_values(":at", n(nothing.fetched_at.as_millisecond()))
            .expression_attribute_values(":nothing", s(to_json(nothing, "configuration")?))
            .send()
            .await;
        Ok(matches!(conditional(result)?, Written::Yes(_)))
    }

    fn put(&self, item: Item, unless_later_than: Option<Timestamp>) -> Result<TransactWriteItem, AwsError> {
        let mut put = Put::builder().table_name(&self.0.name).set_item(Some(item));
        if let Some(at) = unless_later_than {
            put = put
                .condition_expression("attribute_not_exists(pk) OR fetched_at_ms <= :at")
                .expression_attribute_values(":at", n(at.as_millisecond()));
        }
        Ok(TransactWriteItem::builder().put(put.build().map_err(|e| AwsError::Permanent(e.to_string()))?).build())
    }

    async fn batch(&self, keys: &[keys::Key]) -> Result<Vec<Item>, AwsError> {
        let key = |key: &keys::Key| HashMap::from([("pk".to_owned(), s(&key.pk)), ("sk".to_owned(), s(&key.sk))]);
        let mut wanted: Vec<_> = keys.iter().map(key).collect();
        let mut items = Vec::with_capacity(keys.len());
        for _ in 0..MAX_BATCHES {
            let asked = KeysAndAttributes::builder().set_keys(Some(std::mem::take(&mut wanted))).consistent_read(true).build();
            let asked = asked.map_err(|e| AwsError::Permanent(e.to_string()))?;
            let answer = self.0.client.batch_get_item().request_items(&self.0.name, asked).send().await?;
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            wanted = answer.unprocessed_keys.unwrap_or_default().into_values().flat_map(|left| left.keys).collect();
            if wanted.is_empty() {
                return Ok(items);
            }
        }
        Err(AwsError::Throttled)
    }
}

fn row_item(connection: &ConnectionId, scope: Scope, row: &WorkflowsRow) -> Result<Item, AwsError> {
    let key = keys::workflows(connection, &scope.word());
    Ok(Item::from([
        ("pk".to_owned(), s(key.pk)),
        ("sk".to_owned(), s(key.sk)),
        ("workflows".to_owned(), s(to_json(row, "configuration")?)),
        ("fetched_at_ms".to_owned(), n(row.fetched_at.as_millisecond())),
    ]))
}

fn text_item(connection: &ConnectionId, scope: Scope, row: &WorkflowsRow, text: &str) -> Item {
    let key = keys::workflow_text(connection, &scope.word(), &row.version);
    let mut item = Item::from([
        ("pk".to_owned(), s(key.pk)),
        ("sk".to_owned(), s(key.sk)),
        ("text".to_owned(), AttributeValue::B(Blob::new(compress(text.as_bytes())))),
    ]);
    if scope != Scope::Workspace {
        item.insert("ttl".to_owned(), ttl_days(row.fetched_at, TEXT_DAYS));
    }
    item
}

/// Whether the transaction failed because a later read is saved.
fn is_older(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some("ConditionalCheckFailed"))
}
