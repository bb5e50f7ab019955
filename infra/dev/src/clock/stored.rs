//! What a stack's tables say of its work: where runs stand and when they are due, and which deliveries are done.

use crate::stack::Stack;
use jiff::Timestamp;
use patchbay_domain::run::Run;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A run and when the reaper will look at it.
#[derive(Clone, Debug)]
pub struct StoredRun {
    pub run: Run,
    pub due_at: Option<Timestamp>,
}

impl StoredRun {
    /// Whether nothing is left to do for it.
    pub fn is_over(&self) -> bool {
        self.run.state.is_terminal() && self.run.outbox.is_empty()
    }
}

/// The runs of a stack.
///
/// # Errors
/// When the table cannot be read, or holds a run that cannot.
pub async fn stored_runs(stack: &Stack) -> anyhow::Result<Vec<StoredRun>> {
    let items = stack.aws().items(stack.table("TABLE_RUNS")?).await?;
    let mut runs = Vec::new();
    for item in &items {
        let Some(run) = stored_run(item) else { continue };
        let run: Run = serde_json::from_value(run)?;
        let due_at = item.get("due_at").and_then(|due| due["S"].as_str()?.parse().ok());
        runs.push(StoredRun { run, due_at });
    }
    Ok(runs)
}

/// The claimed deliveries by their ids, and whether each is done.
///
/// # Errors
/// When the table cannot be read.
pub async fn claims(stack: &Stack) -> anyhow::Result<BTreeMap<String, bool>> {
    let claim = |row: &Map<String, Value>| {
        let text = |name: &str| row.get(name).and_then(|value| value["S"].as_str()).unwrap_or_default();
        let delivery = text("pk").rsplit('#').next().filter(|_| text("sk") == "claim")?;
        Some((delivery.to_owned(), row.get("done").is_some_and(|done| done["BOOL"] == true)))
    };
    Ok(stack.aws().items(stack.table("TABLE_DELIVERIES")?).await?.iter().filter_map(claim).collect())
}

/// The run in a row of the runs table, if the row is a run's.
pub(super) fn stored_run(item: &Map<String, Value>) -> Option<Value> {
    serde_json::from_str(item.get("run")?["S"].as_str()?).ok()
}
