//! Turns GitHub's webhook payloads into events. Lenient on purpose (R6): whatever is authentic JSON becomes an event, and
//! what it lacks is simply not in it. Pure; whether an event means anything is decided by the matcher. What only some kinds
//! of event carry is read in `details`.

use super::body::payload_json;
use super::details::detail;
use super::payload::{Account, CommentPart, Payload, RepositoryPart, Side, Thread, read};
use patchbay_domain::event::{Actor, ActorKind, Comment, Event, Provider, PullRequestRefs, Repository, Subject, SubjectKind};
use patchbay_domain::ids::{ConnectionId, DeliveryId};

pub use super::body::{MAX_JSON_DEPTH, ParseError, check_json_depth, member};

/// Reads a delivery's body (JSON, or a form with `payload`) as an event. `event_name` is `X-GitHub-Event`.
///
/// # Errors
/// [`ParseError`] if the body is no JSON object or nests too deep (R9). Unknown events, unknown actions, missing fields
/// and fields of unexpected types are no errors.
pub fn parse_event(event_name: &str, delivery: &DeliveryId, body: &[u8]) -> Result<Event, ParseError> {
    let json = payload_json(body)?;
    check_json_depth(&json, MAX_JSON_DEPTH)?;
    let payload = read(&json).map_err(|error| ParseError::NotJson(error.to_string()))?;
    Ok(Event {
        provider: Provider::Github,
        delivery: delivery.clone(),
        kind: event_name.to_owned(),
        connection: connection(&payload),
        actor: payload.sender.as_ref().and_then(actor),
        repository: payload.repository.as_ref().and_then(|part| repository(part, None)),
        subject: subject(&payload),
        comment: payload.comment.as_ref().or(payload.review.as_ref()).and_then(comment),
        detail: detail(event_name, &payload),
        action: payload.action,
    })
}

fn connection(payload: &Payload) -> Option<ConnectionId> {
    let id = payload.installation.as_ref()?.id?;
    Some(ConnectionId::of_installation(Provider::Github.as_str(), id))
}

/// Only what GitHub calls a `User` counts as a person: an unknown or missing type must never start anything.
fn actor(account: &Account) -> Option<Actor> {
    let kind = match account.kind.as_deref() {
        Some("User") => ActorKind::Person,
        Some("Organization") => ActorKind::Organization,
        _ => ActorKind::App,
    };
    Some(Actor { id: account.id?, login: account.login.clone()?, kind })
}

/// Repositories inside installation payloads have neither owner nor default branch; the full name tells the owner.
pub(super) fn repository(part: &RepositoryPart, account: Option<&str>) -> Option<Repository> {
    let full_name = part.full_name.as_deref().and_then(|full| full.split_once('/'));
    let owner = part.owner.as_ref().and_then(|owner| owner.login.as_deref()).or(full_name.map(|(owner, _)| owner)).or(account)?;
    let name = part.name.as_deref().or(full_name.map(|(_, name)| name))?;
    Some(Repository {
        id: part.id?,
        owner: owner.to_owned(),
        name: name.to_owned(),
        default_branch: part.default_branch.clone(),
        private: part.private,
    })
}

fn subject(payload: &Payload) -> Option<Subject> {
    let (thread, kind) = match (&payload.pull_request, &payload.issue, &payload.discussion) {
        (Some(pull), _, _) => (pull, SubjectKind::PullRequest),
        (None, Some(issue), _) if issue.pull_request.is_some() => (issue, SubjectKind::PullRequest),
        (None, Some(issue), _) => (issue, SubjectKind::Issue),
        (None, None, Some(discussion)) => (discussion, SubjectKind::Discussion),
        (None, None, None) => return None,
    };
    Some(Subject {
        kind,
        number: thread.number?,
        title: thread.title.clone().unwrap_or_default(),
        body: thread.body.clone().unwrap_or_default(),
        url: thread.html_url.clone().unwrap_or_default(),
        author: thread.user.as_ref().and_then(actor),
        open: thread.state.as_deref() == Some("open"),
        draft: thread.draft,
        labels: thread.labels.iter().filter_map(|label| label.name.clone()).collect(),
        refs: refs(thread),
    })
}

fn refs(thread: &Thread) -> Option<PullRequestRefs> {
    let branch = |side: &Option<Side>| side.as_ref()?.branch.clone();
    Some(PullRequestRefs {
        head_branch: branch(&thread.head)?,
        head_sha: thread.head.as_ref()?.sha.clone()?,
        head_repository_id: thread.head.as_ref()?.repo.as_ref().and_then(|repo| repo.id),
        base_branch: branch(&thread.base)?,
    })
}

fn comment(part: &CommentPart) -> Option<Comment> {
    Some(Comment {
        id: part.id?,
        body: part.body.clone().unwrap_or_default(),
        url: part.html_url.clone().unwrap_or_default(),
        author: part.user.as_ref().and_then(actor),
        via_app: part.performed_via_github_app.as_ref().and_then(|app| app.id),
    })
}
