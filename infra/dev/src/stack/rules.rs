//! EventBridge rules: which events a pattern lets through, and their way to the rule's queue.

use crate::aws::{NewMessage, Queue};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What EventBridge may do to an event besides delivering it once and at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEventFault {
    /// It never arrives.
    Lost,
    /// It arrives twice.
    Twice,
    /// It arrives this much later.
    Late(Duration),
}

/// Asked at every event that a rule lets through; `None`: it arrives once, at once.
pub type TaskEventHook = Arc<dyn Fn(&Value) -> Option<TaskEventFault> + Send + Sync>;

/// Sends an event to a rule's queue, as `fault` will have it.
pub(super) async fn send(event: &Value, queue: &Queue, fault: Option<TaskEventFault>) {
    let message = NewMessage { body: event.to_string(), ..NewMessage::default() };
    // EventBridge delivers at least once or to its own dead letters; a failing local store has nowhere to go.
    match fault {
        Some(TaskEventFault::Lost) => {}
        Some(TaskEventFault::Late(by)) => {
            let queue = queue.clone();
            tokio::spawn(async move {
                tokio::time::sleep(by).await;
                _ = queue.send(message).await;
            });
        }
        Some(TaskEventFault::Twice) => {
            _ = queue.send(message.clone()).await;
            _ = queue.send(message).await;
        }
        None => _ = queue.send(message).await,
    }
}

/// Whether an event matches a rule's pattern: every key of the pattern is in the event, every leaf is a list of which
/// one entry fits. Of the operators, `prefix`, `exists` and `anything-but` are played; any other fits nothing.
pub(super) fn matches(pattern: &Value, event: &Value) -> bool {
    match pattern {
        Value::Object(entries) => entries.iter().all(|(key, pattern)| match pattern {
            Value::Array(choices) => leaf_matches(choices, event.get(key)),
            nested => event.get(key).is_some_and(|event| matches(nested, event)),
        }),
        _ => false,
    }
}

fn leaf_matches(choices: &[Value], value: Option<&Value>) -> bool {
    match value {
        // A list in the event matches when one of its entries does.
        Some(Value::Array(values)) => values.iter().any(|value| leaf_matches(choices, Some(value))),
        value => choices.iter().any(|choice| choice_matches(choice, value)),
    }
}

fn choice_matches(choice: &Value, value: Option<&Value>) -> bool {
    let Some(operator) = choice.as_object() else { return value == Some(choice) };
    operator.iter().all(|(name, wanted)| match name.as_str() {
        "exists" => wanted.as_bool() == Some(value.is_some()),
        "prefix" => value.and_then(Value::as_str).zip(wanted.as_str()).is_some_and(|(value, prefix)| value.starts_with(prefix)),
        "anything-but" => match wanted {
            Value::Array(refused) => value.is_some_and(|value| !refused.contains(value)),
            refused => value.is_some_and(|value| value != refused),
        },
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_lets_through_what_fits_every_key() {
        let event = json!({ "source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": { "lastStatus": "STOPPED", "group": "family:x", "tags": ["a", "b"] } });
        let check = |pattern: Value| matches(&pattern, &event);
        assert!(check(json!({ "source": ["aws.ecs"], "detail": { "lastStatus": ["RUNNING", "STOPPED"] } })));
        assert!(!check(json!({ "source": ["aws.ec2"] })));
        assert!(!check(json!({ "detail": { "missing": ["x"] } })));
        assert!(check(json!({ "detail": { "group": [{ "prefix": "family:" }], "tags": ["b"] } })));
        assert!(check(json!({ "detail": { "missing": [{ "exists": false }] } })));
        assert!(!check(json!({ "detail": { "lastStatus": [{ "anything-but": ["STOPPED"] }] } })));
        assert!(!check(json!({ "detail": { "lastStatus": [{ "wildcard": "*" }] } })));
    }
}
