//! The time of a stack, which can be made to pass: instead of waiting, everything that is stored with a time is moved
//! that much into the past.
//!
//! Leases, due times, visibility timeouts and schedules keep their deployed lengths and their relations to each other; only
//! the waiting between them is left out. It is for moments at which nothing is at work. `next` says what comes next in a
//! stack, `stored` what its tables say. Sweeps and chaos runs pass their time with it.

mod next;
mod stored;

pub use next::Next;
pub use stored::{StoredRun, claims, stored_runs};

use crate::stack::Stack;
use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use stored::stored_run;

/// A stack's clock.
#[derive(Default)]
pub struct Clock {
    passed: Mutex<Duration>,
}

impl Clock {
    /// What a clock on the wall would show if all the time had really passed.
    pub fn now(&self) -> Timestamp {
        Timestamp::now() + self.passed()
    }

    /// How much time was left out.
    pub fn passed(&self) -> Duration {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the next minute that is a multiple of `minutes`: when a schedule ticks.
    fn until_minute(&self, minutes: i64, not_before: Duration) -> Duration {
        let from = self.now() + not_before;
        let step = minutes * 60;
        let next = (from.as_second() / step + 1) * step;
        Duration::try_from(SignedDuration::from_secs(next - self.now().as_second())).unwrap_or_default()
    }

    /// Lets time pass for queues, runs, claims of deliveries, and the forge's log.
    ///
    /// # Errors
    /// When the stack's stores fail.
    pub async fn pass(&self, stack: &Stack, by: Duration) -> anyhow::Result<()> {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner) += by;
        stack.aws().change_items(stack.table("TABLE_RUNS")?, |item| earlier_run(item, by)).await?;
        stack.aws().change_items(stack.table("TABLE_DELIVERIES")?, |item| earlier_claim(item, by)).await?;
        stack.forge().local().context("time passes only with the local GitHub")?.pass_time(by);
        // Last: it wakes the pollers.
        stack.aws().pass_time_for_queues(by)?;
        Ok(())
    }
}

/// A run's row this much earlier: its due time, and every time in the run itself.
fn earlier_run(item: &Map<String, Value>, by: Duration) -> Option<Map<String, Value>> {
    let mut run = stored_run(item)?;
    move_times(&mut run, by);
    let mut item = item.clone();
    item.insert("run".to_owned(), json!({ "S": run.to_string() }));
    if let Some(due) = item.get("due_at").and_then(|due| due["S"].as_str()?.parse::<Timestamp>().ok()) {
        item.insert("due_at".to_owned(), json!({ "S": (due - by).strftime("%Y-%m-%dT%H:%M:%SZ").to_string() }));
    }
    Some(item)
}

/// A delivery's claim this much earlier.
fn earlier_claim(item: &Map<String, Value>, by: Duration) -> Option<Map<String, Value>> {
    let until: i64 = item.get("lease_until")?["N"].as_str()?.parse().ok()?;
    let earlier = until.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
    let mut item = item.clone();
    item.insert("lease_until".to_owned(), json!({ "N": earlier.to_string() }));
    Some(item)
}

/// Every text that is a time.
fn move_times(value: &mut Value, by: Duration) {
    match value {
        Value::String(text) => {
            if let Ok(at) = text.parse::<Timestamp>() {
                *text = (at - by).to_string();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| move_times(value, by)),
        Value::Object(members) => members.values_mut().for_each(|value| move_times(value, by)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn every_time_of_a_run_moves_and_nothing_else() {
        let run = json!({ "id": "run_1", "lease": { "until": "2026-01-01T00:10:00.5Z" }, "outbox": [{ "not_before": "2026-01-01T00:05:00Z", "tries": 2 }] });
        let before = item(
            json!({ "pk": { "S": "ws#run_1" }, "sk": { "S": "run" }, "run": { "S": run.to_string() }, "version": { "N": "3" }, "due_at": { "S": "2026-01-01T00:06:00Z" } }),
        );
        let after = earlier_run(&before, Duration::from_secs(90)).unwrap();
        let moved: Value = serde_json::from_str(after["run"]["S"].as_str().unwrap()).unwrap();
        let expected = json!({ "id": "run_1", "lease": { "until": "2026-01-01T00:08:30.5Z" }, "outbox": [{ "not_before": "2026-01-01T00:03:30Z", "tries": 2 }] });
        assert_eq!(moved, expected);
        assert_eq!(after["due_at"]["S"], "2026-01-01T00:04:30Z");
        assert_eq!((&after["pk"], &after["version"]), (&before["pk"], &before["version"]));
        assert_eq!(earlier_run(&item(json!({ "sk": { "S": "ledger" } })), Duration::from_secs(1)), None);
    }

    #[test]
    fn a_claim_moves() {
        let after =
            earlier_claim(&item(json!({ "lease_until": { "N": "100000" }, "done": { "BOOL": false } })), Duration::from_secs(90)).unwrap();
        assert_eq!(after["lease_until"]["N"], "10000");
        assert_eq!(earlier_claim(&item(json!({ "event": { "S": "push" } })), Duration::from_secs(90)), None);
    }

    #[test]
    fn schedules_tick_on_their_minutes() {
        let clock = Clock::default();
        let tick = clock.now() + clock.until_minute(5, Duration::from_secs(60));
        assert_eq!(tick.as_second() / 60 % 5, 0);
        assert!(tick > clock.now() + Duration::from_secs(60));
    }
}
