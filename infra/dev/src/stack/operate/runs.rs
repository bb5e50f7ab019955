//! Runs as their items in the runs table say: the list, and one run with its usage and history.
//!
//! The items' layout is the functions': `run`, `ledger` and `audit#…` below one partition key per run.

use anyhow::Context as _;
use jiff::Timestamp;
use patchbay_domain::ids::RunId;
use patchbay_domain::run::{Run, State};
use patchbay_domain::task::Usage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::cmp::Reverse;

/// A run in the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    pub id: RunId,
    /// `owner/name`.
    pub repository: String,
    pub thread: u64,
    pub title: String,
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

/// The runs table's items, as DynamoDB's JSON.
pub(crate) struct Items(pub(super) Vec<Map<String, Value>>);

impl Items {
    /// All runs, newest first. One that this version cannot read is left out, with a warning.
    pub(super) fn summaries(&self) -> Vec<RunSummary> {
        let runs = self.0.iter().filter(|item| text(item, "sk") == "run").filter_map(|item| match Self::read_run(item) {
            Ok(run) => Some((text(item, "pk"), run)),
            Err(error) => {
                tracing::warn!("{error:#}");
                None
            }
        });
        let ledgers: std::collections::HashMap<&str, Usage> =
            self.0.iter().filter(|item| text(item, "sk") == "ledger").map(|item| (text(item, "pk"), spent(item))).collect();
        let mut summaries: Vec<RunSummary> = runs
            .map(|(pk, run)| RunSummary {
                cost_microusd: ledgers.get(pk).map_or(run.usage.cost_microusd, |usage| usage.cost_microusd),
                repository: format!("{}/{}", run.repository.owner, run.repository.name),
                thread: run.thread.number,
                title: run.thread.title,
                state: run.state,
                created_at: run.created_at,
                id: run.id,
            })
            .collect();
        summaries.sort_by_key(|run| Reverse(run.created_at));
        summaries
    }

    /// The run with this id, if there is one.
    ///
    /// # Errors
    /// If its items are there and cannot be read.
    pub(super) fn details(&self, id: &str) -> anyhow::Result<Option<RunDetails>> {
        let of_run = |item: &&Map<String, Value>| text(item, "pk").split_once('#').is_some_and(|(_, run)| run == id);
        let items: Vec<_> = self.0.iter().filter(of_run).collect();
        let Some(run) = items.iter().find(|item| text(item, "sk") == "run") else { return Ok(None) };
        let run = Self::read_run(run)?;
        let usage = items.iter().find(|item| text(item, "sk") == "ledger").map_or(run.usage, |item| spent(item));
        let entries = items.iter().filter(|item| text(item, "sk").starts_with("audit#"));
        let history = entries.map(|item| serde_json::from_str(text(item, "entry")).with_context(|| format!("the history of {id}")));
        let mut history: Vec<HistoryEntry> = history.collect::<anyhow::Result<_>>()?;
        history.sort_by_key(|entry| entry.at);
        Ok(Some(RunDetails { run, usage, history }))
    }

    /// The run that an item with the sort key `run` holds.
    pub(crate) fn read_run(item: &Map<String, Value>) -> anyhow::Result<Run> {
        serde_json::from_str(text(item, "run")).with_context(|| format!("the run in {} cannot be read", text(item, "pk")))
    }
}

/// An attribute's text; empty where there is none.
pub(crate) fn text<'a>(item: &'a Map<String, Value>, attribute: &str) -> &'a str {
    item.get(attribute).and_then(|value| value["S"].as_str()).unwrap_or_default()
}

/// The ledger's sums; one that does not exist yet is zero.
fn spent(ledger: &Map<String, Value>) -> Usage {
    let number = |name: &str| ledger.get(name).and_then(|value| value["N"].as_str()?.parse().ok()).unwrap_or_default();
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
    use serde_json::json;

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

    fn item(pk: &str, sk: &str, attributes: Value) -> Map<String, Value> {
        let mut item = attributes.as_object().unwrap().clone();
        item.insert("pk".to_owned(), json!({ "S": pk }));
        item.insert("sk".to_owned(), json!({ "S": sk }));
        item
    }

    fn run_item(id: &str, created_at: &str) -> Map<String, Value> {
        item(&format!("ws_1#{id}"), "run", json!({ "run": { "S": saved_run(id, created_at).to_string() } }))
    }

    #[test]
    fn runs_are_listed_newest_first_with_what_the_ledger_says_they_cost() {
        let items = Items(vec![
            run_item("run_old", "2026-11-20T10:00:00Z"),
            run_item("run_new", "2026-11-20T11:00:00Z"),
            item("ws_1#run_new", "ledger", json!({ "cost_microusd": { "N": "1234" }, "model_calls": { "N": "2" } })),
            item("ws_1#run_broken", "run", json!({ "run": { "S": "{}" } })),
            item("ws_1#slots", "slot#x", json!({})),
        ]);
        let listed: Vec<_> = items.summaries().into_iter().map(|run| (run.id.0, run.repository, run.thread, run.cost_microusd)).collect();
        let expected = [("run_new", 1234), ("run_old", 5)].map(|(id, cost)| (id.to_owned(), "acme/hello".to_owned(), 7, cost));
        assert_eq!(listed, expected);
    }

    #[test]
    fn a_run_is_shown_with_its_own_history_and_nobody_elses() {
        let audit = |pk: &str, at: &str, what: &str| {
            let entry = json!({ "at": at, "actor": "ada", "what": what, "detail": "" }).to_string();
            item(pk, &format!("audit#{at}#{what}"), json!({ "entry": { "S": entry } }))
        };
        let items = Items(vec![
            audit("ws_1#run_1", "2026-11-20T10:00:02Z", "second"),
            audit("ws_1#run_1", "2026-11-20T10:00:01Z", "first"),
            audit("ws_1#run_11", "2026-11-20T10:00:01Z", "other"),
            run_item("run_1", "2026-11-20T10:00:00Z"),
        ]);
        let details = items.details("run_1").unwrap().unwrap();
        assert_eq!(details.history.iter().map(|entry| entry.what.as_str()).collect::<Vec<_>>(), ["first", "second"]);
        assert_eq!(details.usage.cost_microusd, 5);
        assert!(items.details("run_11").unwrap().is_none(), "a history alone is no run");
        assert!(items.details("run").unwrap().is_none());
    }
}
