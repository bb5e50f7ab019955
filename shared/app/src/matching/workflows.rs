//! Which of the workflows in force start on an event, and why the others do not. What is decided here is kept as decisions;
//! starting is `start`'s.

use super::Matcher;
use super::configuration::{InForce, Listening};
use super::start::Scene;
use crate::messages::decisions as texts;
use jiff::Timestamp;
use patchbay_aws::tables::core::{Connection, ConnectionStatus, Ground};
use patchbay_aws::tables::deliveries::{Decision, MAX_DECISIONS};
use patchbay_domain::event::{Detail, Event};
use patchbay_domain::trigger::{Decision as Answer, Facts, Reason, kind_of};
use patchbay_forge::RepoAt;

/// How many runs may start each other in a row.
pub const MAX_DEPTH: u32 = 5;
/// How often a decision may ask for one more fact: more than a file can name.
const MAX_NEEDS: usize = 5_000;

/// What stands for all workflows of which none listens to the event.
const ALL: &str = "workflows";
/// What stands for a file that is not in force.
const FILE: &str = "configuration";

/// What was decided about one workflow.
#[derive(Debug)]
pub(super) struct Considered<'a> {
    pub(super) listening: Listening<'a>,
    pub(super) starts: bool,
    pub(super) reasons: Vec<Reason>,
}

impl Matcher {
    /// Decides about every workflow that starts on events of this kind. The forge is asked only for what the filters need.
    pub(super) async fn consider<'f>(
        &self,
        event: &Event,
        ground: Option<&Ground>,
        force: &'f InForce,
    ) -> anyhow::Result<Vec<Considered<'f>>> {
        let (Some(kind), Some(connection)) = (kind_of(event), ground.and_then(|ground| ground.connection.as_ref())) else {
            return Ok(Vec::new());
        };
        let Some(at) = place_of(event, connection) else { return Ok(Vec::new()) };
        let named = |listening: &Listening<'_>| match &event.detail {
            Detail::Manual(manual) => manual.workflow == listening.ready.workflow.name,
            _ => true,
        };
        let mut considered = Vec::new();
        let mut facts = None;
        for listening in force.listening(kind).filter(named) {
            let facts = match &mut facts {
                Some(facts) => facts,
                none => none.insert(self.first_facts().await?),
            };
            let (starts, reasons) = self.decide_one(event, &at, listening, facts).await?;
            considered.push(Considered { listening, starts, reasons });
        }
        Ok(considered)
    }

    /// The same, if every workflow that listens is turned away by what is known without asking.
    pub(super) async fn consider_at_hand<'f>(&self, event: &Event, force: &'f InForce) -> Option<Vec<Considered<'f>>> {
        let mut listening = kind_of(event).into_iter().flat_map(|kind| force.listening(kind)).peekable();
        if listening.peek().is_none() {
            return Some(Vec::new());
        }
        let facts = self.first_facts().await.ok()?;
        let turned_away = |listening: Listening<'f>| match listening.ready.compiled.decide(event, &facts) {
            Answer::Skipped { reasons } => Some(Considered { listening, starts: false, reasons }),
            Answer::Starts { .. } | Answer::Needs(_) => None,
        };
        listening.map(turned_away).collect()
    }

    async fn decide_one(
        &self,
        event: &Event,
        at: &RepoAt,
        listening: Listening<'_>,
        facts: &mut Facts,
    ) -> anyhow::Result<(bool, Vec<Reason>)> {
        for _ in 0..MAX_NEEDS {
            match listening.ready.compiled.decide(event, facts) {
                Answer::Starts { reasons } => return Ok((true, reasons)),
                Answer::Skipped { reasons } => return Ok((false, reasons)),
                Answer::Needs(need) => self.find_out(event, at, &need, facts).await?,
            }
        }
        anyhow::bail!("the decision about workflow {} does not end", listening.ready.workflow.name)
    }

    /// Starts what is to start, and answers a decision for everything that was considered; one for all of them if nothing
    /// listens to the event.
    pub(super) async fn start_all(
        &self,
        event: &Event,
        ground: Option<&Ground>,
        force: &InForce,
        considered: &[Considered<'_>],
        received_at: Timestamp,
    ) -> anyhow::Result<Vec<Decision>> {
        let connection = ground.and_then(|ground| ground.connection.as_ref());
        let place = connection.and_then(|connection| Some((connection, place_of(event, connection)?)));
        let mut decisions = Vec::with_capacity(considered.len());
        for considered in considered {
            let decision = match (&place, too_deep(event)) {
                (_, Some(why)) => skipped(considered, why),
                (Some((connection, at)), None) if considered.starts => {
                    let scene = Scene { event, connection, at, considered, received_at };
                    self.start_workflow(&scene).await?
                }
                _ => skipped(considered, texts::reasons_sentence(&considered.reasons)),
            };
            tracing::info!(workflow = decision.workflow, started = decision.started, why = decision.why, "workflow decided");
            decisions.push(Decision { repository: repository_of(event), thread: thread_of(event), ..decision });
        }
        decisions.extend(beside_workflows(event, connection, force, considered.is_empty()));
        decisions.truncate(MAX_DECISIONS - 1);
        Ok(decisions)
    }
}

/// What is said besides the decisions about workflows: that there are none to decide about, that a file is broken.
fn beside_workflows(event: &Event, connection: Option<&Connection>, force: &InForce, nothing: bool) -> impl Iterator<Item = Decision> {
    let unusable = connection.filter(|connection| connection.status != ConnectionStatus::Active).map(|_| texts::not_installed());
    let none = none_listens(event, force, nothing).map(|why| (ALL, unusable.unwrap_or(why)));
    let broken = force.problem.as_ref().filter(|_| kind_of(event).is_some()).map(|problem| (FILE, texts::broken_in_force(problem)));
    let (repository, thread) = (repository_of(event), thread_of(event));
    none.into_iter().chain(broken).map(move |(what, why)| Decision {
        workflow: what.to_owned(),
        why,
        repository: repository.clone(),
        thread,
        ..Decision::default()
    })
}

/// A decision that the workflow does not start.
pub(super) fn skipped(considered: &Considered<'_>, why: String) -> Decision {
    decision(considered, false, why)
}

pub(super) fn decision(considered: &Considered<'_>, started: bool, why: String) -> Decision {
    Decision {
        workflow: considered.listening.ready.workflow.name.clone(),
        source: Some(considered.listening.source),
        version: Some(considered.listening.version.to_owned()),
        started,
        reasons: considered.reasons.clone(),
        why,
        ..Decision::default()
    }
}

/// Why nothing was considered, where somebody may ask.
fn none_listens(event: &Event, force: &InForce, nothing: bool) -> Option<String> {
    match &event.detail {
        _ if !nothing => None,
        Detail::Manual(manual) => Some(texts::no_manual_workflow(&manual.workflow)),
        Detail::Schedule { .. } => Some(texts::none_listens(&event.kind)),
        _ => (force.any && kind_of(event).is_some()).then(|| texts::none_listens(&event.kind)),
    }
}

fn too_deep(event: &Event) -> Option<String> {
    match &event.detail {
        Detail::Manual(manual) if manual.depth > MAX_DEPTH => Some(texts::too_deep(MAX_DEPTH)),
        _ => None,
    }
}

fn place_of(event: &Event, connection: &Connection) -> Option<RepoAt> {
    Some(RepoAt { connection: connection.connection.clone(), repository: event.repository.clone()? })
}

pub(super) fn repository_of(event: &Event) -> Option<String> {
    event.repository.as_ref().map(|repository| repository.full_name())
}

pub(super) fn thread_of(event: &Event) -> Option<u64> {
    event.subject.as_ref().map(|subject| subject.number)
}
