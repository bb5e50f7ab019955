//! The operations of ECS in AWS's JSON protocol.

use super::record::{ContainerRecord, StopCode, TaskRecord, TaskStatus, Times};
use super::registry::Created;
use super::{Ecs, arns};
use crate::aws::error::{Answer, AwsError};
use crate::aws::spec::{Condition, TaskDefinitionSpec};
use serde_json::{Value, json};

/// The most characters of all overrides as JSON.
const MAX_OVERRIDES: usize = 8192;
const MAX_CLIENT_TOKEN: usize = 64;

impl Ecs {
    /// Does one operation. Errors are ECS's own; an operation that is not here is named.
    pub(in crate::aws) async fn handle(&self, operation: &str, input: &Value) -> Answer {
        match operation {
            "DescribeTaskDefinition" => {
                let definition = self.definition(input).ok_or_else(|| client("Unable to describe task definition."))?;
                return Ok(json!({"taskDefinition": definition_json(definition)}));
            }
            "RunTask" | "StopTask" | "DescribeTasks" | "ListTasks" => self.check_cluster(input)?,
            other => return Err(AwsError::unknown_operation("ecs", other)),
        }
        match operation {
            "RunTask" => self.run_task(input),
            "StopTask" => self.stop_task(input),
            "DescribeTasks" => self.describe_tasks(input),
            _ => Ok(self.list_tasks(input)),
        }
    }

    fn check_cluster(&self, input: &Value) -> Result<(), AwsError> {
        let name = arns::name(input["cluster"].as_str().unwrap_or("default"));
        if name == self.cluster { Ok(()) } else { Err(AwsError::refused("ClusterNotFoundException", "Cluster not found.")) }
    }

    /// The definition that `family`, `family:1` or an ARN names.
    fn definition(&self, input: &Value) -> Option<&TaskDefinitionSpec> {
        let name = arns::name(input["taskDefinition"].as_str()?);
        let family = name.strip_suffix(":1").unwrap_or(name);
        self.definitions.iter().find(|definition| definition.family == family)
    }

    fn run_task(&self, input: &Value) -> Answer {
        let definition = self.definition(input).ok_or_else(|| client("TaskDefinition not found."))?;
        check_run_task(input, definition)?;
        let mut request = input.clone();
        if let Some(members) = request.as_object_mut() {
            members.remove("clientToken");
        }
        let containers = definition.containers.iter().map(|container| ContainerRecord {
            name: container.name.clone(),
            last_status: TaskStatus::Provisioning,
            exit_code: None,
            reason: None,
        });
        let task = TaskRecord {
            id: uuid::Uuid::new_v4().simple().to_string(),
            family: definition.family.clone(),
            started_by: input["startedBy"].as_str().map(str::to_owned),
            client_token: input["clientToken"].as_str().map(str::to_owned),
            request,
            overrides: input["overrides"].clone(),
            last_status: TaskStatus::Provisioning,
            wanted_stopped: false,
            stop_code: None,
            stopped_reason: None,
            created_at: jiff::Timestamp::now(),
            started_at: None,
            stopped_at: None,
            containers: containers.collect(),
            scratch: None,
            version: 1,
        };
        match self.machine.registry.create(task.clone())? {
            Created::New => {
                self.start(&task, definition.clone());
                Ok(self.ran(&task))
            }
            Created::Same(known) => Ok(self.ran(&known)),
            Created::Conflict(id) => {
                let message = "The RunTask request could not be processed due to conflicts. The provided clientToken is already in use.";
                let mut error = AwsError::refused("ConflictException", message);
                error.extra.insert("resourceIds".into(), json!([arns::task(&self.cluster, &id)]));
                Err(error)
            }
        }
    }

    fn ran(&self, task: &TaskRecord) -> Value {
        json!({"tasks": [task.to_json(&self.cluster, Times::Epoch)], "failures": []})
    }

    fn stop_task(&self, input: &Value) -> Answer {
        let id = arns::name(input["task"].as_str().unwrap_or_default());
        let reason = input["reason"].as_str().unwrap_or("Task stopped by user");
        let missing = || parameter("The referenced task was not found.");
        self.machine.registry.find(id).ok_or_else(missing)?;
        let task = self.machine.registry.change(id, |task| task.give_reason(StopCode::UserInitiated, reason))?.ok_or_else(missing)?;
        self.order_stop(id);
        Ok(json!({"task": task.to_json(&self.cluster, Times::Epoch)}))
    }

    fn describe_tasks(&self, input: &Value) -> Answer {
        let wanted: Vec<&str> = input["tasks"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if wanted.is_empty() || wanted.len() > 100 {
            return Err(parameter("Tasks must have 1 to 100 entries."));
        }
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for id in wanted.into_iter().map(arns::name) {
            match self.machine.registry.find(id) {
                Some(task) => tasks.push(task.to_json(&self.cluster, Times::Epoch)),
                None => failures.push(json!({"arn": arns::task(&self.cluster, id), "reason": "MISSING"})),
            }
        }
        Ok(json!({"tasks": tasks, "failures": failures}))
    }

    fn list_tasks(&self, input: &Value) -> Value {
        let wants_stopped = input["desiredStatus"] == "STOPPED";
        let is_wanted = |task: &TaskRecord| {
            let by = input["startedBy"].as_str().is_none_or(|by| task.started_by.as_deref() == Some(by));
            let family = input["family"].as_str().is_none_or(|family| task.family == family);
            by && family && task.wanted_stopped == wants_stopped
        };
        let tasks = self.machine.registry.list().into_iter().filter(is_wanted);
        json!({"taskArns": tasks.map(|task| arns::task(&self.cluster, &task.id)).collect::<Vec<_>>()})
    }
}

fn check_run_task(input: &Value, definition: &TaskDefinitionSpec) -> Result<(), AwsError> {
    if input["count"].as_u64().is_some_and(|count| count != 1) {
        return Err(parameter("The local stack starts one task per call."));
    }
    if input["clientToken"].as_str().is_some_and(|token| token.chars().count() > MAX_CLIENT_TOKEN) {
        return Err(parameter(format!("clientToken must not be longer than {MAX_CLIENT_TOKEN}")));
    }
    if input["startedBy"].as_str().is_some_and(|by| by.chars().count() > 128) {
        return Err(parameter("startedBy must not be longer than 128"));
    }
    let overrides = &input["overrides"];
    if !overrides.is_null() && overrides.to_string().chars().count() > MAX_OVERRIDES {
        return Err(parameter(format!("Container Overrides length must be at most {MAX_OVERRIDES}")));
    }
    for own in overrides["containerOverrides"].as_array().into_iter().flatten() {
        if !definition.containers.iter().any(|container| own["name"] == container.name.as_str()) {
            return Err(parameter(format!("Override for container named {} is not a container in the TaskDefinition.", own["name"])));
        }
    }
    Ok(())
}

fn definition_json(definition: &TaskDefinitionSpec) -> Value {
    let containers: Vec<Value> = definition
        .containers
        .iter()
        .map(|container| {
            let mounts = container
                .mount_points
                .iter()
                .map(|mount| json!({"sourceVolume": mount.volume, "containerPath": mount.container_path, "readOnly": mount.read_only}));
            let depends_on = container.depends_on.iter().map(|one| {
                let condition = match one.condition {
                    Condition::Start => "START",
                    Condition::Complete => "COMPLETE",
                    Condition::Success => "SUCCESS",
                };
                json!({"containerName": one.container, "condition": condition})
            });
            let environment = container.environment.iter().map(|(name, value)| json!({"name": name, "value": value}));
            json!({
                "name": container.name, "command": container.command, "essential": container.essential, "user": container.user,
                "memory": container.memory_mib, "stopTimeout": container.stop_timeout.as_secs(),
                "environment": environment.collect::<Vec<_>>(), "mountPoints": mounts.collect::<Vec<_>>(),
                "dependsOn": depends_on.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "taskDefinitionArn": arns::task_definition(&definition.family), "family": definition.family, "revision": 1, "status": "ACTIVE",
        "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "containerDefinitions": containers,
        "memory": definition.memory_mib.map(|mib| mib.to_string()),
        "volumes": definition.volumes.iter().map(|volume| json!({"name": volume.name})).collect::<Vec<_>>(),
    })
}

fn parameter(message: impl Into<String>) -> AwsError {
    AwsError::refused("InvalidParameterException", message)
}

fn client(message: &str) -> AwsError {
    AwsError::refused("ClientException", message)
}
