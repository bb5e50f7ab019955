//! Finding runs: those of the last days and those at work through the table's sparse indexes, one by its id.

use super::Operations;
use super::records::{self, Item, Row, RunDetails, RunSummary, text};
use anyhow::bail;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeSet, HashMap};

/// What one BatchGetItem may ask for.
const BATCH: usize = 100;
/// The table forgets a run so many days after it ended.
const DAYS_KEPT: u16 = 92;

impl Operations {
    /// The runs of the last `days` days (UTC, today is the first), and those that are at work whatever their age; newest
    /// first. Two calls and one per day, and one for every fifty runs.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn runs(&self, days: u16) -> anyhow::Result<Vec<RunSummary>> {
        Ok(self.rows(days).await?.into_iter().map(RunSummary::from).collect())
    }

    pub(super) async fn rows(&self, days: u16) -> anyhow::Result<Vec<Row>> {
        let mut keys = self.active_keys().await?;
        for day in last_days(Timestamp::now(), days) {
            keys.extend(self.keys_of_day(&day).await?);
        }
        let keys: Vec<String> = keys.into_iter().collect();
        let mut items = Vec::new();
        for some in keys.chunks(BATCH / 2) {
            items.extend(self.read(some).await?);
        }
        Ok(records::rows(&items))
    }

    /// One run with its usage and history.
    ///
    /// # Errors
    /// If there is no such run, or the table cannot be read.
    pub async fn run(&self, id: &str) -> anyhow::Result<RunDetails> {
        let not_there = || anyhow::anyhow!("there is no run {id} in {}; `patchbay runs` lists those there are", self.place);
        let key = self.key_of(id).await?.ok_or_else(not_there)?;
        records::details(&self.partition(&key).await?)?.ok_or_else(not_there)
    }

    /// The partition key of a run: its workspace is not part of its id, so the indexes are searched, newest first.
    async fn key_of(&self, id: &str) -> anyhow::Result<Option<String>> {
        if !id.starts_with("run_") || id.contains('#') {
            bail!("{id} is no run's id; `patchbay runs` lists those there are");
        }
        let found = |keys: BTreeSet<String>| keys.into_iter().find(|key| key.split_once('#').is_some_and(|(_, run)| run == id));
        if let Some(key) = found(self.active_keys().await?) {
            return Ok(Some(key));
        }
        for day in last_days(Timestamp::now(), DAYS_KEPT) {
            if let Some(key) = found(self.keys_of_day(&day).await?) {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// The keys of all runs that are not over. The index holds no others.
    async fn active_keys(&self) -> anyhow::Result<BTreeSet<String>> {
        let request = self.dynamodb.scan().table_name(self.resources.get("RunsTable")?).index_name("active");
        let mut pages = request.into_paginator().items().send();
        let mut keys = BTreeSet::new();
        while let Some(item) = pages.next().await {
            keys.insert(text(&item.map_err(|error| self.said("dynamodb:Scan", error))?, "pk").to_owned());
        }
        Ok(keys)
    }

    async fn keys_of_day(&self, day: &str) -> anyhow::Result<BTreeSet<String>> {
        let request = self.dynamodb.query().table_name(self.resources.get("RunsTable")?).index_name("by_day");
        let request = request.key_condition_expression("created_day = :day").expression_attribute_values(":day", s(day));
        let mut pages = request.into_paginator().items().send();
        let mut keys = BTreeSet::new();
        while let Some(item) = pages.next().await {
            keys.insert(text(&item.map_err(|error| self.said("dynamodb:Query", error))?, "pk").to_owned());
        }
        Ok(keys)
    }

    /// Everything below one partition key.
    pub(super) async fn partition(&self, key: &str) -> anyhow::Result<Vec<Item>> {
        let request = self.dynamodb.query().table_name(self.resources.get("RunsTable")?).consistent_read(true);
        let request = request.key_condition_expression("pk = :pk").expression_attribute_values(":pk", s(key));
        let mut pages = request.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| self.said("dynamodb:Query", error))?);
        }
        Ok(items)
    }

    /// The runs and ledgers of these partitions. DynamoDB may leave some for another call.
    async fn read(&self, keys: &[String]) -> anyhow::Result<Vec<Item>> {
        let table = self.resources.get("RunsTable")?;
        let key = |pk: &String, sk: &str| HashMap::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))]);
        let keys: Vec<_> = keys.iter().flat_map(|pk| [key(pk, "run"), key(pk, "ledger")]).collect();
        let mut items = Vec::new();
        let mut wanted = (!keys.is_empty()).then(|| KeysAndAttributes::builder().set_keys(Some(keys)).build()).transpose()?;
        while let Some(some) = wanted.take() {
            let answer = self.dynamodb.batch_get_item().request_items(table, some).send().await;
            let mut answer = answer.map_err(|error| self.said("dynamodb:BatchGetItem", error))?;
            items.extend(answer.responses.take().unwrap_or_default().into_values().flatten());
            wanted = answer.unprocessed_keys.unwrap_or_default().into_values().next().filter(|left| !left.keys().is_empty());
        }
        Ok(items)
    }
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// Today and the days before it (UTC), as the index of days names them.
fn last_days(now: Timestamp, days: u16) -> impl Iterator<Item = String> {
    (0..i64::from(days)).map(move |ago| (now - SignedDuration::from_hours(24 * ago)).strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_days_begin_with_today() {
        let days: Vec<_> = last_days("2026-03-01T00:30:00Z".parse().unwrap(), 3).collect();
        assert_eq!(days, ["2026-03-01", "2026-02-28", "2026-02-27"]);
    }
}
