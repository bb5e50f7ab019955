//! Reads what the functions' roles allow, and which key seals what: all that the emulated IAM needs to judge a call.
//!
//! Only policies written out in a role are read; a function without a `Role` (SAM would make one) is not judged.

use super::functions::package;
use super::node::{Node, Value};
use super::{Scope, TemplateError};
use crate::aws::iam::{Access, Operator, PolicyCondition, Role, Statement};

/// Reads the roles of all functions, the keys of buckets and secrets, and the execution roles of task definitions.
///
/// # Errors
/// A managed policy, a condition operator that is not evaluated here, or a value that cannot be resolved, with its line.
pub(super) fn read_access(scope: &Scope<'_>) -> Result<Access, TemplateError> {
    let mut access = Access::default();
    for (id, kind, resource) in scope.resources()? {
        let Some(properties) = resource.get("Properties") else { continue };
        let resolved = |path: &[&str]| properties.at(path).map(|node| scope.resolve(node)?.text()).transpose();
        match kind.as_str() {
            "AWS::Serverless::Function" => {
                if let Some(role) = properties.get("Role") {
                    let role = read_role(scope, role).map_err(|error| error.of(id))?;
                    access.roles.insert(package(scope, resource, properties)?, role);
                }
            }
            "AWS::S3::Bucket" => {
                if let Some(key) = bucket_key(scope, properties)? {
                    access.sealed_by.insert(scope.arn(resource.line, id)?, key);
                }
            }
            "AWS::SecretsManager::Secret" => {
                if let Some(key) = resolved(&["KmsKeyId"])? {
                    access.sealed_by.insert(scope.arn(resource.line, id)?, key);
                }
            }
            "AWS::ECS::TaskDefinition" => {
                if let Some(role) = resolved(&["ExecutionRoleArn"])? {
                    access.execution_roles.insert(scope.physical_name(resource.line, id)?, role);
                }
            }
            _ => {}
        }
    }
    Ok(access)
}

fn bucket_key(scope: &Scope<'_>, properties: &Node) -> Result<Option<String>, TemplateError> {
    let Some(rules) = properties.at(&["BucketEncryption", "ServerSideEncryptionConfiguration"]) else { return Ok(None) };
    let key = rules.items()?.iter().find_map(|rule| rule.at(&["ServerSideEncryptionByDefault", "KMSMasterKeyID"]));
    key.map(|key| scope.resolve(key)?.text()).transpose()
}

/// The role that `!GetAtt X.Arn` names.
fn read_role(scope: &Scope<'_>, reference: &Node) -> Result<Role, TemplateError> {
    let id = match &reference.value {
        Value::Call(name, argument) if name == "GetAtt" => argument.items()?.first().map(Node::text).transpose()?,
        _ => None,
    };
    let id = id.ok_or_else(|| TemplateError::at(reference.line, "Role must be !GetAtt of a role in this template"))?;
    let role = scope.root.at(&["Resources", &id, "Properties"]);
    let role = role.ok_or_else(|| TemplateError::at(reference.line, format!("there is no role {id}")))?;
    if let Some(managed) = role.get("ManagedPolicyArns") {
        return Err(TemplateError::at(managed.line, format!("{id}: the local stack does not know what managed policies allow")));
    }
    let mut statements = Vec::new();
    for policy in role.get("Policies").map(Node::items).transpose()?.unwrap_or_default() {
        for statement in policy.require("PolicyDocument")?.require("Statement")?.items()? {
            statements.push(read_statement(&scope.resolve(statement)?).map_err(|error| error.of(&id))?);
        }
    }
    Ok(Role { id, statements })
}

fn read_statement(node: &Node) -> Result<Statement, TemplateError> {
    let mut conditions = Vec::new();
    for (operator, keys) in node.get("Condition").map(Node::entries).unwrap_or_default() {
        let unknown = || TemplateError::at(keys.line, format!("the local stack does not evaluate the condition operator {operator}"));
        let operator = Operator::parse(operator).ok_or_else(unknown)?;
        for (key, values) in keys.entries() {
            conditions.push(PolicyCondition { operator, key: key.clone(), values: texts(values)? });
        }
    }
    for other in ["NotAction", "NotResource"] {
        if let Some(node) = node.get(other) {
            return Err(TemplateError::at(node.line, format!("the local stack does not evaluate {other}")));
        }
    }
    let allows = node.require("Effect")?.text()? == "Allow";
    Ok(Statement { allows, actions: texts(node.require("Action")?)?, resources: texts(node.require("Resource")?)?, conditions })
}

/// One text or a list of them.
fn texts(node: &Node) -> Result<Vec<String>, TemplateError> {
    match &node.value {
        Value::List(items) => items.iter().map(Node::text).collect(),
        _ => Ok(vec![node.text()?]),
    }
}
