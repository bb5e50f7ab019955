//! Deliveries that never arrived (R8): the forge's log is asked what failed; what can be delivered again is asked for
//! again, what is too big for the front door (R7) is taken from the log itself.

use crate::enqueue::enqueue;
use crate::intake::ENDPOINT;
use crate::reap::Reaper;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::queue::Queue;
use patchbay_aws::tables::deliveries::DeliveriesTable;
use patchbay_domain::envelope::{Body, Delivery};
use patchbay_domain::event::Provider;
use patchbay_domain::ids::{ConnectionId, DeliveryId};
use patchbay_domain::metric;
use patchbay_forge::LoggedDelivery;

/// The log is read every five minutes (R8: at most 15) for what failed lately …
const EVERY_MINUTES: i64 = 5;
const LATELY: SignedDuration = SignedDuration::from_hours(2);
/// … and every hour for everything that GitHub still has: it keeps three days.
const THOROUGHLY_EVERY_MINUTES: i64 = 60;
const ALL_THERE_IS: SignedDuration = SignedDuration::from_hours(71);
/// What failed less than this ago may still be under way.
const SETTLED: SignedDuration = SignedDuration::from_secs(60);

/// Where recovered deliveries go.
pub struct Recovery {
    pub events: Queue,
    pub deliveries: DeliveriesTable,
}

impl Reaper {
    /// How many deliveries were asked for again or taken from the log. `scheduled_at` says whether it is time to look.
    pub(crate) async fn recover_deliveries(&self, scheduled_at: Timestamp, now: Timestamp) -> anyhow::Result<usize> {
        let minute = scheduled_at.as_second() / 60;
        if minute % EVERY_MINUTES != 0 {
            return Ok(0);
        }
        let thoroughly = minute % THOROUGHLY_EVERY_MINUTES == 0;
        let log = self.forge.failed_deliveries(now - if thoroughly { ALL_THERE_IS } else { LATELY }).await?;
        if thoroughly {
            metrics::gauge!(metric::WEBHOOK_GAP_HOURS).set(gap(&log, now).as_secs_f64() / 3600.0);
        }
        let (mut recovered, mut lost) = (0, None);
        for failed in log {
            if failed.delivered_at + SETTLED > now {
                continue;
            }
            match self.recover(&failed, now).await {
                Ok(done) => recovered += usize::from(done),
                // One that cannot be had must not keep those after it from being; the sweep's end says that there was one.
                Err(error) => {
                    tracing::error!(delivery = failed.guid, error = format!("{error:#}"), "a failed delivery could not be recovered");
                    lost = Some(error);
                }
            }
        }
        metrics::counter!(metric::WEBHOOK_RECOVERED).increment(recovered as u64);
        lost.map_or(Ok(recovered), Err)
    }

    async fn recover(&self, failed: &LoggedDelivery, now: Timestamp) -> anyhow::Result<bool> {
        if refused_for_good(failed) {
            return Ok(false);
        }
        if failed.status_code == 413 {
            return self.take_from_log(failed, now).await;
        }
        tracing::warn!(delivery = failed.guid, event = failed.event, status = failed.status_code, "asking for a failed delivery again");
        self.forge.redeliver(failed.id).await?;
        Ok(true)
    }

    /// The forge vouches for its own log, which is read with the App's key: no signature is needed.
    async fn take_from_log(&self, failed: &LoggedDelivery, now: Timestamp) -> anyhow::Result<bool> {
        let id = DeliveryId(failed.guid.clone());
        let provider = Provider::Github;
        if self.recovery.deliveries.load_payload(provider.as_str(), ENDPOINT, &id, now).await?.is_some() {
            return Ok(false);
        }
        let request = self.forge.delivery_request(failed.id).await?;
        let installation = request.payload["installation"]["id"].as_u64();
        let group = installation.map_or_else(|| provider.as_str().to_owned(), |id| ConnectionId::of_installation(provider.as_str(), id).0);
        let json = serde_json::to_vec(&request.payload)?;
        let delivery = Delivery {
            provider,
            endpoint: ENDPOINT.to_owned(),
            id,
            event: request.event,
            received_at: failed.delivered_at,
            body: Body::Inline(String::new()),
        };
        tracing::warn!(delivery = failed.guid, bytes = json.len(), "taking a delivery that was too large from the forge's log");
        enqueue(&self.recovery.events, &self.blobs, delivery, &json, &group).await?;
        Ok(true)
    }
}

/// Refused for what it is: the same bytes would get the same answer.
fn refused_for_good(failed: &LoggedDelivery) -> bool {
    matches!(failed.status_code, 400 | 401)
}

/// How long ago the oldest delivery failed that still does; zero if none does.
fn gap(log: &[LoggedDelivery], now: Timestamp) -> SignedDuration {
    let failing = log.iter().filter(|failed| !refused_for_good(failed));
    failing.map(|failed| now.duration_since(failed.delivered_at)).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_the_age_of_the_oldest_that_still_fails_and_was_not_refused_for_good() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(100);
        let failed = |hours: i64, status_code: u16| LoggedDelivery {
            id: 1,
            guid: "guid".to_owned(),
            delivered_at: now - SignedDuration::from_hours(hours),
            status_code,
            event: "issues".to_owned(),
            action: None,
            redelivery: false,
        };
        assert_eq!(gap(&[], now), SignedDuration::ZERO);
        assert_eq!(gap(&[failed(70, 401), failed(60, 400)], now), SignedDuration::ZERO);
        assert_eq!(gap(&[failed(2, 503), failed(30, 502), failed(70, 401)], now), SignedDuration::from_hours(30));
    }
}
