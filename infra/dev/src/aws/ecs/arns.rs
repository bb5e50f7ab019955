//! The ARNs of ECS.

use crate::aws::{ACCOUNT, REGION};

pub(super) fn task(cluster: &str, id: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/{cluster}/{id}")
}

pub(super) fn container(cluster: &str, task: &str, name: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:container/{cluster}/{task}/{name}")
}

pub(super) fn cluster(name: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{name}")
}

pub(super) fn task_definition(family: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:1")
}

/// The last part of an ARN, or the name itself.
pub(super) fn name(arn_or_name: &str) -> &str {
    arn_or_name.rsplit('/').next().unwrap_or(arn_or_name)
}
