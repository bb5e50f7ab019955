//! A task as ECS tells of it, in API answers and in events.

use super::arns;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What ECS calls `lastStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskStatus {
    Provisioning,
    Running,
    Stopped,
}

/// Why a task stopped, in ECS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopCode {
    TaskFailedToStart,
    EssentialContainerExited,
    UserInitiated,
    TerminationNotice,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRecord {
    pub name: String,
    pub last_status: TaskStatus,
    /// 128 + signal when a signal ended it.
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

/// A task that RunTask accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// The ARN's last part.
    pub id: String,
    pub family: String,
    pub started_by: Option<String>,
    pub client_token: Option<String>,
    /// The whole request without its token: what "the same parameters" means.
    pub(super) request: Value,
    pub overrides: Value,
    pub last_status: TaskStatus,
    pub wanted_stopped: bool,
    pub stop_code: Option<StopCode>,
    pub stopped_reason: Option<String>,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub stopped_at: Option<Timestamp>,
    pub containers: Vec<ContainerRecord>,
    /// The task's temporary directory; gone when the task is stopped.
    pub scratch: Option<PathBuf>,
    /// Counts the changes.
    pub version: u64,
}

/// How points in time are written.
#[derive(Clone, Copy)]
pub(super) enum Times {
    /// The API: epoch seconds.
    Epoch,
    /// Events: RFC 3339.
    Text,
}

impl Times {
    fn write(self, at: Option<Timestamp>) -> Value {
        match self {
            Self::Epoch => at.map(|at| at.as_duration().as_secs_f64()).into(),
            Self::Text => at.map(|at| at.to_string()).into(),
        }
    }
}

impl TaskRecord {
    /// Decides why the task stops, unless that is decided already.
    pub(super) fn give_reason(&mut self, code: StopCode, reason: impl Into<String>) {
        self.wanted_stopped = true;
        if self.stop_code.is_none() {
            self.stop_code = Some(code);
            self.stopped_reason = Some(reason.into());
        }
    }

    /// The task's JSON; members without a value are left out.
    pub(super) fn to_json(&self, cluster: &str, times: Times) -> Value {
        let arn = arns::task(cluster, &self.id);
        let containers: Vec<Value> = self.containers.iter().map(|container| container_json(container, cluster, &self.id)).collect();
        let mut json = json!({
            "taskArn": arn,
            "clusterArn": arns::cluster(cluster),
            "taskDefinitionArn": arns::task_definition(&self.family),
            "group": format!("family:{}", self.family),
            "launchType": "FARGATE",
            "lastStatus": self.last_status,
            "desiredStatus": if self.wanted_stopped { TaskStatus::Stopped } else { TaskStatus::Running },
            "startedBy": self.started_by,
            "overrides": self.overrides,
            "stopCode": self.stop_code,
            "stoppedReason": self.stopped_reason,
            "createdAt": times.write(Some(self.created_at)),
            "startedAt": times.write(self.started_at),
            "stoppedAt": times.write(self.stopped_at),
            "containers": containers,
            "version": self.version,
        });
        without_nulls(&mut json);
        json
    }
}

fn container_json(container: &ContainerRecord, cluster: &str, task: &str) -> Value {
    let mut json = json!({
        "containerArn": arns::container(cluster, task, &container.name),
        "taskArn": arns::task(cluster, task),
        "name": container.name,
        "lastStatus": container.last_status,
        "exitCode": container.exit_code,
        "reason": container.reason,
    });
    without_nulls(&mut json);
    json
}

fn without_nulls(json: &mut Value) {
    if let Some(members) = json.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
}
