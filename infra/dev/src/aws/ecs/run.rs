//! One task from its directories to its last container: dependencies, essential containers, memory, stopping.

use super::container::{Container, Exit, Orders, Watched};
use super::isolation::{Isolation, find_isolation};
use super::launcher::ContainerLauncher;
use super::logs::{ContainerLog, LogSink};
use super::processes::Snapshot;
use super::record::{ContainerRecord, StopCode, TaskStatus};
use super::registry::Registry;
use super::spawner::Spawner;
use super::volumes::{self, Volumes};
use crate::aws::spec::{Condition, ContainerSpec, TaskDefinitionSpec};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How often memory is measured.
const MEMORY_EVERY: Duration = Duration::from_millis(100);
const MIB: u64 = 1024 * 1024;

/// What every task needs of the stack.
pub(super) struct Machine {
    pub(super) registry: Registry,
    pub(super) launcher: ContainerLauncher,
    pub(super) spawner: Spawner,
    pub(super) log_dir: PathBuf,
    pub(super) on_log: Option<LogSink>,
}

/// A task that runs.
pub(super) struct TaskRun {
    pub(super) machine: Arc<Machine>,
    pub(super) id: String,
    pub(super) definition: TaskDefinitionSpec,
    pub(super) overrides: Value,
    pub(super) orders: Orders,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Ended(Option<i32>),
}

type Phases = watch::Sender<BTreeMap<String, Phase>>;
type WatchList = Arc<Mutex<BTreeMap<String, Watched>>>;

impl TaskRun {
    /// Runs the task to its end. Every way out leaves the record STOPPED and no process or directory behind.
    pub(super) async fn run(self) {
        let programs = self.machine.launcher.programs(&self.definition.containers);
        let isolation = find_isolation(programs.iter().map(PathBuf::as_path));
        match Volumes::create(&self.definition, &isolation) {
            Ok(volumes) => {
                self.change(|task| task.scratch = Some(volumes.root.clone()));
                self.run_containers(&volumes, isolation).await;
                remove_directories(volumes.root).await;
            }
            Err(error) => self.fail_start(&format!("the task's directories could not be made: {error}")),
        }
        self.change(|task| {
            task.give_reason(StopCode::EssentialContainerExited, "All containers of the task ended");
            task.last_status = TaskStatus::Stopped;
        });
    }

    async fn run_containers(&self, volumes: &Volumes, isolation: Isolation) {
        let waiting = self.definition.containers.iter().map(|container| (container.name.clone(), Phase::Waiting)).collect();
        let phases: Arc<Phases> = Arc::new(watch::channel(waiting).0);
        let watched = WatchList::default();
        let all_ended = CancellationToken::new();
        let memory = tokio::spawn(watch_memory(self.definition.clone(), watched.clone(), all_ended.clone()));
        let mut containers = JoinSet::new();
        for spec in &self.definition.containers {
            let command = self.machine.launcher.command(spec, &self.overrides, volumes, &isolation);
            let life = ContainerLife { spec: spec.clone(), phases: phases.clone(), watched: watched.clone(), orders: self.orders.clone() };
            let log = ContainerLog::new(&self.machine.log_dir, &self.id, &spec.name, self.machine.on_log.clone());
            let spawner = self.machine.spawner.clone();
            containers.spawn(async move {
                let end = life.live(spawner, command, log).await;
                (life.spec, end)
            });
        }
        let mut changed = phases.subscribe();
        loop {
            tokio::select! {
                ended = containers.join_next() => match ended {
                    None => break,
                    Some(Ok((spec, end))) => {
                        // A quick container may have started and ended since the last look.
                        self.note_started(&phases.borrow());
                        self.container_ended(&spec, end);
                    }
                    // A panic in our own code: the rest of the task must not hang on it.
                    Some(Err(error)) => self.fail_start(&error.to_string()),
                },
                Ok(()) = changed.changed() => self.note_started(&changed.borrow_and_update().clone()),
            }
        }
        all_ended.cancel();
        // It ends by the token; a panic in it has been reported by the runtime.
        let _ = memory.await;
    }

    /// The task is RUNNING once every essential container was started, even if one has ended already.
    fn note_started(&self, phases: &BTreeMap<String, Phase>) {
        let was_up = |spec: &ContainerSpec| matches!(phases.get(&spec.name), Some(Phase::Running | Phase::Ended(Some(_))));
        let all_up = self.definition.containers.iter().filter(|spec| spec.essential).all(was_up);
        self.change(|task| {
            for container in &mut task.containers {
                if phases.get(&container.name) == Some(&Phase::Running) {
                    container.last_status = TaskStatus::Running;
                }
            }
            if all_up && task.last_status == TaskStatus::Provisioning {
                task.last_status = TaskStatus::Running;
                task.started_at = Some(jiff::Timestamp::now());
            }
        });
    }

    fn container_ended(&self, spec: &ContainerSpec, end: Result<Option<Exit>, String>) {
        let record = |container: &mut ContainerRecord| {
            container.last_status = TaskStatus::Stopped;
            match &end {
                Ok(exit) => {
                    container.exit_code = exit.as_ref().map(|exit| exit.code);
                    container.reason = exit.as_ref().and_then(|exit| exit.reason.clone());
                }
                Err(reason) => container.reason = Some(reason.clone()),
            }
        };
        self.change(|task| {
            task.containers.iter_mut().filter(|container| container.name == spec.name).for_each(record);
            match &end {
                Err(reason) => task.give_reason(StopCode::TaskFailedToStart, reason.clone()),
                Ok(_) if spec.essential => task.give_reason(StopCode::EssentialContainerExited, "Essential container in task exited"),
                Ok(_) => {}
            }
        });
        if spec.essential || end.is_err() {
            self.orders.stop.cancel();
        }
    }

    fn fail_start(&self, reason: &str) {
        self.change(|task| task.give_reason(StopCode::TaskFailedToStart, reason));
        self.orders.stop.cancel();
    }

    fn change(&self, change: impl FnOnce(&mut super::record::TaskRecord)) {
        if let Err(error) = self.machine.registry.change(&self.id, change) {
            tracing::error!(%error, task = self.id, "a task's state could not be stored");
        }
    }
}

struct ContainerLife {
    spec: ContainerSpec,
    phases: Arc<Phases>,
    watched: WatchList,
    orders: Orders,
}

impl ContainerLife {
    /// Waits for dependencies, starts, waits for the end. `Ok(None)`: never started because the task stops.
    async fn live(&self, spawner: Spawner, command: tokio::process::Command, log: ContainerLog) -> Result<Option<Exit>, String> {
        let end = self.live_until_end(spawner, command, log).await;
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.spec.name);
        let code = end.as_ref().ok().and_then(Option::as_ref).map(|exit| exit.code);
        self.enter(Phase::Ended(code));
        end
    }

    async fn live_until_end(&self, spawner: Spawner, command: tokio::process::Command, log: ContainerLog) -> Result<Option<Exit>, String> {
        let stop = &self.orders.stop;
        match stop.run_until_cancelled(self.dependencies()).await {
            None => return Ok(None),
            Some(ready) => ready?,
        }
        // Its memory may kill a container while the others live.
        let kill = self.orders.kill.child_token();
        let started = Container::start(&spawner, command, log, kill).await;
        let container = started.map_err(|error| format!("CannotStartContainerError: {error}"))?;
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).insert(self.spec.name.clone(), container.watched.clone());
        self.enter(Phase::Running);
        Ok(Some(container.finish(stop.clone(), self.spec.stop_timeout).await))
    }

    async fn dependencies(&self) -> Result<(), String> {
        let mut phases = self.phases.subscribe();
        for dependency in &self.spec.depends_on {
            let met = |phases: &BTreeMap<String, Phase>| match (dependency.condition, phases.get(&dependency.container)) {
                (_, None | Some(Phase::Waiting)) => false,
                (Condition::Start, _) => true,
                (Condition::Complete | Condition::Success, phase) => matches!(phase, Some(Phase::Ended(_))),
            };
            let phases = phases.wait_for(met).await.map_err(|error| error.to_string())?;
            let failed = phases.get(&dependency.container) != Some(&Phase::Ended(Some(0)));
            if dependency.condition == Condition::Success && failed {
                return Err(format!("dependency {} did not end with success", dependency.container));
            }
        }
        Ok(())
    }

    fn enter(&self, phase: Phase) {
        self.phases.send_modify(|phases| {
            phases.insert(self.spec.name.clone(), phase);
        });
    }
}

/// Kills the container that is over its own limit, or the biggest when all together are over the task's. Without
/// limits it still looks: what it sees is what is killed in the end.
async fn watch_memory(definition: TaskDefinitionSpec, watched: WatchList, ended: CancellationToken) {
    let limits: BTreeMap<&str, u64> =
        definition.containers.iter().filter_map(|spec| Some((spec.name.as_str(), spec.memory_mib? * MIB))).collect();
    let task_limit = definition.memory_mib.map_or(u64::MAX, |mib| mib * MIB);
    while ended.run_until_cancelled(tokio::time::sleep(MEMORY_EVERY)).await.is_some() {
        let Ok(snapshot) = tokio::task::spawn_blocking(Snapshot::take).await else { return };
        let used: Vec<(String, Watched, u64)> = {
            let watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
            watched.iter().map(|(name, one)| (name.clone(), one.clone(), one.resident_bytes(&snapshot))).collect()
        };
        let over = |(name, _, bytes): &&(String, Watched, u64)| limits.get(name.as_str()).is_some_and(|limit| bytes > limit);
        used.iter().filter(over).for_each(|(_, container, _)| container.kill_for_memory());
        if used.iter().map(|(_, _, bytes)| bytes).sum::<u64>() > task_limit
            && let Some((_, container, _)) = used.iter().max_by_key(|(_, _, bytes)| bytes)
        {
            container.kill_for_memory();
        }
    }
}

async fn remove_directories(root: PathBuf) {
    let remove = move || volumes::remove(Path::new(&root));
    if let Err(error) = tokio::task::spawn_blocking(remove).await {
        tracing::warn!(%error, "the removal of a task's directories died");
    }
}
