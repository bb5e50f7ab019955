//! Events out of webhook payloads, and those that have none (`schedule`, `manual`). The one place of this room that knows the
//! forge crate: a second reading of payloads would explain something else than a deployment decides.

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use patchbay_domain::event::{Actor, Detail, Event, Manual, Provider};
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::trigger::EventKind;
use patchbay_forge::github::convert::parse_event;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What tells the payloads of events apart: keys that hold something. The first row that fits is meant, so what has more
/// stands before what has less.
const SHAPES: [(EventKind, &[&str]); 16] = [
    (EventKind::DeploymentStatus, &["deployment_status"]),
    (EventKind::Deployment, &["deployment"]),
    (EventKind::DiscussionComment, &["discussion", "comment"]),
    (EventKind::Discussion, &["discussion"]),
    (EventKind::PullRequestReview, &["pull_request", "review"]),
    (EventKind::PullRequestReviewComment, &["pull_request", "comment"]),
    (EventKind::PullRequest, &["pull_request"]),
    (EventKind::IssueComment, &["issue", "comment"]),
    (EventKind::Issues, &["issue"]),
    (EventKind::Release, &["release"]),
    (EventKind::WorkflowRun, &["workflow_run"]),
    (EventKind::CheckRun, &["check_run"]),
    (EventKind::CheckSuite, &["check_suite"]),
    (EventKind::Create, &["ref", "ref_type", "master_branch"]),
    (EventKind::Delete, &["ref", "ref_type"]),
    (EventKind::Push, &["ref"]),
];

/// Reads the payload of a webhook as an event of that kind. `file` is what messages call it.
///
/// # Errors
/// If it is no JSON object, or looks like the payload of another kind.
pub fn parse_payload(kind: EventKind, file: &str, bytes: &[u8]) -> anyhow::Result<Event> {
    let payload: Map<String, Value> = serde_json::from_slice(bytes)
        .with_context(|| format!("{file} is no JSON object; give a webhook's payload as the forge sent it"))?;
    match kind_of(&payload) {
        Some(meant) if meant == kind || is_ref(meant) && is_ref(kind) => {}
        Some(meant) => {
            let (meant, kind) = (meant.as_str(), kind.as_str());
            bail!("{file} looks like the payload of `{meant}`, not of `{kind}`; give --kind {meant}, or another file")
        }
        None => bail!("{file} is no payload of `{}`: it has no `{}`", kind.as_str(), keys_of(kind).join("` and no `")),
    }
    parse_stored(kind.as_str(), &DeliveryId("explained".into()), bytes).with_context(|| format!("{file} cannot be read"))
}

/// Reads a payload as a deployment reads it, whatever it holds.
///
/// # Errors
/// If it is no JSON object, or nests too deep.
pub fn parse_stored(event: &str, delivery: &DeliveryId, bytes: &[u8]) -> anyhow::Result<Event> {
    Ok(parse_event(event, delivery, bytes)?)
}

/// A schedule's time has come.
pub fn schedule_event(cron: &str, at: Timestamp) -> Event {
    event(EventKind::Schedule, None, Detail::Schedule { cron: cron.to_owned(), at })
}

/// Somebody starts a workflow by its name.
pub fn manual_event(workflow: &str, actor: Actor) -> Event {
    let manual = Manual { workflow: workflow.to_owned(), inputs: BTreeMap::new(), depth: 0 };
    event(EventKind::Manual, Some(actor), Detail::Manual(manual))
}

fn event(kind: EventKind, actor: Option<Actor>, detail: Detail) -> Event {
    Event {
        provider: Provider::Github,
        delivery: DeliveryId("explained".into()),
        kind: kind.as_str().to_owned(),
        action: None,
        connection: None,
        actor,
        repository: None,
        subject: None,
        comment: None,
        detail,
    }
}

fn kind_of(payload: &Map<String, Value>) -> Option<EventKind> {
    let holds = |key: &&str| payload.get(*key).is_some_and(|value| !value.is_null());
    SHAPES.into_iter().find(|(_, keys)| keys.iter().all(holds)).map(|(kind, _)| kind)
}

/// These two differ in little more than their names.
fn is_ref(kind: EventKind) -> bool {
    matches!(kind, EventKind::Create | EventKind::Delete)
}

fn keys_of(kind: EventKind) -> &'static [&'static str] {
    SHAPES.into_iter().find(|(known, _)| *known == kind).map_or(&[], |(_, keys)| keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_sample_is_taken_for_what_it_is() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/github");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let Some(kind) = EventKind::parse(name.split('.').next().unwrap()) else { continue };
            let event = parse_payload(kind, &name, &std::fs::read(&path).unwrap());
            assert_eq!(event.unwrap_or_else(|error| panic!("{error:#}")).kind, kind.as_str(), "{name}");
            seen += 1;
        }
        assert!(seen > 25, "{seen}");
    }

    #[test]
    fn another_events_payload_is_refused_with_what_it_looks_like() {
        let said = |kind, text: &str| parse_payload(kind, "p.json", text.as_bytes()).unwrap_err().to_string();
        let comment = r#"{ "action": "created", "issue": { "number": 1 }, "comment": { "id": 2 } }"#;
        assert_eq!(
            said(EventKind::Issues, comment),
            "p.json looks like the payload of `issue_comment`, not of `issues`; give --kind issue_comment, or another file"
        );
        assert_eq!(said(EventKind::Push, r#"{ "zen": "x" }"#), "p.json is no payload of `push`: it has no `ref`");
        let review = r#"{ "release": null }"#;
        assert_eq!(
            said(EventKind::PullRequestReview, review),
            "p.json is no payload of `pull_request_review`: it has no `pull_request` and no `review`"
        );
        assert!(said(EventKind::Push, "[]").contains("p.json is no JSON object"));
    }
}
