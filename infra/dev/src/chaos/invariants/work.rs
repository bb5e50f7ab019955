//! I1, I4, I5 and I7: deliveries, runs with their slots and due times, tasks, queues.

use super::{Invariant, Rules, Violation};
use crate::chaos::evidence::{Evidence, RunEvidence, TaskEvidence};
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::run::{Effect, Run};
use std::collections::{BTreeMap, BTreeSet};

/// How long after its deadline a run may still be ended by the next sweep.
const SWEEP: SignedDuration = SignedDuration::from_secs(120);
/// How long a task may outlive its run.
const ORPHAN: SignedDuration = SignedDuration::from_secs(600);

pub(super) fn judge(evidence: &Evidence, rules: &Rules, now: Timestamp, found: &mut Vec<Violation>) {
    let mut note = |invariant, what: String| found.push(Violation { invariant, what });
    deliveries(evidence, rules, &mut note);
    for row in &evidence.runs {
        run(row, rules, now, &mut note);
    }
    one_run_per_delivery(evidence, &mut note);
    slots(evidence, rules, &mut note);
    tasks(evidence, rules, now, &mut note);
    if rules.at_rest {
        for (queue, depth) in evidence.queues.iter().filter(|(_, depth)| depth.total() > 0) {
            note(Invariant::I4, format!("{queue} still holds messages: {depth:?}"));
        }
    }
    if !rules.dead_letters {
        for (queue, depth) in evidence.dead_letters.iter().filter(|(_, depth)| depth.total() > 0) {
            note(Invariant::I4, format!("{queue} holds {} given-up messages", depth.total()));
        }
    }
}

fn deliveries(evidence: &Evidence, rules: &Rules, note: &mut impl FnMut(Invariant, String)) {
    if !rules.at_rest || rules.dead_letters {
        return;
    }
    let mut names = BTreeMap::new();
    for attempt in &evidence.deliveries {
        let taken = attempt.status_code.is_some_and(|status| (200..300).contains(&status));
        let known = names.entry(&attempt.guid).or_insert((attempt.event.as_str(), attempt.action.as_deref(), false));
        known.2 |= taken;
    }
    for (guid, (event, action, acknowledged)) in names {
        let done = evidence.claims.get(guid);
        if done != Some(&true) {
            let how = if acknowledged { "was acknowledged" } else { "was never taken, nor recovered" };
            let claim = if done.is_some() { "its claim is not done" } else { "nothing knows it" };
            note(Invariant::I1, format!("delivery {guid} ({event} {}) {how}, and {claim}", action.unwrap_or_default()));
        }
    }
}

fn run(row: &RunEvidence, rules: &Rules, now: Timestamp, note: &mut impl FnMut(Invariant, String)) {
    let run = &row.run;
    let id = &run.id;
    let state = run.state.name();
    if !row.partition.starts_with(&format!("{}#", run.workspace)) {
        note(Invariant::I7, format!("{id} of {} lies in {}", run.workspace, row.partition));
    }
    if run.due_at().is_some() != row.indexed {
        let how = if row.indexed { "is still" } else { "is not" };
        note(Invariant::I4, format!("{id} ({state}) {how} in the reaper's index"));
    }
    if run.deadline_at.is_some_and(|at| at + SWEEP < now) && !run.state.is_terminal() {
        note(Invariant::I4, format!("{id} is {state} long after its deadline"));
    }
    if !rules.at_rest {
        return;
    }
    if !run.state.is_terminal() {
        note(Invariant::I4, format!("{id} is {state} for good"));
    }
    if !run.outbox.is_empty() {
        let waiting: Vec<String> = run.outbox.iter().map(|p| format!("{} (tries {})", p.effect.name(), p.tries)).collect();
        note(Invariant::I4, format!("{id} ({state}) never did {}", waiting.join(", ")));
    }
}

/// One for each workflow that started.
fn one_run_per_delivery(evidence: &Evidence, note: &mut impl FnMut(Invariant, String)) {
    let mut seen = BTreeMap::new();
    for Run { id, request, plan, .. } in evidence.runs.iter().map(|row| &row.run) {
        let workflow = plan.as_ref().map(|plan| (plan.workflow.source, &plan.workflow.name));
        if let Some(other) = seen.insert((&request.delivery.0, workflow), id) {
            note(Invariant::I2, format!("delivery {} started {other} and {id}", request.delivery));
        }
    }
}

fn slots(evidence: &Evidence, rules: &Rules, note: &mut impl FnMut(Invariant, String)) {
    for (slot, holders) in &evidence.slots {
        if slot.starts_with("thread#") && holders.len() > 1 {
            note(Invariant::I2, format!("slot {slot} is held by {} runs at once", holders.len()));
        }
        for holder in holders {
            let leaked = match evidence.run(holder) {
                None => true,
                Some(run) => run.state.is_terminal() && (rules.at_rest || !run.has_pending(Effect::ReleaseSlots)),
            };
            if leaked {
                note(Invariant::I4, format!("slot {slot} is still held by {holder}, which is over"));
            }
        }
    }
}

fn tasks(evidence: &Evidence, rules: &Rules, now: Timestamp, note: &mut impl FnMut(Invariant, String)) {
    let mut of_run: BTreeMap<&str, Vec<&TaskEvidence>> = BTreeMap::new();
    let mut tries = BTreeSet::new();
    for task in &evidence.tasks {
        let Some(by) = &task.started_by else { continue };
        if !tries.insert(by) {
            note(Invariant::I5, format!("{by} has more than one task, {} among them", task.id));
        }
        let id = by.split('/').nth(1).unwrap_or_default();
        of_run.entry(id).or_default().push(task);
        let over = evidence.runs.iter().map(|row| &row.run).find(|run| run.id.0 == id).filter(|run| !run.state.is_terminal()).is_none();
        let long = task.created_at + ORPHAN < now;
        if task.stopped_at.is_none() && (rules.at_rest || (over && long)) {
            note(Invariant::I5, format!("task {} of {by} still runs", task.id));
        }
    }
    for (id, tasks) in of_run {
        for (first, second) in tasks.iter().zip(tasks.iter().skip(1)) {
            if first.stopped_at.is_none_or(|at| at > second.created_at) {
                note(Invariant::I5, format!("{id} had the tasks {} and {} at once", first.id, second.id));
            }
        }
    }
}
