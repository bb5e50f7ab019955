//! The schedule's event in, one sweep, nothing out. What the event says does not matter.

use lambda_runtime::LambdaEvent;
use patchbay_app::reap::Reaper;

/// One sweep. An error is logged by the runtime and counted by the function's alarm; the next minute tries again.
pub(crate) async fn handle(app: &Reaper, event: LambdaEvent<serde_json::Value>) -> Result<(), lambda_runtime::Error> {
    tracing::debug!(request = event.context.request_id, "sweep");
    app.sweep(jiff::Timestamp::now()).await?;
    Ok(())
}
