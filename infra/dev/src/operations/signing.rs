//! A repository's signing secret, for whoever receives the calls of its workflows' `http` steps. It is derived, stored nowhere.

use super::Operations;
use super::records::{Item, text};
use anyhow::{Context as _, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use patchbay_domain::event::Repository;
use patchbay_domain::ids::ConnectionId;
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
        if full_name.split('/').filter(|part| !part.is_empty()).count() != 2 || full_name.matches('/').count() != 1 {
            bail!("{full_name} is no repository; write OWNER/NAME");
        }
        let Some((connection, repository)) = self.find_repository(full_name).await? else {
            bail!("no active installation in {} knows {full_name}; its first run or a change of the installation makes it known", self.place);
        };
        let request = self.secrets.get_secret_value().secret_id(self.resources.get("SigningSecret")?);
        let answer = request.send().await.map_err(|error| self.said("secretsmanager:GetSecretValue", error))?;
        let stored: Stored =
            serde_json::from_str(answer.secret_string().unwrap_or_default()).ok().context("the signing secret is not the JSON that the stack makes")?;
        let secret = SigningSecret::new(&stored.key).context("the signing secret's key has fewer than 32 characters")?;
        Ok(secret.repository_key(&connection, repository).as_secret())
    }

    async fn find_repository(&self, full_name: &str) -> anyhow::Result<Option<(ConnectionId, u64)>> {
        let mut pages = self.dynamodb.scan().table_name(self.resources.get("CoreTable")?).into_paginator().items().send();
        let mut items: Vec<Item> = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| self.said("dynamodb:Scan", error))?);
        }
        if let Some(found) = of_installations(&items, full_name) {
            return Ok(Some(found));
        }
        // An installation on all repositories is not told of each.
        let runs = self.rows(31).await?;
        let run = runs.into_iter().map(|row| row.run).find(|run| run.repository.full_name().eq_ignore_ascii_case(full_name));
        Ok(run.map(|run| (run.connection, run.repository.id)))
    }
}

/// The repository of that name among those of active installations.
fn of_installations(items: &[Item], full_name: &str) -> Option<(ConnectionId, u64)> {
    let is_active = |pk: &str| items.iter().any(|item| text(item, "pk") == pk && text(item, "sk") == "connection" && text(item, "status") == "active");
    items.iter().find_map(|item| {
        let repository: Repository = serde_json::from_str(item.get("repository").and_then(|value| AttributeValue::as_s(value).ok())?).ok()?;
        let connection = text(item, "pk").strip_prefix("connection#")?;
        let found = repository.full_name().eq_ignore_ascii_case(full_name) && is_active(text(item, "pk"));
        found.then(|| (ConnectionId(connection.to_owned()), repository.id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn item(fields: &[(&str, &str)]) -> Item {
        fields.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned()))).collect::<HashMap<_, _>>()
    }

    #[test]
    fn only_an_active_installations_repository_has_a_key() {
        let repository = r#"{"id": 5, "owner": "acme", "name": "hello", "default_branch": null, "private": true}"#;
        let items = |status| {
            [
                item(&[("pk", "connection#con_github_1"), ("sk", "connection"), ("status", status)]),
                item(&[("pk", "connection#con_github_1"), ("sk", "repository#5"), ("repository", repository)]),
            ]
        };
        assert_eq!(of_installations(&items("active"), "Acme/Hello"), Some((ConnectionId("con_github_1".into()), 5)));
        assert_eq!(of_installations(&items("deleted"), "acme/hello"), None);
        assert_eq!(of_installations(&items("active"), "acme/other"), None);
    }
}
