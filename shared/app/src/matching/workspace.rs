//! The workspace's workflows: an operator's order puts one file in force for all repositories of a connection, or takes it
//! away. The right to send to the events queue vouches for it. What is in force when is `configuration`'s.

use super::Matcher;
use super::compiled::Compiled;
use patchbay_aws::lambda::Handled;
use patchbay_aws::tables::core::{ConnectionStatus, Scope, WorkflowsRow};
use patchbay_domain::envelope::ConfigureOrder;
use patchbay_domain::workflow::{FILE_PATH, not_for_workspace, read};
use sha2::{Digest, Sha256};
use std::sync::Arc;

impl Matcher {
    /// Obeys the order, unless a later one was obeyed already. One that can never be obeyed (no such installation, a file that
    /// is wrong) is dropped, and what is in force stays. Two calls.
    pub(super) async fn configure_workspace(&self, order: &ConfigureOrder) -> anyhow::Result<Handled> {
        let ConfigureOrder { connection, text, by, at } = order;
        match self.services.core.load_connection(connection).await? {
            Some(known) if known.status != ConnectionStatus::Deleted => {}
            _ => return Ok(Handled::Drop(format!("the workspace's workflows are refused: {connection} is no installation"))),
        }
        let compiled = match text.as_deref().map(compile).transpose() {
            Ok(compiled) => compiled.map(Arc::new),
            Err(why) => return Ok(Handled::Drop(format!("the workspace's workflows of {by} for {connection} are refused: {why}"))),
        };
        let nothing = WorkflowsRow::nothing(None, *at);
        let row = match (text, &compiled) {
            (Some(text), Some(compiled)) => {
                let version = hex::encode(Sha256::digest(text));
                WorkflowsRow { version, names: compiled.names(), kinds: compiled.kinds(), ..nothing }
            }
            _ => nothing,
        };
        if !self.services.core.save_workflows(connection, Scope::Workspace, &row, text.as_deref(), None).await? {
            tracing::info!(%connection, by, %at, "a later order about the workspace's workflows was obeyed already");
            return Ok(Handled::Done);
        }
        tracing::info!(audit = true, %connection, by, version = row.version, workflows = row.names.len(), "the workspace's workflows are set");
        if let Some(compiled) = &compiled {
            self.configurations.remember(connection, Scope::Workspace, &row.version, compiled);
        }
        Ok(Handled::Done)
    }
}

/// The file made ready, or why it cannot be in force.
fn compile(text: &str) -> Result<Compiled, String> {
    let configuration = read(text).map_err(|problems| problems.text(FILE_PATH))?;
    match not_for_workspace(&configuration) {
        Some(why) => Err(why),
        None => Compiled::of(configuration),
    }
}
