//! All tasks: created once per client token, changed under one lock, kept on disk, told of in events.

use super::events::{Events, task_state_change};
use super::record::{StopCode, TaskRecord, TaskStatus};
use crate::aws::disk;
use crate::aws::error::AwsError;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How long a stopped task can be described.
const VISIBLE_STOPPED: SignedDuration = SignedDuration::from_hours(1);
/// How long a client token is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

pub(super) enum Created {
    New,
    /// The token was used for the same request: this is its task.
    Same(Box<TaskRecord>),
    /// The token was used for another request: that one's task id.
    Conflict(String),
}

pub(super) struct Registry {
    folder: PathBuf,
    cluster: String,
    tasks: Mutex<BTreeMap<String, TaskRecord>>,
    pub(super) events: Events,
}

impl Registry {
    /// Reads what an earlier process knew. Its running tasks died with it: they are stopped now, and events say so.
    pub(super) fn open(data_dir: &Path, cluster: &str) -> anyhow::Result<Self> {
        let folder = data_dir.join("ecs");
        std::fs::create_dir_all(&folder)?;
        let mut tasks = BTreeMap::new();
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let task: TaskRecord = serde_json::from_slice(&std::fs::read(&path)?)?;
                tasks.insert(task.id.clone(), task);
            }
        }
        let lost: Vec<TaskRecord> = tasks.values().filter(|task| task.last_status != TaskStatus::Stopped).cloned().collect();
        let registry = Self { folder, cluster: cluster.to_owned(), tasks: Mutex::new(tasks), events: Events::default() };
        for task in lost {
            if let Some(scratch) = &task.scratch {
                super::volumes::remove(scratch);
            }
            registry.change(&task.id, |task| {
                task.give_reason(StopCode::TerminationNotice, "The local stack ended while the task ran");
                task.last_status = TaskStatus::Stopped;
            })?;
        }
        Ok(registry)
    }

    /// Takes a new task in, unless its client token is known.
    pub(super) fn create(&self, task: TaskRecord) -> Result<Created, AwsError> {
        let mut tasks = self.lock();
        self.forget_old(&mut tasks);
        if task.client_token.is_some()
            && let Some(known) = tasks.values().find(|known| known.client_token == task.client_token)
        {
            let is_same = known.request == task.request;
            return Ok(if is_same { Created::Same(Box::new(known.clone())) } else { Created::Conflict(known.id.clone()) });
        }
        self.save(&task)?;
        tasks.insert(task.id.clone(), task);
        Ok(Created::New)
    }

    /// Changes a task; a new status is published. A stopped task does not change any more. `None`: no such task.
    pub(super) fn change(&self, id: &str, change: impl FnOnce(&mut TaskRecord)) -> Result<Option<TaskRecord>, AwsError> {
        let mut tasks = self.lock();
        let Some(task) = tasks.get_mut(id) else { return Ok(None) };
        let before = task.last_status;
        if before == TaskStatus::Stopped {
            return Ok(Some(task.clone()));
        }
        change(task);
        task.version += 1;
        if task.last_status == TaskStatus::Stopped {
            task.stopped_at = Some(Timestamp::now());
            task.scratch = None;
            task.containers.iter_mut().for_each(|container| container.last_status = TaskStatus::Stopped);
        }
        let changed = task.clone();
        self.save(&changed)?;
        if changed.last_status != before {
            self.events.publish(&task_state_change(&changed, &self.cluster));
        }
        Ok(Some(changed))
    }

    /// A task by id, while ECS would still show it.
    pub(super) fn find(&self, id: &str) -> Option<TaskRecord> {
        self.lock().get(id).filter(|task| is_visible(task)).cloned()
    }

    /// Every visible task, oldest first.
    pub(super) fn list(&self) -> Vec<TaskRecord> {
        let mut tasks: Vec<TaskRecord> = self.lock().values().filter(|task| is_visible(task)).cloned().collect();
        tasks.sort_by_key(|task| task.created_at);
        tasks
    }

    fn forget_old(&self, tasks: &mut BTreeMap<String, TaskRecord>) {
        let limit = Timestamp::now() - REMEMBERED;
        tasks.retain(|id, task| {
            let keep = task.stopped_at.is_none_or(|at| at > limit);
            if !keep {
                let _ = std::fs::remove_file(self.path(id));
            }
            keep
        });
    }

    fn save(&self, task: &TaskRecord) -> Result<(), AwsError> {
        let bytes = serde_json::to_vec(task).map_err(AwsError::internal)?;
        Ok(disk::save(&self.path(&task.id), &bytes)?)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, TaskRecord>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_visible(task: &TaskRecord) -> bool {
    task.stopped_at.is_none_or(|at| at > Timestamp::now() - VISIBLE_STOPPED)
}
