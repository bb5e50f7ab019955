//! run-results: what a task left behind becomes branch, pull request or answer.

mod handler;

use patchbay_app::results::Results;
use patchbay_aws::{config::AwsConfig, lambda, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init("run-results");
    let app = Results::from_env().await?;
    let aws = AwsConfig::from_env()?;
    lambda::run_sqs(&aws, async |message| handler::handle(&app, message).await).await
}
