//! Everything that Patchbay does at AWS: the only crate that knows the SDK.
//!
//! Concrete structs over the SDK, one per concern; each method says how many calls it makes. What a row or a
//! message means is decided in `domain` and `app`; how it is stored, sent, sealed and counted is decided here.

pub mod blobs;
pub mod compress;
pub mod config;
pub mod error;
pub mod lambda;
pub mod queue;
mod s3;
pub mod secrets;
pub mod tables;
pub mod tasks;
pub mod telemetry;
mod tls;
pub mod vault;

pub use config::{AwsConfig, ConfigError, EnvReader};
pub use error::AwsError;
