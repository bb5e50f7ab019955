//! The scheduler: invokes a function at its rate. A tick that takes longer than the rate delays the next one.

use super::config::Schedules;
use super::http::event::scheduled_event;
use super::lambda::Pool;
use crate::template::model::Schedule;
use std::sync::Arc;
use std::time::Duration;

/// How often a schedule ticks here; `None` if only on request.
pub(super) fn rate(schedules: Schedules, schedule: &Schedule) -> Option<Duration> {
    match schedules {
        Schedules::AsDeployed => Some(schedule.every),
        Schedules::Every(every) => Some(every),
        Schedules::OnRequest => None,
    }
}

/// Ticks until the task is aborted. A failed tick is in the function's log; the next one tries again.
pub(super) async fn run(name: String, every: Duration, pool: Arc<Pool>) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick of an interval comes at once; a schedule's comes after its first period.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        pool.invoke(scheduled_event(&name, jiff::Timestamp::now()).to_string().into()).await;
    }
}
