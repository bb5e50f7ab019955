//! The filter by who did it: logins, teams, permissions, ids. Who may do what is a fact, asked for only if what is known
//! does not decide.

use super::facts::{Facts, Need, Permission, team_key};
use super::origin::acting_app;
use super::path::Verdict;
use super::pattern::{Pattern, PatternError};
use super::reason::{How, Reason};
use crate::event::{Actor, ActorKind, Detail, Event};

const KEY: &str = "authors";

/// `authors`, and what holds without it.
#[derive(Clone, Debug, Default)]
pub(super) struct AuthorFilter {
    /// Empty if the filter is absent.
    entries: Vec<Entry>,
    /// Whether write permission is asked for where no entry lets anybody in.
    needs_permission: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    text: String,
    negated: bool,
    who: Who,
}

#[derive(Clone, Debug)]
enum Who {
    Anybody,
    Team {
        organisation: String,
        team: String,
    },
    /// At least.
    Permission(Permission),
    App(u64),
    /// Of an account.
    Id(u64),
    Login(Pattern),
}

/// What an entry says about an actor, as far as it is known.
enum Answer {
    Yes,
    No,
    Open(Need),
}

impl AuthorFilter {
    /// Reads the entries; what is wrong comes with its place.
    pub(super) fn parse(entries: &[String], needs_permission: bool) -> Result<Self, Vec<(usize, PatternError)>> {
        let mut read = Vec::with_capacity(entries.len());
        let mut wrong = Vec::new();
        for (place, text) in entries.iter().enumerate() {
            match Entry::parse(text) {
                Ok(entry) => read.push(entry),
                Err(error) => wrong.push((place, error)),
            }
        }
        if wrong.is_empty() { Ok(AuthorFilter { entries: read, needs_permission }) } else { Err(wrong) }
    }

    /// The last entry that is true of the actor decides; the filter asks only for what can still change that. Entries that
    /// only exclude leave the rest to the rule without `authors`.
    pub(super) fn decide(&self, event: &Event, facts: &Facts) -> Option<Verdict> {
        if self.entries.is_empty() {
            return self.decide_default(event, facts);
        }
        let lets_in = self.entries.iter().any(|entry| !entry.negated);
        let Some(actor) = &event.actor else {
            return lets_in.then(|| Verdict::Said(Reason::new(KEY, How::NotNamed, "", Some(&self.joined()))));
        };
        let mut open: Vec<(&Entry, Need)> = Vec::new();
        let mut decided = None;
        for entry in self.entries.iter().rev() {
            match entry.answer(event, actor, facts) {
                Answer::Yes => {
                    decided = Some(entry);
                    break;
                }
                Answer::No => {}
                Answer::Open(need) => open.push((entry, need)),
            }
        }
        let keeps_out = decided.map_or(lets_in, |entry| entry.negated);
        if let Some((_, need)) = open.into_iter().find(|(entry, _)| entry.negated != keeps_out) {
            return Some(Verdict::Needs(need));
        }
        match decided {
            Some(entry) => Some(Verdict::Said(entry.reason(actor, facts))),
            None if lets_in => Some(Verdict::Said(Reason::new(KEY, How::NotNamed, &actor.login, Some(&self.joined())))),
            None => self
                .decide_default(event, facts)
                .or_else(|| Some(Verdict::Said(Reason::new(KEY, How::NotExcluded, &actor.login, Some(&self.joined()))))),
        }
    }

    /// Whether an entry that lets in names the event's App or account by id.
    pub(super) fn names_by_id(&self, event: &Event) -> bool {
        self.entries.iter().filter(|entry| !entry.negated).any(|entry| match entry.who {
            Who::App(id) => acting_app(event) == Some(id),
            Who::Id(id) => event.actor.as_ref().is_some_and(|actor| actor.id == id),
            _ => false,
        })
    }

    /// Write permission, for what anybody can bring about. A bot that got past `ignore_bots` has been let in by name or by
    /// its owner who installed it: the forge knows no permission of bots.
    fn decide_default(&self, event: &Event, facts: &Facts) -> Option<Verdict> {
        if !self.needs_permission {
            return None;
        }
        let Some(actor) = &event.actor else {
            // Only what Patchbay starts itself, for a call to its API or a step, comes without anybody who did it.
            let by_patchbay = matches!(event.detail, Detail::Manual(_));
            return (!by_patchbay).then(|| Verdict::Said(Reason::new(KEY, How::MayNot, "", Some(Permission::Write.as_str()))));
        };
        if actor.kind != ActorKind::Person {
            return None;
        }
        Some(match facts.permission {
            Some(own) => Verdict::Said(may(actor, own, Permission::Write)),
            None => Verdict::Needs(Need::Permission),
        })
    }

    fn joined(&self) -> String {
        self.entries.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Entry, PatternError> {
        let (negated, body) = match text.strip_prefix('!') {
            Some(body) => (true, body),
            None => (false, text),
        };
        Ok(Entry { text: text.to_owned(), negated, who: Who::parse(body)? })
    }

    fn answer(&self, event: &Event, actor: &Actor, facts: &Facts) -> Answer {
        let yes = match &self.who {
            Who::Anybody => true,
            Who::App(id) => acting_app(event) == Some(*id),
            Who::Id(id) => actor.id == *id,
            Who::Login(pattern) => pattern.is_match(&actor.login.to_lowercase()),
            Who::Permission(least) => match facts.permission {
                Some(own) => own >= *least,
                None => return Answer::Open(Need::Permission),
            },
            Who::Team { organisation, team } => match facts.teams.get(&team_key(organisation, team)) {
                Some(member) => *member,
                None => return Answer::Open(Need::Team { organisation: organisation.clone(), team: team.clone() }),
            },
        };
        if yes { Answer::Yes } else { Answer::No }
    }

    /// Why it is true of the actor.
    fn reason(&self, actor: &Actor, facts: &Facts) -> Reason {
        match (&self.who, facts.permission) {
            _ if self.negated => Reason::new(KEY, How::Excluded, &actor.login, Some(&self.text)),
            (Who::Permission(least), Some(own)) => may(actor, own, *least),
            (Who::Team { .. }, _) => Reason::new(KEY, How::Member, &actor.login, Some(&self.text)),
            _ => Reason::new(KEY, How::Matched, &actor.login, Some(&self.text)),
        }
    }
}

impl Who {
    fn parse(text: &str) -> Result<Who, PatternError> {
        let text = text.to_lowercase();
        if text == "*" {
            return Ok(Who::Anybody);
        }
        if let Some(name) = text.strip_prefix('@') {
            let (organisation, team) = name
                .split_once('/')
                .filter(|(organisation, team)| !organisation.is_empty() && !team.is_empty() && !team.contains('/'))
                .ok_or_else(|| {
                    PatternError(format!("`@{name}` is no team; a team is `@organisation/team`, a person's login has no `@`"))
                })?;
            return Ok(Who::Team { organisation: organisation.to_owned(), team: team.to_owned() });
        }
        if let Some(id) = text.strip_prefix("app:") {
            return id.parse().map(Who::App).map_err(|_| PatternError(format!("`app:{id}` names no App; its id is a number")));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Who::Id).map_err(|_| PatternError(format!("`{text}` is too large for an account's id")));
        }
        if let Some(permission) = Permission::parse(&text).filter(|permission| *permission != Permission::None) {
            return Ok(Who::Permission(permission));
        }
        // The brackets of a bot's login are part of its name.
        let pattern = match text.strip_suffix("[bot]") {
            Some(name) => Pattern::parse(&format!(r"{name}\[bot\]")),
            None => Pattern::parse(&text),
        }?;
        if pattern.is_negated() {
            return Err(PatternError("one `!` negates; two are not understood".to_owned()));
        }
        Ok(Who::Login(pattern))
    }
}

/// Whether the actor's permission is enough, with the permission in the value.
fn may(actor: &Actor, own: Permission, least: Permission) -> Reason {
    let how = if own >= least { How::May } else { How::MayNot };
    Reason::new(KEY, how, &format!("{} ({})", actor.login, own.as_str()), Some(least.as_str()))
}
