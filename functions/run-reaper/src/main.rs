//! run-reaper: once a minute, what was lost is found.

mod handler;

use patchbay_app::reap::Reaper;
use patchbay_aws::{lambda, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init("run-reaper");
    let app = Reaper::from_env().await?;
    lambda::run_raw(async |event| handler::handle(&app, event).await).await
}
