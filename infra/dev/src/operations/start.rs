//! Starting a workflow by name: the order goes through the events queue to trigger-matcher, which decides about it as
//! about any other event; so the operator needs no right to write to a table.

use super::Operations;
use super::deliveries::RecordedDecision;
use super::records::{Item, text};
use anyhow::bail;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use patchbay_domain::envelope::{EventMessage, StartOrder};
use patchbay_domain::event::{Detail, Manual, Repository};
use patchbay_domain::ids::{ConnectionId, DeliveryId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// What became of an order.
#[derive(Clone, Debug, PartialEq)]
pub struct Ordered {
    /// The delivery's id, by which decisions and logs name it.
    pub delivery: String,
    /// Empty if nobody has decided within the caller's patience.
    pub decisions: Vec<RecordedDecision>,
}

impl Operations {
    /// Orders that a workflow of a repository (`owner/name`) starts, and waits for the decision. Reads the core table whole: a
    /// repository is known there by its number.
    ///
    /// # Errors
    /// If no active installation knows the repository, or the order cannot be sent.
    pub async fn start(
        &self,
        workflow: &str,
        repository: &str,
        inputs: BTreeMap<String, String>,
        patience: Duration,
    ) -> anyhow::Result<Ordered> {
        let Some((connection, repository)) = self.find_repository(repository).await? else {
            bail!(
                "{} knows no repository {repository}: something must have happened in it since the App was installed; \
                 is its name right, and is the App installed on it?",
                self.place
            )
        };
        let id = DeliveryId(format!("manual-{}", uuid::Uuid::new_v4()));
        let order = StartOrder {
            id: id.clone(),
            connection,
            repository,
            actor: None,
            detail: Detail::Manual(Manual { workflow: workflow.to_owned(), inputs, depth: 0 }),
            at: Timestamp::now(),
        };
        let queue = self.url(self.resources.get("EventsQueue")?).await?;
        // A group of its own: no tenant's backlog holds it up.
        let request = self.sqs.send_message().queue_url(queue).message_group_id("operator");
        let sent = request.message_body(serde_json::to_string(&EventMessage::StartV1(Box::new(order)))?).send().await;
        sent.map_err(|error| self.said("sqs:SendMessage", error))?;
        let decisions = match tokio::time::timeout(patience, self.until_done(&id)).await {
            Ok(done) => done?.decisions,
            Err(_) => Vec::new(),
        };
        Ok(Ordered { delivery: id.0, decisions })
    }

    /// The repository and the active connection that knows it.
    pub(super) async fn find_repository(&self, full_name: &str) -> anyhow::Result<Option<(ConnectionId, Repository)>> {
        let Some((_, name)) = full_name.split_once('/') else { bail!("`{full_name}` is no repository; it is OWNER/NAME") };
        let s = |text: String| AttributeValue::S(text);
        let request = self.dynamodb.scan().table_name(self.resources.get("CoreTable")?);
        let request = request
            .filter_expression("contains(repository, :name) OR contains(workflows, :name) OR sk = :connection")
            .expression_attribute_values(":name", s(format!("\"name\":{}", Value::from(name))))
            .expression_attribute_values(":connection", s("connection".to_owned()));
        let mut pages = request.into_paginator().items().send();
        let (mut active, mut found) = (Vec::new(), Vec::new());
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| self.said("dynamodb:Scan", error))?;
            if text(&item, "sk") == "connection" && text(&item, "status") == "active" {
                active.push(text(&item, "pk").to_owned());
            }
            found.extend(repository_of(&item).filter(|known| known.full_name().eq_ignore_ascii_case(full_name)).map(|known| {
                let connection = text(&item, "pk").to_owned();
                (connection, known)
            }));
        }
        let mut usable = found.into_iter().filter(|(connection, _)| active.contains(connection));
        Ok(usable.next().map(|(key, known)| (ConnectionId(key.trim_start_matches("connection#").to_owned()), known)))
    }
}

/// The repository of a row that is one's, or that holds one's configuration.
fn repository_of(item: &Item) -> Option<Repository> {
    if let Ok(repository) = serde_json::from_str(text(item, "repository")) {
        return Some(repository);
    }
    let workflows: Value = serde_json::from_str(text(item, "workflows")).ok()?;
    serde_json::from_value(workflows.get("repository")?.clone()).ok()
}
