//! The trigger-matcher use case: a delivery becomes an event, is claimed once (R5), and starts what it should.
//!
//! `lifecycle` keeps the books of installations, `mention` is the built-in workflow, `thread_command` answers and
//! stops. Nothing here talks to an agent.

mod adopt;
mod cancel;
mod lifecycle;
mod mention;
#[cfg(test)]
mod tests;
mod thread_command;

use crate::config::RunLimits;
use crate::services::Services;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::AwsError;
use patchbay_aws::blobs::{Blobs, delivery_key};
use patchbay_aws::compress::{decompress, from_inline};
use patchbay_aws::lambda::Handled;
use patchbay_aws::tables::deliveries::{Claim, Decision, DeliveriesTable};
use patchbay_aws::tables::threads::ThreadsTable;
use patchbay_domain::command::Names;
use patchbay_domain::envelope::{Body, Delivery, EventMessage};
use patchbay_domain::event::{Detail, Event, Push};
use patchbay_domain::metric;
use patchbay_forge::ForgeError;
use patchbay_forge::github::convert::parse_event;

/// A claim outlives the invocation that made it by this much (R13).
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// Everything trigger-matcher needs.
pub struct Matcher {
    pub services: Services,
    pub deliveries: DeliveriesTable,
    pub threads: ThreadsTable,
    pub blobs: Blobs,
    pub names: Names,
    pub trigger_label: String,
    pub limits: RunLimits,
}

/// What came of an event: kept for 14 days, shown by `why` and in the log.
pub(crate) struct Verdict {
    pub started: bool,
    pub why: String,
}

impl Verdict {
    pub(crate) fn ignored(why: impl Into<String>) -> Self {
        Self { started: false, why: why.into() }
    }

    pub(crate) fn done(why: impl Into<String>) -> Self {
        Self { started: true, why: why.into() }
    }
}

impl Matcher {
    /// One message of the events queue. `ends_at` is when Lambda ends this invocation.
    ///
    /// Calls for an ignored delivery: the claim, and its completion with payload and decision.
    pub async fn handle_message(&self, message: EventMessage, ends_at: Timestamp) -> anyhow::Result<Handled> {
        let delivery = match message {
            EventMessage::V1(delivery) => delivery,
            EventMessage::StopV1(order) => return self.obey(&order).await,
            EventMessage::StartV1(order) => return Ok(Handled::Drop(format!("nothing starts on {} yet", order.id))),
        };
        patchbay_aws::telemetry::correlate(delivery.id.as_str());
        let taken = self.take(&delivery, ends_at).await;
        let failed = !matches!(taken, Ok(Handled::Done | Handled::Later(_)));
        metrics::histogram!(metric::WEBHOOK_FAILED).record(u8::from(failed));
        taken
    }

    async fn take(&self, delivery: &Delivery, ends_at: Timestamp) -> anyhow::Result<Handled> {
        let now = Timestamp::now();
        let provider = delivery.provider.as_str();
        let claim =
            self.deliveries.claim(provider, &delivery.endpoint, &delivery.id, &delivery.body_sha256, ends_at + LEASE_MARGIN, now).await?;
        match claim {
            Claim::New | Claim::TakenUp => {}
            Claim::Done => {
                tracing::info!("duplicate delivery: already done");
                return Ok(Handled::Done);
            }
            Claim::Busy { until } => return Ok(Handled::Later(until)),
            Claim::OtherBody => {
                tracing::error!(audit = true, "refused: the same delivery id came with another body");
                return Ok(Handled::Drop("the same delivery id came with another body".to_owned()));
            }
        }
        let decided = self.decide(delivery, claim == Claim::TakenUp).await;
        if !matches!(decided, Ok(Handled::Done)) {
            // The next try need not wait for this one's lease.
            self.deliveries.give_back(provider, &delivery.endpoint, &delivery.id).await?;
        }
        decided
    }

    async fn decide(&self, delivery: &Delivery, retaken: bool) -> anyhow::Result<Handled> {
        let body = self.body_of(delivery).await?;
        let (event, verdict) = match parse_event(&delivery.event, &delivery.id, &body) {
            Ok(event) => {
                let verdict = match self.match_event(&event, retaken, delivery.received_at).await {
                    Ok(verdict) => verdict,
                    Err(error) => match refusal(&error) {
                        Some(Refusal::Wait(until)) => return Ok(Handled::Later(until)),
                        Some(Refusal::Final(why)) => Verdict::ignored(why),
                        None => return Err(error),
                    },
                };
                (Some(event), verdict)
            }
            Err(error) => (None, Verdict::ignored(format!("the payload cannot be read: {error}"))),
        };
        log_verdict(delivery, event.as_ref(), &verdict);
        self.complete(delivery, event.as_ref(), &verdict).await?;
        metrics::counter!(metric::WEBHOOK_PROCESSED).increment(1);
        Ok(Handled::Done)
    }

    async fn match_event(&self, event: &Event, retaken: bool, received_at: Timestamp) -> anyhow::Result<Verdict> {
        match &event.detail {
            Detail::Installation(change) => self.note_installation(event, change, received_at).await,
            Detail::Push(push) => Ok(note_push(event, push)),
            _ => self.match_builtin(event, retaken).await,
        }
    }

    /// The payload stays readable for seven days (R43): in the table, or in the bucket if it is too big for that.
    async fn complete(&self, delivery: &Delivery, event: Option<&Event>, verdict: &Verdict) -> anyhow::Result<()> {
        let decision = Decision {
            workflow: "built-in".to_owned(),
            started: verdict.started,
            why: verdict.why.chars().take(200).collect(),
            repository: event.and_then(|e| e.repository.as_ref()).map(|r| r.full_name()),
        };
        match self.deliveries.complete(delivery, &decision, Timestamp::now()).await {
            Err(AwsError::TooLarge) => {}
            other => return Ok(other?),
        }
        let Body::Inline(text) = &delivery.body else { return Ok(()) };
        let key = delivery_key(delivery.provider, &delivery.id);
        self.blobs.put(&key, from_inline(text)?, "application/zstd").await?;
        let stored = Delivery { body: Body::Stored(key), ..delivery.clone() };
        Ok(self.deliveries.complete(&stored, &decision, Timestamp::now()).await?)
    }

    async fn body_of(&self, delivery: &Delivery) -> anyhow::Result<Vec<u8>> {
        let packed = match &delivery.body {
            Body::Inline(text) => from_inline(text)?,
            Body::Stored(key) => self.blobs.get(key).await?.ok_or_else(|| anyhow::anyhow!("the delivery's body {key} is gone"))?,
        };
        Ok(decompress(&packed)?)
    }
}

/// What the forge's refusal means for the delivery.
enum Refusal {
    Wait(Timestamp),
    /// Trying again would change nothing: a locked thread, a repository that is gone.
    Final(String),
}

/// `None` for errors that another try may mend.
fn refusal(error: &anyhow::Error) -> Option<Refusal> {
    match error.downcast_ref::<ForgeError>()? {
        ForgeError::RateLimited { retry_at } => Some(Refusal::Wait(*retry_at)),
        error @ (ForgeError::NotFound(_) | ForgeError::Permanent(_) | ForgeError::Unsupported(_)) => {
            Some(Refusal::Final(format!("the forge refused: {error}")))
        }
        ForgeError::Unauthorized(_) | ForgeError::Conflict(_) | ForgeError::Moved(_) | ForgeError::Transient(_) => None,
    }
}

/// FR-WH-004: pushes are logged; workflows that start on them are configured per repository.
fn note_push(event: &Event, push: &Push) -> Verdict {
    let repository = event.repository.as_ref().map(|r| r.full_name()).unwrap_or_default();
    let branch = push.full_ref.strip_prefix("refs/heads/").unwrap_or(&push.full_ref);
    tracing::info!(
        repository,
        branch,
        commits = push.commit_count,
        pusher = push.pusher,
        forced = push.forced,
        deleted = push.deleted,
        "push"
    );
    Verdict::ignored("no workflow starts on a push")
}

fn log_verdict(delivery: &Delivery, event: Option<&Event>, verdict: &Verdict) {
    let action = event.and_then(|e| e.action.as_deref());
    let repository = event.and_then(|e| e.repository.as_ref()).map(|r| r.full_name());
    tracing::info!(event = delivery.event, action, repository, acted = verdict.started, why = verdict.why, "event decided");
}
