//! Capacity: a slot is a row that holds the ids of the runs in it, never a counter, so that nothing is ever counted twice
//! or lost (R20). Who finds it full is noted as waiting, and whoever leaves is told whom to wake.

use super::{Item, RunsTable, Written, conditional, keys, n, number, s, ttl_days};
use crate::error::AwsError;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem, Update};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use patchbay_domain::ids::{RunId, WorkspaceId};
use patchbay_domain::run::SlotScope;
use std::time::Duration;

/// Attributes that name a waiting run: this and the run's id; the value is since when.
const WAITER: &str = "waiter_";
/// Rows of threads that nobody uses any more go away by themselves.
const SLOT_DAYS: i64 = 30;
/// How often a claim is tried again when other claims were under way at the same moment.
const MAX_COLLISIONS: u32 = 10;
/// How often a claim is tried again when the slot was freed before we could wait for it.
const MAX_MISSED: u32 = 3;
/// Waiters named beyond the free places, because some may not want the place any more.
const SPARE_WAITERS: usize = 5;

/// A limit on how many runs work at once, somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub scope: SlotScope,
    /// What the limit is for, unique within the workspace: `repository#12`.
    pub key: String,
    pub capacity: u32,
}

/// What claiming came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotClaim {
    /// The run holds a place in every slot.
    Claimed,
    /// The first of the slots that is full; the run holds no place and waits for this one.
    Busy(SlotScope),
}

/// One try.
enum Try {
    Claimed,
    /// The index of the first full slot.
    Full(usize),
    Collided,
}

impl RunsTable {
    /// Takes a place in all slots, or in none; a run that has its places keeps them. When a slot is full, the run is noted
    /// as waiting there. One call (a transaction), two when a slot is full, more under contention.
    pub async fn claim_slots(&self, workspace: &WorkspaceId, run: &RunId, slots: &[Slot]) -> Result<SlotClaim, AwsError> {
        let (mut collisions, mut missed) = (0, 0);
        loop {
            match self.try_claim(workspace, run, slots).await? {
                Try::Claimed => return Ok(SlotClaim::Claimed),
                Try::Full(index) => {
                    let Some(slot) = slots.get(index) else { return Err(AwsError::unreadable("cancellation")) };
                    if self.wait_for(workspace, run, slot).await? || missed == MAX_MISSED {
                        return Ok(SlotClaim::Busy(slot.scope));
                    }
                    missed += 1;
                }
                Try::Collided if collisions == MAX_COLLISIONS => return Err(AwsError::Throttled),
                Try::Collided => {
                    collisions += 1;
                    tokio::time::sleep(jittered(collisions)).await;
                }
            }
        }
    }

    /// Gives the run's places back and ends its waiting. Answers who waits, longest first: for each slot as many as now
    /// have a place, and a few more. Releasing again changes nothing and answers the same. One call per slot.
    pub async fn release_slots(&self, workspace: &WorkspaceId, run: &RunId, slots: &[Slot]) -> Result<Vec<RunId>, AwsError> {
        let released = try_join_all(slots.iter().map(|slot| self.release(workspace, run, slot))).await?;
        let mut waiting: Vec<(i64, RunId)> = released.into_iter().flatten().collect();
        waiting.sort();
        let mut runs: Vec<RunId> = Vec::with_capacity(waiting.len());
        for (_, run) in waiting {
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// The runs that hold a place in the slot. One call.
    pub async fn slot_holders(&self, workspace: &WorkspaceId, key: &str) -> Result<Vec<RunId>, AwsError> {
        let item = self.0.get(&keys::slot(workspace, key)).await?.unwrap_or_default();
        Ok(holders(&item).iter().map(|run| RunId(run.clone())).collect())
    }

    async fn try_claim(&self, workspace: &WorkspaceId, run: &RunId, slots: &[Slot]) -> Result<Try, AwsError> {
        let now = Timestamp::now();
        let writes = slots.iter().map(|slot| self.claim_update(workspace, run, slot, now)).collect::<Result<Vec<_>, _>>()?;
        let error = match self.0.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => return Ok(Try::Claimed),
            Err(error) => error,
        };
        match &error {
            SdkError::ServiceError(context) => match context.err() {
                TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                    let codes: Vec<&str> =
                        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default()).collect();
                    if codes.iter().any(|code| matches!(*code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded"))
                    {
                        return Ok(Try::Collided);
                    }
                    let full = codes.iter().position(|code| *code == "ConditionalCheckFailed");
                    full.map(Try::Full).ok_or_else(|| AwsError::Permanent(format!("slot transaction cancelled: {codes:?}")))
                }
                _ => Err(error.into()),
            },
            _ => Err(error.into()),
        }
    }

    fn claim_update(&self, workspace: &WorkspaceId, run: &RunId, slot: &Slot, now: Timestamp) -> Result<TransactWriteItem, AwsError> {
        let key = keys::slot(workspace, &slot.key);
        let update = Update::builder()
            .table_name(&self.0.name)
            .key("pk", s(key.pk))
            .key("sk", s(key.sk))
            .update_expression("ADD holders :runs SET #ttl = :ttl REMOVE #waiter")
            .condition_expression("attribute_not_exists(holders) OR size(holders) < :capacity OR contains(holders, :run)")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#waiter", waiter(run))
            .expression_attribute_values(":runs", AttributeValue::Ss(vec![run.to_string()]))
            .expression_attribute_values(":run", s(run.as_str()))
            .expression_attribute_values(":capacity", n(slot.capacity))
            .expression_attribute_values(":ttl", ttl_days(now, SLOT_DAYS))
            .build()
            .map_err(|e| AwsError::Permanent(e.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Notes the run as waiting; false if the slot has a place by now, so that no release in between goes unseen. A run
    /// that waits already keeps its turn.
    async fn wait_for(&self, workspace: &WorkspaceId, run: &RunId, slot: &Slot) -> Result<bool, AwsError> {
        let key = keys::slot(workspace, &slot.key);
        let request = self.0.client.update_item().table_name(&self.0.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request
            .update_expression("SET #waiter = if_not_exists(#waiter, :now)")
            .condition_expression("size(holders) >= :capacity AND NOT contains(holders, :run)")
            .expression_attribute_names("#waiter", waiter(run))
            .expression_attribute_values(":now", n(Timestamp::now().as_microsecond()))
            .expression_attribute_values(":run", s(run.as_str()))
            .expression_attribute_values(":capacity", n(slot.capacity))
            .send()
            .await;
        Ok(matches!(conditional(result)?, Written::Yes(_)))
    }

    async fn release(&self, workspace: &WorkspaceId, run: &RunId, slot: &Slot) -> Result<Vec<(i64, RunId)>, AwsError> {
        let key = keys::slot(workspace, &slot.key);
        let request = self.0.client.update_item().table_name(&self.0.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request
            .update_expression("DELETE holders :runs REMOVE #waiter")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#waiter", waiter(run))
            .expression_attribute_values(":runs", AttributeValue::Ss(vec![run.to_string()]))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match conditional(result)? {
            Written::Yes(output) => Ok(waiters(&output.attributes.unwrap_or_default(), slot.capacity)),
            Written::No(_) => Ok(Vec::new()),
        }
    }
}

fn waiter(run: &RunId) -> String {
    format!("{WAITER}{run}")
}

fn holders(item: &Item) -> &[String] {
    item.get("holders").and_then(|set| set.as_ss().ok()).map_or(&[], Vec::as_slice)
}

/// Who waits in the row, longest first: as many as there are free places, and a few more; nobody while it is full.
fn waiters(item: &Item, capacity: u32) -> Vec<(i64, RunId)> {
    let free = (capacity as usize).saturating_sub(holders(item).len());
    if free == 0 {
        return Vec::new();
    }
    let names = item.keys().filter_map(|name| Some((name, name.strip_prefix(WAITER)?)));
    let mut waiting: Vec<(i64, RunId)> = names.filter_map(|(name, run)| Some((number(item, name)?, RunId(run.to_owned())))).collect();
    waiting.sort();
    waiting.truncate(free + SPARE_WAITERS);
    waiting
}

/// Grows with every collision, and differs between those who collided.
fn jittered(collisions: u32) -> Duration {
    let most = 10_u64 << collisions.min(5);
    let random = uuid::Uuid::new_v4().as_u64_pair().0;
    Duration::from_millis(5 + random % most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_slot_wakes_nobody_and_a_free_one_the_longest_waiting() {
        let mut item = Item::from([("holders".to_owned(), AttributeValue::Ss(vec!["run_a".into()]))]);
        for index in 0..10 {
            item.insert(format!("{WAITER}run_{index}"), n(100 - index));
        }
        assert_eq!(waiters(&item, 1), []);
        let woken = waiters(&item, 2);
        assert_eq!(woken.len(), 1 + SPARE_WAITERS);
        assert_eq!(woken[0], (91, RunId("run_9".into())));
    }
}
