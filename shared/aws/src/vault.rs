//! The vault: what must not be readable at rest, sealed with AES-256-GCM under a fresh data key per record from KMS.
//!
//! A sealed record is bound to its place (tenant, provider, record, version): moved anywhere else it does not open (R39).
//! Briefs lie here until their task reads them, once (R23). Who may read what is the roles' affair.

mod seal;

pub use seal::Place;

use crate::config::AwsConfig;
use crate::error::AwsError;
use crate::tables::{Table, Written, conditional, expired, keys, n, s, text};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::Timestamp;
use patchbay_domain::ids::{RunId, WorkspaceId};
use seal::Sealer;
use zeroize::Zeroizing;

/// The vault's table with the key that seals it. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    table: Table,
    sealer: Sealer,
}

impl Vault {
    /// The table named `name` (`TABLE_VAULT`), sealed under the KMS key `key_id` (`KMS_KEY_ID`).
    pub fn new(aws: &AwsConfig, name: impl Into<String>, key_id: impl Into<String>) -> Self {
        Self { table: Table::new(aws, name), sealer: Sealer::new(aws, key_id) }
    }

    /// Seals bytes for a place. One call to KMS.
    pub async fn seal(&self, place: &Place<'_>, secret: &[u8]) -> Result<Vec<u8>, AwsError> {
        self.sealer.seal(place, secret).await
    }

    /// Opens what was sealed for this very place; `Permanent` for anything else. One call to KMS.
    pub async fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, AwsError> {
        self.sealer.open(place, sealed).await
    }

    /// Lays a brief down for one attempt, readable until `expires_at`, against the hash of its bootstrap secret. A repeated
    /// put replaces it, unless the task has come for it already: then `Conflict`. One call to KMS, one to the table.
    pub async fn put_brief(
        &self,
        workspace: &WorkspaceId,
        run: &RunId,
        attempt: u32,
        brief_json: &[u8],
        bootstrap_sha256: &str,
        expires_at: Timestamp,
    ) -> Result<(), AwsError> {
        let key = keys::brief(workspace, run, attempt);
        let sealed = self.sealer.seal(&brief_place(workspace, &key.sk), brief_json).await?;
        let request = self.table.client.put_item().table_name(&self.table.name).item("pk", s(key.pk)).item("sk", s(key.sk));
        let result = request
            .item("sealed", AttributeValue::B(Blob::new(sealed)))
            .item("key_id", s(self.sealer.key_id()))
            .item("bootstrap_sha256", s(bootstrap_sha256))
            .item("ttl", n(expires_at.as_second()))
            .condition_expression("attribute_not_exists(exchanged_at)")
            .send()
            .await;
        match conditional(result)? {
            Written::Yes(_) => Ok(()),
            Written::No(_) => Err(AwsError::Conflict),
        }
    }

    /// Takes the bootstrap secret's hash, once: true for the first who has it in time, false for everybody else. One call.
    pub async fn exchange(&self, workspace: &WorkspaceId, run: &RunId, attempt: u32, bootstrap_sha256: &str) -> Result<bool, AwsError> {
        let (key, now) = (keys::brief(workspace, run, attempt), Timestamp::now());
        let request = self.table.client.update_item().table_name(&self.table.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request
            .update_expression("SET exchanged_at = :now")
            .condition_expression("bootstrap_sha256 = :hash AND attribute_not_exists(exchanged_at) AND #ttl > :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":hash", s(bootstrap_sha256))
            .expression_attribute_values(":now", n(now.as_second()))
            .send()
            .await;
        Ok(matches!(conditional(result)?, Written::Yes(_)))
    }

    /// The brief, for its first reader only: reading deletes it, and before the exchange nobody reads it. One call to the
    /// table, one to KMS where there was one.
    pub async fn take_brief(&self, workspace: &WorkspaceId, run: &RunId, attempt: u32) -> Result<Option<Vec<u8>>, AwsError> {
        let key = keys::brief(workspace, run, attempt);
        let place = key.sk.clone();
        let request = self.table.client.delete_item().table_name(&self.table.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request.condition_expression("attribute_exists(exchanged_at)").return_values(ReturnValue::AllOld).send().await;
        let item = match conditional(result)? {
            Written::Yes(output) => output.attributes.unwrap_or_default(),
            Written::No(_) => return Ok(None),
        };
        if expired(&item, Timestamp::now()) || text(&item, "bootstrap_sha256").is_none() {
            return Ok(None);
        }
        let Some(AttributeValue::B(sealed)) = item.get("sealed") else { return Err(AwsError::unreadable("brief")) };
        let brief = self.sealer.open(&brief_place(workspace, &place), sealed.as_ref()).await?;
        Ok(Some(brief.to_vec()))
    }
}

fn brief_place<'a>(workspace: &'a WorkspaceId, record: &'a str) -> Place<'a> {
    Place { workspace, provider: "patchbay", record, version: 1 }
}
