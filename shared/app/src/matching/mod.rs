//! The trigger-matcher use case: a delivery becomes an event, is claimed once (R5), and starts what it should.
//!
//! `configuration` says which workflows are in force, `workspace` puts the operator's there, `workflows` says which of them
//! start, `start` starts them; `mention` is the built-in workflow, `thread_command` answers and stops, `lifecycle` keeps the
//! books of installations. Nothing here talks to an agent.

mod adopt;
mod cancel;
mod compiled;
mod configuration;
mod facts;
mod lifecycle;
mod mention;
pub mod orders;
mod report;
mod start;
#[cfg(test)]
mod tests;
mod thread_command;
mod workflows;
mod workspace;

pub use compiled::Configurations;
pub(crate) use configuration::next_of;
pub use workflows::MAX_DEPTH;

use crate::config::RunLimits;
use crate::messages::decisions::not_installed;
use crate::services::Services;
use cancel::closes_thread;
use configuration::InForce;
use jiff::{SignedDuration, Timestamp};
use mention::read_request;
use patchbay_aws::AwsError;
use patchbay_aws::blobs::{Blobs, delivery_key};
use patchbay_aws::compress::{decompress, from_inline};
use patchbay_aws::lambda::Handled;
use patchbay_aws::queue::MAX_DELAY_SECONDS;
use patchbay_aws::tables::core::Ground;
use patchbay_aws::tables::deliveries::{Claim, Decision, DeliveriesTable};
use patchbay_aws::tables::threads::ThreadsTable;
use patchbay_domain::command::Names;
use patchbay_domain::envelope::{Body, Delivery, EventMessage};
use patchbay_domain::event::{Detail, Event, Push};
use patchbay_domain::metric;
use patchbay_forge::ForgeError;

/// A claim outlives the invocation that made it by this much (R13).
const LEASE_MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// How long a delivery waits for a forge in trouble before it becomes a dead letter. GitHub's own log keeps it for three days.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// Between two tries while the forge is in trouble. The longest is what a queue can hold a message back.
const SHORTEST_DELAY: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_DELAY: SignedDuration = SignedDuration::from_secs(MAX_DELAY_SECONDS as i64);
/// The name of the workflow that every repository has.
const BUILT_IN: &str = "built-in";

/// Everything trigger-matcher needs.
pub struct Matcher {
    pub services: Services,
    pub deliveries: DeliveriesTable,
    pub threads: ThreadsTable,
    pub blobs: Blobs,
    pub names: Names,
    pub trigger_label: String,
    pub limits: RunLimits,
    /// The configurations used last.
    pub configurations: Configurations,
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

    fn into_decision(self, event: Option<&Event>) -> Decision {
        Decision {
            workflow: BUILT_IN.to_owned(),
            started: self.started,
            why: self.why,
            repository: event.and_then(workflows::repository_of),
            thread: event.and_then(workflows::thread_of),
            ..Decision::default()
        }
    }
}

impl Matcher {
    /// One message of the events queue. `ends_at` is when Lambda ends this invocation.
    ///
    /// Calls for a delivery that starts nothing, by what is known without asking: one read of what is in force, and the
    /// completion with payload and decisions, which is the claim too. For any other, the claim between them.
    pub async fn handle_message(&self, message: EventMessage, ends_at: Timestamp) -> anyhow::Result<Handled> {
        let delivery = match message {
            EventMessage::V1(delivery) => delivery,
            EventMessage::StopV1(order) => return self.obey(&order).await,
            EventMessage::ConfigureV1(order) => return self.configure_workspace(&order).await,
            EventMessage::StartV1(order) => orders::delivery_of(&order)?,
        };
        patchbay_aws::telemetry::correlate(delivery.id.as_str());
        let taken = self.take(&delivery, ends_at).await;
        let failed = !matches!(taken, Ok(Handled::Done | Handled::Later(_)));
        metrics::histogram!(metric::WEBHOOK_FAILED).record(u8::from(failed));
        taken
    }

    async fn take(&self, delivery: &Delivery, ends_at: Timestamp) -> anyhow::Result<Handled> {
        let opened = self.open(delivery).await?;
        if let Some(decisions) = self.decide_at_hand(&opened).await?
            && self.complete_unclaimed(&opened, &decisions).await?
        {
            return Ok(opened.done(&decisions));
        }
        let (provider, lease) = (delivery.provider.as_str(), ends_at + LEASE_MARGIN);
        let claim = self.deliveries.claim(provider, &delivery.endpoint, &delivery.id, &opened.fingerprint, lease, Timestamp::now()).await?;
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
        let decided = self.decide(opened, claim == Claim::TakenUp).await;
        if !matches!(decided, Ok(Handled::Done)) {
            // The next try need not wait for this one's lease.
            self.deliveries.give_back(provider, &delivery.endpoint, &delivery.id).await?;
        }
        decided
    }

    /// Whether the forge refused because the App is gone from the account, or suspended: the word of that may still be on its
    /// way (R21), and another try would change nothing.
    async fn has_lost_its_ground(&self, event: &Event, error: &anyhow::Error) -> bool {
        let (Some(ForgeError::Unauthorized(_)), Some(connection)) = (error.downcast_ref(), &event.connection) else { return false };
        match self.services.forge.installation(connection).await {
            Ok(found) => found.suspended,
            Err(error) => matches!(error, ForgeError::NotFound(_)),
        }
    }

    /// What a delivery says, and what the books say about its repository. Nothing is changed by it.
    async fn open<'d>(&self, delivery: &'d Delivery) -> anyhow::Result<Opened<'d>> {
        let body = self.body_of(delivery).await?;
        let fingerprint = orders::fingerprint(delivery, &body);
        let event = orders::read_event(delivery, &body).map_err(|error| format!("the payload cannot be read: {error}"));
        let ground = match &event {
            Ok(event) => self.ground_of(event).await?,
            Err(_) => None,
        };
        Ok(Opened { delivery, fingerprint, event, ground })
    }

    /// What is decided about a delivery that nothing listens to, or that every filter turns away: no run is started or ended,
    /// and nobody need be asked. `None` for all others, and where what is known does not suffice.
    async fn decide_at_hand(&self, opened: &Opened<'_>) -> anyhow::Result<Option<Vec<Decision>>> {
        let event = match &opened.event {
            Ok(event) => event,
            Err(why) => return Ok(Some(vec![Verdict::ignored(why.as_str()).into_decision(None)])),
        };
        let is_own = matches!(event.detail, Detail::Installation(_) | Detail::Schedule { .. } | Detail::Manual(_));
        if is_own || closes_thread(event) {
            return Ok(None);
        }
        let Err(why) = read_request(event, &self.names, &self.trigger_label, self.services.app_id) else { return Ok(None) };
        let ground = opened.ground.as_ref();
        let at_hand = match ground {
            Some(ground) => InForce::at_hand(event, ground, &self.configurations),
            None => Some(InForce::default()),
        };
        let Some(force) = at_hand else { return Ok(None) };
        let Some(considered) = self.consider_at_hand(event, &force).await else { return Ok(None) };
        let mut decisions = vec![Verdict::ignored(why).into_decision(Some(event))];
        decisions.extend(self.start_all(event, ground, &force, &considered, opened.delivery.received_at).await?);
        Ok(Some(decisions))
    }

    async fn decide(&self, mut opened: Opened<'_>, retaken: bool) -> anyhow::Result<Handled> {
        let (delivery, ground) = (opened.delivery, opened.ground.take());
        let decisions = match &opened.event {
            Ok(event) => match self.match_event(event, ground, retaken, delivery.received_at).await {
                Ok(decisions) => decisions,
                Err(error) => match refusal(&error) {
                    Some(Refusal::Wait(until)) => return put_off(delivery, until, error, Timestamp::now()),
                    Some(Refusal::Final(why)) => vec![Verdict::ignored(why).into_decision(Some(event))],
                    None if !self.has_lost_its_ground(event, &error).await => return Err(error),
                    None => vec![Verdict::ignored(not_installed()).into_decision(Some(event))],
                },
            },
            Err(why) => vec![Verdict::ignored(why.as_str()).into_decision(None)],
        };
        self.complete(&opened, &decisions).await?;
        Ok(opened.done(&decisions))
    }

    /// What is decided first is what is in force and what starts. The built-in workflow acts before the others do, so that a
    /// run that starts because a thread was closed is not ended by it.
    async fn match_event(
        &self,
        event: &Event,
        ground: Option<Ground>,
        retaken: bool,
        received_at: Timestamp,
    ) -> anyhow::Result<Vec<Decision>> {
        if let Detail::Installation(change) = &event.detail {
            return Ok(vec![self.note_installation(event, change, received_at).await?.into_decision(Some(event))]);
        }
        let ground = self.connected(event, ground).await?;
        let force = match &ground {
            Some(ground) => self.workflows_in_force(event, ground, retaken).await?,
            None => InForce::default(),
        };
        let considered = self.consider(event, ground.as_ref(), &force).await?;
        let mut decisions = Vec::new();
        if !matches!(event.detail, Detail::Schedule { .. } | Detail::Manual(_)) {
            let connection = ground.as_ref().and_then(|ground| ground.connection.as_ref());
            let starts = considered.iter().any(|considered| considered.starts);
            decisions.push(self.match_builtin(event, connection, starts, retaken).await?.into_decision(Some(event)));
        }
        decisions.extend(self.start_all(event, ground.as_ref(), &force, &considered, received_at).await?);
        Ok(decisions)
    }

    /// The payload stays readable for seven days (R43): in the table, or in the bucket if it is too big for that.
    async fn complete(&self, opened: &Opened<'_>, decisions: &[Decision]) -> anyhow::Result<()> {
        let (delivery, fingerprint) = (opened.delivery, &opened.fingerprint);
        match self.deliveries.complete(delivery, fingerprint, decisions, Timestamp::now()).await {
            Err(AwsError::TooLarge) => {}
            other => return Ok(other?),
        }
        let Body::Inline(text) = &delivery.body else { return Ok(()) };
        let key = delivery_key(delivery.provider, &delivery.id);
        self.blobs.put(&key, from_inline(text)?, "application/zstd").await?;
        let stored = Delivery { body: Body::Stored(key), ..delivery.clone() };
        Ok(self.deliveries.complete(&stored, fingerprint, decisions, Timestamp::now()).await?)
    }

    /// Whether the delivery was nobody's and is done now. What is too big for the table takes the longer way.
    async fn complete_unclaimed(&self, opened: &Opened<'_>, decisions: &[Decision]) -> anyhow::Result<bool> {
        match self.deliveries.complete_unclaimed(opened.delivery, &opened.fingerprint, decisions, Timestamp::now()).await {
            Err(AwsError::TooLarge) => Ok(false),
            other => Ok(other?),
        }
    }

    async fn body_of(&self, delivery: &Delivery) -> anyhow::Result<Vec<u8>> {
        let packed = match &delivery.body {
            Body::Inline(text) => from_inline(text)?,
            Body::Stored(key) => self.blobs.get(key).await?.ok_or_else(|| anyhow::anyhow!("the delivery's body {key} is gone"))?,
        };
        Ok(decompress(&packed)?)
    }
}

/// A delivery that was looked into, and not touched yet.
struct Opened<'d> {
    delivery: &'d Delivery,
    /// See [`orders::fingerprint`].
    fingerprint: String,
    /// Or why there is none.
    event: Result<Event, String>,
    ground: Option<Ground>,
}

impl Opened<'_> {
    /// Says what was decided, once that is kept.
    fn done(&self, decisions: &[Decision]) -> Handled {
        if let Ok(event) = &self.event
            && let Detail::Push(push) = &event.detail
        {
            log_push(event, push);
        }
        log_decisions(self.delivery, self.event.as_ref().ok(), decisions);
        metrics::counter!(metric::WEBHOOK_PROCESSED).increment(1);
        Handled::Done
    }
}

/// What the forge's refusal means for the delivery.
enum Refusal {
    /// It may pass; until then, if the forge says so.
    Wait(Option<Timestamp>),
    /// Trying again would change nothing: a locked thread, a repository that is gone.
    Final(String),
}

/// `None` for errors that another try may mend at once, or never.
fn refusal(error: &anyhow::Error) -> Option<Refusal> {
    match error.downcast_ref::<ForgeError>()? {
        ForgeError::RateLimited { retry_at } => Some(Refusal::Wait(Some(*retry_at))),
        ForgeError::Transient(_) => Some(Refusal::Wait(None)),
        error @ (ForgeError::NotFound(_) | ForgeError::Permanent(_) | ForgeError::Unsupported(_)) => {
            Some(Refusal::Final(format!("the forge refused: {error}")))
        }
        ForgeError::Unauthorized(_) | ForgeError::Conflict(_) | ForgeError::Moved(_) => None,
    }
}

/// Until the forge is well again: at the time it names, or else after as long as the delivery has waited already. The
/// trouble of a forge uses up no delivery's receives, but after `PATIENCE` it is the operator's affair.
fn put_off(delivery: &Delivery, until: Option<Timestamp>, error: anyhow::Error, now: Timestamp) -> anyhow::Result<Handled> {
    let age = now.duration_since(delivery.received_at);
    if age > PATIENCE {
        return Err(error);
    }
    tracing::warn!(error = format!("{error:#}"), "the forge cannot be asked now; the delivery is put off");
    Ok(match until {
        Some(until) if until.duration_since(now) > LONGEST_DELAY => Handled::Later(until),
        Some(until) => Handled::Again(until),
        None => Handled::Again(now + age.clamp(SHORTEST_DELAY, LONGEST_DELAY)),
    })
}

/// FR-WH-004: pushes are logged, whatever starts on them.
fn log_push(event: &Event, push: &Push) {
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
}

fn log_decisions(delivery: &Delivery, event: Option<&Event>, decisions: &[Decision]) {
    let action = event.and_then(|e| e.action.as_deref());
    let repository = event.and_then(workflows::repository_of);
    let acted = decisions.iter().any(|decision| decision.started);
    let why = decisions.first().map(|decision| decision.why.as_str()).unwrap_or_default();
    tracing::info!(event = delivery.event, action, repository, acted, why, decisions = decisions.len(), "event decided");
}
