//! Filters by what the forge's own machinery did: names of workflows and checks, conclusions, deployment environments.

use super::branch::ListFilter;
use super::list::PatternList;
use super::reason::{How, Reason};
use crate::event::{Detail, Event};

/// The three filters that go by name and outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct OutcomeFilter {
    pub(super) workflows: Option<PatternList>,
    /// In lower case.
    pub(super) conclusions: Option<Vec<String>>,
    pub(super) environments: Option<PatternList>,
}

impl OutcomeFilter {
    pub(super) fn decide(&self, event: &Event, reasons: &mut Vec<Reason>) {
        if let (Some(list), Detail::Check(check)) = (&self.workflows, &event.detail) {
            reasons.push(ListFilter { key: "workflows", list: list.clone() }.decide(&check.name));
        }
        if let (Some(list), Detail::Deployment(deployment)) = (&self.environments, &event.detail) {
            reasons.push(ListFilter { key: "environments", list: list.clone() }.decide(&deployment.environment));
        }
        if let Some(wanted) = &self.conclusions {
            let own = outcome(event).unwrap_or_default().to_lowercase();
            let how = if wanted.contains(&own) { How::OneOf } else { How::NotOneOf };
            reasons.push(Reason::new("conclusions", how, &own, Some(&wanted.join(", "))));
        } else if let (Detail::Deployment(_), Some("inactive")) = (&event.detail, outcome(event)) {
            reasons.push(Reason::new("event", How::Inactive, "inactive", None));
        }
    }
}

/// How a check ended, what a review said, how a deployment stands.
fn outcome(event: &Event) -> Option<&str> {
    match &event.detail {
        Detail::Check(check) => check.conclusion.as_deref(),
        Detail::Review { state } => Some(state),
        Detail::Deployment(deployment) => deployment.state.as_deref(),
        _ => None,
    }
}
