//! What `top` shows: queues, runs by state, slots, spend, and the runs at work.

use super::Operations;
use super::queues::QueueView;
use super::records::{Row, RunSummary, slot};
use jiff::Timestamp;
use patchbay_domain::ids::WorkspaceId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One moment of a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    pub at: Timestamp,
    pub queues: Vec<QueueView>,
    /// How many runs are in each state: all that are at work, and those of today (UTC) that are over.
    pub runs: BTreeMap<String, u64>,
    /// Slots that somebody holds or waits for.
    pub slots: Vec<SlotView>,
    /// What the model calls of today's runs cost so far, in millionths of a dollar.
    pub spend_today_microusd: u64,
    pub runs_today: u64,
    /// The runs that are not over, newest first.
    pub live: Vec<RunSummary>,
}

/// A limit on runs at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotView {
    pub workspace: WorkspaceId,
    /// `workspace`, `repository#<id>` or `thread#<repository>#<number>`.
    pub slot: String,
    pub held: u64,
    pub waiting: u64,
}

impl Operations {
    /// The deployment now. Some ten calls, one for every fifty of today's runs, and one per workspace that had one.
    ///
    /// # Errors
    /// If anything of it cannot be read.
    pub async fn overview(&self) -> anyhow::Result<Overview> {
        let queues = self.queues().await?;
        let rows = self.rows(1).await?;
        let workspaces: BTreeSet<_> = rows.iter().map(|row| row.run.workspace.clone()).collect();
        let mut slots = Vec::new();
        for workspace in workspaces {
            let found = self.partition(&format!("{workspace}#slots")).await?;
            slots.extend(found.iter().filter_map(slot).map(|(slot, held, waiting)| SlotView {
                workspace: workspace.clone(),
                slot,
                held: held as u64,
                waiting: waiting as u64,
            }));
        }
        slots.retain(|slot| slot.held + slot.waiting > 0);
        Ok(summed_up(Timestamp::now(), queues, slots, rows))
    }
}

fn summed_up(at: Timestamp, queues: Vec<QueueView>, slots: Vec<SlotView>, rows: Vec<Row>) -> Overview {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let today = day(at);
    let (mut runs, mut spend_today_microusd, mut runs_today) = (BTreeMap::new(), 0, 0);
    for row in &rows {
        *runs.entry(row.run.state.name().to_owned()).or_default() += 1;
        if day(row.run.created_at) == today {
            runs_today += 1;
            spend_today_microusd += row.usage.cost_microusd;
        }
    }
    let live = rows.into_iter().filter(|row| !row.run.state.is_terminal()).map(RunSummary::from).collect();
    Overview { at, queues, runs, slots, spend_today_microusd, runs_today, live }
}

#[cfg(test)]
mod tests {
    use super::super::records::{self, tests::run_item};
    use super::*;

    #[test]
    fn only_todays_runs_count_as_todays_spend_and_every_living_run_is_shown() {
        let rows = records::rows(&[run_item("run_new", "2026-11-20T11:00:00Z"), run_item("run_old", "2026-11-19T23:59:59Z")]);
        let overview = summed_up("2026-11-20T12:00:00Z".parse().unwrap(), Vec::new(), Vec::new(), rows);
        assert_eq!((overview.runs_today, overview.spend_today_microusd), (1, 5));
        assert_eq!(overview.runs, BTreeMap::from([("running".to_owned(), 2)]));
        assert_eq!(overview.live.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["run_new", "run_old"]);
    }
}
