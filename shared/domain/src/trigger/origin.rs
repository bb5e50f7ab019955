//! Filters by where an event comes from: Patchbay itself, bots, forks; and whether a pull request is a draft.

use super::author::AuthorFilter;
use super::facts::Facts;
use super::reason::{How, Reason};
use crate::event::{ActorKind, Detail, Event};

/// The App that acted, on its own or for somebody, where the payload says so.
pub(super) fn acting_app(event: &Event) -> Option<u64> {
    match (&event.comment, &event.detail) {
        (Some(comment), _) => comment.via_app,
        (_, Detail::Check(check)) => check.app_id,
        _ => None,
    }
}

/// What Patchbay itself does starts nothing, whatever the filters say: no workflow can keep itself going.
pub(super) fn own_act(event: &Event, facts: &Facts) -> Option<Reason> {
    let actor = event.actor.as_ref();
    let is_own_user = facts.own_bot_user_id.is_some() && actor.map(|actor| actor.id) == facts.own_bot_user_id;
    let is_own_app = facts.own_app_id.is_some() && acting_app(event) == facts.own_app_id;
    let login = actor.map_or("", |actor| &actor.login);
    (is_own_user || is_own_app).then(|| Reason::new("event", How::OwnAct, login, None))
}

/// Bots, and Apps that act for somebody, are kept out but for those that `authors` names by id.
pub(super) fn decide_bots(ignore_bots: bool, authors: &AuthorFilter, event: &Event) -> Option<Reason> {
    let actor = event.actor.as_ref()?;
    let wrote_for_somebody = event.comment.as_ref().is_some_and(|comment| comment.via_app.is_some());
    if actor.kind == ActorKind::Person && !wrote_for_somebody {
        return None;
    }
    let how = if !ignore_bots || authors.names_by_id(event) { How::BotAllowed } else { How::Bot };
    Some(Reason::new("ignore_bots", how, &actor.login, None))
}

/// Commits from another repository are kept out unless `forks` is true.
pub(super) fn decide_forks(forks: bool, event: &Event) -> Option<Reason> {
    let own = event.repository.as_ref().map(|repository| repository.id);
    let head = match (&event.detail, event.subject.as_ref().and_then(|subject| subject.refs.as_ref())) {
        (Detail::Check(check), _) => check.head_repository_id,
        (_, Some(refs)) => refs.head_repository_id,
        (_, None) => None,
    };
    match head {
        _ if forks => None,
        Some(head) if Some(head) == own => None,
        Some(head) => Some(Reason::new("forks", How::Fork, &head.to_string(), None)),
        None => Some(Reason::new("forks", How::ForkGone, "", None)),
    }
}

pub(super) fn decide_draft(wanted: bool, event: &Event) -> Reason {
    let word = |draft: bool| if draft { "a draft" } else { "no draft" };
    let is_draft = event.subject.as_ref().is_some_and(|subject| subject.draft);
    let how = if is_draft == wanted { How::Is } else { How::IsNot };
    Reason::new("draft", how, word(is_draft), Some(word(wanted)))
}
