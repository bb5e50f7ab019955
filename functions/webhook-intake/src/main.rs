//! webhook-intake: verifies a webhook, queues it in one call, answers.

mod handler;

use patchbay_app::intake::Intake;
use patchbay_aws::{lambda, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init("webhook-intake");
    telemetry::gather_lines();
    let app = Intake::from_env().await?;
    lambda::run_spanless(async |event| handler::handle(&app, event).await).await
}
