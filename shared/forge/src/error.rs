//! What can go wrong at a forge, as what to do about it. Texts are free of secrets and backtraces.

use jiff::Timestamp;
use thiserror::Error;

/// Why a call failed; each variant calls for a different next step.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ForgeError {
    /// It does not exist, or the App cannot see it (forges do not tell these apart).
    #[error("not found: {0}")]
    NotFound(String),
    /// The App's credentials were refused, and a fresh token did not help: uninstalled, suspended or misconfigured.
    #[error("unauthorized: {0}")]
    Unauthorized(String),
    /// Too many requests; try again at `retry_at`, not before.
    #[error("rate limited until {retry_at}")]
    RateLimited { retry_at: Timestamp },
    /// It exists already, or somebody else changed it meanwhile.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The repository has another name or owner now; nothing was done. Adapters find it again by themselves, so that only
    /// one that moves while it is being looked for shows: try again.
    #[error("moved: {0}")]
    Moved(String),
    /// This forge cannot do it.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The forge or the way to it is broken right now. A write may have happened nevertheless: look before trying again.
    #[error("temporarily failed: {0}")]
    Transient(String),
    /// It will fail in the same way every time.
    #[error("refused: {0}")]
    Permanent(String),
}
