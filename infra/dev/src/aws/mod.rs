//! The emulated AWS: one loopback endpoint for DynamoDB, SQS, S3, Secrets Manager, KMS and ECS.
//!
//! Only the operations that Patchbay calls exist; any other answers with an AWS error that names it.
//! What lives here knows AWS's protocols and semantics, and nothing of Patchbay.

mod calls;
pub mod ecs;
mod error;
pub mod spec;

pub use calls::{Call, FaultHook, Moment, Use};
pub use error::AwsError;

pub use spec::{
    AwsConfig, Condition, ContainerSpec, Dependency, IndexSpec, MountPoint, QueueSpec, Redrive, TableSpec, TaskDefinitionSpec, VolumeSpec,
};

/// The account that every ARN of the local stack names.
pub const ACCOUNT: &str = "000000000000";
/// The region that every ARN of the local stack names.
pub const REGION: &str = "us-east-1";
/// A function's access key id is this followed by the function's name: calls are counted by it.
pub const ACCESS_KEY_PREFIX: &str = "LOCAL";
