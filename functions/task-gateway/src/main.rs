//! task-gateway: the one door of agent tasks, behind a Function URL that streams.

mod handler;

use lambda_runtime::service_fn;
use patchbay_app::gateway::Gateway;
use patchbay_aws::telemetry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::init("task-gateway");
    let app = Gateway::from_env().await?;
    lambda_runtime::run(service_fn(async |event| handler::handle(&app, event).await)).await
}
