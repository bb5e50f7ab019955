//! A run's budget: money is reserved before a model call and settled after it, so that calls at the same time can
//! never spend more than the budget together (R20). What a call may cost is task-gateway's affair.

use super::{RUN_DAYS, RunsTable, conditional, keys, n, nonce, number, s, ttl_days, written};
use crate::error::AwsError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use jiff::Timestamp;
use patchbay_domain::ids::{RunId, WorkspaceId};
use patchbay_domain::task::Usage;

/// What a reservation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    Reserved,
    /// Spent and reserved money leave no room for the amount.
    Exhausted,
}

impl RunsTable {
    /// Sets `amount_microusd` aside, if what is spent and set aside stays within `budget_microusd`. One call, or none when
    /// the amount alone is over the budget.
    pub async fn reserve(
        &self,
        workspace: &WorkspaceId,
        run: &RunId,
        amount_microusd: u64,
        budget_microusd: u64,
    ) -> Result<Reservation, AwsError> {
        // Conditions cannot add, so the row keeps the sum (`committed`) and the condition has the room that is left.
        let Some(room) = budget_microusd.checked_sub(amount_microusd) else { return Ok(Reservation::Exhausted) };
        let (key, nonce) = (keys::ledger(workspace, run), nonce());
        let request = self.0.client.update_item().table_name(&self.0.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request
            .update_expression("SET reserve_nonce = :nonce, #ttl = if_not_exists(#ttl, :ttl) ADD committed :amount")
            .condition_expression("(attribute_not_exists(committed) OR committed <= :room) AND (attribute_not_exists(reserve_nonce) OR reserve_nonce <> :nonce)")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":nonce", s(&nonce))
            .expression_attribute_values(":amount", n(amount_microusd))
            .expression_attribute_values(":room", n(room))
            .expression_attribute_values(":ttl", ttl_days(Timestamp::now(), RUN_DAYS))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(if written(conditional(result)?, "reserve_nonce", &nonce) { Reservation::Reserved } else { Reservation::Exhausted })
    }

    /// Gives a reservation back and counts what was really used instead. Call it once per reservation, also for a call
    /// that failed (with no usage). One call.
    pub async fn settle(&self, workspace: &WorkspaceId, run: &RunId, reserved_microusd: u64, used: &Usage) -> Result<(), AwsError> {
        let (key, nonce) = (keys::ledger(workspace, run), nonce());
        let difference = i128::from(used.cost_microusd) - i128::from(reserved_microusd);
        let request = self.0.client.update_item().table_name(&self.0.name).key("pk", s(key.pk)).key("sk", s(key.sk));
        let result = request
            .update_expression(
                "SET settle_nonce = :nonce ADD committed :difference, cost_microusd :cost, model_calls :calls, \
                 input_tokens :input, output_tokens :output",
            )
            .condition_expression("attribute_not_exists(settle_nonce) OR settle_nonce <> :nonce")
            .expression_attribute_values(":nonce", s(&nonce))
            .expression_attribute_values(":difference", n(difference))
            .expression_attribute_values(":cost", n(used.cost_microusd))
            .expression_attribute_values(":calls", n(used.model_calls))
            .expression_attribute_values(":input", n(used.input_tokens))
            .expression_attribute_values(":output", n(used.output_tokens))
            .send()
            .await;
        // A failed condition is our own try whose answer was lost: counted already.
        conditional(result).map(|_| ())
    }

    /// What the run has used so far, reservations not included. One call.
    pub async fn usage(&self, workspace: &WorkspaceId, run: &RunId) -> Result<Usage, AwsError> {
        let item = self.0.get(&keys::ledger(workspace, run)).await?.unwrap_or_default();
        let count = |name| number(&item, name).unwrap_or_default();
        Ok(Usage {
            model_calls: count("model_calls"),
            input_tokens: count("input_tokens"),
            output_tokens: count("output_tokens"),
            cost_microusd: count("cost_microusd"),
        })
    }
}
