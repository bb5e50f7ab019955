//! What a file would have done with the deliveries of the past, beside what was decided about them when they came, and what
//! its agent steps would be expected to cost. Reading deliveries and runs is not here.

use super::knowledge::{Outcome, Verdict};
use crate::operations::{AgentCost, RecordedDecision, StoredCost};
use jiff::Timestamp;
use patchbay_domain::trigger::Reason;
use patchbay_domain::workflow::{Configuration, StepAction, Workflow};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A delivery of the past, decided again.
#[derive(Clone, Debug)]
pub struct Tried {
    pub delivery: String,
    pub event: String,
    pub action: Option<String>,
    pub received_at: Option<Timestamp>,
    /// What would become of it now; `None` if its payload is gone or cannot be read.
    pub now: Option<Vec<Verdict>>,
    pub then: Vec<RecordedDecision>,
    pub cost: StoredCost,
}

/// What differs, and how much.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    pub deliveries: usize,
    /// Of these, those that have no payload (any more), or one that cannot be read.
    pub without_payload: usize,
    /// In the file's order, then those that the file no longer has.
    pub workflows: Vec<Compared>,
    /// What would start now and did not, or did and would not, in the order of the deliveries.
    pub changes: Vec<Change>,
    pub stored: Stored,
}

/// One workflow over all deliveries.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub workflow: String,
    pub would_start: usize,
    pub started: usize,
    pub newly: usize,
    pub no_longer: usize,
    /// What depends on something that is not stored.
    pub open: usize,
    /// `None` if it has no agent step, or there is no past run to go by.
    pub expected_cost: Option<ExpectedCost>,
    pub has_agent: bool,
}

/// What agent steps would cost, if they cost what they did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpectedCost {
    pub total_microusd: u64,
    pub per_start_microusd: u64,
    /// How many past runs the average is of.
    pub past_runs: usize,
    /// Whether these were runs of this very workflow; else they were all there are.
    pub of_this_workflow: bool,
}

/// One delivery that a workflow would meet otherwise than it did.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    pub delivery: String,
    pub event: String,
    pub action: Option<String>,
    pub received_at: Option<Timestamp>,
    pub workflow: String,
    /// Else it no longer starts.
    pub newly: bool,
    /// What the filters say now; empty for a workflow that the file no longer has.
    #[serde(skip)]
    pub reasons: Vec<Reason>,
}

/// What keeping a delivery costs, on average and at most.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stored {
    pub rows_per_delivery: f64,
    pub bytes_per_delivery: f64,
    pub most_bytes: u64,
    pub write_units_per_delivery: f64,
}

/// Holds both decisions about every delivery beside each other. `costs` are those of past runs.
pub fn compare(configuration: &Configuration, repository: &str, tried: &[Tried], costs: &[AgentCost]) -> Comparison {
    let mut workflows: Vec<Compared> =
        configuration.workflows.iter().map(|workflow| Compared::new(&workflow.name, has_agent(workflow))).collect();
    let known: BTreeSet<String> = workflows.iter().map(|compared| compared.workflow.clone()).collect();
    let mut gone: BTreeMap<String, Compared> = BTreeMap::new();
    let mut changes = Vec::new();
    for delivery in tried {
        let Some(now) = &delivery.now else { continue };
        let started = |name: &str| delivery.then.iter().any(|then| then.source.is_some() && then.workflow == name && then.started);
        for (compared, verdict) in workflows.iter_mut().zip(now) {
            changes.extend(compared.count(delivery, &verdict.outcome, started(&verdict.workflow)));
        }
        for then in delivery.then.iter().filter(|then| then.started && is_of_the_file(then) && !known.contains(&then.workflow)) {
            let compared = gone.entry(then.workflow.clone()).or_insert_with(|| Compared::new(&then.workflow, false));
            changes.extend(compared.count(delivery, &Outcome::Skipped { reasons: Vec::new() }, true));
        }
    }
    for compared in workflows.iter_mut().filter(|compared| compared.has_agent) {
        compared.expected_cost = expected(repository, compared, costs);
    }
    workflows.extend(gone.into_values());
    Comparison {
        deliveries: tried.len(),
        without_payload: tried.iter().filter(|delivery| delivery.now.is_none()).count(),
        workflows,
        changes,
        stored: stored(tried),
    }
}

impl Compared {
    fn new(workflow: &str, has_agent: bool) -> Self {
        let workflow = workflow.to_owned();
        Self { workflow, would_start: 0, started: 0, newly: 0, no_longer: 0, open: 0, expected_cost: None, has_agent }
    }

    /// Counts one delivery; gives what changed.
    fn count(&mut self, delivery: &Tried, now: &Outcome, then: bool) -> Option<Change> {
        self.started += usize::from(then);
        let (newly, reasons) = match now {
            Outcome::Starts { reasons } => {
                self.would_start += 1;
                (true, reasons)
            }
            Outcome::Skipped { reasons } => (false, reasons),
            Outcome::Open { .. } => {
                self.open += 1;
                return None;
            }
        };
        if newly == then {
            return None;
        }
        self.newly += usize::from(newly);
        self.no_longer += usize::from(!newly);
        Some(Change {
            delivery: delivery.delivery.clone(),
            event: delivery.event.clone(),
            action: delivery.action.clone(),
            received_at: delivery.received_at,
            workflow: self.workflow.clone(),
            newly,
            reasons: reasons.clone(),
        })
    }
}

/// What an organisation's file, the workspace or Patchbay itself brings goes on whatever this file says.
fn is_of_the_file(then: &RecordedDecision) -> bool {
    then.source.as_deref() == Some("repository")
}

fn has_agent(workflow: &Workflow) -> bool {
    workflow.steps.iter().any(|step| matches!(step.action, StepAction::Agent(_)))
}

/// By the average of the workflow's own past runs in this repository, or of all runs.
fn expected(repository: &str, compared: &Compared, costs: &[AgentCost]) -> Option<ExpectedCost> {
    let own = |cost: &&AgentCost| cost.repository == repository && cost.workflow.as_ref() == Some(&compared.workflow);
    let of_own: Vec<u64> = costs.iter().filter(own).map(|cost| cost.microusd).collect();
    let of_this_workflow = !of_own.is_empty();
    let past = if of_this_workflow { of_own } else { costs.iter().map(|cost| cost.microusd).collect() };
    let per_start_microusd = past.iter().sum::<u64>().checked_div(past.len() as u64)?;
    let total_microusd = per_start_microusd * compared.would_start as u64;
    Some(ExpectedCost { total_microusd, per_start_microusd, past_runs: past.len(), of_this_workflow })
}

fn stored(tried: &[Tried]) -> Stored {
    let mean = |of: fn(&StoredCost) -> u64| match tried.len() {
        0 => 0.0,
        count => tried.iter().map(|delivery| of(&delivery.cost)).sum::<u64>() as f64 / count as f64,
    };
    Stored {
        rows_per_delivery: mean(|cost| cost.rows),
        bytes_per_delivery: mean(|cost| cost.bytes),
        most_bytes: tried.iter().map(|delivery| delivery.cost.bytes).max().unwrap_or_default(),
        write_units_per_delivery: mean(|cost| cost.write_units),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::trigger::{How, Need};
    use patchbay_domain::workflow::read;

    const FILE: &str = "workflows:\n  fix:\n    on: issues\n    steps: [agent: { prompt: x }]\n  \
                        hello:\n    on: issues\n    steps: [comment: { body: x }]\n";

    fn then(workflow: &str, started: bool, source: Option<&str>) -> RecordedDecision {
        let source = source.map(str::to_owned);
        RecordedDecision { workflow: workflow.to_owned(), started, why: String::new(), source, reasons: Vec::new() }
    }

    fn starts() -> Outcome {
        Outcome::Starts { reasons: Vec::new() }
    }

    fn skipped() -> Outcome {
        Outcome::Skipped { reasons: vec![Reason::new("types", How::NotOneOf, "edited", Some("opened"))] }
    }

    fn tried(id: &str, now: Option<[Outcome; 2]>, then: Vec<RecordedDecision>) -> Tried {
        let verdict = |(workflow, outcome): (&str, Outcome)| Verdict { workflow: workflow.to_owned(), outcome };
        let now = now.map(|outcomes| ["fix", "hello"].into_iter().zip(outcomes).map(verdict).collect());
        let cost = StoredCost { rows: 3, bytes: 1000, write_units: 7 };
        Tried { delivery: id.to_owned(), event: "issues".into(), action: None, received_at: None, now, then, cost }
    }

    fn compared(tried: &[Tried], costs: &[AgentCost]) -> Comparison {
        compare(&read(FILE).unwrap_or_else(|problems| panic!("{problems}")), "acme/hello", tried, costs)
    }

    #[test]
    fn what_changes_is_told_with_the_reasons_of_today() {
        let found = compared(
            &[
                tried("d1", Some([starts(), starts()]), vec![then("hello", true, Some("repository"))]),
                tried(
                    "d2",
                    Some([skipped(), starts()]),
                    vec![then("fix", true, Some("repository")), then("hello", true, Some("organization"))],
                ),
                tried("d3", Some([Outcome::Open { need: Need::ChangedPaths }, skipped()]), vec![then("fix", false, Some("repository"))]),
                tried("d4", None, vec![then("fix", true, None)]),
            ],
            &[],
        );
        let told: Vec<_> = found.changes.iter().map(|c| (c.delivery.as_str(), c.workflow.as_str(), c.newly, c.reasons.len())).collect();
        assert_eq!(told, [("d1", "fix", true, 0), ("d2", "fix", false, 1)]);
        let fix = &found.workflows[0];
        assert_eq!((fix.would_start, fix.started, fix.newly, fix.no_longer, fix.open), (1, 1, 1, 1, 1));
        assert_eq!((found.deliveries, found.without_payload), (4, 1));
        assert_eq!((found.stored.bytes_per_delivery, found.stored.write_units_per_delivery), (1000.0, 7.0));
    }

    #[test]
    fn a_workflow_that_the_file_no_longer_has_no_longer_starts() {
        let past = vec![then("old", true, Some("repository")), then("built-in", true, None), then("shared", true, Some("organization"))];
        let found = compared(&[tried("d1", Some([skipped(), skipped()]), past)], &[]);
        let told: Vec<_> = found.changes.iter().map(|c| (c.workflow.as_str(), c.newly)).collect();
        assert_eq!(told, [("old", false)]);
        assert_eq!(found.workflows[2].no_longer, 1);
    }

    #[test]
    fn the_expected_cost_is_that_of_the_workflows_own_runs_or_else_of_all() {
        let cost = |workflow: Option<&str>, microusd| AgentCost {
            repository: "acme/hello".into(),
            workflow: workflow.map(str::to_owned),
            microusd,
        };
        let twice = [tried("d1", Some([starts(), starts()]), vec![]), tried("d2", Some([starts(), skipped()]), vec![])];
        let of = |costs: &[AgentCost]| compared(&twice, costs).workflows[0].expected_cost.clone();
        let all = of(&[cost(None, 100), cost(Some("other"), 300)]).unwrap();
        assert_eq!((all.total_microusd, all.per_start_microusd, all.past_runs, all.of_this_workflow), (400, 200, 2, false));
        let own = of(&[cost(None, 100), cost(Some("fix"), 10)]).unwrap();
        assert_eq!((own.total_microusd, own.of_this_workflow), (20, true));
        assert_eq!(of(&[]), None, "nothing to go by is not for nothing");
        assert_eq!(compared(&twice, &[cost(None, 1)]).workflows[1].expected_cost, None, "no agent, no cost");
    }
}
