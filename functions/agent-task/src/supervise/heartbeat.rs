//! What the task is doing, and the heartbeat that tells the gateway so and hears whether to go on (R19).

use super::gateway::{Gateway, GatewayError};
use std::time::Duration;
use tokio::sync::watch;

/// The task's current stage, a few words that a person reads, and whether it has to hurry.
pub(crate) struct Stages {
    current: watch::Sender<&'static str>,
    hurried: watch::Sender<bool>,
}

/// From here on the agent is done, and ending well takes seconds.
const CHECKING: &str = "checking what changed";

/// Stages in which there is nothing yet that would be worth handing over.
const WITHOUT_A_CHANGE: [&str; 4] = ["starting", "cloning", "setting up", "working"];

impl Stages {
    pub(crate) fn new() -> Self {
        Self { current: watch::Sender::new("starting"), hurried: watch::Sender::new(false) }
    }

    /// Moves on; the heartbeat tells it at once.
    pub(crate) fn enter(&self, stage: &'static str) {
        tracing::info!(stage, "stage");
        self.current.send_replace(stage);
    }

    /// Moves on to where the agent's work is looked at: the part that is worth finishing under SIGTERM.
    pub(crate) fn enter_checking(&self) {
        self.enter(CHECKING);
    }

    pub(crate) fn current(&self) -> &'static str {
        *self.current.borrow()
    }

    /// Asks for the shortest way to the end. Returns false when the agent is still at work.
    pub(crate) fn hurry(&self) -> bool {
        self.hurried.send_replace(true);
        !WITHOUT_A_CHANGE.contains(&self.current())
    }

    /// Waits until somebody asks to hurry.
    pub(crate) async fn hurried(&self) {
        let mut hurried = self.hurried.subscribe();
        // The sender lives as long as `self`: this cannot fail.
        let _ = hurried.wait_for(|h| *h).await;
    }
}

/// Reports the stage when it changes and at least `every` so often. Returns only when the run is over.
pub(crate) async fn beat_until_over(gateway: &Gateway, stages: &Stages, every: Duration) {
    let mut current = stages.current.subscribe();
    loop {
        let stage = *current.borrow_and_update();
        match gateway.progress(Some(stage)).await {
            Ok(true) => {}
            Ok(false) | Err(GatewayError::Over(_)) => return,
            Err(error) => tracing::warn!(%error, "heartbeat failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            _ = current.changed() => {}
        }
    }
}
