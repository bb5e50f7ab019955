//! Schedules whose time has come: the reaper finds them every minute and says so on the events queue, where trigger-matcher
//! decides as about anything else that happens. Which times there are is written when a configuration is saved.
//!
//! A time that was missed is made up for once per expression, however many were. The order's name is the time's, so that
//! one that is sent twice starts nothing twice.

use crate::matching::next_of;
use crate::reap::Reaper;
use jiff::Timestamp;
use patchbay_aws::tables::core::{ConnectionStatus, DueSchedule, SCHEDULE_SHARDS};
use patchbay_domain::envelope::{EventMessage, StartOrder};
use patchbay_domain::event::{Detail, Repository};
use patchbay_domain::ids::{ConnectionId, DeliveryId, digest};
use patchbay_domain::trigger::Cron;

/// How many due schedules of one shard are seen to per sweep; the rest is next minute's.
const PER_SHARD: i32 = 100;

impl Reaper {
    /// How many times had come. One that cannot be seen to keeps no other from being; the last error is returned.
    pub(crate) async fn start_schedules(&self, now: Timestamp) -> anyhow::Result<usize> {
        let (mut begun, mut failed) = (0, None);
        for shard in 0..SCHEDULE_SHARDS {
            for due in self.core.due_schedules(shard, now, PER_SHARD).await? {
                match self.see_to(&due, now).await {
                    Ok(orders) => begun += orders,
                    Err(error) => {
                        tracing::error!(repository = due.repository, error = format!("{error:#}"), "a schedule could not be seen to");
                        failed = Some(error);
                    }
                }
            }
        }
        failed.map_or(Ok(begun), Err)
    }

    /// Orders what is due, and puts the rest off. A schedule of an earlier configuration, or of an App that was uninstalled, is
    /// dropped; while it is suspended, its times pass.
    async fn see_to(&self, due: &DueSchedule, now: Timestamp) -> anyhow::Result<usize> {
        let ground = self.core.load_ground(&due.connection, due.repository).await?;
        let status = ground.connection.map(|connection| connection.status);
        let row = ground.own.filter(|row| row.schedule.as_ref() == Some(&due.mark));
        let (Some(row), Some(ConnectionStatus::Active | ConnectionStatus::Suspended)) = (row, status) else {
            tracing::info!(repository = due.repository, "a schedule is not in force any more");
            self.core.move_schedule(due, None, now).await?;
            return Ok(0);
        };
        let mut ordered = 0;
        if let (Some(repository), Some(ConnectionStatus::Active)) = (&row.repository, status) {
            for (cron, at) in due_times(&row.crons, due.since, now) {
                let order = order(&due.connection, repository, cron, at);
                tracing::info!(delivery = %order.id, cron, "a schedule's time has come");
                self.recovery.events.send(&EventMessage::StartV1(Box::new(order)), due.connection.as_str(), 0).await?;
                ordered += 1;
            }
        }
        self.core.move_schedule(due, next_of(&row.crons, now), now).await?;
        Ok(ordered)
    }
}

/// For each expression the first time that was not seen to, if it has come.
fn due_times(crons: &[String], since: Timestamp, now: Timestamp) -> impl Iterator<Item = (&str, Timestamp)> {
    let first = move |cron: &str| Cron::parse(cron).ok()?.next_after(since).filter(|at| *at <= now);
    crons.iter().filter_map(move |cron| Some((cron.as_str(), first(cron)?)))
}

fn order(connection: &ConnectionId, repository: &Repository, cron: &str, at: Timestamp) -> StartOrder {
    let hash = &digest(&[cron])[..8];
    StartOrder {
        id: DeliveryId(format!("schedule-{}-{}-{hash}", repository.id, at.strftime("%Y%m%dT%H%MZ"))),
        connection: connection.clone(),
        repository: repository.clone(),
        actor: None,
        detail: Detail::Schedule { cron: cron.to_owned(), at },
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_made_up_for_once_per_expression() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let crons = ["*/10 * * * *".to_owned(), "0 4 * * *".to_owned(), "0 9 * * *".to_owned()];
        let due: Vec<_> = due_times(&crons, at("2026-01-01T03:55:00Z"), at("2026-01-01T05:01:00Z")).collect();
        assert_eq!(due, [("*/10 * * * *", at("2026-01-01T04:00:00Z")), ("0 4 * * *", at("2026-01-01T04:00:00Z"))]);
        assert_eq!(due_times(&crons, at("2026-01-01T04:00:00Z"), at("2026-01-01T04:00:59Z")).count(), 0);
    }
}
