//! What happens next in a stack at which nothing is at work: a message that can be received again, or a tick of the
//! reaper that finds something to do.

use super::{Clock, StoredRun, claims};
use crate::stack::Stack;
use anyhow::Context as _;
use jiff::Timestamp;
use patchbay_testing::github::LocalGithub;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the front door answers to what is too large.
const TOO_LARGE: u16 = 413;

/// What must be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A message can be received after this long.
    Message(Duration),
    /// The reaper's tick after this long finds something to do.
    Tick(Duration),
}

impl Clock {
    /// What happens next if nobody does anything; `runs` are those that count. `None`: nothing will.
    ///
    /// # Errors
    /// When a queue or a table cannot be looked at.
    pub async fn next(&self, stack: &Stack, runs: &[StoredRun]) -> anyhow::Result<Option<Next>> {
        let mut messages = Vec::new();
        for queue in stack.working_queues() {
            let queue = stack.aws().queue(queue.name()).context("time passes only with the stack's own SQS")?;
            messages.extend(queue.next_visible_in()?);
        }
        let tick = self.reason_to_tick(stack, runs, Timestamp::now()).await?;
        Ok(match (messages.into_iter().min(), tick) {
            (Some(message), Some(tick)) if message <= tick => Some(Next::Message(message)),
            (_, Some(tick)) => Some(Next::Tick(tick)),
            (Some(message), None) => Some(Next::Message(message)),
            (None, None) => None,
        })
    }

    /// Lets the time pass until `next` happens, and brings it about.
    ///
    /// # Errors
    /// When the stack's stores fail. A tick that fails is in the function's log, and the next comes a minute later.
    pub async fn pass_until(&self, stack: &Stack, next: Next) -> anyhow::Result<()> {
        let (Next::Message(after) | Next::Tick(after)) = next;
        // Times are kept in milliseconds here and in whole seconds there.
        self.pass(stack, after + Duration::from_millis(5)).await?;
        if matches!(next, Next::Tick(_)) {
            _ = stack.tick_at("run-reaper", self.now()).await;
        }
        Ok(())
    }

    /// After how long the reaper will find something to do.
    async fn reason_to_tick(&self, stack: &Stack, runs: &[StoredRun], now: Timestamp) -> anyhow::Result<Option<Duration>> {
        let github = stack.forge().local().context("time passes only with the local GitHub")?;
        let due = runs.iter().filter_map(|stored| stored.due_at).min();
        let due = due.map(|at| self.until_minute(1, Duration::try_from(at.duration_since(now)).unwrap_or_default()));
        let all_over = runs.iter().all(|stored| stored.run.state.is_terminal());
        let orphan = (all_over && stack.has_task()).then(|| self.until_minute(1, Duration::ZERO));
        // What failed within the last minute may still be under way: the reaper leaves it alone.
        let failed = is_one_lost(github, &claims(stack).await?).then(|| self.until_minute(5, Duration::from_secs(60)));
        Ok([due, orphan, failed].into_iter().flatten().min())
    }
}

/// Whether the last attempt to deliver some event failed. One that was too large is taken from the log, where its failure
/// stays: it is lost only while nobody has claimed it.
fn is_one_lost(github: &LocalGithub, claims: &BTreeMap<String, bool>) -> bool {
    let deliveries = github.deliveries();
    let is_last = |index: usize, guid: &str| !deliveries.iter().skip(index + 1).any(|later| later.guid == guid);
    let failed = |status: u16, guid: &str| !(200..300).contains(&status) && (status != TOO_LARGE || !claims.contains_key(guid));
    let mut numbered = deliveries.iter().enumerate();
    numbered.any(|(index, one)| one.status_code.is_some_and(|status| failed(status, &one.guid)) && is_last(index, &one.guid))
}
