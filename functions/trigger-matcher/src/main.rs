//! trigger-matcher: deliveries become events, and events start what they should.

mod handler;

use patchbay_app::matching::Matcher;
use patchbay_aws::{config::AwsConfig, lambda, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init("trigger-matcher");
    let app = Matcher::from_env().await?;
    let aws = AwsConfig::from_env()?;
    lambda::run_sqs(&aws, async |message| handler::handle(&app, message).await).await
}
