//! What travels through Patchbay's own queues: tagged, versioned, so that an old message meets a new function well.
//! Foreign envelopes (EventBridge, API Gateway) are parsed where they arrive, not here.

use crate::event::{Actor, Detail, Provider, Repository};
use crate::ids::{ConnectionId, DeliveryId, RunId, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What GitHub writes into every payload, for zstd: bodies are compressed with it, so that it is not sent and stored with
/// each. Trained on the samples in `events` (events/README.md has the command). Every frame names it (32769), so another
/// one gets another number, and this one stays readable as long as anything that it compressed is kept. Frames without a
/// dictionary are read with it as well.
pub const DICTIONARY: &[u8] = include_bytes!("github.dict");

/// How a delivery begins that is written as words: `delivery.1 <provider> <endpoint> <id> <event> <received at> <body>`.
const WORDS: &str = "delivery.1 ";

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

/// Why a text is no message of the events queue. Says where, not what.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    #[error("line {line}, column {column}")]
    Json { line: usize, column: usize },
    #[error("a delivery's words are not those of version 1")]
    Words,
}

impl EventMessage {
    /// As it travels. A delivery with its body is one line of words, the body the last and longest: as a string in JSON it
    /// would be escaped twice on its way, here and by the queue's client, byte by byte. All else is JSON.
    pub fn to_text(&self) -> serde_json::Result<String> {
        if let Self::V1(delivery) = self
            && let Body::Inline(body) = &delivery.body
            && [&delivery.endpoint, &delivery.id.0, &delivery.event].into_iter().all(|word| is_word(word))
        {
            let Delivery { provider, endpoint, id, event, received_at, .. } = delivery;
            return Ok(format!("{WORDS}{} {endpoint} {id} {event} {received_at} {body}", provider.as_str()));
        }
        serde_json::to_string(self)
    }

    /// What `to_text` wrote, or the same in JSON.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn parse(text: &str) -> Result<Self, EnvelopeError> {
        let Some(words) = text.strip_prefix(WORDS) else {
            return serde_json::from_str(text).map_err(|e| EnvelopeError::Json { line: e.line(), column: e.column() });
        };
        let mut words = words.splitn(6, ' ');
        let mut word = || words.next().ok_or(EnvelopeError::Words);
        Ok(Self::V1(Delivery {
            provider: Provider::from_word(word()?).ok_or(EnvelopeError::Words)?,
            endpoint: word()?.to_owned(),
            id: DeliveryId(word()?.to_owned()),
            event: word()?.to_owned(),
            received_at: word()?.parse().map_err(|_| EnvelopeError::Words)?,
            body: Body::Inline(word()?.to_owned()),
        }))
    }
}

/// Stands between spaces, and needs no escape in JSON.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_delivery_is_what_it_was_when_it_arrives(id in "[a-z0-9 \"\\\\-]{0,8}", event in ".{0,6}", nanos in 0..i64::MAX, body in "[A-Za-z0-9+/=]{0,20}") {
            let received_at = Timestamp::from_nanosecond(nanos.into()).unwrap();
            let delivery = |body: Body| {
                let (endpoint, id, event) = ("app".to_owned(), DeliveryId(id.clone()), event.clone());
                EventMessage::V1(Delivery { provider: Provider::Github, endpoint, id, event, received_at, body })
            };
            for sent in [delivery(Body::Inline(body.clone())), delivery(Body::Stored(body))] {
                prop_assert_eq!(EventMessage::parse(&sent.to_text().unwrap()), Ok(sent.clone()));
                prop_assert_eq!(EventMessage::parse(&serde_json::to_string(&sent).unwrap()), Ok(sent));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "(delivery\\.1 )?.{0,60}") {
            _ = EventMessage::parse(&text);
        }
    }

    #[test]
    fn a_delivery_travels_as_words_that_nobody_need_escape() {
        let delivery = Delivery {
            provider: Provider::Github,
            endpoint: "app".to_owned(),
            id: DeliveryId("72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned()),
            event: "issues".to_owned(),
            received_at: Timestamp::UNIX_EPOCH,
            body: Body::Inline("KLUv/QQAAQAA".to_owned()),
        };
        let text = EventMessage::V1(delivery.clone()).to_text().unwrap();
        assert_eq!(text, "delivery.1 github app 72d3162e-cc78-11e3-81ab-4c9367dc0958 issues 1970-01-01T00:00:00Z KLUv/QQAAQAA");
        let spaced = EventMessage::V1(Delivery { event: "two words".to_owned(), ..delivery });
        assert!(spaced.to_text().unwrap().starts_with('{'));
        let cut = &text[..text.len() - 13];
        for (text, error) in [(cut, EnvelopeError::Words), ("{", EnvelopeError::Json { line: 1, column: 1 })] {
            assert_eq!(EventMessage::parse(text), Err(error));
        }
    }

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
