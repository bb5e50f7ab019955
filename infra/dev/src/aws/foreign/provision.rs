//! Makes in another emulator what the template lists, unless it is there: a second start finds it again.

use super::client::Client;
use super::queue::ForeignQueue;
use crate::aws::dynamo::create_request;
use crate::aws::error::AwsError;
use crate::aws::spec::{QueueSpec, TableSpec};
use anyhow::Context as _;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Creates the absent tables with their expiry.
pub(super) async fn tables(dynamodb: &Client, specs: &[TableSpec]) -> anyhow::Result<()> {
    for spec in specs {
        let make = async {
            there_or(dynamodb.call("CreateTable", &create_request(spec)).await, &["ResourceInUseException"])?;
            let of_table = json!({ "TableName": spec.name });
            while dynamodb.call("DescribeTable", &of_table).await?["Table"]["TableStatus"] != "ACTIVE" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let described = dynamodb.call("DescribeTimeToLive", &of_table).await?;
            let enabled = described["TimeToLiveDescription"]["TimeToLiveStatus"].as_str().is_some_and(|status| status.starts_with("ENABL"));
            if let Some(attribute) = spec.ttl_attribute.as_ref().filter(|_| !enabled) {
                let ttl = json!({ "AttributeName": attribute, "Enabled": true });
                dynamodb.call("UpdateTimeToLive", &json!({ "TableName": spec.name, "TimeToLiveSpecification": ttl })).await?;
            }
            Ok::<_, AwsError>(())
        };
        make.await.with_context(|| format!("the table {} cannot be made", spec.name))?;
    }
    Ok(())
}

/// Creates the absent queues, dead-letter queues first, and gives those that are there the template's attributes.
pub(super) async fn queues(sqs: &Client, specs: &[QueueSpec]) -> anyhow::Result<BTreeMap<String, Arc<ForeignQueue>>> {
    let mut made = BTreeMap::new();
    let (with_dead_letters, plain): (Vec<_>, Vec<_>) = specs.iter().partition(|spec| spec.redrive.is_some());
    for spec in plain.into_iter().chain(with_dead_letters) {
        let queue = queue(sqs, spec).await.with_context(|| format!("the queue {} cannot be made", spec.name))?;
        made.insert(spec.name.clone(), Arc::new(queue));
    }
    Ok(made)
}

async fn queue(sqs: &Client, spec: &QueueSpec) -> Result<ForeignQueue, AwsError> {
    let seconds = |duration: Duration| duration.as_secs().to_string();
    let mut attributes = json!({
        "VisibilityTimeout": seconds(spec.visibility_timeout), "DelaySeconds": seconds(spec.delay),
        "MessageRetentionPeriod": seconds(spec.retention), "ReceiveMessageWaitTimeSeconds": seconds(spec.receive_wait),
        "MaximumMessageSize": spec.max_message_bytes.to_string(),
    });
    if let Some(redrive) = &spec.redrive {
        let target = ForeignQueue::find(sqs, &redrive.dead_letter_queue).await?;
        let policy = json!({ "deadLetterTargetArn": target.arn(), "maxReceiveCount": redrive.max_receive_count });
        attributes["RedrivePolicy"] = policy.to_string().into();
    }
    let created = sqs.call("CreateQueue", &json!({ "QueueName": spec.name, "Attributes": attributes })).await;
    // What is there may have been made by an earlier template.
    let is_there = there_or(created, &["QueueNameExists", "QueueAlreadyExists"])?.is_none();
    let queue = ForeignQueue::find(sqs, &spec.name).await?;
    if is_there {
        sqs.call("SetQueueAttributes", &json!({ "QueueUrl": queue.url(), "Attributes": attributes })).await?;
    }
    Ok(queue)
}

/// Creates the absent buckets.
pub(super) async fn buckets(s3: &Client, names: &[String]) -> anyhow::Result<()> {
    for name in names {
        let status = s3.plain(Method::PUT, &format!("/{name}")).await.with_context(|| format!("the bucket {name} cannot be made"))?;
        anyhow::ensure!(status == 200 || status == 409, "the bucket {name} cannot be made: status {status}");
    }
    Ok(())
}

/// Creates the absent keys under aliases of their names. Their ARNs by name.
pub(super) async fn keys(kms: &Client, names: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut arns = BTreeMap::new();
    for name in names {
        let arn = key(kms, &format!("alias/{name}")).await.with_context(|| format!("the key {name} cannot be made"))?;
        arns.insert(name.clone(), arn);
    }
    Ok(arns)
}

async fn key(kms: &Client, alias: &str) -> Result<String, AwsError> {
    let found = match kms.call("DescribeKey", &json!({ "KeyId": alias })).await {
        Err(error) if error.code == "NotFoundException" => {
            let made = kms.call("CreateKey", &json!({})).await?;
            kms.call("CreateAlias", &json!({ "AliasName": alias, "TargetKeyId": made["KeyMetadata"]["KeyId"] })).await?;
            made
        }
        found => found?,
    };
    text(&found["KeyMetadata"]["Arn"], "a key without an ARN")
}

/// Creates a secret, or gives it a new text if `replace`. Its ARN.
pub(super) async fn secret(secrets: &Client, name: &str, value: &str, replace: bool) -> Result<String, AwsError> {
    let created = secrets.call("CreateSecret", &json!({ "Name": name, "SecretString": value })).await;
    if let Some(created) = there_or(created, &["ResourceExistsException"])? {
        return text(&created["ARN"], "a secret without an ARN");
    }
    let found = match replace {
        true => secrets.call("PutSecretValue", &json!({ "SecretId": name, "SecretString": value })).await?,
        false => secrets.call("DescribeSecret", &json!({ "SecretId": name })).await?,
    };
    text(&found["ARN"], "a secret without an ARN")
}

/// The answer of a creation; `None` if the refusal only says that it is there.
fn there_or(answer: Result<Value, AwsError>, codes: &[&str]) -> Result<Option<Value>, AwsError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        // `AWS.SimpleQueueService.QueueNameExists` or its short form.
        Err(error) if codes.iter().any(|code| error.code.ends_with(code)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn text(value: &Value, missing: &str) -> Result<String, AwsError> {
    value.as_str().map(str::to_owned).ok_or_else(|| AwsError::internal(missing))
}
