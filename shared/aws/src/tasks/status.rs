//! How a task is, and how its end is to be read (R18).

use aws_sdk_ecs::types::Task;
use patchbay_domain::run::TaskEnd;
use patchbay_domain::task::EXIT_NOT_BEGUN;

/// A task as DescribeTasks or EventBridge tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskStatus {
    pub stopped: bool,
    /// ECS's word for the cause, for example `EssentialContainerExited`.
    pub stop_code: Option<String>,
    pub stopped_reason: Option<String>,
    pub containers: Vec<ContainerStatus>,
}

/// One container of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerStatus {
    pub name: String,
    /// None for a container that never started.
    pub exit_code: Option<i64>,
    pub reason: Option<String>,
}

impl TaskStatus {
    pub(super) fn of(task: &Task) -> Self {
        let containers = task.containers().iter().map(|container| ContainerStatus {
            name: container.name().unwrap_or_default().to_owned(),
            exit_code: container.exit_code().map(i64::from),
            reason: container.reason().map(str::to_owned),
        });
        Self {
            stopped: task.last_status() == Some("STOPPED"),
            stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
            stopped_reason: task.stopped_reason().map(str::to_owned),
            containers: containers.collect(),
        }
    }
}

/// What the end of a task without a result means: the platform's doing, or the supervisor's.
pub fn classify(status: &TaskStatus) -> TaskEnd {
    let supervisor = status.containers.iter().find(|container| container.name == "supervisor");
    let reason = supervisor.and_then(|container| container.reason.as_deref()).unwrap_or_default();
    let exit_code = supervisor.and_then(|container| container.exit_code);
    let platform = || {
        let texts = [status.stop_code.as_deref(), status.stopped_reason.as_deref(), Some(reason)];
        let detail = texts.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
        TaskEnd::Infrastructure { detail }
    };
    if reason.contains("OutOfMemory") {
        return TaskEnd::OutOfMemory;
    }
    match (status.stop_code.as_deref(), exit_code) {
        // The host went away: whatever the container's code is, it is not the supervisor's own.
        (Some("TaskFailedToStart" | "SpotInterruption" | "TerminationNotice" | "ServiceSchedulerInitiated"), _) => platform(),
        (_, Some(code)) if code == i64::from(EXIT_NOT_BEGUN) => {
            TaskEnd::Infrastructure { detail: "the task could not reach its gateway".to_owned() }
        }
        (_, Some(code)) => TaskEnd::Exited { code },
        // Somebody stopped it before it had started: it must not be started again behind their back.
        (Some("UserInitiated"), None) => TaskEnd::Exited { code: 143 },
        (_, None) => platform(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(stop_code: &str, exit_code: Option<i64>, reason: &str) -> TaskEnd {
        let agent = ContainerStatus { name: "agent".into(), exit_code: Some(137), reason: Some("OutOfMemoryError: agent".into()) };
        let supervisor = ContainerStatus { name: "supervisor".into(), exit_code, reason: Some(reason.into()) };
        classify(&TaskStatus {
            stopped: true,
            stop_code: Some(stop_code.into()),
            stopped_reason: Some("because".into()),
            containers: vec![agent, supervisor],
        })
    }

    #[test]
    fn the_platforms_doing_is_told_apart_from_the_supervisors() {
        let infrastructure = |end| matches!(end, TaskEnd::Infrastructure { .. });
        assert!(infrastructure(ended("TaskFailedToStart", None, "CannotPullContainerError: timeout")));
        assert!(infrastructure(ended("SpotInterruption", Some(143), "")));
        assert!(infrastructure(ended("EssentialContainerExited", None, "ResourceInitializationError")));
        assert!(infrastructure(ended("EssentialContainerExited", Some(75), "")), "it never began");
        assert_eq!(ended("EssentialContainerExited", Some(3), ""), TaskEnd::Exited { code: 3 });
        assert_eq!(ended("EssentialContainerExited", Some(137), "OutOfMemoryError: Container killed"), TaskEnd::OutOfMemory);
        assert_eq!(ended("UserInitiated", Some(143), ""), TaskEnd::Exited { code: 143 });
        assert_eq!(ended("UserInitiated", None, ""), TaskEnd::Exited { code: 143 });
    }

    #[test]
    fn the_agents_memory_is_not_the_supervisors() {
        assert_eq!(ended("EssentialContainerExited", Some(0), ""), TaskEnd::Exited { code: 0 });
    }

    #[test]
    fn a_platform_end_says_everything_that_ecs_said() {
        let TaskEnd::Infrastructure { detail } = ended("TaskFailedToStart", None, "CannotPullContainerError") else { panic!() };
        assert_eq!(detail, "TaskFailedToStart: because: CannotPullContainerError");
    }
}
