//! Reads and checks what SQS calls carry: messages, receipts, attribute selections.

use super::{MAX_DELAY, MAX_VISIBILITY, MAX_WAIT, MessageAttribute, NewMessage, invalid};
use crate::aws::error::AwsError;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// A message as SendMessage and the entries of SendMessageBatch carry it.
pub(super) fn parse_message(input: &Value) -> Result<NewMessage, AwsError> {
    if !input["MessageDeduplicationId"].is_null() {
        return Err(invalid("The request includes parameter MessageDeduplicationId that is not valid for this queue type."));
    }
    let body = input["MessageBody"].as_str().ok_or_else(|| missing("MessageBody"))?.to_owned();
    let group = input["MessageGroupId"].as_str().map(str::to_owned);
    let delay = seconds(input, "DelaySeconds", MAX_DELAY)?;
    let attributes: BTreeMap<String, MessageAttribute> = match &input["MessageAttributes"] {
        Value::Null => BTreeMap::new(),
        given => serde_json::from_value(given.clone()).map_err(|error| invalid(format!("MessageAttributes: {error}")))?,
    };
    Ok(NewMessage { body, group, delay, attributes })
}

/// Refuses what SQS refuses whatever the queue: empty or unprintable bodies, bad groups, too many attributes.
pub(super) fn check_message(message: &NewMessage) -> Result<(), AwsError> {
    if message.body.is_empty() {
        return Err(missing("MessageBody"));
    }
    let allowed = |c: char| matches!(c, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(c) = message.body.chars().find(|&c| !allowed(c)) {
        let message = format!("Invalid character U+{:04X} was found in the message body.", u32::from(c));
        return Err(AwsError::refused("InvalidMessageContents", message));
    }
    if let Some(group) = &message.group {
        let printable = group.chars().all(|c| c.is_ascii_alphanumeric() || c.is_ascii_punctuation());
        if group.is_empty() || group.len() > 128 || !printable {
            let reason = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.";
            return Err(invalid(format!("Value {group} for parameter MessageGroupId is invalid. Reason: {reason}")));
        }
    }
    for (name, attribute) in &message.attributes {
        let kind = attribute.data_type.split('.').next().unwrap_or_default();
        let value = if kind == "Binary" { &attribute.binary_value } else { &attribute.string_value };
        if !matches!(kind, "String" | "Number" | "Binary") || value.as_ref().is_none_or(String::is_empty) {
            return Err(invalid(format!(
                "Message attribute '{name}' must have the type String, Number or Binary and a value that is not empty."
            )));
        }
    }
    if message.attributes.len() > 10 {
        return Err(invalid("Number of message attributes exceeds the allowed maximum of 10."));
    }
    Ok(())
}

/// What counts against the size limit: the body and every attribute's name, type and value.
pub(super) fn message_bytes(message: &NewMessage) -> usize {
    let attribute = |(name, attribute): (&String, &MessageAttribute)| {
        let value = attribute.string_value.as_deref().map_or(0, str::len);
        let binary = attribute.binary_value.as_deref().map_or(0, |text| text.len() / 4 * 3);
        name.len() + attribute.data_type.len() + value + binary
    };
    message.body.len() + message.attributes.iter().map(attribute).sum::<usize>()
}

/// Splits a receipt handle into the message's number and the receipt.
pub(super) fn receipt(handle: &str) -> Result<(u64, &str), AwsError> {
    let parts = handle.split_once('.').and_then(|(seq, receipt)| Some((seq.parse().ok()?, receipt)));
    parts.ok_or_else(|| AwsError::refused("ReceiptHandleIsInvalid", format!("The input receipt handle \"{handle}\" is not valid.")))
}

/// The queue's name from `QueueUrl`.
pub(super) fn queue_name(input: &Value) -> Result<&str, AwsError> {
    let url = input["QueueUrl"].as_str().ok_or_else(|| missing("QueueUrl"))?;
    Ok(url.rsplit('/').next().unwrap_or(url))
}

/// An optional number of seconds up to a limit.
pub(super) fn seconds(input: &Value, name: &str, limit: Duration) -> Result<Option<Duration>, AwsError> {
    match &input[name] {
        Value::Null => Ok(None),
        value => {
            let seconds = value.as_u64().map(Duration::from_secs).filter(|given| *given <= limit);
            let reason = format!("Value {value} for parameter {name} is invalid. Reason: Must be >= 0 and <= {}.", limit.as_secs());
            seconds.map(Some).ok_or_else(|| invalid(reason))
        }
    }
}

/// `VisibilityTimeout`, if given.
pub(super) fn visibility(input: &Value) -> Result<Option<Duration>, AwsError> {
    seconds(input, "VisibilityTimeout", MAX_VISIBILITY)
}

/// `WaitTimeSeconds`, if given.
pub(super) fn wait(input: &Value) -> Result<Option<Duration>, AwsError> {
    seconds(input, "WaitTimeSeconds", MAX_WAIT)
}

/// `MaxNumberOfMessages`: 1 to 10, by default 1.
pub(super) fn max_messages(input: &Value) -> Result<usize, AwsError> {
    match &input["MaxNumberOfMessages"] {
        Value::Null => Ok(1),
        value => value.as_u64().filter(|max| (1..=10).contains(max)).and_then(|max| usize::try_from(max).ok()).ok_or_else(|| {
            invalid(format!("Value {value} for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."))
        }),
    }
}

/// Whether a list of names (`All`, exact, or `prefix.*`) selects a name.
pub(super) fn selects(list: &Value, name: &str) -> bool {
    let selected = |wanted: &str| {
        wanted == "All" || wanted == ".*" || wanted == name || wanted.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
    };
    list.as_array().is_some_and(|list| list.iter().filter_map(Value::as_str).any(selected))
}

/// A required member is absent.
pub(super) fn missing(name: &str) -> AwsError {
    AwsError::refused("MissingParameter", format!("The request must contain the parameter {name}."))
}
