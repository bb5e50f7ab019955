//! The core table: connections (installed Apps) with their workspaces and repositories. What is configured in them is in
//! `workflows`, when that is due in `schedules`.
//!
//! Words about an installation arrive in any order: an older one never overwrites a newer (R21), and a deleted
//! installation stays deleted, because its number is never used again.

mod schedules;
mod workflows;

pub use super::keys::SCHEDULE_SHARDS;
pub use schedules::DueSchedule;
pub use workflows::{Ground, NO_FILE, Scope, WorkflowsRow};

use super::{Item, Table, Written, conditional, json, keys, n, s, to_json};
use crate::config::AwsConfig;
use crate::error::AwsError;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use jiff::Timestamp;
use patchbay_domain::event::{Provider, Repository};
use patchbay_domain::ids::{ConnectionId, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one transaction may hold.
const ROWS_PER_CALL: usize = 100;

/// An installed link to a provider account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub workspace: WorkspaceId,
    pub connection: ConnectionId,
    pub provider: Provider,
    pub installation_id: u64,
    pub account_id: u64,
    pub account_login: String,
    pub status: ConnectionStatus,
    /// Whether the installation covers all repositories of the account.
    pub all_repositories: bool,
    /// Granted permissions, name → level.
    pub permissions: BTreeMap<String, String>,
    /// When the provider said so; what is older does not overwrite it.
    pub updated_at: Timestamp,
}

/// Whether a connection may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionStatus {
    Active,
    Suspended,
    /// Uninstalled, for good.
    Deleted,
}

impl ConnectionStatus {
    fn as_str(self) -> &'static str {
        match self {
            ConnectionStatus::Active => "active",
            ConnectionStatus::Suspended => "suspended",
            ConnectionStatus::Deleted => "deleted",
        }
    }
}

/// The table. Cheap to clone.
#[derive(Clone)]
pub struct CoreTable(Table);

impl CoreTable {
    /// The table named `name` (`TABLE_CORE`).
    pub fn new(aws: &AwsConfig, name: impl Into<String>) -> Self {
        Self(Table::new(aws, name))
    }

    /// Notes that a workspace exists. One call; what was noted before is kept.
    pub async fn save_workspace(&self, workspace: &WorkspaceId, name: &str, now: Timestamp) -> Result<(), AwsError> {
        let key = keys::workspace(workspace);
        let request = self.0.client.put_item().table_name(&self.0.name).item("pk", s(key.pk)).item("sk", s(key.sk));
        let request = request.item("name", s(name)).item("created_at", s(keys::seconds(now)));
        conditional(request.condition_expression("attribute_not_exists(pk)").send().await).map(|_| ())
    }

    /// Saves a connection, unless a newer word about it is saved or it is deleted. True if it was saved. One call.
    pub async fn save_connection(&self, connection: &Connection) -> Result<bool, AwsError> {
        let key = keys::connection(&connection.connection);
        let request = self.0.client.put_item().table_name(&self.0.name).item("pk", s(key.pk)).item("sk", s(key.sk));
        let result = request
            .item("connection", s(to_json(connection, "connection")?))
            .item("workspace", s(connection.workspace.as_str()))
            .item("status", s(connection.status.as_str()))
            .item("updated_at_ms", n(connection.updated_at.as_millisecond()))
            .condition_expression("attribute_not_exists(pk) OR (updated_at_ms <= :at AND (#status <> :deleted OR :status = :deleted))")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":at", n(connection.updated_at.as_millisecond()))
            .expression_attribute_values(":deleted", s(ConnectionStatus::Deleted.as_str()))
            .expression_attribute_values(":status", s(connection.status.as_str()))
            .send()
            .await;
        Ok(matches!(conditional(result)?, Written::Yes(_)))
    }

    /// The connection, with the workspace it belongs to. One call.
    pub async fn load_connection(&self, connection: &ConnectionId) -> Result<Option<Connection>, AwsError> {
        let item = self.0.get(&keys::connection(connection)).await?;
        item.map(|item| json(&item, "connection", "connection")).transpose()
    }

    /// Changes only the status, as of `updated_at`. True if it was changed; false where the connection is unknown, deleted,
    /// or a newer word about it is saved. Two calls.
    pub async fn set_connection_status(
        &self,
        connection: &ConnectionId,
        status: ConnectionStatus,
        updated_at: Timestamp,
    ) -> Result<bool, AwsError> {
        match self.load_connection(connection).await? {
            Some(known) if known.updated_at <= updated_at => self.save_connection(&Connection { status, updated_at, ..known }).await,
            _ => Ok(false),
        }
    }

    /// Notes repositories of a connection. One call per 100.
    pub async fn put_repositories(
        &self,
        workspace: &WorkspaceId,
        connection: &ConnectionId,
        repositories: &[Repository],
    ) -> Result<(), AwsError> {
        let mut writes = Vec::with_capacity(repositories.len());
        for repository in unique(repositories) {
            let key = keys::repository(connection, repository.id);
            let item = Item::from([
                ("pk".to_owned(), s(key.pk)),
                ("sk".to_owned(), s(key.sk)),
                ("workspace".to_owned(), s(workspace.as_str())),
                ("repository".to_owned(), s(to_json(repository, "repository")?)),
            ]);
            let put = Put::builder().table_name(&self.0.name).set_item(Some(item)).build();
            writes.push(TransactWriteItem::builder().put(put.map_err(|e| AwsError::Permanent(e.to_string()))?).build());
        }
        self.write_all(writes).await
    }

    /// Forgets repositories of a connection, and what is configured in them. One call per 50.
    pub async fn remove_repositories(&self, _workspace: &WorkspaceId, connection: &ConnectionId, ids: &[u64]) -> Result<(), AwsError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut writes = Vec::with_capacity(2 * ids.len());
        for id in ids {
            for key in [keys::repository(connection, id), keys::workflows(connection, &id.to_string())] {
                let delete = Delete::builder().table_name(&self.0.name).key("pk", s(key.pk)).key("sk", s(key.sk)).build();
                writes.push(TransactWriteItem::builder().delete(delete.map_err(|e| AwsError::Permanent(e.to_string()))?).build());
            }
        }
        self.write_all(writes).await
    }

    /// A repository that the connection was told of. One call.
    pub async fn load_repository(&self, connection: &ConnectionId, id: u64) -> Result<Option<Repository>, AwsError> {
        let item = self.0.get(&keys::repository(connection, id)).await?;
        item.map(|item| json(&item, "repository", "repository")).transpose()
    }

    // Transactions rather than batches: they need no permission of their own and leave nothing unprocessed.
    async fn write_all(&self, writes: Vec<TransactWriteItem>) -> Result<(), AwsError> {
        for chunk in writes.chunks(ROWS_PER_CALL) {
            self.0.client.transact_write_items().set_transact_items(Some(chunk.to_vec())).send().await?;
        }
        Ok(())
    }
}

/// The last of several with one id: a transaction takes each row once.
fn unique(repositories: &[Repository]) -> impl Iterator<Item = &Repository> {
    repositories.iter().map(|repository| (repository.id, repository)).collect::<BTreeMap<_, _>>().into_values()
}
