//! Reads queues, tables, task definitions, event rules and the schedules that are resources of their own.

use super::functions::{queue_of_arn, read_schedule};
use super::model::{EventRule, Model};
use super::node::Node;
use super::{Scope, TemplateError};
use crate::aws::{
    Condition, ContainerSpec, Dependency, IndexSpec, MountPoint, QueueSpec, Redrive, TableSpec, TaskDefinitionSpec, VolumeSpec,
};
use std::collections::BTreeMap;
use std::time::Duration;

fn properties(scope: &Scope<'_>, resource: &Node) -> Result<Option<Node>, TemplateError> {
    resource.get("Properties").map(|properties| scope.resolve(properties)).transpose()
}

fn required_properties(scope: &Scope<'_>, resource: &Node) -> Result<Node, TemplateError> {
    scope.resolve(resource.require("Properties")?)
}

/// Reads a queue; what the template leaves out is AWS's default.
pub(super) fn read_queue(scope: &Scope<'_>, name: String, resource: &Node) -> Result<QueueSpec, TemplateError> {
    let mut queue = QueueSpec::new(name);
    let Some(properties) = properties(scope, resource)? else { return Ok(queue) };
    let seconds = |key: &str, target: &mut Duration| -> Result<(), TemplateError> {
        if let Some(node) = properties.get(key) {
            *target = Duration::from_secs(node.number()?);
        }
        Ok(())
    };
    seconds("VisibilityTimeout", &mut queue.visibility_timeout)?;
    seconds("DelaySeconds", &mut queue.delay)?;
    seconds("MessageRetentionPeriod", &mut queue.retention)?;
    seconds("ReceiveMessageWaitTimeSeconds", &mut queue.receive_wait)?;
    if let Some(bytes) = properties.get("MaximumMessageSize") {
        queue.max_message_bytes = usize::try_from(bytes.number()?).unwrap_or(usize::MAX);
    }
    if let Some(redrive) = properties.get("RedrivePolicy") {
        let count = redrive.require("maxReceiveCount")?.number()?;
        queue.redrive = Some(Redrive {
            dead_letter_queue: queue_of_arn(redrive.require("deadLetterTargetArn")?)?,
            max_receive_count: u32::try_from(count).unwrap_or(u32::MAX),
        });
    }
    Ok(queue)
}

/// Reads a table: its keys, indexes and expiry attribute.
pub(super) fn read_table(scope: &Scope<'_>, name: String, resource: &Node) -> Result<TableSpec, TemplateError> {
    let properties = required_properties(scope, resource)?;
    let (hash, range) = read_keys(&properties)?;
    let mut indexes = Vec::new();
    for index in properties.get("GlobalSecondaryIndexes").map(Node::items).transpose()?.unwrap_or_default() {
        let (hash, range) = read_keys(index)?;
        let projection = index.at(&["Projection", "ProjectionType"]).map(Node::text).transpose()?.unwrap_or_else(|| "ALL".to_owned());
        indexes.push(IndexSpec { name: index.require("IndexName")?.text()?, hash, range, projection });
    }
    let ttl_attribute = properties.at(&["TimeToLiveSpecification", "AttributeName"]).map(Node::text).transpose()?;
    Ok(TableSpec { name, hash, range, indexes, ttl_attribute })
}

fn read_keys(node: &Node) -> Result<(String, Option<String>), TemplateError> {
    let schema = node.require("KeySchema")?;
    let mut keys = BTreeMap::new();
    for key in schema.items()? {
        keys.insert(key.require("KeyType")?.text()?, key.require("AttributeName")?.text()?);
    }
    let hash = keys.remove("HASH").ok_or_else(|| TemplateError::at(schema.line, "KeySchema has no HASH key"))?;
    Ok((hash, keys.remove("RANGE")))
}

/// Reads a task definition with its containers and volumes.
pub(super) fn read_task_definition(scope: &Scope<'_>, family: String, resource: &Node) -> Result<TaskDefinitionSpec, TemplateError> {
    let properties = required_properties(scope, resource)?;
    let containers = properties.require("ContainerDefinitions")?.items()?.iter().map(read_container).collect::<Result<_, _>>()?;
    let volumes = properties.get("Volumes").map(Node::items).transpose()?.unwrap_or_default();
    let volumes =
        volumes.iter().map(|volume| Ok(VolumeSpec { name: volume.require("Name")?.text()? })).collect::<Result<_, TemplateError>>()?;
    let memory_mib = properties.get("Memory").map(Node::number).transpose()?;
    Ok(TaskDefinitionSpec { family, containers, volumes, memory_mib })
}

fn read_container(node: &Node) -> Result<ContainerSpec, TemplateError> {
    let items = |key: &str| node.get(key).map(Node::items).transpose().map(Option::unwrap_or_default);
    let mut container = ContainerSpec::new(node.require("Name")?.text()?, &[]);
    for part in items("EntryPoint")?.iter().chain(items("Command")?) {
        container.command.push(part.text()?);
    }
    for variable in items("Environment")? {
        container.environment.insert(variable.require("Name")?.text()?, variable.require("Value")?.text()?);
    }
    for mount in items("MountPoints")? {
        container.mount_points.push(MountPoint {
            volume: mount.require("SourceVolume")?.text()?,
            container_path: mount.require("ContainerPath")?.text()?,
            read_only: mount.get("ReadOnly").map(Node::flag).transpose()?.unwrap_or(false),
        });
    }
    for dependency in items("DependsOn")? {
        let condition = dependency.require("Condition")?;
        let condition = match condition.text()?.as_str() {
            "START" => Condition::Start,
            "COMPLETE" => Condition::Complete,
            "SUCCESS" => Condition::Success,
            other => {
                return Err(TemplateError::at(condition.line, format!("the local stack does not play the container condition {other}")));
            }
        };
        container.depends_on.push(Dependency { container: dependency.require("ContainerName")?.text()?, condition });
    }
    container.user = node.get("User").map(Node::text).transpose()?;
    container.memory_mib = node.get("Memory").map(Node::number).transpose()?;
    container.essential = node.get("Essential").map(Node::flag).transpose()?.unwrap_or(true);
    if let Some(seconds) = node.get("StopTimeout") {
        container.stop_timeout = Duration::from_secs(seconds.number()?);
    }
    Ok(container)
}

/// Reads an EventBridge rule with an event pattern, once for each target queue. A schedule is none of these.
pub(super) fn read_rules(scope: &Scope<'_>, name: &str, resource: &Node) -> Result<Vec<EventRule>, TemplateError> {
    let properties = required_properties(scope, resource)?;
    let Some(pattern) = properties.get("EventPattern") else { return Ok(Vec::new()) };
    let mut rules = Vec::new();
    for target in properties.require("Targets")?.items()? {
        let queue = queue_of_arn(target.require("Arn")?)?;
        rules.push(EventRule { name: name.to_owned(), pattern: pattern.to_json(), queue });
    }
    Ok(rules)
}

/// Schedules that are resources of their own (`AWS::Scheduler::Schedule`, `AWS::Events::Rule`) go to their function.
pub(super) fn attach_schedules(scope: &Scope<'_>, model: &mut Model) -> Result<(), TemplateError> {
    for (id, kind, resource) in scope.resources()? {
        let found = match kind.as_str() {
            "AWS::Scheduler::Schedule" | "AWS::Events::Rule" => read_schedules(scope, id, resource).map_err(|error| error.of(id))?,
            _ => Vec::new(),
        };
        for (target, schedule) in found {
            let function = model.functions.iter_mut().find(|function| target.ends_with(&format!(":function:{}", function.name)));
            let function = function.ok_or_else(|| TemplateError::at(resource.line, format!("{id}: its target {target} is no function")))?;
            function.schedules.push(schedule);
        }
    }
    Ok(())
}

fn read_schedules(scope: &Scope<'_>, id: &str, resource: &Node) -> Result<Vec<(String, super::model::Schedule)>, TemplateError> {
    let properties = required_properties(scope, resource)?;
    let Some(expression) = properties.get("ScheduleExpression") else { return Ok(Vec::new()) };
    let schedule = read_schedule(id, expression)?;
    let targets = match properties.get("Target") {
        Some(target) => std::slice::from_ref(target),
        None => properties.require("Targets")?.items()?,
    };
    targets.iter().map(|target| Ok((target.require("Arn")?.text()?, schedule.clone()))).collect()
}
