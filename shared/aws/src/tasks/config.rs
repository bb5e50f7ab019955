//! Where tasks run: read from a function's environment.

use crate::config::EnvReader;
use aws_sdk_ecs::types::AssignPublicIp;
use std::collections::BTreeMap;

/// The cluster, and what RunTask needs beyond it.
#[derive(Clone, Debug)]
pub struct TasksConfig {
    /// `ECS_CLUSTER`
    pub(super) cluster: String,
    /// Only functions that start tasks have it.
    pub(super) start: Option<StartConfig>,
}

#[derive(Clone, Debug)]
pub(super) struct StartConfig {
    /// `ECS_TASK_DEFINITION`
    pub(super) task_definition: String,
    /// `ECS_IMAGES`, comma-separated `NAME=TASK_DEFINITION`: what runs the agent in another image
    pub(super) images: BTreeMap<String, String>,
    /// `ECS_SUBNETS`, comma-separated
    pub(super) subnets: Vec<String>,
    /// `ECS_SECURITY_GROUPS`, comma-separated
    pub(super) security_groups: Vec<String>,
    /// `ECS_ASSIGN_PUBLIC_IP`: `ENABLED` or `DISABLED` (the default)
    pub(super) assign_public_ip: AssignPublicIp,
}

impl TasksConfig {
    /// For functions that look up and stop tasks: `ECS_CLUSTER`.
    pub fn read(env: &mut EnvReader) -> Self {
        Self { cluster: env.required("ECS_CLUSTER"), start: None }
    }

    /// For the function that starts them: also `ECS_TASK_DEFINITION`, `ECS_IMAGES`, `ECS_SUBNETS`,
    /// `ECS_SECURITY_GROUPS`, `ECS_ASSIGN_PUBLIC_IP`.
    pub fn read_for_start(env: &mut EnvReader) -> Self {
        let cluster = env.required("ECS_CLUSTER");
        let (task_definition, subnets, security_groups) =
            (env.required("ECS_TASK_DEFINITION"), env.list("ECS_SUBNETS"), env.list("ECS_SECURITY_GROUPS"));
        let assign_public_ip = match env.text_or("ECS_ASSIGN_PUBLIC_IP", "DISABLED").as_str() {
            "ENABLED" => AssignPublicIp::Enabled,
            "DISABLED" => AssignPublicIp::Disabled,
            _ => {
                env.problem("ECS_ASSIGN_PUBLIC_IP", "must be ENABLED or DISABLED");
                AssignPublicIp::Disabled
            }
        };
        let images = read_images(env);
        Self { cluster, start: Some(StartConfig { task_definition, images, subnets, security_groups, assign_public_ip }) }
    }
}

fn read_images(env: &mut EnvReader) -> BTreeMap<String, String> {
    let mut images = BTreeMap::new();
    for entry in env.optional("ECS_IMAGES").iter().flat_map(|list| list.split(',')) {
        match entry.split_once('=') {
            Some((name, definition)) if !name.is_empty() && !definition.is_empty() => {
                if images.insert(name.to_owned(), definition.to_owned()).is_some() {
                    env.problem("ECS_IMAGES", &format!("has two images called `{name}`"));
                }
            }
            _ => env.problem("ECS_IMAGES", &format!("has `{entry}`, which is not NAME=TASK_DEFINITION")),
        }
    }
    images
}
