//! The runs of a stack, read from its table for the sweep: where they stand, and when they are due.

use super::clock::table;
use crate::stack::Stack;
use jiff::Timestamp;
use patchbay_domain::run::Run;
use serde_json::{Map, Value};

/// A run and when the reaper will look at it.
#[derive(Clone, Debug)]
pub(super) struct StoredRun {
    pub(super) run: Run,
    pub(super) due_at: Option<Timestamp>,
}

impl StoredRun {
    /// Whether nothing is left to do for it.
    pub(super) fn is_over(&self) -> bool {
        self.run.state.is_terminal() && self.run.outbox.is_empty()
    }
}

/// The runs of one owner's repositories.
///
/// # Errors
/// When the table cannot be read, or holds a run that cannot.
pub(super) async fn runs_of(stack: &Stack, owner: &str) -> anyhow::Result<Vec<StoredRun>> {
    let items = stack.aws().items(&table(stack, "TABLE_RUNS")?).await?;
    let mut runs = Vec::new();
    for item in &items {
        let Some(run) = stored_run(item) else { continue };
        let run: Run = serde_json::from_value(run)?;
        if run.repository.owner == owner {
            let due_at = item.get("due_at").and_then(|due| due["S"].as_str()?.parse().ok());
            runs.push(StoredRun { run, due_at });
        }
    }
    Ok(runs)
}

/// The run in a row of the runs table, if the row is a run's.
pub(super) fn stored_run(item: &Map<String, Value>) -> Option<Value> {
    serde_json::from_str(item.get("run")?["S"].as_str()?).ok()
}
