//! webhook-intake: verifies a webhook, queues it in one call, answers.

mod handler;

use mimalloc::MiMalloc;
use patchbay_app::intake::Intake;
use patchbay_aws::{lambda, telemetry};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init("webhook-intake");
    telemetry::gather_lines();
    let app = Intake::from_env().await?;
    lambda::run_spanless(async |event| handler::handle(&app, event).await).await
}
