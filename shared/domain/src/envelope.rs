//! What travels through Patchbay's own queues: tagged, versioned, so that an old message meets a new function well.
//! Foreign envelopes (EventBridge, API Gateway) are parsed where they arrive, not here.

use crate::event::Provider;
use crate::ids::{DeliveryId, RunId, WorkspaceId};
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
}

/// Whoever operates this deployment ends a run. No forge vouches for it: the right to send to the queue does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopOrder {
    pub workspace: WorkspaceId,
    pub run: RunId,
    /// Who, in their own words: for the run's history, never for the thread.
    pub by: String,
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
    /// SHA-256 of the raw body, hex (R5).
    pub body_sha256: String,
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
