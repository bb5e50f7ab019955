//! The emulated AWS: one loopback endpoint for DynamoDB, SQS, S3, Secrets Manager, KMS and ECS.
//!
//! Only the operations that Patchbay calls exist; any other answers with an AWS error that names it.
//! What lives here knows AWS's protocols and semantics, and nothing of Patchbay.

mod calls;
mod disk;
mod dynamo;
pub mod ecs;
mod error;
mod foreign;
mod front;
pub mod iam;
mod kms;
mod queue;
mod request;
mod s3;
mod secrets;
pub mod spec;
pub mod sqs;
#[cfg(test)]
mod tests;

pub use calls::{Call, FaultHook, Moment, Use};
pub use ecs::{LogLine, LogSink, Spawner, StopCode, TaskRecord, TaskStatus};
pub use error::AwsError;
pub use foreign::{ForeignQueue, REPLACEABLE, parse_addresses};
pub use iam::{Access, Denial, Grant, Role};
pub use queue::Queue;
pub use spec::{
    AwsConfig, Condition, ContainerSpec, Dependency, IndexSpec, MountPoint, QueueSpec, Redrive, TableSpec, TaskDefinitionSpec, VolumeSpec,
};
pub use sqs::{Depth, MessageAttribute, NewMessage, QueueFault, QueueHandle, QueueHook, QueueMoment, ReceivedMessage};

use anyhow::Context;
use ecs::Ecs;
use front::Services;
use serde_json::{Map, Value};
use sqs::Sqs;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The account that every ARN of the local stack names.
pub const ACCOUNT: &str = "000000000000";
/// The region that every ARN of the local stack names.
pub const REGION: &str = "us-east-1";
/// A function's access key id is this followed by the function's name: calls are counted by it.
pub const ACCESS_KEY_PREFIX: &str = "LOCAL";

/// How long answers under way may take when the endpoint ends.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The running emulation. Dropping it without [`Aws::shutdown`] ends everything too, without waiting for it.
pub struct Aws {
    services: Arc<Services>,
    endpoint: String,
    server: JoinHandle<()>,
    shutdown: DropGuard,
}

impl Aws {
    /// Starts everything that the configuration lists, on a loopback port. Needs a multi-threaded Tokio runtime.
    ///
    /// # Errors
    /// When the data folder cannot be used, or the port is taken.
    pub async fn start(config: AwsConfig) -> anyhow::Result<Self> {
        let data_dir = &config.data_dir;
        std::fs::create_dir_all(data_dir).with_context(|| format!("cannot make {}", data_dir.display()))?;
        let port = config.port.unwrap_or(0);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("cannot listen on port {port}"))?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let shutdown = CancellationToken::new();
        // Ends what has been started when a later part fails to.
        let guard = shutdown.clone().drop_guard();
        let foreign = foreign::Foreign::open(&config).await?;
        let played_here = |service: &str| !foreign.plays(service);
        let tables = if played_here("dynamodb") { &config.tables[..] } else { &[] };
        let queues = if played_here("sqs") { &config.queues[..] } else { &[] };
        let services = Arc::new(Services {
            calls: calls::CallLedger::new(config.faults.clone()),
            iam: iam::Iam::default(),
            dynamo: dynamo::Dynamo::start(data_dir, tables, shutdown.clone()).await?,
            sqs: Arc::new(Sqs::open(data_dir, queues, endpoint.clone(), config.queue_faults.clone())?),
            s3: s3::S3::open(data_dir, &config.buckets)?,
            secrets: secrets::Secrets::open(data_dir, &config.secrets)?,
            kms: kms::Kms::open(data_dir, &config.keys)?,
            ecs: Ecs::open(&config, shutdown.clone())?,
            foreign,
            shutdown: shutdown.clone(),
        });
        let router = front::router(services.clone());
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        let serve = axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).into_future();
        let server = tokio::spawn(async move {
            if let Err(error) = serve.await {
                tracing::error!(%error, "the AWS endpoint ended");
            }
        });
        Ok(Self { services, endpoint, server, shutdown: guard })
    }

    /// `http://127.0.0.1:<port>`, for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A queue by name, here or elsewhere; `None` when the configuration lists no such queue.
    pub fn any_queue(&self, name: &str) -> Option<Queue> {
        if let Some(queue) = self.services.foreign.queue(name) {
            return Some(Queue::Foreign(queue));
        }
        self.queue(name).map(Queue::Own)
    }

    /// A queue of this emulation by name; `None` when the configuration lists no such queue, or SQS is elsewhere.
    pub fn queue(&self, name: &str) -> Option<QueueHandle> {
        QueueHandle::new(self.services.sqs.clone(), name)
    }

    /// Gives a secret a new current text, creating it when absent. The last text becomes AWSPREVIOUS. Returns its ARN.
    ///
    /// # Errors
    /// When the file cannot be written, or Secrets Manager is elsewhere and fails.
    pub async fn put_secret(&self, name: &str, text: &str) -> Result<String, AwsError> {
        match self.services.foreign.put_secret(name, text).await {
            Some(put) => put,
            None => self.services.secrets.put(name, text).map(|()| Self::secret_arn(name)),
        }
    }

    /// The ARNs of keys that another emulator chose, by the key's name in the configuration.
    pub fn foreign_keys(&self) -> &BTreeMap<String, String> {
        self.services.foreign.key_arns()
    }

    /// A secret's ARN, as `!Ref` of it gives.
    pub fn secret_arn(name: &str) -> String {
        secrets::arn(name)
    }

    /// Deletes expired DynamoDB items now; a timer does so every minute. Returns how many.
    ///
    /// # Errors
    /// When the database fails.
    pub fn sweep_ttl(&self) -> anyhow::Result<usize> {
        self.services.dynamo.sweep_now()
    }

    /// Every item of a table, as DynamoDB's JSON (`{"pk": {"S": …}}`), in no order. Not counted as a call.
    ///
    /// # Errors
    /// When there is no such table, or the database fails.
    pub async fn items(&self, table: &str) -> anyhow::Result<Vec<Map<String, Value>>> {
        match self.services.foreign.items(table).await {
            Some(items) => Ok(items?),
            None => self.services.dynamo.items(table).await,
        }
    }

    /// Every task state change (RUNNING, STOPPED) from now on, in EventBridge's form. Changes that nobody could
    /// hear yet come first: those of tasks that died with an earlier stack.
    pub fn task_events(&self) -> UnboundedReceiver<Value> {
        self.services.ecs.events()
    }

    /// The tasks that run, and those that stopped within the hour; oldest first.
    pub fn tasks(&self) -> Vec<TaskRecord> {
        self.services.ecs.tasks()
    }

    /// Ends every running task as lost infrastructure (TerminationNotice) and waits until no process is left.
    pub async fn stop_tasks(&self, reason: &str) {
        self.services.ecs.stop_all(reason).await;
    }

    /// The machines under all running tasks fail (TerminationNotice): SIGKILL, with no chance to say anything.
    pub fn lose_tasks(&self, reason: &str) {
        self.services.ecs.lose_all(reason);
    }

    /// Lets time pass for every queue: delays, visibility timeouts and retention run on by this much at once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn pass_time_for_queues(&self, by: Duration) -> Result<(), AwsError> {
        self.services.sqs.pass_time(by)
    }

    /// Gives every item of a table, keyed by `pk` and `sk`, the attributes that `change` gives anew, unless somebody changes
    /// these meanwhile; the others are not touched. Not counted as a call. Returns how many items changed.
    ///
    /// # Errors
    /// When there is no such table, or the database fails.
    pub async fn change_items(
        &self,
        table: &str,
        change: impl Fn(&Map<String, Value>) -> Option<Map<String, Value>>,
    ) -> anyhow::Result<usize> {
        self.services.dynamo.change_items(table, change).await
    }

    /// Puts items into a table of this emulation, whatever was there. Not counted as calls.
    ///
    /// # Errors
    /// When there is no such table, or the database fails.
    pub async fn put_items(&self, table: &str, items: Vec<Map<String, Value>>) -> anyhow::Result<()> {
        self.services.dynamo.put_items(table, items).await
    }

    /// How often each `service:Operation` was called.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.services.calls.actions()
    }

    /// How often each caller (function name or access key id) used which action on which resource.
    pub fn uses(&self) -> BTreeMap<String, BTreeMap<Use, u64>> {
        self.services.calls.uses()
    }

    /// From now on every call of a function is held against its role; a second time changes nothing.
    pub fn enforce(&self, access: Access) {
        self.services.iam.enforce(access);
    }

    /// Whether AWS may poll a queue with the function's role, as it asks when an event source mapping is made.
    ///
    /// # Errors
    /// AccessDenied, with the action that the role does not allow.
    pub fn check_polling(&self, function: &str, queue: &str) -> Result<(), AwsError> {
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}");
        let actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
        actions.iter().try_for_each(|action| self.services.iam.check_action(function, action, &arn))
    }

    /// How often each word of a role's policies allowed something.
    pub fn grants_used(&self) -> BTreeMap<Grant, u64> {
        self.services.iam.used()
    }

    /// What functions were refused because their roles do not allow it.
    pub fn denials(&self) -> Vec<Denial> {
        self.services.iam.denied()
    }

    /// Stops every task and the endpoint. What is stored stays.
    pub async fn shutdown(self) {
        self.services.ecs.stop_all("The local stack ended").await;
        drop(self.shutdown);
        match tokio::time::timeout(LAST_ANSWERS, self.server).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the AWS endpoint died"),
            Err(_) => tracing::warn!("a client holds a request to the AWS endpoint open"),
        }
    }
}
