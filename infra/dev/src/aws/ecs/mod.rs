//! ECS: RunTask starts a task's containers as processes of this machine.
//!
//! `api` speaks AWS's protocol, `registry` remembers tasks, `run` and `container` bring them to their end.
//! What a process cannot be, a container is not: file systems and networks are not separated here.

mod api;
mod arns;
mod container;
mod events;
mod isolation;
mod launcher;
mod logs;
mod processes;
mod record;
mod registry;
mod run;
mod spawner;
mod volumes;

pub use logs::{LogLine, LogSink};
pub use record::{ContainerRecord, StopCode, TaskRecord, TaskStatus};
pub use spawner::Spawner;

use super::spec::{AwsConfig, TaskDefinitionSpec};
use container::Orders;
use launcher::ContainerLauncher;
use registry::Registry;
use run::{Machine, TaskRun};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long tasks may take to end by themselves when the stack ends.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);

/// One cluster and its tasks.
pub(super) struct Ecs {
    cluster: String,
    definitions: Vec<TaskDefinitionSpec>,
    machine: Arc<Machine>,
    running: Arc<Mutex<HashMap<String, Orders>>>,
    runs: TaskTracker,
    /// Kills every container when the stack is dropped.
    dropped: CancellationToken,
}

impl Ecs {
    /// Opens the registry. Tasks of an earlier process are stopped now.
    pub(super) fn open(config: &AwsConfig, dropped: CancellationToken) -> anyhow::Result<Self> {
        let machine = Machine {
            registry: Registry::open(&config.data_dir, &config.cluster)?,
            launcher: ContainerLauncher { bin_dir: config.bin_dir.clone(), settings: config.task_env_overrides.clone() },
            spawner: Spawner::start()?,
            log_dir: config.data_dir.join("logs"),
            on_log: config.on_log.clone(),
        };
        Ok(Self {
            cluster: config.cluster.clone(),
            definitions: config.task_definitions.clone(),
            machine: Arc::new(machine),
            running: Arc::default(),
            runs: TaskTracker::new(),
            dropped,
        })
    }

    fn start(&self, task: &TaskRecord, definition: TaskDefinitionSpec) {
        let orders = Orders { stop: CancellationToken::new(), kill: self.dropped.child_token() };
        let id = task.id.clone();
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), orders.clone());
        let run = TaskRun { machine: self.machine.clone(), id: id.clone(), definition, overrides: task.overrides.clone(), orders };
        let running = self.running.clone();
        self.runs.spawn(async move {
            run.run().await;
            running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
    }

    fn order_stop(&self, id: &str) {
        if let Some(orders) = self.running.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            orders.stop.cancel();
        }
    }

    fn order_all(&self, order: impl Fn(&Orders)) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(order);
    }

    /// The machines under all running tasks fail: no process gets a signal that it could hear.
    pub(super) fn lose_all(&self, reason: &str) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, orders) in running.iter() {
            let stopped = self.machine.registry.change(id, |task| task.give_reason(StopCode::TerminationNotice, reason));
            if let Err(error) = stopped {
                tracing::warn!(%error, task = id, "a task's loss could not be stored");
            }
            orders.kill.cancel();
        }
    }

    /// The tasks that ECS would show: those that run, and those that stopped within the hour.
    pub(super) fn tasks(&self) -> Vec<TaskRecord> {
        self.machine.registry.list()
    }

    pub(super) fn events(&self) -> UnboundedReceiver<Value> {
        self.machine.registry.events.subscribe()
    }

    /// Stops every running task and waits until no process of any is left: SIGTERM, after 3 s SIGKILL.
    pub(super) async fn stop_all(&self, reason: &str) {
        let ids: Vec<String> = self.running.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        for id in ids {
            let stopped = self.machine.registry.change(&id, |task| task.give_reason(StopCode::TerminationNotice, reason));
            if let Err(error) = stopped {
                tracing::warn!(%error, task = id, "a task's stop could not be stored");
            }
        }
        self.order_all(|orders| orders.stop.cancel());
        self.runs.close();
        if tokio::time::timeout(SHUTDOWN_GRACE, self.runs.wait()).await.is_err() {
            self.order_all(|orders| orders.kill.cancel());
            self.runs.wait().await;
        }
        self.runs.reopen();
    }
}
