//! The names of all metrics, and who emits them: what template.yaml's alarms and dashboard watch, and the only names
//! that code may count under. Every metric has the dimension `service`, the function's package.
//!
//! A distribution that is 0 or 1 for every case has the share of the ones as its average, with no arithmetic over
//! series that may be missing. Recording a metric is the caller's affair.

/// Webhooks that came in, whatever became of them.
pub const WEBHOOK_RECEIVED: &str = "webhook.received";
/// 1 for a webhook that was refused for its signature or its form, 0 for any other.
pub const WEBHOOK_REFUSED: &str = "webhook.refused";
/// 1 for a webhook or delivery that could not be worked on, 0 for one that was.
pub const WEBHOOK_FAILED: &str = "webhook.failed";
/// Deliveries that were decided.
pub const WEBHOOK_PROCESSED: &str = "webhook.processed";
/// Failed deliveries that were asked for again or taken from the forge's log.
pub const WEBHOOK_RECOVERED: &str = "webhook.recovered";
/// The age of the oldest delivery that still fails, in hours; looked up every hour.
pub const WEBHOOK_GAP_HOURS: &str = "webhook.gap_hours";
/// Installations that were removed or suspended.
pub const CONNECTION_LOST: &str = "connection.lost";
/// Runs that ended, by `outcome`.
pub const RUN_COMPLETED: &str = "run.completed";
/// Runs that only the reaper ended, at their deadline.
pub const RUN_STUCK: &str = "run.stuck";
/// Runs that were due at a sweep.
pub const RUN_OVERDUE: &str = "run.overdue";
/// Texts that held a secret and did not go out.
pub const REDACTION_HIT: &str = "redaction.hit";
/// Messages whose handling panicked.
pub const MESSAGE_PANICKED: &str = "message.panicked";
/// Calls that the forge still allows, after each of its answers that says so.
pub const FORGE_RATE_LIMIT_REMAINING: &str = "forge.rate_limit_remaining";
/// Effects put off because the forge's limit was reached.
pub const FORGE_RATE_LIMITED: &str = "forge.rate_limited";
/// Installation tokens that were minted.
pub const TOKEN_REFRESHED: &str = "token.refreshed";
/// Model calls that were relayed.
pub const MODEL_CALLS: &str = "model.calls";
/// Tokens that the model took and gave, by `kind`.
pub const MODEL_TOKENS: &str = "model.tokens";
/// What the model's calls cost, in millionths of a US dollar.
pub const MODEL_COST_MICROUSD: &str = "model.cost_microusd";
/// Model calls refused because the run's budget was used up.
pub const MODEL_BUDGET_SPENT: &str = "model.budget_spent";

/// A metric, who emits it, and by which labels besides `service`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: &'static str,
    /// The functions' packages.
    pub services: &'static [&'static str],
    pub label: Option<&'static str>,
}

const CALLERS_OF_THE_FORGE: &[&str] = &["trigger-matcher", "run-launcher", "run-results", "run-reaper"];
const OWNERS_OF_RUNS: &[&str] = &["trigger-matcher", "run-launcher", "run-results", "run-reaper", "task-gateway", "step-callback"];
const QUEUE_WORKERS: &[&str] = &["trigger-matcher", "run-launcher", "run-results"];

/// Every metric that there is.
pub const ALL: [Metric; 19] = [
    metric(WEBHOOK_RECEIVED, &["webhook-intake"]),
    metric(WEBHOOK_REFUSED, &["webhook-intake"]),
    metric(WEBHOOK_FAILED, &["webhook-intake", "trigger-matcher"]),
    metric(WEBHOOK_PROCESSED, &["trigger-matcher"]),
    metric(WEBHOOK_RECOVERED, &["run-reaper"]),
    metric(WEBHOOK_GAP_HOURS, &["run-reaper"]),
    metric(CONNECTION_LOST, &["trigger-matcher"]),
    Metric { name: RUN_COMPLETED, services: OWNERS_OF_RUNS, label: Some("outcome") },
    metric(RUN_STUCK, &["run-reaper"]),
    metric(RUN_OVERDUE, &["run-reaper"]),
    metric(REDACTION_HIT, &["run-launcher", "run-results", "task-gateway"]),
    metric(MESSAGE_PANICKED, QUEUE_WORKERS),
    metric(FORGE_RATE_LIMIT_REMAINING, CALLERS_OF_THE_FORGE),
    metric(FORGE_RATE_LIMITED, &["run-launcher", "run-results"]),
    metric(TOKEN_REFRESHED, CALLERS_OF_THE_FORGE),
    metric(MODEL_CALLS, &["task-gateway"]),
    Metric { name: MODEL_TOKENS, services: &["task-gateway"], label: Some("kind") },
    metric(MODEL_COST_MICROUSD, &["task-gateway"]),
    metric(MODEL_BUDGET_SPENT, &["task-gateway"]),
];

const fn metric(name: &'static str, services: &'static [&'static str]) -> Metric {
    Metric { name, services, label: None }
}
