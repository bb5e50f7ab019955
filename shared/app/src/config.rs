//! What the functions are configured with, one struct per concern, read once at start; everything missing is
//! reported together.

use crate::steps::http::guard::AllowedAddresses;
use patchbay_aws::config::EnvReader;
use patchbay_domain::policy::AllowedModels;
use patchbay_domain::task::{Failure, FailureCode, ModelProvider, ModelSettings};

/// How many runs may work at once (R20): `REPOSITORY_CAPACITY`, `WORKSPACE_CAPACITY`.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    pub repository: u32,
    pub workspace: u32,
}

impl Capacity {
    /// Reads both, with defaults of 5 and 20.
    pub fn read(env: &mut EnvReader) -> Self {
        Self { repository: env.parsed_or("REPOSITORY_CAPACITY", 5), workspace: env.parsed_or("WORKSPACE_CAPACITY", 20) }
    }
}

/// What a run may take: `RUN_DEADLINE_SECONDS` (R19), `RUN_BUDGET_USD`.
#[derive(Clone, Copy, Debug)]
pub struct RunLimits {
    pub deadline_seconds: u32,
    pub budget_microusd: u64,
}

impl RunLimits {
    /// Reads both, with defaults of 1800 seconds and 2 dollars.
    pub fn read(env: &mut EnvReader) -> Self {
        let dollars: f64 = env.parsed_or("RUN_BUDGET_USD", 2.0);
        Self { deadline_seconds: env.parsed_or("RUN_DEADLINE_SECONDS", 1800), budget_microusd: (dollars.max(0.0) * 1_000_000.0) as u64 }
    }
}

/// How the agent speaks to its model: `MODEL_PROVIDER`, `MODEL_NAME`, `MODEL_ALLOWED`, `AGENT_EDIT_FORMAT`,
/// `AGENT_MODEL_SETTINGS`.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// `None` while no model is named: runs then fail with a sentence that says so.
    pub model: Option<ModelSettings>,
    /// The models that a workflow may name instead.
    pub allowed: AllowedModels,
}

impl AgentConfig {
    /// Reads the model's settings.
    pub fn read(env: &mut EnvReader) -> Self {
        let provider = match env.optional("MODEL_PROVIDER").as_deref() {
            None | Some("openai") => ModelProvider::Openai,
            Some("anthropic") => ModelProvider::Anthropic,
            Some(other) => {
                env.problem("MODEL_PROVIDER", &format!("must be openai or anthropic, not {other}"));
                ModelProvider::Openai
            }
        };
        let model = env.optional("MODEL_NAME").map(|model| ModelSettings {
            provider,
            model,
            edit_format: env.optional("AGENT_EDIT_FORMAT"),
            settings_file: env.optional("AGENT_MODEL_SETTINGS"),
        });
        Self { model, allowed: read_allowed_models(env) }
    }

    /// The settings for the model that a workflow names, or for the configured one.
    ///
    /// # Errors
    /// The failure of a run whose model is not configured or not allowed.
    pub fn model_for(&self, named: Option<&str>) -> Result<ModelSettings, Failure> {
        let Some(configured) = &self.model else { return Err(Failure::new(FailureCode::NoModel, "")) };
        match named {
            Some(named) if named != configured.model => {
                if self.allowed.find(named).is_none() {
                    return Err(model_not_allowed(named));
                }
                // The edit format was chosen for the configured model: Aider chooses for another.
                Ok(ModelSettings { model: named.to_owned(), edit_format: None, ..configured.clone() })
            }
            _ => Ok(configured.clone()),
        }
    }
}

/// `MODEL_ALLOWED`: what workflows may name besides the configured model.
pub(crate) fn read_allowed_models(env: &mut EnvReader) -> AllowedModels {
    AllowedModels::parse(&env.optional("MODEL_ALLOWED").unwrap_or_default()).unwrap_or_else(|complaint| {
        env.problem("MODEL_ALLOWED", &complaint);
        AllowedModels::default()
    })
}

/// The failure of a run that wants a model which the operator does not allow.
pub(crate) fn model_not_allowed(named: &str) -> Failure {
    let named: String = named.chars().filter(|c| !c.is_control() && *c != '`').take(100).collect();
    Failure::new(FailureCode::ModelNotAllowed, &format!("The workflow wants `{named}`."))
}

/// Where tasks find their gateway: `TASK_GATEWAY_URL`.
#[derive(Clone, Debug)]
pub struct TaskConfig {
    pub gateway_url: String,
}

impl TaskConfig {
    /// Reads the URL.
    pub fn read(env: &mut EnvReader) -> Self {
        Self { gateway_url: env.required("TASK_GATEWAY_URL").trim_end_matches('/').to_owned() }
    }
}

/// What `http` steps may call and where they are called back: `HTTP_STEP_ALLOWED`, `CALLBACK_URL`.
#[derive(Clone, Debug)]
pub struct StepConfig {
    pub allowed: AllowedAddresses,
    /// The public address of the API, without a slash at the end.
    pub callback_url: String,
}

impl StepConfig {
    /// Reads both. Nothing but public addresses is allowed by default.
    pub fn read(env: &mut EnvReader) -> Self {
        let allowed = AllowedAddresses::parse(&env.optional("HTTP_STEP_ALLOWED").unwrap_or_default()).unwrap_or_else(|complaint| {
            env.problem("HTTP_STEP_ALLOWED", &complaint);
            AllowedAddresses::default()
        });
        Self { allowed, callback_url: env.required("CALLBACK_URL").trim_end_matches('/').to_owned() }
    }
}
