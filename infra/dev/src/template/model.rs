//! What the local stack plays, read from the template: functions with their triggers, and the AWS resources.
//!
//! Plain data. `functions` and `resources` fill it.

use super::{Scope, TemplateError, functions, resources, roles};
use crate::aws::{Access, QueueSpec, TableSpec, TaskDefinitionSpec};
use std::collections::BTreeMap;
use std::time::Duration;

/// The template, evaluated for one deployment.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub functions: Vec<Function>,
    pub queues: Vec<QueueSpec>,
    pub tables: Vec<TableSpec>,
    /// Bucket names.
    pub buckets: Vec<String>,
    /// Secret names by logical id.
    pub secrets: BTreeMap<String, String>,
    /// KMS key ids.
    pub keys: Vec<String>,
    pub cluster: Option<String>,
    pub task_definitions: Vec<TaskDefinitionSpec>,
    pub rules: Vec<EventRule>,
    /// What queues, tables and secrets are called, by logical id.
    pub names: BTreeMap<String, String>,
    /// What the functions' roles allow.
    pub access: Access,
}

impl Model {
    /// The function with this logical id.
    pub fn function(&self, id: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.id == id)
    }
}

/// A Lambda function and everything that invokes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The logical id in the template.
    pub id: String,
    pub name: String,
    /// The package, which is also the folder and the binary.
    pub package: String,
    pub environment: BTreeMap<String, String>,
    pub timeout: Duration,
    pub memory_mib: u64,
    pub routes: Vec<Route>,
    pub mappings: Vec<QueueMapping>,
    pub schedules: Vec<Schedule>,
    pub url: Option<FunctionUrl>,
}

/// A route of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Upper case, or `ANY`.
    pub method: String,
    /// With `{name}` and `{name+}` segments as API Gateway writes them.
    pub path: String,
}

/// An SQS event source mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMapping {
    /// The queue's name.
    pub queue: String,
    pub batch_size: u32,
    pub batch_window: Duration,
    /// `ReportBatchItemFailures`: the response names the messages that failed.
    pub partial_failures: bool,
    /// At most so many invocations at once from this queue.
    pub max_concurrency: Option<u32>,
}

/// A `rate(…)` schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub name: String,
    pub every: Duration,
}

/// A function URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionUrl {
    /// `InvokeMode: RESPONSE_STREAM`.
    pub streaming: bool,
}

/// An EventBridge rule whose target is a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRule {
    pub name: String,
    pub pattern: serde_json::Value,
    /// The queue's name.
    pub queue: String,
}

/// Reads everything from an evaluated scope.
pub(super) fn read_model(scope: &Scope<'_>) -> Result<Model, TemplateError> {
    let mut model = Model::default();
    for (id, kind, resource) in scope.resources()? {
        read_resource(scope, &mut model, id, &kind, resource).map_err(|error| error.of(id))?;
    }
    resources::attach_schedules(scope, &mut model)?;
    model.access = roles::read_access(scope)?;
    Ok(model)
}

fn read_resource(scope: &Scope<'_>, model: &mut Model, id: &str, kind: &str, resource: &super::node::Node) -> Result<(), TemplateError> {
    let name = || scope.physical_name(resource.line, id);
    if matches!(kind, "AWS::SQS::Queue" | "AWS::DynamoDB::Table" | "AWS::SecretsManager::Secret") {
        model.names.insert(id.to_owned(), name()?);
    }
    match kind {
        "AWS::Serverless::Function" => model.functions.push(functions::read_function(scope, id, resource)?),
        "AWS::SQS::Queue" => model.queues.push(resources::read_queue(scope, name()?, resource)?),
        "AWS::DynamoDB::Table" => model.tables.push(resources::read_table(scope, name()?, resource)?),
        "AWS::S3::Bucket" => model.buckets.push(name()?),
        "AWS::SecretsManager::Secret" => _ = model.secrets.insert(id.to_owned(), name()?),
        "AWS::KMS::Key" => model.keys.push(name()?),
        "AWS::ECS::Cluster" => model.cluster = Some(name()?),
        "AWS::ECS::TaskDefinition" => model.task_definitions.push(resources::read_task_definition(scope, name()?, resource)?),
        "AWS::Events::Rule" => model.rules.extend(resources::read_rules(scope, &name()?, resource)?),
        _ => {}
    }
    Ok(())
}
