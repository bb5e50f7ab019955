//! What templates see of payload samples: the same names for every event, and the words that GitHub's payload says.

use super::events::{SAMPLES, event_name, parse, sample};
use patchbay_domain::workflow::{context, event_context, holds, render};
use serde_json::Value;
use std::collections::BTreeSet;

/// The paths of all values; what `inputs` holds is the event's own.
fn paths(value: &Value, path: &str) -> BTreeSet<String> {
    match value {
        Value::Object(map) if path != ".inputs" => map.iter().flat_map(|(key, value)| paths(value, &format!("{path}.{key}"))).collect(),
        _ => BTreeSet::from([path.to_owned()]),
    }
}

#[test]
fn every_sample_has_the_same_names() {
    let names = paths(&event_context(&sample("push")), "");
    let mut read = 0;
    for (name, body) in SAMPLES.iter() {
        let Ok(event) = parse(event_name(name), body) else { continue };
        assert_eq!(paths(&event_context(&event), ""), names, "{name}");
        read += 1;
    }
    assert!(read >= 20, "samples became events: {read}");
}

#[test]
fn templates_say_what_the_payload_says() {
    for (name, template, expected) in [
        (
            "issues.labeled",
            "{{ event.kind }} {{ event.action }} {{ event.label }} {{ event.subject.number }}",
            "issues labeled patchbay 12",
        ),
        (
            "issues.labeled",
            "{{ event.subject.title }} by {{ event.actor.login }}{{ event.sha }}",
            "Spelling error in the greeting by robin",
        ),
        ("pull_request.opened", "{{ event.subject.head }} → {{ event.subject.base }}", "more-languages → main"),
        ("pull_request.opened", "{{ event.subject.kind }} {{ event.sha | cut(8) }}", "pull_request 9b1f0c2…"),
        ("push", "{{ event.push.branch }}{{ event.push.tag }} {{ event.sha == event.push.after }}", "main true"),
        ("push.tag", "{{ event.push.branch }}{{ event.push.tag }}", "v1.4.0"),
        ("push", "docs-{{ event.subject.number }}", "docs-"),
        ("issue_comment.created", "{{ event.comment.body | cut(13) }}", "@patchbay as…"),
        ("pull_request_review.submitted", "{{ event.review.state }} {{ event.comment.author }}", "changes_requested dana"),
        ("push", "{{ event.repository.full_name }} {{ event.repository.default_branch }}", "acme/hello main"),
    ] {
        let seen = context(&event_context(&sample(name)), []);
        assert_eq!(render(template, &seen).as_deref(), Ok(expected), "{name}: {template}");
    }
}

#[test]
fn what_an_event_does_not_have_is_false() {
    let seen = context(&event_context(&sample("push")), []);
    for condition in ["event.comment.body", "event.subject.labels", "event.release.tag", "event.inputs"] {
        assert_eq!(holds(condition, &seen), Ok(false), "{condition}");
    }
}
