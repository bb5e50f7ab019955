//! Gates: who is the latest run of a concurrency group that ends the one before, and when the next run of a workflow with a
//! cooldown may start. One row per gate; it names the run that holds it and the runs that have to be ended for it.
//!
//! Runs to be ended stay in the row until somebody says that they were told, so that whoever dies in between loses
//! nothing. An arrival that comes late, because its delivery was taken up again, never takes the gate from a newer one.

use super::super::{Item, Written, conditional, expired, keys, n, number, s, text};
use super::RunsTable;
use crate::error::AwsError;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::ids::{RunId, WorkspaceId};

/// A gate that nobody has passed for so long, and that holds nobody back, is forgotten.
const GATE_DAYS: i64 = 30;
/// How often a claim is tried again when others came at the same moment.
const MAX_COLLISIONS: usize = 10;

/// A run that wants to pass.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub run: &'a RunId,
    /// When its event came: the newer of two wins, whoever comes to the gate first.
    pub at: Timestamp,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateClaim {
    /// The run holds the gate. `ends` are to be ended in its favour, and then to be settled.
    Holds { not_before: Option<Timestamp>, ends: Vec<RunId> },
    /// A newer run holds it.
    Late { by: RunId },
}

/// The row as it will be.
struct Next<'a> {
    start_at: Timestamp,
    /// The holder until now, if it is to be ended.
    ends: Option<&'a str>,
    ttl: Timestamp,
}

/// What a gate is for.
#[derive(Clone, Copy)]
enum Rule {
    /// The newest ends the one before.
    Replace,
    /// So long between two starts; who waits is replaced.
    Cooldown(SignedDuration),
}

impl Rule {
    fn next(self, held: Option<Held<'_>>, now: Timestamp) -> Next<'_> {
        match self {
            Rule::Replace => Next { start_at: now, ends: held.map(|held| held.run), ttl: now + SignedDuration::from_hours(24 * GATE_DAYS) },
            Rule::Cooldown(cooldown) => {
                let (start_at, ends) = match held {
                    Some(held) if now < held.start_at => (held.start_at, Some(held.run)),
                    Some(held) if now < held.start_at + cooldown => (held.start_at + cooldown, None),
                    _ => (now, None),
                };
                Next { start_at, ends, ttl: start_at + cooldown + SignedDuration::from_hours(24) }
            }
        }
    }
}

impl RunsTable {
    /// Makes the run the latest of its group; the one before is to be ended. Claiming again answers the same. Two calls,
    /// more under contention.
    pub async fn claim_group(&self, workspace: &WorkspaceId, gate: &str, arrival: Arrival<'_>) -> Result<GateClaim, AwsError> {
        self.claim_gate(workspace, gate, arrival, Rule::Replace).await
    }

    /// Lets the run start now, or at the end of the cooldown; a run that waits for that already is to be ended. Claiming
    /// again answers the same. Two calls, more under contention.
    pub async fn claim_cooldown(
        &self,
        workspace: &WorkspaceId,
        gate: &str,
        arrival: Arrival<'_>,
        cooldown_seconds: u32,
    ) -> Result<GateClaim, AwsError> {
        let rule = Rule::Cooldown(SignedDuration::from_secs(cooldown_seconds.into()));
        self.claim_gate(workspace, gate, arrival, rule).await
    }

    /// These runs were told that they are over. One call; none without runs.
    pub async fn settle_gate(&self, workspace: &WorkspaceId, gate: &str, ended: &[RunId]) -> Result<(), AwsError> {
        if ended.is_empty() {
            return Ok(());
        }
        let key = keys::gate(workspace, gate);
        let request = self.0.client.update_item().table_name(&self.0.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request
            .update_expression("DELETE ends :ended")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":ended", AttributeValue::Ss(ended.iter().map(RunId::to_string).collect()))
            .send()
            .await;
        conditional(result).map(|_| ())
    }

    async fn claim_gate(&self, workspace: &WorkspaceId, gate: &str, arrival: Arrival<'_>, rule: Rule) -> Result<GateClaim, AwsError> {
        let key = keys::gate(workspace, gate);
        for _ in 0..MAX_COLLISIONS {
            let now = Timestamp::now();
            let row = self.0.get(&key).await?.filter(|row| !expired(row, now));
            if let Some(claim) = row.as_ref().and_then(|row| settled(row, arrival, now)) {
                return Ok(claim);
            }
            let next = rule.next(row.as_ref().and_then(Held::of), now);
            if self.write_gate(&key, row.as_ref(), arrival, &next).await? {
                let mut ends = row.as_ref().map(ends_of).unwrap_or_default();
                ends.extend(next.ends.map(|run| RunId(run.to_owned())));
                return Ok(GateClaim::Holds { not_before: Some(next.start_at).filter(|at| *at > now), ends });
            }
        }
        Err(AwsError::Conflict)
    }

    /// False if somebody else changed the row since it was read.
    async fn write_gate(&self, key: &keys::Key, row: Option<&Item>, arrival: Arrival<'_>, next: &Next<'_>) -> Result<bool, AwsError> {
        let add = if next.ends.is_some() { " ADD ends :ends" } else { "" };
        let request = self.0.client.update_item().table_name(&self.0.name).key("pk", s(&key.pk)).key("sk", s(&key.sk));
        let mut request = request
            .update_expression(format!("SET holder = :run, arrival = :arrival, start_at_ms = :start, #ttl = :ttl{add}"))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":run", s(arrival.run.as_str()))
            .expression_attribute_values(":arrival", s(keys::arrival(arrival.at, arrival.run)))
            .expression_attribute_values(":start", n(next.start_at.as_millisecond()))
            .expression_attribute_values(":ttl", n(next.ttl.as_second()));
        if let Some(run) = next.ends {
            request = request.expression_attribute_values(":ends", AttributeValue::Ss(vec![run.to_owned()]));
        }
        request = match row.and_then(|row| text(row, "arrival")) {
            Some(known) => request.condition_expression("arrival = :known").expression_attribute_values(":known", s(known)),
            // A row that has outlived its time may still lie there.
            None => request
                .condition_expression("attribute_not_exists(pk) OR #ttl <= :now")
                .expression_attribute_values(":now", n(Timestamp::now().as_second())),
        };
        Ok(matches!(conditional(request.send().await)?, Written::Yes(_)))
    }
}

/// Who holds a gate, and since when or from when on.
#[derive(Clone, Copy)]
struct Held<'a> {
    run: &'a str,
    start_at: Timestamp,
}

impl<'a> Held<'a> {
    fn of(row: &'a Item) -> Option<Self> {
        let start_at = Timestamp::from_millisecond(number(row, "start_at_ms")?).ok()?;
        Some(Self { run: text(row, "holder")?, start_at })
    }
}

/// The answer where nothing is to be written: the run holds the gate already, or a newer one does.
fn settled(row: &Item, arrival: Arrival<'_>, now: Timestamp) -> Option<GateClaim> {
    let holder = text(row, "holder")?;
    if holder == arrival.run.as_str() {
        let start_at = Held::of(row)?.start_at;
        return Some(GateClaim::Holds { not_before: Some(start_at).filter(|at| *at > now), ends: ends_of(row) });
    }
    let newer = text(row, "arrival")? > keys::arrival(arrival.at, arrival.run).as_str();
    newer.then(|| GateClaim::Late { by: RunId(holder.to_owned()) })
}

fn ends_of(row: &Item) -> Vec<RunId> {
    let ends = row.get("ends").and_then(|set| set.as_ss().ok());
    ends.into_iter().flatten().map(|run| RunId(run.clone())).collect()
}
