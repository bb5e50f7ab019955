//! Whether an event starts a workflow, and why. What the event itself tells is looked at first; facts are asked for one at a
//! time, and only if everything cheaper has passed.

use super::branch::RefName;
use super::compile::CompiledTrigger;
use super::facts::{Facts, Need};
use super::path::Verdict;
use super::reason::{How, Reason};
use super::{EventKind, label, origin, path};
use crate::event::{Detail, Event};

/// What became of one workflow for one event.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// With what each filter said.
    Starts { reasons: Vec<Reason> },
    /// With every filter that said no.
    Skipped { reasons: Vec<Reason> },
    /// Decide again with this fact.
    Needs(Need),
}

/// Decides about one workflow, given by its triggers (at most one per kind of event).
pub fn decide(triggers: &[CompiledTrigger], event: &Event, facts: &Facts) -> Decision {
    if let Some(own) = origin::own_act(event, facts) {
        return Decision::Skipped { reasons: vec![own] };
    }
    let kinds = || triggers.iter().map(|trigger| trigger.event().as_str()).collect::<Vec<_>>().join(", ");
    let kind = kind_of(event);
    let Some(trigger) = triggers.iter().find(|trigger| Some(trigger.event()) == kind) else {
        return Decision::Skipped { reasons: vec![Reason::new("event", How::NotOneOf, &event.kind, Some(&kinds()))] };
    };
    let mut reasons = vec![Reason::new("event", How::OneOf, &event.kind, Some(&kinds()))];
    from_event(trigger, event, &mut reasons);
    if reasons.iter().any(|reason| !reason.matched) {
        reasons.retain(|reason| !reason.matched);
        return Decision::Skipped { reasons };
    }
    let authors = || trigger.authors.decide(event, facts);
    let paths = || trigger.paths.as_ref().map(|filter| path::decide(filter, event, facts));
    let costly: [&dyn Fn() -> Option<Verdict>; 2] = [&authors, &paths];
    for verdict in costly.into_iter().filter_map(|decide| decide()) {
        match verdict {
            Verdict::Needs(need) => return Decision::Needs(need),
            Verdict::Said(reason) if !reason.matched => return Decision::Skipped { reasons: vec![reason] },
            Verdict::Said(reason) => reasons.push(reason),
        }
    }
    Decision::Starts { reasons }
}

/// Which triggers an event can meet; `None` if no trigger is about events like it.
pub fn kind_of(event: &Event) -> Option<EventKind> {
    EventKind::parse(&event.kind)
}

/// Everything that needs no fact, all of it, so that a person sees all that stands in the way.
fn from_event(trigger: &CompiledTrigger, event: &Event, reasons: &mut Vec<Reason>) {
    reasons.extend(implied(event));
    reasons.extend(decide_type(trigger, event));
    reasons.extend(decide_cron(trigger, event));
    reasons.extend(origin::decide_bots(trigger.ignore_bots, &trigger.authors, event));
    if trigger.rules.from_forks {
        reasons.extend(origin::decide_forks(trigger.forks, event));
    }
    reasons.extend(trigger.refs.decide(event));
    reasons.extend(trigger.draft.map(|wanted| origin::decide_draft(wanted, event)));
    reasons.extend(trigger.labels.as_ref().map(|labels| label::decide(labels, event)));
    trigger.outcome.decide(event, reasons);
    reasons.extend(trigger.texts.iter().map(|filter| filter.decide(event)));
}

/// What starts nothing in Actions, either: a deleted ref is no push, a draft release is not there yet.
fn implied(event: &Event) -> Option<Reason> {
    match (&event.detail, event.action.as_deref()) {
        (Detail::Push(push), _) if push.deleted => Some(Reason::new("event", How::Deleted, &push.full_ref, None)),
        (Detail::Push(push), _) if matches!(RefName::of(event), Some(RefName::Other(_))) => {
            Some(Reason::new("event", How::OtherRef, &push.full_ref, None))
        }
        (Detail::Release(release), Some("created" | "edited" | "deleted")) if release.draft => {
            Some(Reason::new("event", How::DraftRelease, &release.tag, None))
        }
        _ => None,
    }
}

fn decide_type(trigger: &CompiledTrigger, event: &Event) -> Option<Reason> {
    if trigger.rules.actions.is_empty() {
        return None;
    }
    let action = event.action.as_deref().unwrap_or_default();
    let how = if trigger.types.iter().any(|known| known == action) { How::OneOf } else { How::NotOneOf };
    Some(Reason::new("types", how, action, Some(&trigger.types.join(", "))))
}

fn decide_cron(trigger: &CompiledTrigger, event: &Event) -> Option<Reason> {
    let Detail::Schedule { cron: time, .. } = &event.detail else { return None };
    let own: Vec<&str> = trigger.crons.iter().map(|cron| cron.text()).collect();
    let spaced = time.split_whitespace().collect::<Vec<_>>().join(" ");
    let how = if own.contains(&spaced.as_str()) { How::OneOf } else { How::NotOneOf };
    Some(Reason::new("cron", how, time, Some(&own.join(", "))))
}
