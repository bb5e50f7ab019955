//! What must hold for any bytes at all, at the six places where Patchbay reads what strangers and models write.
//!
//! Each function panics when it does not hold. `cargo test` presents them with arbitrary bytes and with changed samples;
//! `cargo fuzz` searches on from there (see CONTRIBUTING.md).

use patchbay_domain::change_set::{ChangeSet, validate};
use patchbay_domain::command::{Names, select_command};
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::markdown::{fold, split};
use patchbay_domain::policy::Policy;
use patchbay_domain::text::{is_inert, neutralise, strip_hidden};
use patchbay_domain::workflow::{context, read, render};
use patchbay_forge::github::convert::{MAX_JSON_DEPTH, member, parse_event};
use patchbay_forge::github::webhook::{sign, verify_signature};

/// The events whose payloads are read in ways of their own.
const EVENTS: [&str; 19] = [
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "installation",
    "installation_repositories",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "push",
    "release",
    "repository",
    "workflow_run",
];

/// The signature check (R1): `secret NUL header NUL body`. Only the true signature, in its one spelling, is let in.
pub fn signature(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let (secret, header, body) = (part(parts.next()), part(parts.next()), part(parts.next()));
    let header = String::from_utf8_lossy(header);
    let secrets = [secret];
    let truth = sign(body, secret);
    let accepted = verify_signature(body, Some(&header), &secrets).is_ok();
    assert!(!accepted || (!secret.is_empty() && header.eq_ignore_ascii_case(&truth)), "{header:?} was let in");
    assert_eq!(verify_signature(body, Some(&truth), &secrets).is_ok(), !secret.is_empty(), "the true signature");
    assert!(verify_signature(body, None, &secrets).is_err(), "no signature");
    assert!(verify_signature(body, Some(&truth), &[] as &[&[u8]]).is_err(), "no secret");
    let mut changed = body.to_vec();
    changed.push(b' ');
    assert!(verify_signature(&changed, Some(&truth), &secrets).is_err(), "another body");
}

/// A webhook's body (R9): the first byte picks the event. It is an event or an error; reading it twice gives the same.
pub fn payload(data: &[u8]) {
    let Some((pick, body)) = data.split_first() else { return };
    let name = EVENTS[usize::from(*pick) % EVENTS.len()];
    if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok() {
        assert!(member(body, "installation", usize::MAX).is_ok(), "what is an object is refused at the door");
    }
    _ = member(body, "installation", MAX_JSON_DEPTH);
    let parse = || parse_event(name, &DeliveryId("d-1".to_owned()), body);
    match (parse(), parse()) {
        (Ok(once), Ok(again)) => assert_eq!(once, again),
        (Err(once), Err(again)) => assert_eq!(once.to_string(), again.to_string()),
        _ => panic!("read differently the second time"),
    }
}

/// A workflow file, and the same text as a template: it is read, or refused with places that it has.
pub fn workflow(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match read(&text) {
        Ok(configuration) => assert!(!configuration.workflows.is_empty(), "a file without workflows"),
        Err(problems) => {
            let lines = text.split(['\n', '\r']).count();
            assert!(problems.iter().all(|problem| (1..=lines + 1).contains(&(problem.line as usize))), "{problems}");
            assert!(!problems.is_empty() && !problems.to_string().is_empty(), "refused without a reason");
        }
    }
    let seen = context(&serde_json::json!({ "subject": { "title": "{{ 1 }}" } }), []);
    _ = render(&text, &seen);
}

/// The command selector (R8): nobody who does not name Patchbay starts anything, and quoting it starts nothing.
pub fn command(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let names = Names { mention: "patchbay".to_owned(), command: "patchbay".to_owned() };
    let seen = strip_hidden(&text);
    assert_eq!(strip_hidden(&seen), seen, "hidden text is found at once");
    let Some(found) = select_command(&seen, &names) else { return };
    let lower = seen.to_ascii_lowercase();
    assert!(lower.contains("@patchbay") || lower.contains("/patchbay"), "{found:?}");
    let quoted: Vec<String> = seen.lines().map(|line| format!("> {line}")).collect();
    assert_eq!(select_command(&quoted.join("\n"), &names), None, "a quotation asks for nothing");
}

/// An agent's change set as JSON (R29–R31). What is let through stays inside the tree and out of git's own files.
pub fn change_set(data: &[u8]) {
    let Ok(change_set) = serde_json::from_slice::<ChangeSet>(data) else { return };
    let policy = Policy::default();
    if validate(&change_set, &policy).is_err() {
        return;
    }
    assert!(change_set.files.len() <= policy.max_files);
    for file in &change_set.files {
        let path = file.path.to_lowercase();
        assert!(!path.is_empty() && !path.starts_with('/') && !path.contains('\\'), "{path:?}");
        assert!(!path.split('/').any(|part| matches!(part, "" | "." | ".." | ".git")), "{path:?}");
        assert!(!path.chars().any(char::is_control), "{path:?}");
        assert!(!path.starts_with(".github/workflows/"), "{path:?}");
    }
}

/// Markdown that a model wrote (R34): inert after one reading, in every piece, and every piece fits.
pub fn markdown(data: &[u8]) {
    let Some((size, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let inert = neutralise(&text, &[]);
    assert!(is_inert(&inert), "{inert:?}");
    let max = 1 + usize::from(*size);
    for piece in split(&inert, max) {
        assert!(piece.chars().count() <= max, "{piece:?} in {max}");
        assert!(is_inert(&piece), "{piece:?} in {max}");
    }
    for max in [max, 4_500] {
        assert!(fold(&inert, max).chars().count() <= max);
    }
}

fn part(part: Option<&[u8]>) -> &[u8] {
    part.unwrap_or_default()
}

#[cfg(test)]
mod tests;
