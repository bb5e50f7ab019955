//! The operations of SQS in AWS's JSON protocol.

use super::api_parse::{max_messages, missing, parse_message, queue_name, receipt, seconds, selects, visibility, wait};
use super::digest::{md5_of_attributes, md5_of_body};
use super::{MAX_VISIBILITY, ReceivedMessage, Sqs, arn, invalid, no_such_queue};
use crate::aws::error::{Answer, AwsError};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The most bytes that one batch may carry.
const MAX_BATCH_BYTES: usize = 1_048_576;

impl Sqs {
    /// Does one operation. Errors are SQS's own; an operation that is not here is named.
    pub(in crate::aws) async fn handle(&self, operation: &str, input: &Value) -> Answer {
        match operation {
            "SendMessage" => self.send_one(queue_name(input)?, input),
            "SendMessageBatch" => self.send_batch(input),
            "ReceiveMessage" => self.receive_some(input).await,
            "DeleteMessage" => self.delete_one(queue_name(input)?, input),
            "DeleteMessageBatch" => batch(input, |entry| self.delete_one(queue_name(input)?, entry)),
            "ChangeMessageVisibility" => self.change_one(queue_name(input)?, input),
            "ChangeMessageVisibilityBatch" => batch(input, |entry| self.change_one(queue_name(input)?, entry)),
            "GetQueueAttributes" => self.attributes(input),
            "GetQueueUrl" => {
                let name = input["QueueName"].as_str().ok_or_else(|| missing("QueueName"))?;
                self.spec(name).map(|spec| json!({"QueueUrl": self.url(&spec.name)}))
            }
            "ListQueues" => {
                let prefix = input["QueueNamePrefix"].as_str().unwrap_or_default();
                let names: Vec<String> = self.lock().queues.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
                Ok(json!({"QueueUrls": names.iter().map(|name| self.url(name)).collect::<Vec<_>>()}))
            }
            "PurgeQueue" => self.purge(queue_name(input)?).map(|()| json!({})),
            "StartMessageMoveTask" => self.start_move(input),
            other => Err(AwsError::unknown_operation("sqs", other)),
        }
    }

    fn send_one(&self, queue: &str, input: &Value) -> Answer {
        let message = parse_message(input)?;
        let mut answer = json!({"MD5OfMessageBody": md5_of_body(&message.body)});
        if let Some(digest) = md5_of_attributes(&message.attributes) {
            answer["MD5OfMessageAttributes"] = digest.into();
        }
        answer["MessageId"] = self.send(queue, message)?.into();
        Ok(answer)
    }

    fn send_batch(&self, input: &Value) -> Answer {
        let queue = queue_name(input)?;
        self.spec(queue)?;
        let bodies = input["Entries"].as_array().into_iter().flatten();
        let bytes: usize = bodies.map(|entry| entry["MessageBody"].as_str().map_or(0, str::len)).sum();
        if bytes > MAX_BATCH_BYTES {
            let message = format!("Batch requests cannot be longer than {MAX_BATCH_BYTES} bytes. You have sent {bytes} bytes.");
            return Err(AwsError::refused("BatchRequestTooLong", message));
        }
        batch(input, |entry| self.send_one(queue, entry))
    }

    async fn receive_some(&self, input: &Value) -> Answer {
        let queue = queue_name(input)?;
        let wait = wait(input)?.unwrap_or(self.spec(queue)?.receive_wait);
        let messages = self.receive(queue, max_messages(input)?, visibility(input)?, wait).await?;
        if messages.is_empty() {
            return Ok(json!({}));
        }
        Ok(json!({"Messages": messages.iter().map(|message| received_json(message, input)).collect::<Vec<_>>()}))
    }

    fn delete_one(&self, queue: &str, input: &Value) -> Answer {
        let handle = input["ReceiptHandle"].as_str().ok_or_else(|| missing("ReceiptHandle"))?;
        self.delete(queue, handle).map(|()| json!({}))
    }

    fn change_one(&self, queue: &str, input: &Value) -> Answer {
        let handle = input["ReceiptHandle"].as_str().ok_or_else(|| missing("ReceiptHandle"))?;
        receipt(handle)?;
        let visibility = seconds(input, "VisibilityTimeout", MAX_VISIBILITY)?.ok_or_else(|| missing("VisibilityTimeout"))?;
        self.change_visibility(queue, handle, visibility).map(|()| json!({}))
    }

    fn attributes(&self, input: &Value) -> Answer {
        let queue = queue_name(input)?;
        let (spec, depth) = (self.spec(queue)?, self.depth(queue)?);
        let mut all = vec![
            ("ApproximateNumberOfMessages", depth.visible.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", depth.in_flight.to_string()),
            ("ApproximateNumberOfMessagesDelayed", depth.delayed.to_string()),
            ("QueueArn", arn(queue)),
            ("VisibilityTimeout", spec.visibility_timeout.as_secs().to_string()),
            ("DelaySeconds", spec.delay.as_secs().to_string()),
            ("MessageRetentionPeriod", spec.retention.as_secs().to_string()),
            ("MaximumMessageSize", spec.max_message_bytes.to_string()),
            ("ReceiveMessageWaitTimeSeconds", spec.receive_wait.as_secs().to_string()),
        ];
        if let Some(redrive) = &spec.redrive {
            let policy = json!({"deadLetterTargetArn": arn(&redrive.dead_letter_queue), "maxReceiveCount": redrive.max_receive_count});
            all.push(("RedrivePolicy", policy.to_string()));
        }
        let names = &input["AttributeNames"];
        let chosen: Map<String, Value> =
            all.into_iter().filter(|(name, _)| selects(names, name)).map(|(name, value)| (name.to_owned(), value.into())).collect();
        Ok(json!({"Attributes": chosen}))
    }

    fn start_move(&self, input: &Value) -> Answer {
        let name_of = |member: &str| input[member].as_str().and_then(|arn| arn.rsplit(':').next());
        let source = name_of("SourceArn").ok_or_else(|| missing("SourceArn"))?;
        let is_dead_letter_queue =
            self.lock().queues.values().any(|queue| queue.spec.redrive.as_ref().is_some_and(|redrive| redrive.dead_letter_queue == source));
        self.spec(source).map_err(|_| AwsError::refused("ResourceNotFoundException", no_such_queue().message))?;
        if !is_dead_letter_queue {
            return Err(invalid("Source queue must be configured as a Dead Letter Queue."));
        }
        self.redrive(source, name_of("DestinationArn"))?;
        Ok(json!({"TaskHandle": uuid::Uuid::new_v4().to_string()}))
    }
}

fn received_json(message: &ReceivedMessage, input: &Value) -> Value {
    let mut answer = json!({
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "Body": message.body,
        "MD5OfBody": message.md5_of_body,
    });
    let wanted = |name: &str| selects(&input["AttributeNames"], name) || selects(&input["MessageSystemAttributeNames"], name);
    let system: Map<String, Value> = message
        .system_attributes
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    if !system.is_empty() {
        answer["Attributes"] = system.into();
    }
    let mut own = message.message_attributes.clone();
    own.retain(|name, _| selects(&input["MessageAttributeNames"], name));
    if let Some(digest) = md5_of_attributes(&own) {
        answer["MD5OfMessageAttributes"] = digest.into();
        answer["MessageAttributes"] = json!(own);
    }
    answer
}

/// Does an operation for each entry: one failed entry fails alone, a bad batch fails whole.
fn batch(input: &Value, each: impl Fn(&Value) -> Answer) -> Answer {
    let entries = input["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids: BTreeSet<&str> = entries.iter().filter_map(|entry| entry["Id"].as_str()).collect();
    if entries.is_empty() {
        return Err(AwsError::refused("EmptyBatchRequest", "There should be at least one entry in the request."));
    }
    if entries.len() > 10 {
        let message = format!("Maximum number of entries per request are 10. You have sent {}.", entries.len());
        return Err(AwsError::refused("TooManyEntriesInBatchRequest", message));
    }
    if ids.len() != entries.len() {
        return Err(AwsError::refused("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."));
    }
    let is_id = |id: &str| (1..=80).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !ids.iter().all(|id| is_id(id)) {
        let message =
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.";
        return Err(AwsError::refused("InvalidBatchEntryId", message));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match each(entry) {
            Ok(mut answer) => {
                answer["Id"] = entry["Id"].clone();
                successful.push(answer);
            }
            Err(error) if error.code == "QueueDoesNotExist" => return Err(error),
            Err(error) => {
                let sender_fault = error.status < 500;
                failed.push(json!({"Id": entry["Id"], "Code": error.code, "Message": error.message, "SenderFault": sender_fault}));
            }
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}
