//! Changing a run and sending on what must follow: the one way in which any function tells the state machine
//! something, and wakes whoever performs the effects.

use jiff::Timestamp;
use patchbay_aws::queue::Queue;
use patchbay_aws::tables::runs::{RunsTable, Save};
use patchbay_domain::ids::{RunId, WorkspaceId};
use patchbay_domain::metric;
use patchbay_domain::run::{Input, Place, Run, State, apply};

/// SQS delays a message by at most 15 minutes; what waits longer is woken by the reaper.
const MAX_DELAY_SECONDS: i64 = 900;
/// How often a save is tried again when others changed the run meanwhile.
const MAX_CONFLICTS: usize = 12;

/// The runs table with the two queues that wake the performers.
#[derive(Clone)]
pub struct Dispatch {
    pub runs: RunsTable,
    pub runs_queue: Queue,
    pub results_queue: Queue,
}

impl Dispatch {
    /// Tells a run what happened, saves it, and sends on what follows. Gives the run as saved, or `None` if it
    /// does not exist. An input that means nothing in the run's state saves nothing and sends nothing.
    ///
    /// Calls: one read, one write, one send per place with something to do.
    pub async fn tell(&self, workspace: &WorkspaceId, run: &RunId, input: &Input) -> anyhow::Result<Option<Run>> {
        let Some(run) = self.runs.load(workspace, run).await? else { return Ok(None) };
        let (run, changed) = self.save_input(run, input).await?;
        if changed {
            self.forward(&run, Timestamp::now()).await?;
        }
        Ok(Some(run))
    }

    /// Applies and saves, loading again whenever somebody else was faster. The flag says whether anything changed.
    pub(crate) async fn save_input(&self, mut run: Run, input: &Input) -> anyhow::Result<(Run, bool)> {
        for _ in 0..MAX_CONFLICTS {
            let transition = apply(&run, input, Timestamp::now());
            if !transition.changed {
                return Ok((run, false));
            }
            if let Some(saved) = self.save(&run, transition.next).await? {
                log_transition(&run, &saved, input);
                return Ok((saved, true));
            }
            run = self.reload(&run).await?;
        }
        anyhow::bail!("run {} kept changing while its state was being saved", run.id)
    }

    /// Saves `next` in place of `run`; `None` when somebody else changed it meanwhile.
    pub(crate) async fn save(&self, run: &Run, mut next: Run) -> anyhow::Result<Option<Run>> {
        match self.runs.save(&next, run.version).await? {
            Save::Saved => {
                next.version = run.version + 1;
                Ok(Some(next))
            }
            Save::Conflict => Ok(None),
        }
    }

    pub(crate) async fn reload(&self, run: &Run) -> anyhow::Result<Run> {
        self.runs.load(&run.workspace, &run.id).await?.ok_or_else(|| anyhow::anyhow!("run {} vanished", run.id))
    }

    /// Wakes every place that has something to do for this run, now or at a known time. Lost messages are made
    /// good by the reaper, which finds the run in the due index (R16).
    pub async fn forward(&self, run: &Run, now: Timestamp) -> anyhow::Result<()> {
        self.forward_unless(run, None, now).await
    }

    /// As `forward`, for a run whose waiting place is woken at `sent` already.
    pub(crate) async fn forward_unless(&self, run: &Run, sent: Option<Timestamp>, now: Timestamp) -> anyhow::Result<()> {
        for (place, queue) in [(Place::Launch, &self.runs_queue), (Place::Results, &self.results_queue)] {
            if let Some(delay) = next_message(run, place, sent, now) {
                queue.send_run(&run.workspace, &run.id, delay).await?;
            }
        }
        Ok(())
    }
}

/// After how many seconds `place` should look at the run; `None` when it has nothing to do there.
fn next_message(run: &Run, place: Place, sent: Option<Timestamp>, now: Timestamp) -> Option<u32> {
    let effects = run.outbox.iter().filter(|p| p.place == place).map(|p| p.not_before.unwrap_or(now));
    let wake = run.wake_at.filter(|at| sent != Some(*at) && place == Place::Launch && matches!(run.state, State::Queued { .. }));
    let at = effects.chain(wake).min()?;
    let seconds = (at.duration_since(now).as_millis() + 999) / 1000;
    Some(seconds.clamp(0, i128::from(MAX_DELAY_SECONDS)) as u32)
}

pub(crate) fn log_transition(before: &Run, after: &Run, input: &Input) {
    let (from, to) = (before.state.name(), after.state.name());
    let input = input.name();
    if from == to {
        tracing::debug!(run = %after.id, state = to, input, "run noted");
    } else {
        tracing::info!(run = %after.id, from, to, input, "run changed");
    }
    if after.state.is_terminal() && !before.state.is_terminal() {
        let outcome = after.state.name();
        metrics::counter!(metric::RUN_COMPLETED, "outcome" => outcome).increment(1);
    }
}
