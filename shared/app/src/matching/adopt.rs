//! A connection that this deployment has not heard of: the App was installed before, or the installation's event is
//! late or lost. The forge is asked, with the App's own key, and the connection noted.

use super::Matcher;
use jiff::Timestamp;
use patchbay_aws::tables::core::{Connection, ConnectionStatus};
use patchbay_domain::event::Event;
use patchbay_domain::ids::{ConnectionId, WorkspaceId};
use patchbay_forge::ForgeError;

impl Matcher {
    /// The connection as the forge knows it; a deleted one if the forge does not.
    pub(super) async fn adopt_connection(&self, event: &Event, id: &ConnectionId) -> anyhow::Result<Connection> {
        let provider = event.provider.as_str();
        let found = match self.services.forge.installation(id).await {
            Ok(found) => Some(found),
            Err(ForgeError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let status = match &found {
            None => ConnectionStatus::Deleted,
            Some(installation) if installation.suspended => ConnectionStatus::Suspended,
            Some(_) => ConnectionStatus::Active,
        };
        let account_id = found.as_ref().map_or(0, |i| i.account_id);
        let record = Connection {
            workspace: WorkspaceId::of_account(provider, account_id),
            connection: id.clone(),
            provider: event.provider,
            installation_id: id.installation_id().unwrap_or_default(),
            account_id,
            account_login: found.as_ref().map(|i| i.account_login.clone()).unwrap_or_default(),
            status,
            all_repositories: found.as_ref().is_some_and(|i| i.all_repositories),
            permissions: found.map(|i| i.permissions).unwrap_or_default(),
            updated_at: Timestamp::now(),
        };
        if record.status != ConnectionStatus::Deleted {
            self.services.core.save_connection(&record).await?;
            tracing::info!(installation = record.installation_id, account = record.account_login, "installation adopted");
        }
        Ok(record)
    }
}
