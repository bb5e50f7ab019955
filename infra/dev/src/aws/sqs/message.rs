//! A message: what was sent, and how its delivery stands.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A user's message attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with an optional custom suffix.
    #[serde(rename = "DataType")]
    pub data_type: String,
    #[serde(rename = "StringValue", default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// Base64.
    #[serde(rename = "BinaryValue", default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// What was sent; never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) group: Option<String>,
    pub(super) attributes: BTreeMap<String, MessageAttribute>,
    /// Epoch milliseconds.
    pub(super) sent_at: u64,
}

/// How the delivery stands; changes with every receive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Delivery {
    /// Epoch milliseconds from which the message can be received.
    pub(super) visible_at: u64,
    pub(super) receive_count: u32,
    pub(super) first_received_at: Option<u64>,
    /// The last receipt's random part: only it deletes.
    pub(super) receipt: Option<String>,
    /// Received and neither deleted nor visible again.
    pub(super) in_flight: bool,
    /// The ARN of the queue that gave the message up.
    pub(super) dead_letter_source: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Names the message in the store and orders messages by their sending.
    pub(super) seq: u64,
    pub(super) content: Content,
    pub(super) delivery: Delivery,
}

impl Message {
    /// The handle of the last receive.
    pub(super) fn receipt_handle(&self) -> String {
        format!("{}.{}", self.seq, self.delivery.receipt.as_deref().unwrap_or_default())
    }

    /// What a receiver gets.
    pub(super) fn received(&self) -> ReceivedMessage {
        let mut system = BTreeMap::from([
            ("SenderId".to_owned(), "LOCAL".to_owned()),
            ("SentTimestamp".to_owned(), self.content.sent_at.to_string()),
            ("ApproximateReceiveCount".to_owned(), self.delivery.receive_count.to_string()),
        ]);
        if let Some(at) = self.delivery.first_received_at {
            system.insert("ApproximateFirstReceiveTimestamp".to_owned(), at.to_string());
        }
        if let Some(group) = &self.content.group {
            system.insert("MessageGroupId".to_owned(), group.clone());
        }
        if let Some(source) = &self.delivery.dead_letter_source {
            system.insert("DeadLetterQueueSourceArn".to_owned(), source.clone());
        }
        ReceivedMessage {
            message_id: self.content.id.clone(),
            receipt_handle: self.receipt_handle(),
            md5_of_body: super::digest::md5_of_body(&self.content.body),
            body: self.content.body.clone(),
            system_attributes: system,
            message_attributes: self.content.attributes.clone(),
            receive_count: self.delivery.receive_count,
        }
    }
}

/// A received message, with everything that a Lambda event's record needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    pub message_id: String,
    /// Deletes the message or changes its visibility, until it is received again.
    pub receipt_handle: String,
    pub body: String,
    pub md5_of_body: String,
    /// `ApproximateReceiveCount`, `SentTimestamp`, `MessageGroupId`, … (a record's `attributes`).
    pub system_attributes: BTreeMap<String, String>,
    pub message_attributes: BTreeMap<String, MessageAttribute>,
    /// This receive included.
    pub receive_count: u32,
}
