//! run-launcher: slots, the status comment, and the agent's task.

mod handler;

use patchbay_app::launch::Launcher;
use patchbay_aws::{config::AwsConfig, lambda, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init("run-launcher");
    let app = Launcher::from_env().await?;
    let aws = AwsConfig::from_env()?;
    lambda::run_sqs(&aws, async |message| handler::handle(&app, message).await).await
}
