//! The schedule's event in, one sweep, nothing out. Of the event only the time counts for which it was scheduled.

use jiff::Timestamp;
use lambda_runtime::LambdaEvent;
use patchbay_app::reap::Reaper;

/// One sweep. An error is logged by the runtime and counted by the function's alarm; the next minute tries again.
pub(crate) async fn handle(app: &Reaper, event: LambdaEvent<serde_json::Value>) -> Result<(), lambda_runtime::Error> {
    tracing::debug!(request = event.context.request_id, "sweep");
    let now = Timestamp::now();
    app.sweep_scheduled(scheduled_at(&event.payload).unwrap_or(now), now).await?;
    Ok(())
}

/// EventBridge says when it meant to send the event; an invocation by hand says nothing.
fn scheduled_at(event: &serde_json::Value) -> Option<Timestamp> {
    event.get("time")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_scheduled_time_is_the_events() {
        let expected = Timestamp::from_second(1_700_000_040).ok();
        assert_eq!(scheduled_at(&json!({ "time": "2023-11-14T22:14:00Z" })), expected);
        assert_eq!(scheduled_at(&json!({})), None);
        assert_eq!(scheduled_at(&json!({ "time": "soon" })), None);
    }
}
