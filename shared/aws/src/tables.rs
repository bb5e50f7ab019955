//! The DynamoDB tables, one struct each, by lifetime and permission.
//!
//! `keys` holds all key text; here is what every table does alike: reading attributes, saying what a failed condition
//! met. Rows that have outlived their `ttl` are treated as gone wherever they are read: DynamoDB deletes late.

pub mod core;
pub mod deliveries;
pub(crate) mod keys;
pub mod runs;
pub mod threads;

use crate::config::AwsConfig;
use crate::error::AwsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use std::collections::HashMap;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The SDK client with a table's name.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) client: aws_sdk_dynamodb::Client,
    pub(crate) name: String,
}

impl Table {
    pub(crate) fn new(aws: &AwsConfig, name: impl Into<String>) -> Self {
        Self { client: aws.dynamodb(), name: name.into() }
    }

    /// The row, strongly consistent. One call.
    pub(crate) async fn get(&self, key: &keys::Key) -> Result<Option<Item>, AwsError> {
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        Ok(request.key("pk", s(&key.pk)).key("sk", s(&key.sk)).send().await?.item)
    }
}

pub(crate) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(crate) fn n(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// A value stored as JSON text under `name`.
pub(crate) fn json<T: DeserializeOwned>(item: &Item, name: &str, what: &str) -> Result<T, AwsError> {
    text(item, name).and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| AwsError::unreadable(what))
}

pub(crate) fn to_json(value: &impl serde::Serialize, what: &str) -> Result<String, AwsError> {
    serde_json::to_string(value).map_err(|e| AwsError::Permanent(format!("{what}: {e}")))
}

/// The `ttl` attribute for a row that lives `days` from `from` on.
pub(crate) fn ttl_days(from: Timestamp, days: i64) -> AttributeValue {
    n((from + SignedDuration::from_hours(24 * days)).as_second())
}

/// Whether the row has outlived its `ttl`.
pub(crate) fn expired(item: &Item, now: Timestamp) -> bool {
    number::<i64>(item, "ttl").is_some_and(|ttl| ttl <= now.as_second())
}

/// Different on every call: written with a conditional change, it tells a lost answer of our own from another's change
/// when the SDK's retry finds the condition no longer true.
pub(crate) fn nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// What a conditional write came to.
pub(crate) enum Written<T> {
    Yes(T),
    /// The condition did not hold; the row as it is, where the request asked for it.
    No(Item),
}

/// Separates a failed condition from failures.
pub(crate) fn conditional<T, E, R>(result: Result<T, SdkError<E, R>>) -> Result<Written<T>, AwsError>
where
    E: ConditionError,
{
    match result {
        Ok(output) => Ok(Written::Yes(output)),
        Err(SdkError::ServiceError(context)) if context.err().failed_condition().is_some() => {
            let item = context.err().failed_condition().and_then(|failed| failed.item.clone());
            Ok(Written::No(item.unwrap_or_default()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Errors of the three conditional writes.
pub(crate) trait ConditionError: ProvideErrorMetadata {
    fn failed_condition(&self) -> Option<&ConditionalCheckFailedException>;
}

macro_rules! condition_error {
    ($($error:ty),*) => {$(
        impl ConditionError for $error {
            fn failed_condition(&self) -> Option<&ConditionalCheckFailedException> {
                match self {
                    Self::ConditionalCheckFailedException(failed) => Some(failed),
                    _ => None,
                }
            }
        }
    )*};
}
condition_error!(PutItemError, UpdateItemError, DeleteItemError);
