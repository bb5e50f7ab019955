//! Runs as their items in the runs table say: the list, and one run with its usage and history.
//!
//! The items' layout is the functions': `run`, `ledger` and `audit#…` below one partition key per run, `slot#…` below
//! one per workspace.

use anyhow::Context as _;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use patchbay_domain::ids::RunId;
use patchbay_domain::run::{Run, State};
use patchbay_domain::task::Usage;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A run in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    pub id: RunId,
    /// `owner/name`.
    pub repository: String,
    /// Its number; `None` for what belongs to no thread.
    pub thread: Option<u64>,
    pub title: String,
    /// The workflow's name; `None` for the built-in one.
    #[serde(default)]
    pub workflow: Option<String>,
    pub state: State,
    pub created_at: Timestamp,
    pub cost_microusd: u64,
}

/// Everything about one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunDetails {
    pub run: Run,
    pub usage: Usage,
    /// Oldest first.
    pub history: Vec<HistoryEntry>,
}

/// One line of a run's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    pub at: Timestamp,
    pub actor: String,
    pub what: String,
    pub detail: String,
}

/// A row of the table.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A run and what its ledger counted.
pub(super) struct Row {
    pub(super) run: Run,
    pub(super) usage: Usage,
}

impl From<Row> for RunSummary {
    fn from(Row { run, usage }: Row) -> Self {
        Self {
            repository: format!("{}/{}", run.repository.owner, run.repository.name),
            thread: run.thread.as_ref().map(|thread| thread.number),
            title: run.thread.map(|thread| thread.title).unwrap_or_default(),
            workflow: run.plan.map(|plan| plan.workflow.name),
            state: run.state,
            created_at: run.created_at,
            cost_microusd: usage.cost_microusd,
            id: run.id,
        }
    }
}

/// The runs among these items with what their ledgers say, newest first. One that this version cannot read is left out,
/// with a warning.
pub(super) fn rows(items: &[Item]) -> Vec<Row> {
    let ledgers: HashMap<&str, Usage> = of_kind(items, "ledger").map(|item| (text(item, "pk"), spent(item))).collect();
    let runs = of_kind(items, "run").filter_map(|item| match read_run(item) {
        Ok(run) => Some(Row { usage: ledgers.get(text(item, "pk")).copied().unwrap_or(run.usage), run }),
        Err(error) => {
            tracing::warn!("{error:#}");
            None
        }
    });
    let mut rows: Vec<Row> = runs.collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.run.created_at));
    rows
}

/// The run whose items these are; `None` if there is no run among them.
///
/// # Errors
/// If the items are there and cannot be read.
pub(super) fn details(items: &[Item]) -> anyhow::Result<Option<RunDetails>> {
    let Some(run) = of_kind(items, "run").next() else { return Ok(None) };
    let run = read_run(run)?;
    let usage = of_kind(items, "ledger").next().map_or(run.usage, spent);
    let entries = items.iter().filter(|item| text(item, "sk").starts_with("audit#"));
    let history = entries.map(|item| serde_json::from_str(text(item, "entry")).with_context(|| format!("the history of {}", run.id)));
    let mut history: Vec<HistoryEntry> = history.collect::<anyhow::Result<_>>()?;
    history.sort_by_key(|entry| entry.at);
    Ok(Some(RunDetails { run, usage, history }))
}

/// Who holds a slot and who waits for it; `None` for an item that is no slot.
pub(super) fn slot(item: &Item) -> Option<(String, usize, usize)> {
    let key = text(item, "sk").strip_prefix("slot#")?.to_owned();
    let held = item.get("holders").and_then(|set| set.as_ss().ok()).map_or(0, Vec::len);
    let waiting = item.keys().filter(|name| name.starts_with("waiter_")).count();
    Some((key, held, waiting))
}

pub(super) fn text<'a>(item: &'a Item, attribute: &str) -> &'a str {
    item.get(attribute).and_then(|value| value.as_s().ok()).map(String::as_str).unwrap_or_default()
}

fn of_kind<'a>(items: &'a [Item], kind: &'static str) -> impl Iterator<Item = &'a Item> {
    items.iter().filter(move |item| text(item, "sk") == kind)
}

fn read_run(item: &Item) -> anyhow::Result<Run> {
    serde_json::from_str(text(item, "run")).with_context(|| format!("the run in {} cannot be read", text(item, "pk")))
}

/// The ledger's sums; one that does not exist yet is zero.
fn spent(ledger: &Item) -> Usage {
    let number = |name: &str| ledger.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default();
    Usage {
        model_calls: number("model_calls"),
        input_tokens: number("input_tokens"),
        output_tokens: number("output_tokens"),
        cost_microusd: number("cost_microusd"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// A run as the functions save it.
    pub(crate) fn saved_run(id: &str, created_at: &str) -> Value {
        json!({
            "id": id, "workspace": "ws_1", "connection": "con_github_1",
            "repository": { "id": 1, "owner": "acme", "name": "hello", "default_branch": "main", "private": false },
            "thread": { "kind": "issue", "number": 7, "title": "Broken", "url": "https://github.com/acme/hello/issues/7" },
            "request": {
                "mode": "ask", "prompt": "why?", "requester": { "id": 1, "login": "ada", "kind": "person" }, "url": "https://x", "delivery": "d1", "label": null
            },
            "state": { "name": "running", "stage": "reading" }, "version": 3, "attempt": 1,
            "outbox": [{ "effect": { "name": "update_status" }, "tries": 2, "not_before": null, "place": "launch" }],
            "lease": null, "wake_at": null, "deadline_at": null, "deadline_seconds": 1800, "task": null, "result_key": null,
            "status_comment": null, "branch": null,
            "usage": { "model_calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_microusd": 5 },
            "budget_microusd": 2_000_000, "created_at": created_at, "updated_at": created_at
        })
    }

    pub(crate) fn item(pk: &str, sk: &str, attributes: &[(&str, AttributeValue)]) -> Item {
        let key = [("pk", AttributeValue::S(pk.to_owned())), ("sk", AttributeValue::S(sk.to_owned()))];
        key.into_iter().chain(attributes.iter().cloned()).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub(crate) fn run_item(id: &str, created_at: &str) -> Item {
        item(&format!("ws_1#{id}"), "run", &[("run", AttributeValue::S(saved_run(id, created_at).to_string()))])
    }

    #[test]
    fn runs_are_listed_newest_first_with_what_the_ledger_says_they_cost() {
        let number = |text: &str| AttributeValue::N(text.to_owned());
        let items = [
            run_item("run_old", "2026-11-20T10:00:00Z"),
            run_item("run_new", "2026-11-20T11:00:00Z"),
            item("ws_1#run_new", "ledger", &[("cost_microusd", number("1234")), ("model_calls", number("2"))]),
            item("ws_1#run_broken", "run", &[("run", AttributeValue::S("{}".to_owned()))]),
            item("ws_1#slots", "slot#x", &[]),
        ];
        let listed: Vec<_> =
            rows(&items).into_iter().map(RunSummary::from).map(|run| (run.id.0, run.repository, run.cost_microusd)).collect();
        assert_eq!(listed, [("run_new", 1234), ("run_old", 5)].map(|(id, cost)| (id.to_owned(), "acme/hello".to_owned(), cost)));
    }

    #[test]
    fn a_run_is_shown_with_its_history_in_order() {
        let audit = |at: &str, what: &str| {
            let entry = json!({ "at": at, "actor": "ada", "what": what, "detail": "" }).to_string();
            item("ws_1#run_1", &format!("audit#{at}#{what}"), &[("entry", AttributeValue::S(entry))])
        };
        let history = [audit("2026-11-20T10:00:02Z", "second"), audit("2026-11-20T10:00:01Z", "first")];
        assert!(details(&history).unwrap().is_none(), "a history alone is no run");
        let items = [history.as_slice(), &[run_item("run_1", "2026-11-20T10:00:00Z")]].concat();
        let details = details(&items).unwrap().unwrap();
        assert_eq!(details.history.iter().map(|entry| entry.what.as_str()).collect::<Vec<_>>(), ["first", "second"]);
        assert_eq!(details.usage.cost_microusd, 5);
    }

    #[test]
    fn a_slot_tells_how_many_hold_it_and_how_many_wait() {
        let holders = AttributeValue::Ss(vec!["run_1".to_owned(), "run_2".to_owned()]);
        let row = item("ws_1#slots", "slot#repository#1", &[("holders", holders), ("waiter_run_3", AttributeValue::N("1".to_owned()))]);
        assert_eq!(slot(&row), Some(("repository#1".to_owned(), 2, 1)));
        assert_eq!(slot(&run_item("run_1", "2026-11-20T10:00:00Z")), None);
    }
}
