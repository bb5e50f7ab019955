//! The workspace's workflows: one file that is in force for all repositories of an account. The order goes through the
//! events queue to trigger-matcher, which checks and saves it; so the operator needs no right to write to a table.

use super::Operations;
use super::records::{Item, text};
use anyhow::{Context as _, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::envelope::{ConfigureOrder, EventMessage};
use patchbay_domain::ids::ConnectionId;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often the row is looked at while the order is under way.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// The version of a row where there is no file.
const NO_FILE: &str = "none";

/// What is in force for all repositories of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WorkspaceWorkflows {
    /// The SHA-256 of the file; `None` if nothing is in force.
    pub version: Option<String>,
    /// The workflows' names, in the file's order.
    pub workflows: Vec<String>,
    /// When the operator put it in force, or took it away; `None` if that never happened.
    pub since: Option<Timestamp>,
}

impl Operations {
    /// What the operator put in force for the account. Reads the core table whole: an account is known there by its number.
    ///
    /// # Errors
    /// If the App is not installed on such an account, or the table cannot be read.
    pub async fn workspace_workflows(&self, owner: &str) -> anyhow::Result<WorkspaceWorkflows> {
        let connection = self.connection_of(owner).await?;
        self.in_force(&connection).await
    }

    /// Orders that a file is in force for all repositories of the account, or with `None` that none is, and waits until it is
    /// so; gives what is in force then. The file has been checked.
    ///
    /// # Errors
    /// If the App is not installed on such an account, another order came between, or nobody obeyed it within `patience`.
    pub async fn configure_workspace(
        &self,
        owner: &str,
        text: Option<String>,
        by: &str,
        patience: Duration,
    ) -> anyhow::Result<WorkspaceWorkflows> {
        let connection = self.connection_of(owner).await?;
        let at = moment_after(self.in_force(&connection).await?.since, Timestamp::now());
        let order = EventMessage::ConfigureV1(ConfigureOrder { connection: connection.clone(), text, by: by.to_owned(), at });
        let queue = self.url(self.resources.get("EventsQueue")?).await?;
        // A group of its own: no tenant's backlog holds it up.
        let request = self.sqs.send_message().queue_url(queue).message_group_id("operator");
        let sent = request.message_body(serde_json::to_string(&order)?).send().await;
        sent.map_err(|error| self.said("sqs:SendMessage", error))?;
        match tokio::time::timeout(patience, self.obeyed(&connection, at)).await {
            Err(_) => bail!(
                "the order was sent {} s ago and nobody has obeyed it yet: it stays in the events queue, or trigger-matcher has refused it. \
                 `patchbay top` shows whether that queue moves, the log of trigger-matcher why not",
                patience.as_secs()
            ),
            Ok(found) => match found? {
                found if found.since == Some(at) => Ok(found),
                _ => bail!("another order for {owner} came between; `patchbay workspace {owner}` shows what is in force"),
            },
        }
    }

    /// The active connection of the account that is called so now.
    async fn connection_of(&self, owner: &str) -> anyhow::Result<ConnectionId> {
        if owner.is_empty() || owner.contains('/') {
            bail!("`{owner}` is no account: name the owner of the repositories alone, without a repository");
        }
        let request = self.dynamodb.scan().table_name(self.resources.get("CoreTable")?);
        let request = request
            .filter_expression("sk = :connection AND #status = :active")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":connection", AttributeValue::S("connection".to_owned()))
            .expression_attribute_values(":active", AttributeValue::S("active".to_owned()));
        let mut pages = request.into_paginator().items().send();
        let mut found = None;
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| self.said("dynamodb:Scan", error))?;
            found = found.or(connection_in(&item, owner));
        }
        found.with_context(|| {
            format!("no active installation in {} is of {owner}; is its name right, and is the App installed on it?", self.place)
        })
    }

    async fn in_force(&self, connection: &ConnectionId) -> anyhow::Result<WorkspaceWorkflows> {
        let s = |text: String| AttributeValue::S(text);
        let request = self.dynamodb.get_item().table_name(self.resources.get("CoreTable")?).consistent_read(true);
        let request = request.key("pk", s(format!("connection#{connection}"))).key("sk", s("workflows#workspace".to_owned()));
        let answer = request.send().await.map_err(|error| self.said("dynamodb:GetItem", error))?;
        answer.item.as_ref().map_or_else(|| Ok(WorkspaceWorkflows::default()), read_row)
    }

    async fn obeyed(&self, connection: &ConnectionId, at: Timestamp) -> anyhow::Result<WorkspaceWorkflows> {
        loop {
            let found = self.in_force(connection).await?;
            if found.since >= Some(at) {
                return Ok(found);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// The connection of the row, if it is this account's.
fn connection_in(item: &Item, owner: &str) -> Option<ConnectionId> {
    #[derive(Deserialize)]
    struct Known {
        connection: ConnectionId,
        account_login: String,
    }
    let known: Known = serde_json::from_str(text(item, "connection")).ok()?;
    known.account_login.eq_ignore_ascii_case(owner).then_some(known.connection)
}

fn read_row(item: &Item) -> anyhow::Result<WorkspaceWorkflows> {
    #[derive(Deserialize)]
    struct Row {
        version: String,
        names: Vec<String>,
    }
    let unreadable = "the row of the workspace's workflows cannot be read: it is of another version";
    let row: Row = serde_json::from_str(text(item, "workflows")).context(unreadable)?;
    let at = item.get("fetched_at_ms").and_then(|at| at.as_n().ok()?.parse().ok());
    let since = at.and_then(|at| Timestamp::from_millisecond(at).ok()).context(unreadable)?;
    Ok(WorkspaceWorkflows { version: Some(row.version).filter(|version| version != NO_FILE), workflows: row.names, since: Some(since) })
}

/// The time of an order, as the table keeps it: later than what is in force, whatever another operator's clock said.
fn moment_after(last: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
    let next = last.and_then(|last| last.checked_add(SignedDuration::from_millis(1)).ok());
    next.map_or(now, |next| next.max(now))
}

#[cfg(test)]
mod tests {
    use super::super::records::tests::item;
    use super::*;
    use serde_json::json;

    #[test]
    fn an_order_is_always_later_than_what_is_in_force() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-20T10:00:00.123456Z");
        assert_eq!(moment_after(None, now), at("2026-11-20T10:00:00.123Z"));
        assert_eq!(moment_after(Some(at("2026-11-20T09:00:00Z")), now), at("2026-11-20T10:00:00.123Z"));
        assert_eq!(moment_after(Some(at("2026-11-20T11:00:00Z")), now), at("2026-11-20T11:00:00.001Z"), "a clock that is fast");
    }

    #[test]
    fn a_row_tells_what_is_in_force_and_since_when() {
        let row = |version: &str, names: &[&str]| {
            let workflows = json!({ "version": version, "names": names, "repository": null }).to_string();
            let at = AttributeValue::N("1000".to_owned());
            item("connection#c", "workflows#workspace", &[("workflows", AttributeValue::S(workflows)), ("fetched_at_ms", at)])
        };
        let since = Timestamp::from_second(1).ok();
        let set = WorkspaceWorkflows { version: Some("v1".to_owned()), workflows: vec!["greet".to_owned()], since };
        assert_eq!(read_row(&row("v1", &["greet"])).unwrap(), set);
        assert_eq!(read_row(&row("none", &[])).unwrap(), WorkspaceWorkflows { since, ..WorkspaceWorkflows::default() });
        assert!(read_row(&item("connection#c", "workflows#workspace", &[])).unwrap_err().to_string().contains("another version"));
    }

    #[test]
    fn an_account_is_found_by_its_name_whatever_its_case() {
        let saved = json!({ "connection": "con_github_1", "account_login": "Acme", "status": "active" }).to_string();
        let row = item("connection#con_github_1", "connection", &[("connection", AttributeValue::S(saved))]);
        assert_eq!(connection_in(&row, "acme"), Some(ConnectionId("con_github_1".to_owned())));
        assert_eq!(connection_in(&row, "acm"), None);
    }
}
