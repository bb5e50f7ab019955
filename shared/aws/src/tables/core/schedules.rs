//! When schedules are due: one row per repository that has any, sorted by the time that comes next, so that finding what is
//! due is one query per shard, however many there are. Which times follow is the reaper's to say.
//!
//! A row belongs to a configuration by its mark. Whoever changes the configuration writes a new row and leaves the old one,
//! which is dropped when it is due.

use super::super::{Item, Written, conditional, keys, n, number, s, text};
use super::CoreTable;
use crate::error::AwsError;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use jiff::Timestamp;
use patchbay_domain::ids::ConnectionId;

/// A schedule whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSchedule {
    pub connection: ConnectionId,
    pub repository: u64,
    /// Of the configuration (`WorkflowsRow::schedule`) that it was written for.
    pub mark: String,
    /// Every time up to this one has been seen to.
    pub since: Timestamp,
    key: (String, String),
}

impl CoreTable {
    /// The schedules of one shard (0 to `SCHEDULE_SHARDS` - 1) that are due, the longest due first, at most `limit`. One call.
    pub async fn due_schedules(&self, shard: u8, now: Timestamp, limit: i32) -> Result<Vec<DueSchedule>, AwsError> {
        let request = self.0.client.query().table_name(&self.0.name).consistent_read(true).limit(limit);
        let output = request
            .key_condition_expression("pk = :shard AND sk < :now")
            .expression_attribute_values(":shard", s(keys::schedule_pk(shard)))
            // `$` sorts behind the `#` that follows the time in a key.
            .expression_attribute_values(":now", s(format!("{}$", keys::seconds(now))))
            .send()
            .await?;
        output.items().iter().map(|item| parse(item).ok_or_else(|| AwsError::unreadable("schedule"))).collect()
    }

    /// Puts the schedule off until `next`, everything up to `since` being seen to; without `next` it is dropped. False if
    /// somebody else was faster. One call.
    pub async fn move_schedule(&self, due: &DueSchedule, next: Option<Timestamp>, since: Timestamp) -> Result<bool, AwsError> {
        let (pk, sk) = due.key.clone();
        let Some(next) = next else {
            let request = self.0.client.delete_item().table_name(&self.0.name).key("pk", s(pk)).key("sk", s(sk));
            let result = request.condition_expression("attribute_exists(pk)").send().await;
            return Ok(matches!(conditional(result)?, Written::Yes(_)));
        };
        let delete = Delete::builder().table_name(&self.0.name).key("pk", s(pk)).key("sk", s(sk));
        let delete = delete.condition_expression("mark = :mark").expression_attribute_values(":mark", s(&due.mark)).build();
        let put = Put::builder().table_name(&self.0.name);
        let put = put.set_item(Some(item(&due.connection, due.repository, &due.mark, next, since))).build();
        let permanent = |e: aws_sdk_dynamodb::error::BuildError| AwsError::Permanent(e.to_string());
        let writes = vec![
            TransactWriteItem::builder().delete(delete.map_err(permanent)?).build(),
            TransactWriteItem::builder().put(put.map_err(permanent)?).build(),
        ];
        match self.0.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Err(SdkError::ServiceError(context)) if matches!(context.err(), TransactWriteItemsError::TransactionCanceledException(_)) => {
                Ok(false)
            }
            other => other.map(|_| true).map_err(AwsError::from),
        }
    }
}

pub(super) fn item(connection: &ConnectionId, repository: u64, mark: &str, due: Timestamp, since: Timestamp) -> Item {
    let key = keys::schedule(connection, repository, due);
    Item::from([
        ("pk".to_owned(), s(key.pk)),
        ("sk".to_owned(), s(key.sk)),
        ("connection".to_owned(), s(connection.as_str())),
        ("repository_id".to_owned(), n(repository)),
        ("mark".to_owned(), s(mark)),
        ("since_ms".to_owned(), n(since.as_millisecond())),
    ])
}

fn parse(item: &Item) -> Option<DueSchedule> {
    Some(DueSchedule {
        connection: ConnectionId(text(item, "connection")?.to_owned()),
        repository: number(item, "repository_id")?,
        mark: text(item, "mark")?.to_owned(),
        since: Timestamp::from_millisecond(number(item, "since_ms")?).ok()?,
        key: (text(item, "pk")?.to_owned(), text(item, "sk")?.to_owned()),
    })
}
