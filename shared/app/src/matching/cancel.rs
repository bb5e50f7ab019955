//! Ending runs early: somebody said stop, the operator did, the thread was closed, the App went away (R21).

use super::{Matcher, Verdict};
use patchbay_aws::lambda::Handled;
use patchbay_aws::tables::core::Connection;
use patchbay_domain::envelope::StopOrder;
use patchbay_domain::event::{Event, Repository};
use patchbay_domain::ids::{DeliveryId, WorkspaceId};
use patchbay_domain::run::{CancelReason, Input, Run};

/// Whether the event says that its thread is over.
pub(super) fn closes_thread(event: &Event) -> bool {
    matches!((event.kind.as_str(), event.action.as_deref()), ("issues" | "pull_request", Some("closed" | "deleted" | "transferred")))
}

impl Matcher {
    /// A closed or deleted thread ends what runs for it; `None` if the event is not about that.
    pub(super) async fn end_runs_of_closed_thread(
        &self,
        event: &Event,
        connection: Option<&Connection>,
    ) -> anyhow::Result<Option<Verdict>> {
        let (true, Some(subject), Some(repository), Some(connection)) =
            (closes_thread(event), &event.subject, &event.repository, connection)
        else {
            return Ok(None);
        };
        let thread = (repository, subject.number);
        let ended = self.cancel_runs_of(&connection.workspace, thread, &event.delivery, &CancelReason::ThreadClosed).await?;
        Ok(Some(if ended == 0 {
            Verdict::ignored("nothing ran in the closed thread")
        } else {
            Verdict::done(format!("thread closed; {ended} runs ended"))
        }))
    }

    /// Ends every run of a thread that is not over, but for those that an earlier try at this very delivery started. Gives
    /// their number.
    pub(super) async fn cancel_runs_of(
        &self,
        workspace: &WorkspaceId,
        (repository, number): (&Repository, u64),
        delivery: &DeliveryId,
        reason: &CancelReason,
    ) -> anyhow::Result<usize> {
        let mut ended = 0;
        for run in self.runs_of_thread(workspace, repository.id, number).await? {
            if !run.state.is_terminal() && run.request.delivery != *delivery {
                self.cancel(&run, reason).await?;
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Ends the run that an operator named; one that is over stays as it is.
    pub(super) async fn obey(&self, order: &StopOrder) -> anyhow::Result<Handled> {
        let Some(run) = self.services.dispatch.runs.load(&order.workspace, &order.run).await? else {
            return Ok(Handled::Drop(format!("the operator's run {} does not exist", order.run)));
        };
        patchbay_aws::telemetry::correlate(run.request.delivery.as_str());
        if run.state.is_terminal() {
            tracing::info!(run = %run.id, state = run.state.name(), "the operator's stop came too late");
            return Ok(Handled::Done);
        }
        self.cancel(&run, &CancelReason::StoppedByOperator { by: order.by.clone() }).await?;
        Ok(Handled::Done)
    }

    /// Ends one run, and notes who or what ended it (R46).
    pub(super) async fn cancel(&self, run: &Run, reason: &CancelReason) -> anyhow::Result<()> {
        let (actor, why) = match reason {
            CancelReason::Stopped { by } => (by.as_str(), "said stop"),
            CancelReason::StoppedByOperator { by } => (by.as_str(), "ended it as the operator"),
            CancelReason::ThreadClosed => ("trigger-matcher", "the thread was closed"),
            CancelReason::Superseded { .. } => ("trigger-matcher", "a newer run took its place"),
            CancelReason::Uninstalled => ("trigger-matcher", "the App was uninstalled"),
            CancelReason::Suspended => ("trigger-matcher", "the App was suspended"),
            CancelReason::RepositoryRemoved => ("trigger-matcher", "the repository was taken from the App"),
        };
        self.services.dispatch.tell(&run.workspace, &run.id, &Input::Cancel { reason: reason.clone() }).await?;
        self.services.audit(run, actor, "cancelled", why.to_owned()).await
    }
}
