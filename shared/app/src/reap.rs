//! The run-reaper use case, once a minute: finds what was lost. Due times, deadlines, silent tasks, unsent effects,
//! orphan tasks (R16, R18, R19); deliveries that never arrived are `redelivery`'s, and what is due by a schedule is
//! `schedules`'.

use crate::dispatch::Dispatch;
use crate::redelivery::Recovery;
use crate::results::take_stored_result;
use crate::services::parse_started_by;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::blobs::Blobs;
use patchbay_aws::tables::core::CoreTable;
use patchbay_aws::tasks::{Tasks, classify};
use patchbay_domain::ids::{RunId, WorkspaceId};
use patchbay_domain::metric;
use patchbay_domain::run::{Input, Run, State, TaskEnd};
use patchbay_forge::Forge;
use std::sync::Arc;

/// The due index has this many shards.
const SHARDS: u8 = 16;
/// How many due runs of one shard are looked at per sweep; the rest is next minute's.
const PER_SHARD: i32 = 50;
/// A task that outlives its run by this much is an orphan (I5 allows ten minutes).
const ORPHAN_AFTER: SignedDuration = SignedDuration::from_secs(180);

/// Everything run-reaper needs.
pub struct Reaper {
    pub forge: Arc<dyn Forge>,
    pub dispatch: Dispatch,
    pub core: CoreTable,
    pub blobs: Blobs,
    pub tasks: Tasks,
    pub recovery: Recovery,
}

/// What a sweep found, for the log and the metrics.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    pub due: usize,
    pub orphans: usize,
    pub redelivered: usize,
    /// Schedules whose time had come.
    pub scheduled: usize,
}

/// Whether the run waits for what its present attempt's task does.
fn has_work_for_task(run: &Run) -> bool {
    matches!(run.state, State::Starting | State::Running { .. } | State::Applying)
}

impl Reaper {
    /// One sweep that begins when it was scheduled for.
    pub async fn sweep(&self, now: Timestamp) -> anyhow::Result<Sweep> {
        self.sweep_scheduled(now, now).await
    }

    /// One sweep. An error in one part does not keep the others from being done; the first is returned at the end.
    /// What is done at certain minutes (the forge's log, workflows' schedules) counts by `scheduled_at`, which never skips a minute as
    /// `now` may.
    pub async fn sweep_scheduled(&self, scheduled_at: Timestamp, now: Timestamp) -> anyhow::Result<Sweep> {
        let due = self.look_at_due_runs(now).await;
        let orphans = self.stop_orphans(now).await;
        let redelivered = self.recover_deliveries(scheduled_at, now).await;
        let scheduled = self.start_schedules(scheduled_at).await;
        let sweep = Sweep {
            due: *due.as_ref().unwrap_or(&0),
            orphans: *orphans.as_ref().unwrap_or(&0),
            redelivered: *redelivered.as_ref().unwrap_or(&0),
            scheduled: *scheduled.as_ref().unwrap_or(&0),
        };
        let Sweep { due: overdue, orphans: stopped, redelivered: again, scheduled: begun } = sweep;
        tracing::info!(due = overdue, orphans = stopped, redelivered = again, scheduled = begun, "sweep done");
        metrics::gauge!(metric::RUN_OVERDUE).set(sweep.due as f64);
        due.and(orphans).and(redelivered).and(scheduled)?;
        Ok(sweep)
    }

    async fn look_at_due_runs(&self, now: Timestamp) -> anyhow::Result<usize> {
        let mut looked_at = 0;
        for shard in 0..SHARDS {
            for (workspace, id) in self.dispatch.runs.due(shard, now, PER_SHARD).await? {
                looked_at += 1;
                if let Err(error) = self.look_at(&workspace, &id, now).await {
                    tracing::error!(run = %id, error = format!("{error:#}"), "a due run could not be looked at");
                }
            }
        }
        Ok(looked_at)
    }

    /// Finds out why a run is due, and does what follows.
    async fn look_at(&self, workspace: &WorkspaceId, id: &RunId, now: Timestamp) -> anyhow::Result<()> {
        let dispatch = &self.dispatch;
        let Some(run) = dispatch.runs.load(workspace, id).await? else { return Ok(()) };
        tracing::info!(run = %id, state = run.state.name(), pending = run.outbox.len(), "run is due");
        if take_stored_result(dispatch, &self.blobs, &run).await? {
            return Ok(());
        }
        if run.deadline_at.is_some_and(|at| at <= now) && !run.state.is_terminal() {
            metrics::counter!(metric::RUN_STUCK).increment(1);
            dispatch.tell(workspace, id, &Input::DeadlinePassed).await?;
            return Ok(());
        }
        if matches!(run.state, State::Running { .. }) && self.look_for_task(&run).await? {
            return Ok(());
        }
        // Sent again; whoever is already at it holds the lease, and the effects look before they write.
        dispatch.forward(&run, now).await
    }

    /// A running task that went silent: is it still there? True if the run was told something.
    async fn look_for_task(&self, run: &Run) -> anyhow::Result<bool> {
        let Some(task) = run.task.as_ref().filter(|t| !t.ended) else { return Ok(false) };
        let end = match self.tasks.describe(&task.arn).await? {
            None => TaskEnd::Lost,
            Some(status) if status.stopped => classify(&status),
            // Alive and silent: its deadline ends it, until then it is looked at again.
            Some(_) => {
                self.dispatch.tell(&run.workspace, &run.id, &Input::Heartbeat { stage: None }).await?;
                return Ok(true);
            }
        };
        self.dispatch.tell(&run.workspace, &run.id, &Input::TaskEnded { attempt: run.attempt, end }).await?;
        Ok(true)
    }

    async fn stop_orphans(&self, now: Timestamp) -> anyhow::Result<usize> {
        let mut stopped = 0;
        for task in self.tasks.list_running().await? {
            let Some((workspace, id, attempt)) = task.started_by.as_deref().and_then(parse_started_by) else { continue };
            let orphan = match self.dispatch.runs.load(&workspace, &id).await? {
                None => true,
                Some(run) => (!has_work_for_task(&run) && run.updated_at + ORPHAN_AFTER < now) || run.attempt > attempt,
            };
            if orphan {
                tracing::warn!(run = %id, task = task.arn, "stopping an orphan task");
                self.tasks.stop(&task.arn, "its run is over").await?;
                stopped += 1;
            }
        }
        Ok(stopped)
    }
}
