//! Rules about roles and secrets (R44, R45): who may do what, and that a function's environment names exactly what
//! its role allows.

use super::document::{Template, each, list, referred};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Statements whose resource ends in a wildcard, reviewed one by one: role, action, why.
const REVIEWED: [(&str, &str, &str); 22] = [
    ("*", "xray:PutTraceSegments", "X-Ray knows no resources"),
    ("*", "xray:PutTelemetryRecords", "X-Ray knows no resources"),
    ("AgentExecutionRole", "ecr:GetAuthorizationToken", "knows no resources; the pull itself is limited to repositories"),
    ("DeploymentRole", "lambda:GetAlias", "the functions of this stack, by the start of their names"),
    ("DeploymentRole", "lambda:UpdateAlias", "the functions of this stack, by the start of their names"),
    ("DeploymentRole", "lambda:GetProvisionedConcurrencyConfig", "the functions of this stack, by the start of their names"),
    ("DeploymentRole", "cloudwatch:DescribeAlarms", "knows no single alarms"),
    ("WebhookIntakeRole", "s3:PutObject", "the keys below deliveries/"),
    ("TriggerMatcherRole", "s3:GetObject", "the keys below deliveries/"),
    ("TriggerMatcherRole", "s3:PutObject", "the keys below deliveries/"),
    ("TaskGatewayRole", "s3:PutObject", "the keys below results/"),
    ("RunResultsRole", "s3:GetObject", "the keys below results/"),
    ("RunLauncherRole", "ecs:RunTask", "the revisions of one family, on one cluster"),
    ("RunLauncherRole", "ecs:TagResource", "the tasks of one cluster, while they are started"),
    ("RunResultsRole", "ecs:StopTask", "the tasks of one cluster"),
    ("RunReaperRole", "s3:GetObject", "the keys below results/"),
    ("RunReaperRole", "s3:PutObject", "the keys below deliveries/"),
    ("RunLauncherRole", "ecs:ListTasks", "knows no task resources; limited to one cluster by condition"),
    ("RunResultsRole", "ecs:ListTasks", "knows no task resources; limited to one cluster by condition"),
    ("RunReaperRole", "ecs:StopTask", "the tasks of one cluster"),
    ("RunReaperRole", "ecs:DescribeTasks", "the tasks of one cluster"),
    ("RunReaperRole", "ecs:ListTasks", "knows no task resources; limited to one cluster by condition"),
];

/// Who may read what is secret: resource, roles.
const READERS: [(&str, &[&str]); 5] = [
    ("WebhookSecret", &["WebhookIntakeRole"]),
    ("GithubAppSecret", &["TriggerMatcherRole", "RunLauncherRole", "RunResultsRole", "RunReaperRole"]),
    ("ModelSecret", &["TaskGatewayRole"]),
    ("SigningSecret", &["RunLauncherRole", "StepCallbackRole"]),
    ("VaultTable", &["TaskGatewayRole"]),
];

/// Each function has `<Function>Role` to itself, written out in the template: managed policies hold wildcards.
pub(super) fn own_roles(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    for (function, properties) in template.functions() {
        if properties["Role"] != json!({"Fn::GetAtt": format!("{function}Role.Arn")}) {
            breaches.push(format!("{function} does not use {function}Role"));
        }
        if !properties["Policies"].is_null() {
            breaches.push(format!("{function} has Policies of its own: they belong into {function}Role"));
        }
    }
    for (role, properties) in template.of_type("AWS::IAM::Role") {
        if !properties["ManagedPolicyArns"].is_null() {
            breaches.push(format!("{role} uses managed policies"));
        }
    }
    breaches
}

/// No wildcard in an action; in a resource only as reviewed, and every reviewed line is in use.
pub(super) fn wildcards(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut used = BTreeSet::new();
    for (role, statement) in template.statements() {
        let wild = list(&statement["Resource"]).any(|r| r.to_string().contains('*'));
        for action in actions(statement) {
            if action.contains('*') {
                breaches.push(format!("{role} may do {action}"));
            }
            match REVIEWED.iter().position(|(r, a, _)| (*r == role || *r == "*") && *a == action) {
                Some(line) => drop(used.insert(line)),
                None if wild => breaches.push(format!("{role} may do {action} on {}: not reviewed", statement["Resource"])),
                None => {}
            }
        }
    }
    let unused = (0..REVIEWED.len()).filter(|n| !used.contains(n)).map(|n| format!("reviewed, but not there: {:?}", REVIEWED[n]));
    breaches.extend(unused);
    breaches
}

/// The secrets and the vault are read by exactly those who are listed; the vault is written by one more.
pub(super) fn readers(template: &Template) -> Vec<String> {
    let reading = ["GetSecretValue", "GetItem", "BatchGetItem", "Query", "Scan", "DeleteItem", "UpdateItem", "PartiQLSelect"];
    let mut breaches = Vec::new();
    for (resource, listed) in READERS {
        let reads = |s: &Value| actions(s).iter().any(|a| reading.iter().any(|r| a.ends_with(r)) || a.contains('*'));
        let found = roles_that(template, resource, reads);
        if found != listed.iter().copied().collect() {
            breaches.push(format!("{resource} is read by {found:?}, listed are {listed:?}"));
        }
    }
    let writers = roles_that(template, "VaultTable", |s| actions(s).iter().any(|a| a.ends_with("PutItem")));
    if writers != BTreeSet::from(["RunLauncherRole"]) {
        breaches.push(format!("the vault is written by {writers:?}"));
    }
    breaches
}

fn roles_that<'a>(template: &'a Template, resource: &str, does: impl Fn(&Value) -> bool) -> BTreeSet<&'a str> {
    let about = |s: &Value| referred(&s["Resource"]).iter().any(|r| r == resource);
    template.statements().into_iter().filter(|(_, s)| about(s) && does(s)).map(|(r, _)| r).collect()
}

/// Every use of the key is bound: through S3, for one secret, or to the vault's records, which name their workspace.
/// run-launcher seals those and task-gateway opens them.
pub(super) fn key_uses(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut of_the_vault = BTreeSet::new();
    for (role, statement) in template.statements() {
        let equals = &statement["Condition"]["StringEquals"];
        let through_s3 = equals["kms:ViaService"]["Fn::Sub"] == "s3.${AWS::Region}.${AWS::URLSuffix}";
        let one_secret = equals["kms:EncryptionContext:SecretARN"]["Ref"].is_string();
        let vault = statement["Condition"]["StringLike"]["kms:EncryptionContext:workspace"] == "ws_*";
        for action in actions(statement).into_iter().filter(|a| a.starts_with("kms:")) {
            if vault {
                of_the_vault.insert((role, action));
            } else if !through_s3 && !one_secret {
                breaches.push(format!("{role} may do {action} with everything that the key protects"));
            }
        }
    }
    if of_the_vault != BTreeSet::from([("RunLauncherRole", "kms:GenerateDataKey"), ("TaskGatewayRole", "kms:Decrypt")]) {
        breaches.push(format!("the vault's records are sealed and opened by {of_the_vault:?}"));
    }
    breaches
}

/// Tables, queues, secrets: a function has the variable exactly if its role allows the use.
pub(super) fn environment_matches(template: &Template) -> Vec<String> {
    let uses =
        [("AWS::DynamoDB::Table", "dynamodb:"), ("AWS::SQS::Queue", "sqs:SendMessage"), ("AWS::SecretsManager::Secret", "secretsmanager:")];
    let mut breaches = Vec::new();
    for (function, properties) in template.functions() {
        let told: BTreeSet<String> = each(&properties["Environment"]["Variables"]).flat_map(referred).collect();
        // Of the queue that a message came from, the message tells.
        let served: BTreeSet<String> = template
            .queue_events()
            .into_iter()
            .filter(|(of, _)| *of == function)
            .flat_map(|(_, event)| referred(&event["Queue"]))
            .collect();
        for (kind, action) in uses {
            for (resource, _) in template.of_type(kind) {
                let may = roles_that(template, resource, |s| actions(s).iter().any(|a| a.starts_with(action)));
                let may = may.contains(format!("{function}Role").as_str());
                if may != told.contains(resource) && !(may && served.contains(resource)) {
                    let (has, lacks) = if may { ("the right to use", "the variable") } else { ("the variable", "the right to use") };
                    breaches.push(format!("{function} has {has} {resource}, but not {lacks} it"));
                }
            }
        }
    }
    breaches
}

/// No variable holds a secret: neither by value, nor resolved by CloudFormation or ECS. Names of secrets are fine.
pub(super) fn no_secret_values(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut check = |place: &str, name: &str, value: &Value| {
        let telling = ["SECRET", "KEY", "TOKEN", "PASSWORD", "CREDENTIAL"].iter().any(|word| name.contains(word));
        let is_name = name.ends_with("_ID") && !referred(value).is_empty();
        if (telling && !is_name) || value.to_string().contains("{{resolve:") {
            breaches.push(format!("{place}: {name} = {value}"));
        }
    };
    for (function, properties) in template.functions() {
        for (name, value) in properties["Environment"]["Variables"].as_object().into_iter().flatten() {
            check(function, name, value);
        }
    }
    for (task, properties) in template.of_type("AWS::ECS::TaskDefinition") {
        for container in list(&properties["ContainerDefinitions"]) {
            for variable in list(&container["Environment"]) {
                check(task, variable["Name"].as_str().unwrap_or_default(), &variable["Value"]);
            }
            for secret in list(&container["Secrets"]) {
                check(task, "SECRET", secret);
            }
        }
    }
    breaches
}

fn actions(statement: &Value) -> Vec<&str> {
    list(&statement["Action"]).filter_map(Value::as_str).collect()
}
