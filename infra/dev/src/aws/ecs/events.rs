//! Task state changes in EventBridge's form, for whoever routes them.

use super::arns;
use super::record::{TaskRecord, Times};
use crate::aws::{ACCOUNT, REGION};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Gives every event to every subscriber. Until there is one, events are kept: those of tasks that an earlier
/// process lost are published before anybody can listen.
#[derive(Default)]
pub(super) struct Events {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    subscribers: Vec<UnboundedSender<Value>>,
    kept: Vec<Value>,
}

impl Events {
    pub(super) fn subscribe(&self) -> UnboundedReceiver<Value> {
        let (sender, receiver) = unbounded_channel();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        for event in inner.kept.drain(..) {
            // The receiver is here: it cannot be closed.
            let _ = sender.send(event);
        }
        inner.subscribers.push(sender);
        receiver
    }

    pub(super) fn publish(&self, event: &Value) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.subscribers.retain(|subscriber| subscriber.send(event.clone()).is_ok());
        if inner.subscribers.is_empty() {
            inner.kept.push(event.clone());
        }
    }
}

/// The event "ECS Task State Change" for the task as it is now.
pub(super) fn task_state_change(task: &TaskRecord, cluster: &str) -> Value {
    json!({
        "version": "0",
        "id": uuid::Uuid::new_v4().to_string(),
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": ACCOUNT,
        "time": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [arns::task(cluster, &task.id)],
        "detail": task.to_json(cluster, Times::Text),
    })
}
