//! What one part of a file says about another: workflows that start workflows, and steps that need what not every event of their
//! workflow has.

use super::super::keys::{Action, Target};
use super::super::model::Workflow;
use super::super::problem::{Place, closest, quoted};
use super::super::yaml::Entry;
use super::Reader;
use crate::trigger::{EventKind, Trigger};
use std::collections::{BTreeMap, BTreeSet};

/// A `run_workflow` step: the workflow it is in, the one it starts, and where that is said.
pub(super) struct Call {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) place: Place,
}

impl Reader<'_> {
    /// Checks that every workflow that is started exists, may be started, and does not start itself in the end.
    pub(super) fn check_calls(&mut self, workflows: &[Workflow]) {
        let calls = std::mem::take(&mut self.calls);
        let mut starts = Starts::new();
        for call in &calls {
            starts.entry(&call.from).or_default().insert(&call.to);
        }
        let mut in_circle: BTreeSet<&str> = BTreeSet::new();
        for call in &calls {
            let Some(workflow) = workflows.iter().find(|workflow| workflow.name == call.to) else {
                let hint = closest(&call.to, workflows.iter().map(|workflow| workflow.name.as_str()));
                let hint = hint.map(|meant| format!("did you mean `{meant}`?"));
                self.problem_with(call.place, format!("there is no workflow {} in this file", quoted(&call.to)), hint);
                continue;
            };
            if !workflow.triggers.iter().any(|trigger| trigger.event == EventKind::Manual) {
                let message = format!("the workflow `{}` cannot be started by a step: its `on` has no `manual`", call.to);
                self.problem_with(call.place, message, Some("add `manual:` to its events".to_owned()));
            }
            if in_circle.contains(call.from.as_str()) {
                continue;
            }
            if let Some(path) = way(&starts, &call.to, &call.from) {
                in_circle.extend(&path);
                let circle: Vec<String> = std::iter::once(call.from.as_str()).chain(path).map(|name| format!("`{name}`")).collect();
                self.problem(call.place, format!("workflows start each other in a circle: {}", circle.join(" → ")));
            }
        }
    }

    /// Checks that a step has something to work on, whichever event starts its workflow. A step with a condition may know
    /// better; it is not asked.
    pub(super) fn check_target(&mut self, action: &'static Action, entry: &Entry, triggers: &[Trigger]) {
        let Some((target, key)) = action.works_on else { return };
        if entry.node.get(key).is_some() {
            return;
        }
        let Some(trigger) = triggers.iter().find(|trigger| !may_have(trigger.event, target)) else { return };
        let what = match target {
            Target::Thread => "an issue, pull request or discussion",
            Target::PullRequest => "a pull request",
            Target::Commit => "a commit",
        };
        let event = trigger.event.as_str();
        let message = format!("`{}` works on {what}, and the event `{event}` has none", action.word);
        let hint = format!("say which with `{key}:`, or give the step a condition such as `if: \"event.kind != '{event}'\"`");
        self.problem_with(entry.place, message, Some(hint));
    }
}

/// Which workflows each workflow starts.
type Starts<'c> = BTreeMap<&'c str, BTreeSet<&'c str>>;

/// The workflows on a way from one to another, both included; `None` if there is no way.
fn way<'c>(starts: &Starts<'c>, from: &'c str, to: &str) -> Option<Vec<&'c str>> {
    let mut ways: Vec<Vec<&str>> = vec![vec![from]];
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        if last == to {
            return Some(way);
        }
        for next in starts.get(last).into_iter().flatten() {
            if seen.insert(next) {
                ways.push(way.iter().copied().chain([*next]).collect());
            }
        }
    }
    None
}

/// Whether events of this kind have such a thing, always or sometimes.
fn may_have(event: EventKind, target: Target) -> bool {
    use EventKind as E;
    let pull_request = matches!(event, E::PullRequest | E::PullRequestReview | E::PullRequestReviewComment);
    match target {
        Target::Thread => pull_request || matches!(event, E::Issues | E::IssueComment | E::Discussion | E::DiscussionComment),
        Target::PullRequest => pull_request || event == E::IssueComment,
        Target::Commit => {
            pull_request || matches!(event, E::Push | E::Deployment | E::DeploymentStatus | E::WorkflowRun | E::CheckRun | E::CheckSuite)
        }
    }
}
