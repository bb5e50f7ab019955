//! Agent tasks at ECS: start, stop, look up. RunTask is idempotent by its client token (R17), and an answer of 200 may
//! still mean that nothing was started: `run` says which. How a task's end is read lives in `status`.

mod config;
mod start;
mod status;

pub use config::TasksConfig;
pub use start::{TaskRequest, TaskStart};
pub use status::{ContainerStatus, TaskStatus, classify};

use crate::config::AwsConfig;
use crate::error::AwsError;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::types::{DesiredStatus, Task};
use jiff::Timestamp;

/// What DescribeTasks takes at once.
const TASKS_PER_CALL: usize = 100;
const MAX_REASON_CHARS: usize = 255;

/// A task that ECS has running or on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningTask {
    pub arn: String,
    /// What `TaskRequest::started_by` said; others' tasks have something else or nothing.
    pub started_by: Option<String>,
    pub created_at: Option<Timestamp>,
}

/// The cluster. Cheap to clone.
#[derive(Clone)]
pub struct Tasks {
    client: aws_sdk_ecs::Client,
    config: TasksConfig,
}

impl Tasks {
    /// The cluster that `config` names.
    pub fn new(aws: &AwsConfig, config: TasksConfig) -> Self {
        Self { client: aws.ecs(), config }
    }

    /// Stops a task: SIGTERM, then SIGKILL after the container's stop timeout. A task that is gone is as good. One call.
    pub async fn stop(&self, arn: &str, reason: &str) -> Result<(), AwsError> {
        let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
        match self.client.stop_task().cluster(&self.config.cluster).task(arn).reason(reason).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_unknown_task(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// How the task is, or none if ECS no longer knows it (about an hour after its end). One call.
    pub async fn describe(&self, arn: &str) -> Result<Option<TaskStatus>, AwsError> {
        let request = self.client.describe_tasks().cluster(&self.config.cluster).tasks(arn);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if is_unknown_task(&error) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(answer.tasks().first().map(TaskStatus::of))
    }

    /// The tasks, running or on their way, that were started by this name. One call.
    pub async fn find(&self, started_by: &str) -> Result<Vec<String>, AwsError> {
        let request = self.client.list_tasks().cluster(&self.config.cluster).started_by(started_by);
        Ok(request.desired_status(DesiredStatus::Running).send().await?.task_arns.unwrap_or_default())
    }

    /// All tasks of the cluster that are running or on their way. Two calls per 100 tasks.
    pub async fn list_running(&self) -> Result<Vec<RunningTask>, AwsError> {
        let (mut running, mut next) = (Vec::new(), None);
        loop {
            let request = self.client.list_tasks().cluster(&self.config.cluster).desired_status(DesiredStatus::Running);
            let page = request.set_next_token(next).send().await?;
            for arns in page.task_arns().chunks(TASKS_PER_CALL) {
                let request = self.client.describe_tasks().cluster(&self.config.cluster).set_tasks(Some(arns.to_vec()));
                running.extend(request.send().await?.tasks().iter().filter_map(running_task));
            }
            next = page.next_token;
            if next.is_none() {
                return Ok(running);
            }
        }
    }
}

fn running_task(task: &Task) -> Option<RunningTask> {
    Some(RunningTask {
        arn: task.task_arn()?.to_owned(),
        started_by: task.started_by().map(str::to_owned),
        created_at: task.created_at().and_then(|at| Timestamp::from_second(at.secs()).ok()),
    })
}

/// ECS says `InvalidParameterException: The referenced task was not found.`
fn is_unknown_task<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let SdkError::ServiceError(context) = error else { return false };
    let message = context.err().message().unwrap_or_default();
    context.err().code() == Some("InvalidParameterException") && message.contains("not found")
}
