//! The template parameters that the stack itself decides: model, forge, and that steps may call this machine. What the caller
//! sets wins.

use super::config::ModelConfig;
use super::forge::Forge;
use crate::model::MODEL_NAME;
use std::collections::BTreeMap;

/// The parameters of this deployment.
pub(super) fn parameters(model: &ModelConfig, forge: &Forge, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: &str| _ = parameters.insert(name.to_owned(), value.to_owned());
    set("ForgeGithubApiUrl", forge.api_url());
    set("ForgeGithubWebUrl", forge.web_url());
    set("HttpStepAllowed", "127.0.0.0/8");
    match model {
        // The script answers in whole files and costs nothing.
        ModelConfig::Scripted => {
            set("ModelProvider", "openai");
            set("ModelName", MODEL_NAME);
            set("ModelPriceInput", "0");
            set("ModelPriceOutput", "0");
            set("AgentEditFormat", "whole");
        }
        ModelConfig::Real { provider, name, .. } => {
            set("ModelProvider", provider);
            set("ModelName", name);
        }
    }
    parameters.extend(given.clone());
    parameters
}
