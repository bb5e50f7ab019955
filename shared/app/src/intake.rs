//! The webhook-intake use case: check the signature over the raw bytes, put the compressed delivery on the events
//! queue in one call, say so. Nothing is looked up, nothing else is stored (R1, R4, R6, R7, R9).

use crate::enqueue::enqueue;
use jiff::Timestamp;
use metrics::{Counter, Histogram};
use patchbay_aws::blobs::Blobs;
use patchbay_aws::queue::Queue;
use patchbay_aws::secrets::Secrets;
use patchbay_domain::envelope::{Body, Delivery};
use patchbay_domain::event::Provider;
use patchbay_domain::ids::{ConnectionId, DeliveryId};
use patchbay_domain::metric;
use patchbay_forge::github::convert::{MAX_JSON_DEPTH, member};
use patchbay_forge::github::webhook::{SignatureError, verify_signature};
use serde::Deserialize;
use std::borrow::Cow;
use std::time::Duration;

/// Which of GitHub's endpoints this is: the App's webhook. Part of the dedupe key (R5).
pub(crate) const ENDPOINT: &str = "app";
/// A signature that fails is checked once more against fresh secrets if the known ones are older than this (R3).
const SECRETS_SETTLE: Duration = Duration::from_secs(30);

/// Everything webhook-intake needs.
pub struct Intake {
    pub secrets: Secrets,
    pub secret_id: String,
    pub events: Queue,
    pub blobs: Blobs,
    pub counts: Counts,
}

/// The metrics of every request, looked up once.
pub struct Counts {
    received: Counter,
    refused: Histogram,
    failed: Histogram,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            received: metrics::counter!(metric::WEBHOOK_RECEIVED),
            refused: metrics::histogram!(metric::WEBHOOK_REFUSED),
            failed: metrics::histogram!(metric::WEBHOOK_FAILED),
        }
    }
}

/// The webhook secrets, current first; at most two are active per endpoint (R3).
#[derive(Clone, Deserialize)]
struct WebhookSecrets {
    github: Vec<String>,
}

/// The headers that intake reads, by GitHub's names.
#[derive(Clone, Copy, Default)]
pub struct WebhookHeaders<'a> {
    /// `X-Hub-Signature-256`
    pub signature: Option<&'a str>,
    /// `X-GitHub-Event`
    pub event: Option<&'a str>,
    /// `X-GitHub-Delivery`
    pub delivery: Option<&'a str>,
    pub content_type: Option<&'a str>,
}

/// What the caller is told: an HTTP status and one sentence, or the delivery's id.
#[derive(Debug, PartialEq, Eq)]
pub enum IntakeReply {
    /// 202: durably queued (R4).
    Accepted(DeliveryId),
    /// 401, 400: nothing was stored.
    Refused { status: u16, why: &'static str },
    /// 503: the queue would not take it; the forge's log keeps it, and the reaper asks for it again (R8).
    Unavailable,
}

impl Intake {
    /// Reads the secret during INIT, so that the first delivery does not wait for it. A failure shows with the first
    /// delivery, which then is answered 503.
    pub(crate) async fn warm_up(&self) {
        if let Err(error) = self.secrets.get_json::<WebhookSecrets>(&self.secret_id).await {
            tracing::error!(%error, "the webhook secret cannot be read yet");
        }
    }

    /// One webhook request of GitHub's. `body` is exactly what came over the wire.
    ///
    /// Calls: one send; a blob write before it for what does not fit a message; a secret read every five minutes.
    pub async fn handle_github(&self, headers: WebhookHeaders<'_>, body: &[u8]) -> IntakeReply {
        self.counts.received.increment(1);
        let reply = self.receive(headers, body).await;
        if let IntakeReply::Refused { status, why } = &reply {
            tracing::warn!(status, why, event = headers.event, delivery = headers.delivery, bytes = body.len(), "webhook refused");
        }
        let (refused, failed) = (matches!(reply, IntakeReply::Refused { .. }), matches!(reply, IntakeReply::Unavailable));
        self.counts.refused.record(u8::from(refused));
        self.counts.failed.record(u8::from(failed));
        reply
    }

    async fn receive(&self, headers: WebhookHeaders<'_>, body: &[u8]) -> IntakeReply {
        match self.check_signature(headers.signature, body).await {
            Ok(()) => {}
            Err(Unverified::Signature(why)) => return IntakeReply::Refused { status: 401, why },
            Err(Unverified::NoSecrets(error)) => {
                tracing::error!(error, "the webhook secret cannot be read");
                return IntakeReply::Unavailable;
            }
        }
        let (Some(event), Some(id)) = (header_word(headers.event), header_word(headers.delivery)) else {
            return IntakeReply::Refused {
                status: 400,
                why: "the headers X-GitHub-Event and X-GitHub-Delivery are required: letters, digits, dashes and underscores",
            };
        };
        let Some((json, installation)) = payload_json(headers.content_type, body).and_then(with_installation) else {
            return IntakeReply::Refused { status: 400, why: "the payload is not a JSON object, or nested deeper than 64 levels" };
        };
        let group = installation.map_or_else(|| "github".to_owned(), |i| ConnectionId::of_installation("github", i.id).0);
        let delivery = Delivery {
            provider: Provider::Github,
            endpoint: ENDPOINT.to_owned(),
            id: DeliveryId(id.to_owned()),
            event: event.to_owned(),
            received_at: Timestamp::now(),
            body: Body::Inline(String::new()),
        };
        let accepted = delivery.id.clone();
        match enqueue(&self.events, &self.blobs, delivery, &json, &group).await {
            Ok(()) => {
                tracing::info!(delivery = id, event, group, bytes = json.len(), "webhook accepted");
                IntakeReply::Accepted(accepted)
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), delivery = id, "the delivery could not be queued");
                IntakeReply::Unavailable
            }
        }
    }

    async fn check_signature(&self, signature: Option<&str>, body: &[u8]) -> Result<(), Unverified> {
        let secrets: WebhookSecrets = self.secrets.get_json(&self.secret_id).await.map_err(|e| Unverified::NoSecrets(e.to_string()))?;
        match verify_signature(body, signature, &secrets.github) {
            Ok(()) => Ok(()),
            // A secret may just have been rotated: look again, but never for every forged request.
            Err(SignatureError::Mismatch) => match self.secrets.refresh_older_than::<WebhookSecrets>(&self.secret_id, SECRETS_SETTLE).await
            {
                Ok(fresh) => verify_signature(body, signature, &fresh.github).map_err(Unverified::from),
                Err(error) => Err(Unverified::NoSecrets(error.to_string())),
            },
            Err(error) => Err(Unverified::from(error)),
        }
    }
}

enum Unverified {
    Signature(&'static str),
    NoSecrets(String),
}

impl From<SignatureError> for Unverified {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::NoSecret => Self::NoSecrets("no webhook secret is configured".to_owned()),
            SignatureError::Missing => Self::Signature("the header X-Hub-Signature-256 is required"),
            SignatureError::Malformed => Self::Signature("X-Hub-Signature-256 must be sha256= and 64 hex digits"),
            SignatureError::Mismatch => Self::Signature("the signature does not match; check the App's webhook secret"),
        }
    }
}

/// The one field of the payload that intake needs: whose message group it is.
#[derive(Deserialize)]
struct Installation {
    id: u64,
}

/// The payload's JSON: the body itself, or the `payload` field of a form.
fn payload_json<'a>(content_type: Option<&str>, body: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    if !content_type.is_some_and(|t| t.starts_with("application/x-www-form-urlencoded")) {
        return Some(Cow::Borrowed(body));
    }
    form_urlencoded::parse(body).find(|(name, _)| name == "payload").map(|(_, value)| Cow::Owned(value.into_owned().into_bytes()))
}

/// The payload with its installation, if it names one. `None` for what is no object by its strings and brackets, or nested
/// too deep (R9). The rest is read by trigger-matcher, which says so if it cannot be.
fn with_installation(json: Cow<'_, [u8]>) -> Option<(Cow<'_, [u8]>, Option<Installation>)> {
    let found = member(&json, "installation", MAX_JSON_DEPTH).ok()?;
    let installation = found.map_or(Ok(None), serde_json::from_slice).ok()?;
    Some((json, installation))
}

/// A header value that can be a name and part of a key: 1 to 100 letters, digits, dashes and underscores.
fn header_word(value: Option<&str>) -> Option<&str> {
    value.filter(|v| !v.is_empty() && v.len() <= 100 && v.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
}
