//! What the agent cost in past runs: the measure for what a workflow is expected to cost.

use super::Operations;

/// What the agent steps of one past run cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentCost {
    /// `owner/name`.
    pub repository: String,
    /// The workflow's name; `None` for the built-in one.
    pub workflow: Option<String>,
    pub microusd: u64,
}

impl Operations {
    /// What the runs of the last `days` days cost that are over and asked a model for something. Calls as for
    /// [`Operations::runs`].
    ///
    /// # Errors
    /// If the runs table cannot be read.
    pub async fn agent_costs(&self, days: u16) -> anyhow::Result<Vec<AgentCost>> {
        let rows = self.rows(days).await?.into_iter().filter(|row| row.run.state.is_terminal() && row.usage.model_calls > 0);
        let cost = |row: super::records::Row| AgentCost {
            repository: row.run.repository.full_name(),
            workflow: row.run.plan.map(|plan| plan.workflow.name),
            microusd: row.usage.cost_microusd,
        };
        Ok(rows.map(cost).collect())
    }
}
