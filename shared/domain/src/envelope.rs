//! What travels through Patchbay's own queues: tagged, versioned, so that an old message meets a new function well.
//! Foreign envelopes (EventBridge, API Gateway) are parsed where they arrive, not here.

use crate::event::{Actor, Detail, Provider, Repository};
use crate::ids::{ConnectionId, DeliveryId, RunId, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// On the events queue: one verified delivery, or an operator's word.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum EventMessage {
    #[serde(rename = "1")]
    V1(Delivery),
    #[serde(rename = "stop.1")]
    StopV1(StopOrder),
    #[serde(rename = "start.1")]
    StartV1(Box<StartOrder>),
    #[serde(rename = "configure.1")]
    ConfigureV1(ConfigureOrder),
}

/// Patchbay's own word that something has happened in a repository: a schedule's time has come, or a workflow is started
/// by name (by the operator, or by a step of another run). No forge vouches for it: the right to send to the queue does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartOrder {
    /// Deterministic for what it stands for, so that it is claimed once: `schedule-…`, `manual-…`, `step-<run>-<index>`.
    pub id: DeliveryId,
    pub connection: ConnectionId,
    pub repository: Repository,
    /// Who caused it; `None` for a schedule and for a step.
    pub actor: Option<Actor>,
    /// `Detail::Schedule` or `Detail::Manual`.
    pub detail: Detail,
    pub at: Timestamp,
}

/// Whoever operates this deployment ends a run. No forge vouches for it: the right to send to the queue does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopOrder {
    pub workspace: WorkspaceId,
    pub run: RunId,
    /// Who, in their own words: for the run's history, never for the thread.
    pub by: String,
}

/// Whoever operates this deployment puts one workflow file in force for all repositories of a connection: the workspace's
/// workflows. No forge vouches for it: the right to send to the queue does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigureOrder {
    pub connection: ConnectionId,
    /// The file; `None` takes away what is in force.
    pub text: Option<String>,
    /// Who, in their own words: for the log.
    pub by: String,
    /// An earlier order never takes the place of a later one.
    pub at: Timestamp,
}

/// A webhook request whose signature was checked (R1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub provider: Provider,
    /// Which of the provider's endpoints received it; part of the dedupe key (R5).
    pub endpoint: String,
    pub id: DeliveryId,
    /// The provider's event name (`X-GitHub-Event`).
    pub event: String,
    pub received_at: Timestamp,
    pub body: Body,
}

/// Where the raw body is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// zstd, then standard base64.
    Inline(String),
    /// The blob's key in the bucket, zstd; for what does not fit a queue message (R7).
    Stored(String),
}

/// On the runs and results queues: look at this run and do what is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum RunMessage {
    #[serde(rename = "1")]
    V1 { workspace: WorkspaceId, run: RunId },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_about_the_workspaces_workflows_is_told_by_its_tag() {
        let order = |text: Option<&str>| {
            let connection = ConnectionId("con_github_1".to_owned());
            EventMessage::ConfigureV1(ConfigureOrder {
                connection,
                text: text.map(str::to_owned),
                by: "grace".to_owned(),
                at: Timestamp::UNIX_EPOCH,
            })
        };
        let sent = serde_json::to_value(order(Some("workflows: {}\n"))).unwrap();
        let expected = serde_json::json!({
            "v": "configure.1", "connection": "con_github_1", "text": "workflows: {}\n", "by": "grace", "at": "1970-01-01T00:00:00Z",
        });
        assert_eq!(sent, expected);
        for order in [order(Some("x")), order(None)] {
            let sent = serde_json::to_string(&order).unwrap();
            assert_eq!(serde_json::from_str::<EventMessage>(&sent).unwrap(), order);
        }
    }
}
