//! What an operator does with a deployment: look at runs, logs, queues and deliveries, send dead letters and deliveries
//! again, end a run, put workflows in force, tell a signing secret.
//!
//! One implementation over AWS's own protocols, for the stack on this machine and for one in AWS; [`place`] holds what
//! differs: where AWS answers, what the resources are called, where the logs lie. Nothing here prints.

mod cancel;
mod cloudwatch;
mod costs;
mod deliveries;
mod overview;
mod place;
mod queues;
pub mod records;
mod resources;
mod runs;
mod signing;
mod start;
mod workspace;

pub use costs::AgentCost;
pub use deliveries::{RecordedDecision, RecordedReason, StoredCost, StoredDelivery};
pub use overview::{Overview, SlotView};
pub use place::Place;
pub use queues::{QueueView, Redriven};
pub use start::Ordered;
pub use workspace::WorkspaceWorkflows;

use crate::stack::run_logs::{self, Record};
use aws_config::SdkConfig;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use place::Logs;
use resources::Resources;
use std::fmt::Debug;

/// A deployment, as its operator reaches it.
pub struct Operations {
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    s3: aws_sdk_s3::Client,
    secrets: aws_sdk_secretsmanager::Client,
    resources: Resources,
    place: Place,
    logs: Logs,
}

impl Operations {
    /// Finds the deployment's resources. One call for each hundred of them in AWS, none on this machine.
    ///
    /// # Errors
    /// If it cannot be reached, does not exist, or is no Patchbay.
    pub async fn open(place: Place) -> anyhow::Result<Self> {
        let sdk = place.sdk().await?;
        let resources = place.resources(&sdk).await?;
        let logs = place.logs(&sdk, &resources);
        Ok(Self::new(&sdk, resources, place, logs))
    }

    fn new(sdk: &SdkConfig, resources: Resources, place: Place, logs: Logs) -> Self {
        let (dynamodb, sqs) = (aws_sdk_dynamodb::Client::new(sdk), aws_sdk_sqs::Client::new(sdk));
        // Buckets have no names of their own on this machine.
        let s3 = aws_sdk_s3::config::Builder::from(sdk).force_path_style(sdk.endpoint_url().is_some()).build();
        let (s3, secrets) = (aws_sdk_s3::Client::from_conf(s3), aws_sdk_secretsmanager::Client::new(sdk));
        Self { dynamodb, sqs, s3, secrets, resources, place, logs }
    }

    /// The deployment in a few words.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Every line that a function or the task wrote on the run's behalf, in the order of their times.
    ///
    /// # Errors
    /// If there is no such run, or the logs cannot be read.
    pub async fn logs(&self, run: &str) -> anyhow::Result<Vec<Record>> {
        let run = self.run(run).await?.run;
        match &self.logs {
            Logs::Files(folder) => {
                let folder = folder.clone();
                let read = move || run_logs::lines_about(&folder, run.id.as_str(), run.request.delivery.as_str());
                Ok(tokio::task::spawn_blocking(read).await??)
            }
            Logs::CloudWatch(logs) => logs.lines_about(self, &run).await,
        }
    }

    /// What went wrong at AWS, in words for a person.
    fn said<E, R>(&self, action: &str, error: SdkError<E, R>) -> anyhow::Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: Debug + Send + Sync + 'static,
    {
        self.place.explain(action, error)
    }
}

/// A service's refusal as `code: message` if it has both, anything else with all its causes.
fn refusal<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
    match meta.and_then(|meta| Some((meta.code()?, meta.message()?))) {
        Some((code, message)) => format!("{code}: {message}"),
        None => DisplayErrorContext(error).to_string(),
    }
}
