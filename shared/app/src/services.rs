//! What several functions share: the forge as the App, the runs with their queues, the connections; and how a
//! run names its slots and its tasks.

use crate::config::Capacity;
use crate::dispatch::Dispatch;
use jiff::Timestamp;
use patchbay_aws::tables::core::{ConnectionStatus, CoreTable};
use patchbay_aws::tables::runs::{AuditEntry, Slot};
use patchbay_domain::ids::{RunId, WorkspaceId};
use patchbay_domain::redact::Secrets;
use patchbay_domain::run::{Run, SlotScope};
use patchbay_forge::{Forge, ForgeError, RepoAt};
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, OnceLock};

/// Shared by matcher, launcher and results.
#[derive(Clone)]
pub struct Services {
    pub forge: Arc<dyn Forge>,
    pub dispatch: Dispatch,
    pub core: CoreTable,
    /// The App's name as people mention it.
    pub mention: String,
    pub app_id: u64,
    pub app_key: SecretString,
    /// What these functions hold themselves and never say (R34). Made when the first text leaves: many starts have none.
    pub known_secrets: Arc<OnceLock<Secrets>>,
}

impl Services {
    /// The secrets that an outgoing text is searched for besides what looks like a token.
    pub(crate) fn known_secrets(&self) -> &Secrets {
        self.known_secrets.get_or_init(|| Secrets::new([self.app_key.expose_secret()]))
    }

    /// Adds to the run's history who did what (R46), in the table and in the log. One write.
    pub async fn audit(&self, run: &Run, actor: &str, what: &'static str, detail: String) -> anyhow::Result<()> {
        self.audit_at(Timestamp::now(), run, actor, what, detail).await
    }

    /// As `audit`, at a given time: the same thing said twice of the same time is one entry.
    pub async fn audit_at(&self, at: Timestamp, run: &Run, actor: &str, what: &'static str, detail: String) -> anyhow::Result<()> {
        tracing::info!(audit = true, run = %run.id, actor, what, detail, "audit");
        let entry = AuditEntry { at, actor: actor.to_owned(), what: what.to_owned(), detail };
        Ok(self.dispatch.runs.append_audit(&run.workspace, &run.id, &entry).await?)
    }

    /// The repository's default branch, if it has one. Forge calls: none where the event named it, else one.
    pub(crate) async fn default_branch(&self, run: &Run, at: &RepoAt) -> Result<Option<String>, ForgeError> {
        match &run.repository.default_branch {
            Some(branch) => Ok(Some(branch.clone())),
            None => Ok(self.forge.repository(at).await?.default_branch),
        }
    }

    /// Whether the run's connection may still be used (R21). One read.
    pub async fn is_active(&self, run: &Run) -> anyhow::Result<bool> {
        Ok(self.core.load_connection(&run.connection).await?.is_some_and(|c| c.status == ConnectionStatus::Active))
    }
}

/// The slots that a run needs now: its concurrency group's before its first step, the agent's before each agent step.
pub fn slots_to_claim(run: &Run, capacity: &Capacity) -> Vec<Slot> {
    match group_slot(run) {
        Some(group) if run.plan.as_ref().is_some_and(|plan| !plan.admitted) => vec![group],
        _ => agent_slots(run, capacity),
    }
}

/// The slots that a run gives back now: those of its agent step, and its group's when it is over.
pub fn slots_to_release(run: &Run, capacity: &Capacity) -> Vec<Slot> {
    let group = group_slot(run).filter(|_| run.state.is_terminal());
    agent_slots(run, capacity).into_iter().chain(group).collect()
}

/// What a run holds while its agent works: its thread alone, its share of repository and workspace (R20).
fn agent_slots(run: &Run, capacity: &Capacity) -> Vec<Slot> {
    let repository = format!("repository#{}", run.repository.id);
    let thread = run.thread.as_ref().map(|thread| format!("thread#{}#{}", run.repository.id, thread.number));
    let thread = thread.map(|key| Slot { scope: SlotScope::Thread, key, capacity: 1 });
    let shared = [
        Slot { scope: SlotScope::Repository, key: repository, capacity: capacity.repository },
        Slot { scope: SlotScope::Workspace, key: "workspace".to_owned(), capacity: capacity.workspace },
    ];
    thread.into_iter().chain(shared).collect()
}

fn group_slot(run: &Run) -> Option<Slot> {
    let group = run.plan.as_ref()?.group.as_ref()?;
    Some(Slot { scope: SlotScope::Group, key: format!("group#{}#{group}", run.repository.id), capacity: 1 })
}

/// How a task names its run at ECS: `<workspace>/<run>/<attempt>`, within ECS's 128 letters.
pub fn started_by(run: &Run) -> String {
    format!("{}/{}/{}", run.workspace, run.id, run.attempt)
}

/// The other way round; `None` for tasks that no run started.
pub fn parse_started_by(text: &str) -> Option<(WorkspaceId, RunId, u32)> {
    let mut parts = text.split('/');
    let (workspace, run, attempt) = (parts.next()?, parts.next()?, parts.next()?.parse().ok()?);
    let ours = workspace.starts_with("ws_") && run.starts_with("run_") && parts.next().is_none();
    ours.then(|| (WorkspaceId(workspace.to_owned()), RunId(run.to_owned()), attempt))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_names_its_run_and_attempt() {
        let text = "ws_github_1/run_00ff/2";
        let (ws, run, attempt) = parse_started_by(text).unwrap();
        assert_eq!(format!("{ws}/{run}/{attempt}"), text);
    }

    #[test]
    fn somebody_elses_task_is_nobodys_run() {
        for text in ["", "ecs-svc/123", "ws_a/run_b", "ws_a/run_b/x", "ws_a/run_b/1/2", "x/run_b/1"] {
            assert_eq!(parse_started_by(text), None, "{text}");
        }
    }
}
