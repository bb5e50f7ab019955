//! The task gateway use case: the one door of agent tasks (R22, R23). It knows a run by its capability, hands out the
//! brief once, takes heartbeats and the result, and relays model calls against the run's budget.
//!
//! Pure parts: `capability` (who calls), `model_request` (what may be asked), `meter` (what it came to).

mod capability;
mod config;
mod meter;
mod model_request;
mod relay;
mod reply;
mod run_calls;

#[cfg(test)]
mod tests;

pub use config::GatewayConfig;
pub use meter::Prices;
pub use reply::{GatewayError, Reply, ReplyBody};
pub use run_calls::MAX_RESULT_BYTES;

use crate::dispatch::Dispatch;
use capability::Capability;
use patchbay_aws::blobs::Blobs;
use patchbay_aws::secrets::Secrets;
use patchbay_aws::vault::Vault;
use patchbay_domain::run::Run;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Everything task-gateway needs.
pub struct Gateway {
    pub dispatch: Dispatch,
    pub vault: Vault,
    pub blobs: Blobs,
    pub secrets: Secrets,
    pub config: GatewayConfig,
    pub http: reqwest::Client,
}

impl Gateway {
    /// The run that the bearer of `authorization` (`Bearer <capability>`) speaks for. One read.
    ///
    /// # Errors
    /// 401 for anything but the capability that was given to this very run and attempt.
    async fn authenticate(&self, authorization: Option<&str>) -> Result<Capability, GatewayError> {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(GatewayError::unauthorized)?;
        let capability = Capability::parse(token).ok_or_else(GatewayError::unauthorized)?;
        let stored = self.dispatch.runs.check_capability(&capability.workspace, &capability.run, capability.attempt).await?;
        let matches = stored.is_some_and(|stored| stored.as_bytes().ct_eq(hash(token).as_bytes()).into());
        if matches { Ok(capability) } else { Err(GatewayError::unauthorized()) }
    }

    /// The run of a capability, while it is under way and this attempt is its present one. One read.
    ///
    /// # Errors
    /// 409 when the run is over, gone, or was started anew.
    async fn load_active(&self, capability: &Capability) -> Result<Run, GatewayError> {
        let run = self.dispatch.runs.load(&capability.workspace, &capability.run).await?.ok_or_else(GatewayError::run_is_over)?;
        patchbay_aws::telemetry::correlate(run.request.delivery.as_str());
        if run.state.is_terminal() || run.attempt != capability.attempt { Err(GatewayError::run_is_over()) } else { Ok(run) }
    }
}

/// SHA-256 in hex: the only form in which secrets of tasks are stored.
fn hash(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}
