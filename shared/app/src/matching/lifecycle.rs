//! Installations come, change and go (FR-WH-002, FR-WH-003): the books of connections and repositories, and the
//! end of whatever still runs for what went (R21).

use super::{Matcher, Verdict};
use jiff::Timestamp;
use patchbay_aws::tables::core::{Connection, ConnectionStatus};
use patchbay_domain::event::{Event, InstallationChange, InstallationChangeKind, Repository};
use patchbay_domain::ids::{ConnectionId, WorkspaceId};
use patchbay_domain::metric;
use patchbay_domain::run::CancelReason;

impl Matcher {
    pub(super) async fn note_installation(&self, event: &Event, change: &InstallationChange, at: Timestamp) -> anyhow::Result<Verdict> {
        let provider = event.provider.as_str();
        let workspace = WorkspaceId::of_account(provider, change.account_id);
        let connection = ConnectionId::of_installation(provider, change.installation_id);
        tracing::info!(
            installation = change.installation_id,
            account = change.account_login,
            change = change_word(change.change),
            added = change.added.len(),
            removed = change.removed.len(),
            "installation changed"
        );
        let status = match change.change {
            InstallationChangeKind::Deleted => ConnectionStatus::Deleted,
            InstallationChangeKind::Suspended => ConnectionStatus::Suspended,
            _ => ConnectionStatus::Active,
        };
        let record = Connection {
            workspace: workspace.clone(),
            connection: connection.clone(),
            provider: event.provider,
            installation_id: change.installation_id,
            account_id: change.account_id,
            account_login: change.account_login.clone(),
            status,
            all_repositories: change.all_repositories,
            permissions: change.permissions.clone(),
            updated_at: at,
        };
        // An older word about the same installation never overwrites a newer one (R21).
        if !self.services.core.save_connection(&record).await? {
            return Ok(Verdict::ignored("a newer word about this installation was already noted"));
        }
        self.services.core.put_repositories(&workspace, &connection, &change.added).await?;
        let gone: Vec<u64> = change.removed.iter().map(|r| r.id).collect();
        self.services.core.remove_repositories(&workspace, &connection, &gone).await?;
        if status != ConnectionStatus::Active {
            metrics::counter!(metric::CONNECTION_LOST).increment(1);
        }
        let cancelled = self.cancel_what_lost_its_ground(change, &connection).await?;
        Ok(Verdict::done(format!("installation {}; {cancelled} runs ended", change_word(change.change))))
    }

    async fn cancel_what_lost_its_ground(&self, change: &InstallationChange, connection: &ConnectionId) -> anyhow::Result<usize> {
        let reason = match change.change {
            InstallationChangeKind::Deleted => CancelReason::Uninstalled,
            InstallationChangeKind::Suspended => CancelReason::Suspended,
            InstallationChangeKind::RepositoriesRemoved => CancelReason::RepositoryRemoved,
            _ => return Ok(0),
        };
        let only: Option<&[Repository]> = (reason == CancelReason::RepositoryRemoved).then_some(&change.removed);
        let mut ended = 0;
        for (workspace, id) in self.services.dispatch.runs.active_of_connection(connection).await? {
            let Some(run) = self.services.dispatch.runs.load(&workspace, &id).await? else { continue };
            if only.is_some_and(|gone| gone.iter().all(|r| r.id != run.repository.id)) {
                continue;
            }
            self.cancel(&run, &reason).await?;
            ended += 1;
        }
        Ok(ended)
    }
}

fn change_word(change: InstallationChangeKind) -> &'static str {
    match change {
        InstallationChangeKind::Created => "created",
        InstallationChangeKind::Deleted => "deleted",
        InstallationChangeKind::Suspended => "suspended",
        InstallationChangeKind::Unsuspended => "unsuspended",
        InstallationChangeKind::NewPermissions => "new permissions accepted",
        InstallationChangeKind::RepositoriesAdded => "repositories added",
        InstallationChangeKind::RepositoriesRemoved => "repositories removed",
    }
}
