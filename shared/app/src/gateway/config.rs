//! What task-gateway is configured with, and how it is put together from its environment.

use super::Gateway;
use super::meter::Prices;
use crate::config::{model_not_allowed, read_allowed_models};
use crate::dispatch::Dispatch;
use patchbay_aws::blobs::Blobs;
use patchbay_aws::config::{AwsConfig, EnvReader};
use patchbay_aws::queue::Queue;
use patchbay_aws::secrets::Secrets;
use patchbay_aws::tables::runs::RunsTable;
use patchbay_aws::vault::Vault;
use patchbay_domain::policy::AllowedModels;
use patchbay_domain::task::{Failure, ModelProvider};
use std::time::Duration;

/// A model that thinks may be silent for long; the function itself ends after 15 minutes.
const SILENCE: Duration = Duration::from_secs(300);
const WHOLE_CALL: Duration = Duration::from_secs(870);

/// The model that runs may speak to, and at which price.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// `SECRET_MODEL_ID`: the secret with `base_url` and `api_key`.
    pub model_secret_id: String,
    /// `MODEL_PROVIDER`.
    pub provider: ModelProvider,
    /// `MODEL_NAME`: what the provider is asked for, whatever the agent asks for; empty while none is configured.
    pub model: String,
    /// `MODEL_PRICE_INPUT`, `MODEL_PRICE_OUTPUT`: dollars per million tokens.
    pub prices: Prices,
    /// `MODEL_ALLOWED`: what a run may name instead, with prices where they are known.
    pub allowed: AllowedModels,
}

/// The model that a run's calls go to, and what they are counted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunModel {
    pub(super) name: String,
    pub(super) prices: Prices,
}

impl GatewayConfig {
    fn read(env: &mut EnvReader) -> Self {
        let provider = match env.optional("MODEL_PROVIDER").as_deref() {
            None | Some("openai") => ModelProvider::Openai,
            Some("anthropic") => ModelProvider::Anthropic,
            Some(other) => {
                env.problem("MODEL_PROVIDER", &format!("must be openai or anthropic, not {other}"));
                ModelProvider::Openai
            }
        };
        let mut price = |name| {
            let dollars: f64 = env.parsed_or(name, 0.0);
            if !(0.0..=1_000_000.0).contains(&dollars) {
                env.problem(name, "must be dollars per million tokens");
            }
            dollars
        };
        let prices = Prices::per_million(price("MODEL_PRICE_INPUT"), price("MODEL_PRICE_OUTPUT"));
        let model = env.optional("MODEL_NAME").unwrap_or_default();
        let allowed = read_allowed_models(env);
        Self { model_secret_id: env.required("SECRET_MODEL_ID"), provider, model, prices, allowed }
    }

    /// The model of a run that names one, or the configured one. One without a price of its own is counted with the
    /// configured model's.
    ///
    /// # Errors
    /// The failure of a run whose model the operator does not allow (any more).
    pub(super) fn model_of(&self, named: Option<&str>) -> Result<RunModel, Failure> {
        let Some(name) = named.filter(|named| *named != self.model) else {
            return Ok(RunModel { name: self.model.clone(), prices: self.prices });
        };
        let entry = self.allowed.find(name).ok_or_else(|| model_not_allowed(name))?;
        let prices = entry.price.map_or(self.prices, |(input, output)| Prices::per_million(input, output));
        Ok(RunModel { name: name.to_owned(), prices })
    }
}

impl Gateway {
    /// `TABLE_RUNS`, `TABLE_VAULT`, `KMS_KEY_ID`, `QUEUE_RUNS_URL`, `QUEUE_RESULTS_URL`, `BLOBS_BUCKET` and the
    /// variables of `GatewayConfig`.
    ///
    /// # Errors
    /// One that names everything that is missing.
    pub async fn from_env() -> anyhow::Result<Self> {
        let mut env = EnvReader::new();
        let config = GatewayConfig::read(&mut env);
        let (runs, vault, key) = (env.required("TABLE_RUNS"), env.required("TABLE_VAULT"), env.required("KMS_KEY_ID"));
        let (runs_queue, results_queue) = (env.required("QUEUE_RUNS_URL"), env.required("QUEUE_RESULTS_URL"));
        let bucket = env.required("BLOBS_BUCKET");
        env.finish()?;
        let aws = AwsConfig::from_env()?;
        Ok(Self {
            dispatch: Dispatch {
                runs: RunsTable::new(&aws, runs),
                runs_queue: Queue::new(&aws, runs_queue),
                results_queue: Queue::new(&aws, results_queue),
            },
            vault: Vault::new(&aws, vault, key),
            blobs: Blobs::new(&aws, &bucket),
            secrets: Secrets::new(&aws),
            config,
            http: model_client()?,
        })
    }
}

/// The client for the model's provider: no redirects (a key must not follow one), patient with silence.
pub(super) fn model_client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .read_timeout(SILENCE)
        .timeout(WHOLE_CALL)
        .user_agent("patchbay")
        .build()
}
