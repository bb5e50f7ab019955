//! What the emulated AWS is asked to hold: tables, queues, buckets, secrets, keys and task definitions.
//!
//! Plain data, filled by whoever reads the template. Nothing here starts anything.

use super::calls::FaultHook;
use super::ecs::LogSink;
use super::sqs::QueueHook;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that [`super::Aws::start`] needs.
#[derive(Clone, Default)]
pub struct AwsConfig {
    /// Where all durable state lives. A second start on the same folder finds it again.
    pub data_dir: PathBuf,
    /// Where a container's bare command (`agent-task`) is looked up before the system's path.
    pub bin_dir: PathBuf,
    /// DynamoDB tables, created when absent.
    pub tables: Vec<TableSpec>,
    /// SQS queues, created when absent; dead-letter queues are listed like any other.
    pub queues: Vec<QueueSpec>,
    /// S3 buckets, by name.
    pub buckets: Vec<String>,
    /// Secrets (name, text), created when absent; a stored secret is not overwritten.
    pub secrets: Vec<(String, String)>,
    /// KMS keys, by id; `alias/<id>` and the ARN name the same key.
    pub keys: Vec<String>,
    /// The ECS cluster's name.
    pub cluster: String,
    /// The task definitions that RunTask can start.
    pub task_definitions: Vec<TaskDefinitionSpec>,
    /// Environment that replaces the static one of a container that already has the variable; RunTask's overrides win over it.
    pub task_env_overrides: BTreeMap<String, String>,
    /// The loopback port; `None` takes a free one.
    pub port: Option<u16>,
    /// Told of every line that a container writes.
    pub on_log: Option<LogSink>,
    /// Services that another emulator plays, by IAM's name, and where: `http://…`. What is listed here is made there then.
    pub elsewhere: BTreeMap<String, String>,
    /// Asked before and after every operation; may answer in its place.
    pub faults: Option<FaultHook>,
    /// Asked whenever a message of this emulation is sent or received.
    pub queue_faults: Option<QueueHook>,
}

/// A DynamoDB table; all key attributes are strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    pub name: String,
    /// The partition key's attribute.
    pub hash: String,
    /// The sort key's attribute, if any.
    pub range: Option<String>,
    /// The global secondary indexes.
    pub indexes: Vec<IndexSpec>,
    /// The attribute that holds the expiry in epoch seconds.
    pub ttl_attribute: Option<String>,
}

/// A global secondary index; its key attributes are strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSpec {
    pub name: String,
    pub hash: String,
    pub range: Option<String>,
    /// `KEYS_ONLY` or `ALL`.
    pub projection: String,
}

/// An SQS standard queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    pub name: String,
    pub visibility_timeout: Duration,
    /// The delay of messages that name none.
    pub delay: Duration,
    pub retention: Duration,
    /// How long ReceiveMessage waits when the call does not say.
    pub receive_wait: Duration,
    pub max_message_bytes: usize,
    pub redrive: Option<Redrive>,
}

impl QueueSpec {
    /// A queue with AWS's defaults: 30 s visibility, 4 days retention, 1 MiB messages, no dead-letter queue.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            visibility_timeout: Duration::from_secs(30),
            delay: Duration::ZERO,
            retention: Duration::from_secs(4 * 24 * 3600),
            receive_wait: Duration::ZERO,
            max_message_bytes: 1_048_576,
            redrive: None,
        }
    }
}

/// Where a message goes that was received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// The dead-letter queue's name.
    pub dead_letter_queue: String,
    pub max_receive_count: u32,
}

/// An ECS task definition (Fargate, revision 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDefinitionSpec {
    pub family: String,
    pub containers: Vec<ContainerSpec>,
    pub volumes: Vec<VolumeSpec>,
    /// The memory of all containers together.
    pub memory_mib: Option<u64>,
}

/// One container of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    pub name: String,
    /// The program and its arguments (entry point and command together).
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// `uid:gid`, honoured where the stack runs as root.
    pub user: Option<String>,
    /// When an essential container ends, the task ends.
    pub essential: bool,
    /// The hard limit of this container.
    pub memory_mib: Option<u64>,
    pub mount_points: Vec<MountPoint>,
    pub depends_on: Vec<Dependency>,
    /// From SIGTERM to SIGKILL; ECS's default is 30 s.
    pub stop_timeout: Duration,
}

impl ContainerSpec {
    /// An essential container without mounts, limits and dependencies.
    pub fn new(name: impl Into<String>, command: &[&str]) -> Self {
        Self {
            name: name.into(),
            command: command.iter().map(ToString::to_string).collect(),
            environment: BTreeMap::new(),
            user: None,
            essential: true,
            memory_mib: None,
            mount_points: Vec::new(),
            depends_on: Vec::new(),
            stop_timeout: Duration::from_secs(30),
        }
    }
}

/// Where a container sees a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint {
    /// The volume's name.
    pub volume: String,
    pub container_path: String,
    pub read_only: bool,
}

/// A volume of a task: an own temporary directory per task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeSpec {
    pub name: String,
}

/// A container waits for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The other container's name.
    pub container: String,
    pub condition: Condition,
}

/// What a container waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The other was started.
    Start,
    /// The other ended.
    Complete,
    /// The other ended with exit code 0.
    Success,
}
