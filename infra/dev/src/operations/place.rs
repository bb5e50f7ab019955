//! Where a deployment is: on this machine, as its `stack.json` says, or in AWS, as CloudFormation says. All that differs
//! between the two is here.

use super::cloudwatch::CloudWatch;
use super::refusal;
use super::resources::{self, Resources};
use crate::cli::Info;
use anyhow::{Context as _, anyhow, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// One deployment.
#[derive(Clone, Debug)]
pub enum Place {
    /// The stack that runs on a data folder.
    Local(Box<Info>),
    /// The CloudFormation stack of this name, in the account and region of the standard provider chain.
    Deployed(String),
}

/// Where functions and tasks wrote.
pub(super) enum Logs {
    /// The folder of the local stack's log files.
    Files(PathBuf),
    CloudWatch(CloudWatch),
}

/// How old the oldest message of each queue is, by the queue's name, in seconds.
pub(super) type Ages = BTreeMap<String, u64>;

impl Place {
    pub(super) async fn sdk(&self) -> anyhow::Result<SdkConfig> {
        let loader = aws_config::defaults(BehaviorVersion::latest());
        match self {
            Self::Local(info) => {
                // Calls are counted under this name; the emulated AWS checks no signature.
                let key = format!("{}operator", crate::aws::ACCESS_KEY_PREFIX);
                let credentials = Credentials::new(key, "local", None, None, "local");
                let loader = loader.region(Region::new(crate::aws::REGION)).credentials_provider(credentials);
                Ok(loader.endpoint_url(&info.aws.endpoint).load().await)
            }
            Self::Deployed(_) => {
                let sdk = loader.load().await;
                if sdk.region().is_none() {
                    bail!("no AWS region is known; set AWS_REGION, or AWS_PROFILE to a profile that has one");
                }
                Ok(sdk)
            }
        }
    }

    pub(super) async fn resources(&self, sdk: &SdkConfig) -> anyhow::Result<Resources> {
        match self {
            Self::Local(info) => Ok(Resources::new(info.aws.resources.clone())),
            Self::Deployed(stack) => {
                let found = resources::of_stack(&aws_sdk_cloudformation::Client::new(sdk), stack).await;
                found.map_err(|error| self.explain("cloudformation:ListStackResources", error))
            }
        }
    }

    pub(super) fn logs(&self, sdk: &SdkConfig, resources: &Resources) -> Logs {
        match self {
            Self::Local(info) => Logs::Files(info.data_dir.join("logs")),
            Self::Deployed(stack) => Logs::CloudWatch(CloudWatch::new(sdk, stack, resources)),
        }
    }

    /// The ages of the queues' oldest messages. SQS has no call that tells them: in AWS only CloudWatch's metric does.
    pub(super) async fn ages(&self) -> anyhow::Result<Ages> {
        #[derive(Deserialize)]
        struct Status {
            queues: BTreeMap<String, Queue>,
        }
        #[derive(Deserialize)]
        struct Queue {
            oldest_seconds: Option<u64>,
        }
        let Self::Local(info) = self else { return Ok(Ages::new()) };
        let request = reqwest::Client::builder().no_proxy().build()?.get(format!("{}/status", info.control_url));
        let answer = request.bearer_auth(&info.control_token).send().await.map_err(|_| self.gone())?.error_for_status()?;
        let status: Status = answer.json().await.context("the stack's answer is another version's; build and start it anew")?;
        Ok(status.queues.into_iter().filter_map(|(name, queue)| Some((name, queue.oldest_seconds?))).collect())
    }

    /// What went wrong at AWS, in words for a person.
    pub(super) fn explain<E, R>(&self, action: &str, error: SdkError<E, R>) -> anyhow::Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
    {
        match (self, &error) {
            (Self::Local(_), SdkError::DispatchFailure(_) | SdkError::TimeoutError(_)) => self.gone(),
            (Self::Deployed(_), SdkError::ServiceError(_)) | (Self::Local(_), _) => anyhow!("{action}: {}", refusal(&error)),
            (Self::Deployed(_), _) => {
                let hint = "does AWS answer from here, and are there credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and the rest)?";
                anyhow!("{action}: {}; {hint}", refusal(&error))
            }
        }
    }

    fn gone(&self) -> anyhow::Error {
        anyhow!("{self} does not answer, it may have been killed; start it again with `patchbay up`")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(info) => write!(formatter, "the stack of {}", info.data_dir.display()),
            Self::Deployed(stack) => write!(formatter, "the stack {stack} in AWS"),
        }
    }
}
