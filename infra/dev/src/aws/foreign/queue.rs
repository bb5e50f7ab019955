//! A queue of another emulator, by SQS's API: what event source mappings poll when SQS is elsewhere.

use super::client::Client;
use crate::aws::error::AwsError;
use crate::aws::sqs::{Depth, MessageAttribute, NewMessage, ReceivedMessage};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// What one ReceiveMessage gives at most.
const MAX_BATCH: usize = 10;

/// One queue.
pub struct ForeignQueue {
    sqs: Client,
    name: String,
    url: String,
    arn: String,
}

impl ForeignQueue {
    /// Asks for the queue's address and ARN.
    pub(super) async fn find(sqs: &Client, name: &str) -> Result<Self, AwsError> {
        let url = text(&sqs.call("GetQueueUrl", &json!({ "QueueName": name })).await?["QueueUrl"]);
        let asked = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
        let arn = text(&sqs.call("GetQueueAttributes", &asked).await?["Attributes"]["QueueArn"]);
        Ok(Self { sqs: sqs.clone(), name: name.to_owned(), url, arn })
    }

    /// The queue's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL by which the other emulator knows the queue.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The queue's ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// ReceiveMessage with everything that a Lambda event's record needs. Waits whole seconds.
    ///
    /// # Errors
    /// The other side's.
    pub async fn receive(&self, max: usize, visibility: Option<Duration>, wait: Duration) -> Result<Vec<ReceivedMessage>, AwsError> {
        let mut input = json!({
            "QueueUrl": self.url, "MaxNumberOfMessages": max.min(MAX_BATCH), "WaitTimeSeconds": wait.as_secs(),
            "AttributeNames": ["All"], "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"],
        });
        if let Some(visibility) = visibility {
            input["VisibilityTimeout"] = visibility.as_secs().into();
        }
        let mut answer = self.sqs.call("ReceiveMessage", &input).await?;
        let messages = answer["Messages"].as_array_mut().map(std::mem::take).unwrap_or_default();
        messages.into_iter().map(received).collect()
    }

    /// DeleteMessage.
    ///
    /// # Errors
    /// The other side's.
    pub async fn delete(&self, receipt_handle: &str) -> Result<(), AwsError> {
        self.sqs.call("DeleteMessage", &json!({ "QueueUrl": self.url, "ReceiptHandle": receipt_handle })).await.map(drop)
    }

    /// SendMessage. Returns the message's id.
    ///
    /// # Errors
    /// The other side's.
    pub async fn send(&self, message: NewMessage) -> Result<String, AwsError> {
        let mut input = json!({ "QueueUrl": self.url, "MessageBody": message.body });
        if let Some(group) = message.group {
            input["MessageGroupId"] = group.into();
        }
        if let Some(delay) = message.delay {
            input["DelaySeconds"] = delay.as_secs().into();
        }
        if !message.attributes.is_empty() {
            input["MessageAttributes"] = json!(message.attributes);
        }
        Ok(text(&self.sqs.call("SendMessage", &input).await?["MessageId"]))
    }

    /// GetQueueAttributes: how many messages the queue holds.
    ///
    /// # Errors
    /// The other side's.
    pub async fn depth(&self) -> Result<Depth, AwsError> {
        let asked = json!({ "QueueUrl": self.url, "AttributeNames": ["All"] });
        let answer = self.sqs.call("GetQueueAttributes", &asked).await?;
        let number = |name: &str| answer["Attributes"][name].as_str().and_then(|number| number.parse().ok()).unwrap_or_default();
        Ok(Depth {
            visible: number("ApproximateNumberOfMessages"),
            in_flight: number("ApproximateNumberOfMessagesNotVisible"),
            delayed: number("ApproximateNumberOfMessagesDelayed"),
        })
    }
}

fn received(mut message: Value) -> Result<ReceivedMessage, AwsError> {
    let system_attributes: BTreeMap<String, String> = read(message["Attributes"].take())?;
    let message_attributes: BTreeMap<String, MessageAttribute> = read(message["MessageAttributes"].take())?;
    let receive_count = system_attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    Ok(ReceivedMessage {
        message_id: text(&message["MessageId"]),
        receipt_handle: text(&message["ReceiptHandle"]),
        body: text(&message["Body"]),
        md5_of_body: text(&message["MD5OfBody"]),
        system_attributes,
        message_attributes,
        receive_count,
    })
}

fn read<T: serde::de::DeserializeOwned + Default>(value: Value) -> Result<T, AwsError> {
    if value.is_null() { Ok(T::default()) } else { serde_json::from_value(value).map_err(AwsError::internal) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
