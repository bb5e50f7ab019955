//! Ending a run: the order goes through the events queue to trigger-matcher, which tells the state machine as it does
//! when somebody says stop; so the operator needs no right to write to a table.

use super::Operations;
use anyhow::bail;
use patchbay_domain::envelope::{EventMessage, StopOrder};
use patchbay_domain::run::{CancelReason, Run, State};
use std::time::Duration;

/// How often the run is looked at while the order is under way.
const LOOK_EVERY: Duration = Duration::from_millis(300);

impl Operations {
    /// Orders that a run ends, and waits until it has; gives it as it is then.
    ///
    /// # Errors
    /// If there is no such run, it was over already, it came to another end first, or the order was not obeyed within
    /// `patience`.
    pub async fn cancel(&self, id: &str, by: &str, patience: Duration) -> anyhow::Result<Run> {
        let run = self.run(id).await?.run;
        if run.state.is_terminal() {
            bail!("run {id} is over already: it {}; there is nothing to cancel", ended(&run.state));
        }
        let order = EventMessage::StopV1(StopOrder { workspace: run.workspace.clone(), run: run.id.clone(), by: by.to_owned() });
        let queue = self.url(self.resources.get("EventsQueue")?).await?;
        // A group of its own: no tenant's backlog holds it up.
        let request = self.sqs.send_message().queue_url(queue).message_group_id("operator");
        let sent = request.message_body(serde_json::to_string(&order)?).send().await;
        sent.map_err(|error| self.said("sqs:SendMessage", error))?;
        let key = format!("{}#{}", run.workspace, run.id);
        match tokio::time::timeout(patience, self.ended(&key)).await {
            Err(_) => bail!(
                "the order to end {id} was sent {} s ago and nobody has obeyed it yet; it stays in the events queue. \
                 `patchbay top` shows whether that queue moves, the log of trigger-matcher why not",
                patience.as_secs()
            ),
            Ok(run) => match run? {
                run @ Run { state: State::Cancelled { reason: CancelReason::StoppedByOperator { .. } }, .. } => Ok(run),
                run => bail!("run {id} was over before the order came: it {}", ended(&run.state)),
            },
        }
    }

    async fn ended(&self, key: &str) -> anyhow::Result<Run> {
        loop {
            if let Some(details) = super::records::details(&self.partition(key).await?)?
                && details.run.state.is_terminal()
            {
                return Ok(details.run);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// What became of a run, as the end of a sentence.
fn ended(state: &State) -> String {
    match state {
        State::Failed { failure } => format!("failed ({:?}: {})", failure.code, failure.detail),
        State::Cancelled { .. } => "was cancelled".to_owned(),
        other => other.name().to_owned(),
    }
}
