//! Schedules: written with the configuration, found by the sweep, decided like any other event.

use crate::reap::minute;
use crate::stage::{Stage, ends_at};
use crate::workflows::file;
use jiff::Timestamp;
use patchbay_aws::lambda::Handled;
use patchbay_aws::tables::core::ConnectionStatus;
use patchbay_domain::envelope::EventMessage;

impl Stage {
    /// What the sweep at this time ordered.
    async fn ordered(&self, at: Timestamp) -> Vec<EventMessage> {
        self.sweep(at).await;
        let sent = self.cloud.take_sent().into_iter().filter(|sent| sent.queue == "events");
        sent.map(|sent| serde_json::from_value(sent.body).unwrap()).collect()
    }

    fn schedule_rows(&self) -> usize {
        self.cloud.rows("core").iter().filter(|row| row["pk"]["S"].as_str().unwrap().starts_with("schedule#")).count()
    }
}

#[tokio::test]
async fn a_due_time_starts_the_workflow_once_and_the_next_is_waited_for() {
    let stage = Stage::set().await;
    stage.configure(&file("nightly", &["schedule: { cron: ['*/5 * * * *'] }"])).await;
    assert_eq!(stage.ordered(Timestamp::now()).await, []);
    // An hour was missed: once is enough.
    let at = minute(3600, false);
    let orders = stage.ordered(at).await;
    assert_eq!(orders.len(), 1, "{orders:?}");
    assert_eq!(stage.ordered(at).await, []);
    for _ in 0..2 {
        assert_eq!(stage.matcher().handle_message(orders[0].clone(), ends_at()).await.unwrap(), Handled::Done);
    }
    let runs = stage.runs_of("nightly");
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].plan.as_ref().unwrap().event["schedule"]["cron"], "*/5 * * * *");
    assert!(runs[0].request.delivery.as_str().starts_with("schedule-"), "{}", runs[0].request.delivery);
    assert_eq!((stage.schedule_rows(), stage.ordered(minute(3600 + 600, false)).await.len()), (1, 1));
}

#[tokio::test]
async fn a_schedule_that_is_configured_no_more_is_dropped_when_it_is_due() {
    let stage = Stage::set().await;
    stage.configure(&file("nightly", &["schedule: { cron: ['*/5 * * * *'] }"])).await;
    stage.configure_on("main", &file("nightly", &["push: {}"])).await;
    stage.cloud.take_sent();
    assert_eq!(stage.ordered(minute(3600, false)).await, []);
    assert_eq!(stage.schedule_rows(), 0);
}

#[tokio::test]
async fn the_same_times_in_a_changed_file_are_not_counted_anew() {
    let stage = Stage::set().await;
    let text = file("nightly", &["schedule: { cron: ['*/5 * * * *'] }"]);
    stage.configure(&text).await;
    stage.configure_on("main", &text.replace("README", "OTHER")).await;
    stage.cloud.take_sent();
    assert_eq!((stage.schedule_rows(), stage.ordered(minute(3600, false)).await.len()), (1, 1));
}

#[tokio::test]
async fn times_pass_while_the_app_is_suspended_and_end_when_it_is_uninstalled() {
    let stage = Stage::set().await;
    stage.configure(&file("nightly", &["schedule: { cron: ['*/5 * * * *'] }"])).await;
    for (status, seconds, rows) in [(ConnectionStatus::Suspended, 3600, 1), (ConnectionStatus::Deleted, 7200, 0)] {
        stage.note_connection(status).await;
        assert_eq!(stage.ordered(minute(seconds, false)).await, [], "{status:?}");
        assert_eq!(stage.schedule_rows(), rows, "{status:?}");
    }
}
