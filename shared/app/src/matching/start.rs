//! A workflow that starts: its run with its plan, its place behind concurrency group and cooldown, and who is told. Doing it
//! again for the same delivery makes no second run.

use super::Matcher;
use super::workflows::{Considered, decision, skipped};
use crate::messages::decisions as texts;
use jiff::Timestamp;
use patchbay_aws::AwsError;
use patchbay_aws::tables::core::Connection;
use patchbay_aws::tables::deliveries::Decision;
use patchbay_aws::tables::runs::{Arrival, Create, GateClaim};
use patchbay_domain::event::{Actor, ActorKind, Detail, Event, SubjectKind};
use patchbay_domain::ids::{RunId, digest};
use patchbay_domain::run::apply::accept;
use patchbay_domain::run::plan::{Plan, WorkflowRef};
use patchbay_domain::run::state::{Authority, NewRun, Request, ThreadRef};
use patchbay_domain::run::{CancelReason, Run};
use patchbay_domain::task::Mode;
use patchbay_domain::text::strip_hidden;
use patchbay_domain::trigger::{How, Permission, Reason};
use patchbay_domain::workflow::{Workflow, context, event_context, render};
use patchbay_forge::RepoAt;

/// A longer group is told by its beginning and its hash.
const MAX_GROUP_CHARS: usize = 100;

/// What starting needs to know.
pub(super) struct Scene<'a> {
    pub(super) event: &'a Event,
    pub(super) connection: &'a Connection,
    pub(super) at: &'a RepoAt,
    pub(super) considered: &'a Considered<'a>,
    pub(super) received_at: Timestamp,
}

/// The gates of a run, by name.
#[derive(Default)]
struct Gates {
    /// Runs of this group wait for each other.
    waits: Option<String>,
    /// The newest run of this group ends the one before.
    replaces: Option<String>,
    /// At least so many seconds lie between two starts.
    cooldown: Option<(String, u32)>,
}

impl Matcher {
    /// Starts the workflow's run, unless a newer event has taken its place.
    pub(super) async fn start_workflow(&self, scene: &Scene<'_>) -> anyhow::Result<Decision> {
        let considered = scene.considered;
        let workflow = &considered.listening.ready.workflow;
        let event = event_context(scene.event);
        let gates = match gates_of(scene, workflow, &event) {
            Ok(gates) => gates,
            Err(why) => return Ok(skipped(considered, why)),
        };
        let workspace = &scene.connection.workspace;
        let trigger = format!("{}/{}", considered.listening.source.as_str(), workflow.name);
        let id = RunId::derive(workspace, &trigger, scene.event.delivery.as_str());
        let arrival = Arrival { run: &id, at: scene.received_at };
        let mut not_before = None;
        if let Some((gate, seconds)) = &gates.cooldown {
            match self.services.dispatch.runs.claim_cooldown(workspace, gate, arrival, *seconds).await? {
                GateClaim::Holds { not_before: at, ends } => {
                    not_before = at;
                    self.supersede(scene, gate, &id, ends).await?;
                }
                GateClaim::Late { by } if self.services.dispatch.runs.load(workspace, &id).await?.is_none() => {
                    return Ok(skipped(considered, texts::superseded(&by)));
                }
                GateClaim::Late { .. } => {}
            }
        }
        let plan = self.plan_of(scene, event, gates.waits.clone(), not_before);
        let run = match self.create_from(scene, id.clone(), plan).await {
            Ok(run) => run,
            Err(error) if matches!(error.downcast_ref(), Some(AwsError::TooLarge)) => return Ok(skipped(considered, texts::too_large())),
            Err(error) => return Err(error),
        };
        if let Some(gate) = &gates.replaces {
            match self.services.dispatch.runs.claim_group(workspace, gate, arrival).await? {
                GateClaim::Holds { ends, .. } => self.supersede(scene, gate, &id, ends).await?,
                GateClaim::Late { by } => self.cancel(&run, &CancelReason::Superseded { by: by.to_string() }).await?,
            }
        }
        self.make_known(&run, scene).await?;
        Ok(Decision { run: Some(id.clone()), ..decision(considered, true, texts::started(&id, run.plan.as_ref())) })
    }

    fn plan_of(&self, scene: &Scene<'_>, event: serde_json::Value, group: Option<String>, not_before: Option<Timestamp>) -> Plan {
        let listening = scene.considered.listening;
        let workflow = &listening.ready.workflow;
        let named = WorkflowRef { name: workflow.name.clone(), source: listening.source, version: listening.version.to_owned() };
        let plan = Plan::new(named, workflow.steps.clone(), event, self.limits.deadline_seconds, self.limits.budget_microusd);
        let depth = match &scene.event.detail {
            Detail::Manual(manual) => manual.depth,
            _ => 0,
        };
        Plan { group, not_before, depth, ..plan }
    }

    /// The run as it is in the table: made now, or by an earlier try at this delivery.
    async fn create_from(&self, scene: &Scene<'_>, id: RunId, plan: Plan) -> anyhow::Result<Run> {
        let event = scene.event;
        let request = Request {
            // What an agent step asks for takes its place.
            mode: Mode::Auto,
            prompt: String::new(),
            requester: self.requester_of(event).await?,
            url: url_of(event),
            delivery: event.delivery.clone(),
            label: None,
            authority: authority(&scene.considered.reasons),
            options: Default::default(),
        };
        let new = NewRun {
            id,
            workspace: scene.connection.workspace.clone(),
            connection: scene.connection.connection.clone(),
            repository: scene.at.repository.clone(),
            thread: thread_of(event),
            request,
            plan: Some(plan),
            deadline_seconds: self.limits.deadline_seconds,
            budget_microusd: self.limits.budget_microusd,
        };
        let run = accept(new, Timestamp::now());
        if let Some(thread) = &run.thread {
            // First: whoever says "stop" finds every run that there is.
            self.threads.remember_run(&run.workspace, run.repository.id, thread.number, &run.id, run.created_at).await?;
        }
        match self.services.dispatch.runs.create(&run).await? {
            Create::Created => Ok(run),
            Create::Exists => self.services.dispatch.reload(&run).await,
        }
    }

    /// What an earlier try may have died before: whoever performs, the history (R46).
    async fn make_known(&self, run: &Run, scene: &Scene<'_>) -> anyhow::Result<()> {
        // A superseded run has changed since.
        let now = self.services.dispatch.reload(run).await?;
        self.services.dispatch.forward(&now, Timestamp::now()).await?;
        let listening = scene.considered.listening;
        let name = &listening.ready.workflow.name;
        let detail = format!("workflow {name} ({}, {}); delivery {}", listening.source.as_str(), listening.version, run.request.delivery);
        self.services.audit_at(run.created_at, run, &run.request.requester.login, "started", detail).await?;
        tracing::info!(run = %run.id, workflow = name, "run accepted");
        Ok(())
    }

    /// Ends the runs whose place the run took.
    async fn supersede(&self, scene: &Scene<'_>, gate: &str, by: &RunId, ends: Vec<RunId>) -> anyhow::Result<()> {
        let (workspace, runs) = (&scene.connection.workspace, &self.services.dispatch.runs);
        for id in &ends {
            if let Some(run) = runs.load(workspace, id).await?.filter(|run| !run.state.is_terminal()) {
                self.cancel(&run, &CancelReason::Superseded { by: by.to_string() }).await?;
            }
        }
        Ok(runs.settle_gate(workspace, gate, &ends).await?)
    }

    /// Who caused the event; Patchbay itself if nobody did.
    async fn requester_of(&self, event: &Event) -> anyhow::Result<Actor> {
        if let Some(actor) = &event.actor {
            return Ok(actor.clone());
        }
        let own = self.services.forge.identity().await?;
        Ok(Actor { id: own.bot_user_id.unwrap_or_default(), login: format!("{}[bot]", own.slug), kind: ActorKind::App })
    }
}

fn gates_of(scene: &Scene<'_>, workflow: &Workflow, event: &serde_json::Value) -> Result<Gates, String> {
    let mut gates = Gates::default();
    let mut group = None;
    if let Some(concurrency) = &workflow.concurrency {
        let rendered = render(&concurrency.group, &context(event, []));
        let rendered = rendered.map_err(|error| texts::bad_group(&error.to_string()))?;
        let name = group_name(rendered.trim());
        match concurrency.cancel {
            true => gates.replaces = Some(gate_name("group", scene, &[&name])),
            false => gates.waits = Some(name.clone()),
        }
        group = Some(name);
    }
    if let Some(seconds) = workflow.cooldown_seconds.filter(|seconds| *seconds > 0) {
        let number = scene.event.subject.as_ref().map(|subject| subject.number.to_string());
        let what = group.or(number).unwrap_or_else(|| ref_of(scene.event));
        let source = scene.considered.listening.source.as_str();
        gates.cooldown = Some((gate_name("cooldown", scene, &[source, &workflow.name, &what]), seconds));
    }
    Ok(gates)
}

fn gate_name(kind: &str, scene: &Scene<'_>, parts: &[&str]) -> String {
    format!("{kind}#{}#{}", scene.at.repository.id, digest(parts))
}

fn group_name(rendered: &str) -> String {
    let plain: String = rendered.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match plain.char_indices().nth(MAX_GROUP_CHARS) {
        Some((end, _)) => format!("{}…{}", &plain[..end], &digest(&[rendered])[..16]),
        None => plain,
    }
}

/// What an event without a thread is about: a branch, a tag, an environment.
fn ref_of(event: &Event) -> String {
    match &event.detail {
        Detail::Push(push) => push.full_ref.clone(),
        Detail::Ref(change) => change.name.clone(),
        Detail::Release(release) => release.tag.clone(),
        Detail::Deployment(deployment) => deployment.environment.clone(),
        Detail::Check(check) => check.head_branch.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

/// Discussions have no thread that a run could speak in.
fn thread_of(event: &Event) -> Option<ThreadRef> {
    let subject = event.subject.as_ref().filter(|subject| subject.kind != SubjectKind::Discussion)?;
    Some(ThreadRef { kind: subject.kind, number: subject.number, title: strip_hidden(&subject.title), url: subject.url.clone() })
}

/// Where it happened, for links.
fn url_of(event: &Event) -> String {
    let of_detail = match &event.detail {
        Detail::Release(release) => Some(release.url.clone()),
        Detail::Check(check) => Some(check.url.clone()),
        Detail::Deployment(deployment) => deployment.url.clone(),
        _ => None,
    };
    let of_thread = event.comment.as_ref().map(|comment| &comment.url).or(event.subject.as_ref().map(|subject| &subject.url));
    of_thread.cloned().or(of_detail).unwrap_or_default()
}

/// The requester's word counts where their permission to write let the event in (R26).
fn authority(reasons: &[Reason]) -> Authority {
    let may_write = |reason: &Reason| {
        let asked = reason.pattern.as_deref().and_then(Permission::parse);
        reason.how == How::May && asked >= Some(Permission::Write)
    };
    if reasons.iter().any(may_write) { Authority::Requester } else { Authority::Configuration }
}

/// The plan of a run that is tried again: everything still to be done, and nothing to wait for but its group.
pub(super) fn again(plan: Plan) -> Plan {
    let steps = plan.steps.into_iter().map(|planned| planned.step).collect();
    let fresh = Plan::new(plan.workflow, steps, plan.event, plan.deadline_seconds, plan.budget_microusd);
    Plan { group: plan.group, depth: plan.depth, ..fresh }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_permission_to_write_makes_the_requester_answer_for_it() {
        let reason = |pattern: &str| Reason::new("authors", How::May, "dana (admin)", Some(pattern));
        assert_eq!(authority(&[reason("write")]), Authority::Requester);
        assert_eq!(authority(&[reason("read")]), Authority::Configuration);
        assert_eq!(authority(&[Reason::new("authors", How::Matched, "dana", Some("*"))]), Authority::Configuration);
        assert_eq!(authority(&[]), Authority::Configuration);
    }

    #[test]
    fn a_long_group_stays_distinct_and_short() {
        let (one, other) = (group_name(&format!("{}a", "ä".repeat(500))), group_name(&format!("{}b", "ä".repeat(500))));
        assert!(one != other && one.chars().count() < 130, "{one}");
        assert_eq!(group_name("docs-7"), "docs-7");
    }
}
