//! A repository's signing secret, for whoever receives the calls of its workflows' `http` steps. It is derived, stored nowhere.

use super::Operations;
use anyhow::{Context as _, bail};
use patchbay_domain::signing::SigningSecret;
use serde::Deserialize;

/// The secret as CloudFormation makes it.
#[derive(Deserialize)]
struct Stored {
    key: String,
}

impl Operations {
    /// The `whsec_…` of the repository that is called `owner/name` now. Reads the core table, and the deployment's secret.
    ///
    /// # Errors
    /// If no active installation knows such a repository, or one of the two cannot be read.
    pub async fn signing_secret(&self, full_name: &str) -> anyhow::Result<String> {
        let Some((connection, repository)) = self.find_repository(full_name).await? else {
            bail!(
                "no active installation in {} knows {full_name}; its first run or a change of the installation makes it known",
                self.place
            );
        };
        let request = self.secrets.get_secret_value().secret_id(self.resources.get("SigningSecret")?);
        let answer = request.send().await.map_err(|error| self.said("secretsmanager:GetSecretValue", error))?;
        let stored: Stored = serde_json::from_str(answer.secret_string().unwrap_or_default())
            .ok()
            .context("the signing secret is not the JSON that the stack makes")?;
        let secret = SigningSecret::new(&stored.key).context("the signing secret's key has fewer than 32 characters")?;
        Ok(secret.repository_key(&connection, repository.id).as_secret())
    }
}
