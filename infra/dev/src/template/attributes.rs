//! What `Ref` and `GetAtt` give for parameters, pseudo parameters and resources on this machine.
//!
//! Names come from the resource's own name property, else `<stack>-<logical id>`. Resources that nothing here plays
//! (roles, subnets, alarms) get a plausible name and ARN, because others only pass them on.

use super::node::{Node, Value};
use super::{Scope, TemplateError};
use crate::aws::{ACCOUNT, Aws, REGION};

impl Scope<'_> {
    /// `Ref`: a pseudo parameter, a parameter, or a resource's name as its type defines it.
    pub(crate) fn reference(&self, line: usize, name: &str) -> Result<Node, TemplateError> {
        if let Some(parameter) = self.parameters.get(name) {
            return Ok(parameter.clone());
        }
        let text = match name {
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => self.deployment.stack_name.clone(),
            "AWS::StackId" => format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{}/local", self.deployment.stack_name),
            "AWS::NoValue" => return Ok(Node { line, value: Value::Null }),
            _ => self.resource_reference(line, name)?,
        };
        Ok(Node { line, value: Value::Text(text) })
    }

    fn resource_reference(&self, line: usize, id: &str) -> Result<String, TemplateError> {
        let name = self.physical_name(line, id)?;
        Ok(match self.kind(line, id)?.as_str() {
            "AWS::SQS::Queue" => self.queue_url(&name),
            "AWS::SecretsManager::Secret" | "AWS::ECS::TaskDefinition" => self.arn(line, id)?,
            "AWS::KMS::Key" => self.key_id(line, id)?,
            _ => name,
        })
    }

    /// A key's id is the last part of its ARN.
    fn key_id(&self, line: usize, id: &str) -> Result<String, TemplateError> {
        let arn = self.arn(line, id)?;
        Ok(arn.rsplit_once('/').map_or(arn.clone(), |(_, key)| key.to_owned()))
    }

    /// `GetAtt`: one attribute of a resource.
    pub(crate) fn attribute(&self, line: usize, id: &str, attribute: &str) -> Result<String, TemplateError> {
        if attribute == "FunctionUrl" {
            let function = id.strip_suffix("Url").unwrap_or(id);
            let unknown = || TemplateError::at(line, format!("{function} has no function URL"));
            return self.deployment.function_urls.get(function).cloned().ok_or_else(unknown);
        }
        match (self.kind(line, id)?.as_str(), attribute) {
            (_, "Arn" | "TopicArn") => self.arn(line, id),
            ("AWS::SQS::Queue", "QueueUrl") => Ok(self.queue_url(&self.physical_name(line, id)?)),
            ("AWS::SQS::Queue", "QueueName") => self.physical_name(line, id),
            ("AWS::KMS::Key", "KeyId") => self.key_id(line, id),
            ("AWS::Serverless::HttpApi", "ApiEndpoint") => Ok(self.deployment.api_url.clone()),
            ("AWS::ECR::Repository", "RepositoryUri") => Ok(format!("local/{}", self.physical_name(line, id)?)),
            (_, "GroupId" | "Id" | "SubnetId" | "VpcId") => self.physical_name(line, id),
            (kind, _) => Err(TemplateError::at(line, format!("the local stack knows no attribute {attribute} of {id} ({kind})"))),
        }
    }

    /// The name of a resource: its name property, else one made from its logical id.
    pub(crate) fn physical_name(&self, line: usize, id: &str) -> Result<String, TemplateError> {
        let kind = self.kind(line, id)?;
        let property = match kind.as_str() {
            "AWS::SQS::Queue" => "QueueName",
            "AWS::DynamoDB::Table" => "TableName",
            "AWS::S3::Bucket" => "BucketName",
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => "FunctionName",
            "AWS::ECS::Cluster" => "ClusterName",
            "AWS::ECS::TaskDefinition" => "Family",
            "AWS::IAM::Role" => "RoleName",
            "AWS::Logs::LogGroup" => "LogGroupName",
            "AWS::KMS::Alias" => "AliasName",
            "AWS::SecretsManager::Secret" | "AWS::Events::Rule" => "Name",
            _ => "",
        };
        let made = || {
            // A bucket's name is lower case; a key's id is no place for a logical id, but readable.
            let name = format!("{}-{id}", self.deployment.stack_name);
            if kind == "AWS::S3::Bucket" { name.to_lowercase() } else { name }
        };
        match self.resource(line, id)?.at(&["Properties", property]) {
            Some(name) => {
                let resolved = self.resolve(name)?;
                if resolved.value == Value::Null { Ok(made()) } else { resolved.text() }
            }
            None => Ok(made()),
        }
    }

    /// The URL of a queue as the emulated SQS understands it.
    pub(crate) fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.deployment.aws_endpoint)
    }

    /// The ARN of a resource.
    pub(crate) fn arn(&self, line: usize, id: &str) -> Result<String, TemplateError> {
        let name = self.physical_name(line, id)?;
        if let Some(chosen) = self.deployment.arns.get(&name) {
            return Ok(chosen.clone());
        }
        let (service, rest) = match self.kind(line, id)?.as_str() {
            "AWS::SQS::Queue" => ("sqs", name),
            "AWS::DynamoDB::Table" => ("dynamodb", format!("table/{name}")),
            "AWS::S3::Bucket" => return Ok(format!("arn:aws:s3:::{name}")),
            "AWS::IAM::Role" => return Ok(format!("arn:aws:iam::{ACCOUNT}:role/{name}")),
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => ("lambda", format!("function:{name}")),
            "AWS::SecretsManager::Secret" => return Ok(Aws::secret_arn(&name)),
            "AWS::KMS::Key" => ("kms", format!("key/{name}")),
            "AWS::ECS::Cluster" => ("ecs", format!("cluster/{name}")),
            "AWS::ECS::TaskDefinition" => ("ecs", format!("task-definition/{name}:1")),
            "AWS::Events::Rule" => ("events", format!("rule/{name}")),
            "AWS::Logs::LogGroup" => ("logs", format!("log-group:{name}")),
            _ => ("local", name),
        };
        Ok(format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"))
    }

    fn resource(&self, line: usize, id: &str) -> Result<&Node, TemplateError> {
        self.root.at(&["Resources", id]).ok_or_else(|| TemplateError::at(line, format!("there is no resource or parameter {id}")))
    }

    fn kind(&self, line: usize, id: &str) -> Result<String, TemplateError> {
        // SAM makes these resources from a function's FunctionUrlConfig and from its name and `Role`.
        if self.root.at(&["Resources", id]).is_none()
            && let Some(function) = id.strip_suffix("Role").or_else(|| id.strip_suffix("Url"))
            && self.root.at(&["Resources", function]).is_some()
        {
            return Ok(String::new());
        }
        self.resource(line, id)?.require("Type")?.text()
    }
}
