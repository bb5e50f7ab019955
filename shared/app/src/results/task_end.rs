//! How a task's end becomes an input: EventBridge's "ECS Task State Change", classified only after looking for the
//! stored result, because a stop may arrive before it (R18).

use super::Results;
use jiff::Timestamp;
use patchbay_aws::lambda::Handled;
use patchbay_aws::tasks::{ContainerStatus, TaskStatus, classify};
use patchbay_domain::ids::{RunId, WorkspaceId};
use patchbay_domain::run::{Input, State};
use serde::Deserialize;

/// What we read of EventBridge's event; everything else is left alone.
#[derive(Debug, Deserialize)]
pub struct TaskStateChange {
    detail: Detail,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    task_arn: String,
    last_status: String,
    started_by: Option<String>,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    exit_code: Option<i64>,
    reason: Option<String>,
}

impl TaskStateChange {
    /// The event, or `None` if the body is something else.
    pub(super) fn parse(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }
}

impl Detail {
    fn status(&self) -> TaskStatus {
        let containers = self.containers.iter().map(|container| ContainerStatus {
            name: container.name.clone(),
            exit_code: container.exit_code,
            reason: container.reason.clone(),
        });
        TaskStatus {
            stopped: true,
            stop_code: self.stop_code.clone(),
            stopped_reason: self.stopped_reason.clone(),
            containers: containers.collect(),
        }
    }
}

impl Results {
    pub(super) async fn task_ended(&self, change: TaskStateChange, ends_at: Timestamp) -> anyhow::Result<Handled> {
        let detail = change.detail;
        if detail.last_status != "STOPPED" {
            return Ok(Handled::Done);
        }
        let Some((workspace, run, attempt)) = detail.started_by.as_deref().and_then(crate::services::parse_started_by) else {
            return Ok(Handled::Drop(format!("task {} was not started by a run", detail.task_arn)));
        };
        self.note_task_end(&workspace, &run, attempt, &detail).await?;
        self.driver.drive(&workspace, &run, ends_at, async |run, pending| self.perform(run, pending).await).await
    }

    async fn note_task_end(&self, workspace: &WorkspaceId, id: &RunId, attempt: u32, detail: &Detail) -> anyhow::Result<()> {
        let Some(run) = self.services.dispatch.runs.load(workspace, id).await? else { return Ok(()) };
        if run.attempt != attempt || self.take_result(&run).await? {
            return Ok(());
        }
        let end = classify(&detail.status());
        if matches!(run.state, State::Starting | State::Running { .. }) {
            tracing::info!(run = %id, attempt, ?end, "task ended without a result");
        }
        self.services.dispatch.tell(workspace, id, &Input::TaskEnded { attempt, end }).await?;
        Ok(())
    }
}
