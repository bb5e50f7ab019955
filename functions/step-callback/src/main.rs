//! step-callback: takes the word of whom a workflow's step called, once, and lets its run go on.

mod handler;

use patchbay_app::callback::Callback;
use patchbay_aws::{lambda, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init("step-callback");
    let app = Callback::from_env().await?;
    lambda::run_raw(async |event| handler::handle(&app, event).await).await
}
