//! The running stack: the template's functions, routes, queues, rules and schedules on this machine.
//!
//! [`Stack::start`] puts the rooms together; demo, `up` and the journeys use it. The emulated AWS is `aws`'s, reading
//! the template `template`'s, and what a person sees `cli`'s.

pub mod build;
pub mod callers;
pub mod config;
mod control;
mod environment;
pub mod forge;
pub mod http;
pub mod lambda;
pub mod logs;
pub(crate) mod mappings;
mod parameters;
mod rules;
pub mod run_logs;
mod schedules;
pub mod secrets;
mod servers;
mod start;

pub use config::{ForgeConfig, ModelConfig, RealForge, STACK_NAME, Schedules, StackConfig};
pub use rules::{TaskEventFault, TaskEventHook};

use crate::aws::{Aws, Queue};
use crate::model::ScriptedModel;
use crate::template::Model;
use forge::Forge;
use lambda::{Outcome, Pool};
use logs::LogBook;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// A running stack. Dropping it ends everything at once; [`Stack::shutdown`] does so in order.
pub struct Stack {
    aws: Arc<Aws>,
    forge: Forge,
    pools: Vec<Arc<Pool>>,
    logs: Arc<LogBook>,
    model: Model,
    front_url: String,
    webhook_secret_file: PathBuf,
    control_token: String,
    /// Pollers, servers, schedules and the event forwarder.
    tasks: Background,
    scripted: Option<ScriptedModel>,
}

impl Stack {
    /// Starts everything; when it returns, webhooks are taken.
    ///
    /// # Errors
    /// What could not be read, built, bound or started, in words for a person.
    pub async fn start(config: StackConfig) -> anyhow::Result<Self> {
        start::start(config).await
    }

    /// Where webhooks go.
    pub fn webhook_url(&self) -> String {
        format!("{}/webhooks/github", self.front_url)
    }

    /// The HTTP API's address; `/_patchbay/…` are the stack's own routes.
    pub fn front_url(&self) -> &str {
        &self.front_url
    }

    /// The file with the secret that signs webhooks.
    pub fn webhook_secret_file(&self) -> &std::path::Path {
        &self.webhook_secret_file
    }

    /// What the routes under `/_patchbay/` want as a bearer token.
    pub fn control_token(&self) -> &str {
        &self.control_token
    }

    /// The emulated AWS.
    pub fn aws(&self) -> &Arc<Aws> {
        &self.aws
    }

    /// A queue by its logical id, wherever SQS is.
    pub fn queue(&self, id: &str) -> Option<Queue> {
        self.aws.any_queue(&format!("{STACK_NAME}-{id}"))
    }

    /// The name of the table that functions know by this variable.
    ///
    /// # Errors
    /// When no function has it.
    pub fn table(&self, variable: &str) -> anyhow::Result<&str> {
        let named = self.model.functions.iter().find_map(|function| function.environment.get(variable));
        named.map(String::as_str).ok_or_else(|| anyhow::anyhow!("no function of the template has {variable}"))
    }

    /// The forge, local or real.
    pub fn forge(&self) -> &Forge {
        &self.forge
    }

    /// What functions and tasks write.
    pub fn logs(&self) -> &Arc<LogBook> {
        &self.logs
    }

    /// Completions that the scripted model gave; `None` with a real one.
    pub fn scripted_calls(&self) -> Option<u64> {
        self.scripted.as_ref().map(ScriptedModel::calls)
    }

    /// The template as it is deployed here.
    pub fn template(&self) -> &Model {
        &self.model
    }

    /// The processes of the function of this package.
    pub fn pool(&self, package: &str) -> Option<&Arc<Pool>> {
        self.pools.iter().find(|pool| pool.package() == package)
    }

    /// Ticks a function's schedule now.
    ///
    /// # Errors
    /// If there is no such function, or it failed.
    pub async fn tick(&self, package: &str) -> anyhow::Result<()> {
        self.tick_at(package, jiff::Timestamp::now()).await
    }

    /// Ticks a function's schedule as if it was this late.
    ///
    /// # Errors
    /// If there is no such function, or it failed.
    pub async fn tick_at(&self, package: &str, at: jiff::Timestamp) -> anyhow::Result<()> {
        let pool = self.pool(package).ok_or_else(|| anyhow::anyhow!("there is no function {package}"))?;
        match pool.invoke(http::event::scheduled_event("on-request", at).to_string().into()).await {
            Outcome::Failed(failure) => anyhow::bail!(failure.message),
            Outcome::Payload(_) | Outcome::Stream(_) => Ok(()),
        }
    }

    /// Ends everything: no new work, then the functions, then the tasks, then what they spoke to.
    pub async fn shutdown(self) {
        let Self { aws, forge, pools, tasks, scripted, .. } = self;
        tasks.end().await;
        for pool in &pools {
            pool.shutdown().await;
        }
        aws.stop_tasks("The local stack ended").await;
        // Whoever still holds it ends it by dropping it.
        if let Some(aws) = Arc::into_inner(aws) {
            aws.shutdown().await;
        }
        forge.shutdown().await;
        drop(scripted);
    }

    /// Waits until nothing is at work: no webhook under way, no message that could be received now, no function busy, no
    /// task. A message that waits for its time (delayed, or put back for later by a function) does not count: that time
    /// may be minutes away.
    ///
    /// # Errors
    /// What is still under way after `patience`.
    pub async fn settled(&self, patience: Duration) -> anyhow::Result<()> {
        let mut quiet = 0;
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let mut busy = self.at_work().await;
            busy.extend(self.has_task().then(|| "a task".to_owned()));
            // Between a message and the function that takes it there is a moment in which neither shows.
            quiet = if busy.is_empty() { quiet + 1 } else { 0 };
            if quiet == 4 {
                return Ok(());
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "still under way after {patience:?}: {}", busy.join(", "));
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// The queues that are worked on: all but those of dead letters.
    pub fn working_queues(&self) -> impl Iterator<Item = Queue> {
        let dead: Vec<_> = self.model.queues.iter().filter_map(|queue| Some(&queue.redrive.as_ref()?.dead_letter_queue)).collect();
        let working = self.model.queues.iter().filter(move |queue| !dead.contains(&&queue.name));
        working.filter_map(|queue| self.aws.any_queue(&queue.name))
    }

    /// The processes of all functions.
    pub fn pools(&self) -> &[Arc<Pool>] {
        &self.pools
    }

    /// Whether an agent's task runs.
    pub fn has_task(&self) -> bool {
        self.aws.tasks().iter().any(|task| task.last_status != crate::aws::TaskStatus::Stopped)
    }

    /// Whether an agent's task was told to stop and has not ended.
    pub fn has_stopping_task(&self) -> bool {
        self.aws.tasks().iter().any(|task| task.wanted_stopped && task.last_status != crate::aws::TaskStatus::Stopped)
    }

    /// What is under way now, tasks apart: a webhook, functions, queues with messages that could be received.
    pub async fn at_work(&self) -> Vec<String> {
        let mut busy = Vec::new();
        let undelivered =
            self.forge.local().is_some_and(|github| github.deliveries().iter().any(|delivery| delivery.status_code.is_none()));
        if undelivered {
            busy.push("a webhook".to_owned());
        }
        for pool in self.pools.iter().filter(|pool| pool.under_way() > 0) {
            busy.push(pool.package().to_owned());
        }
        for queue in self.working_queues() {
            // A queue that cannot say how full it is may hold anything.
            if queue.depth().await.map_or(true, |depth| depth.visible > 0) {
                busy.push(queue.name().to_owned());
            }
        }
        busy
    }
}

/// Tasks that end when they are dropped.
struct Background(Vec<JoinHandle<()>>);

impl Background {
    /// Ends them and waits until they have let go of what they hold.
    async fn end(mut self) {
        for task in &self.0 {
            task.abort();
        }
        for task in self.0.drain(..) {
            // An aborted task ends with an error by design.
            _ = task.await;
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}
