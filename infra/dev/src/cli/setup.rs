//! What demo, `up` and `sweep` do before a stack starts, and the arguments that say how: build the functions, install
//! Aider, read the model's and the App's settings.

use super::output::Progress;
use super::{Project, aider};
use crate::stack::build::{Build, build_functions};
use crate::stack::{ModelConfig, RealForge, StackConfig};
use anyhow::{Context as _, bail};
use clap::Args;
use std::path::PathBuf;

/// What the commands that start stacks have in common.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// Print one JSON object, on one line, on stdout and nothing else.
    #[arg(long)]
    pub(super) json: bool,
    /// Use the binaries that are there.
    #[arg(long, hide = true)]
    pub(super) no_build: bool,
}

/// A stack's configuration with everything built and installed that it needs.
///
/// # Errors
/// What could not be built, installed or read.
pub(super) async fn prepare(project: &Project, data_dir: PathBuf, build: bool, progress: &Progress) -> anyhow::Result<StackConfig> {
    let bin_dir = built(project, build, progress).await?;
    let mut config = StackConfig::new(project.template(), data_dir, bin_dir);
    config.model = model_from_env()?;
    let agent = setting("PATCHBAY_AGENT");
    if agent.as_deref() != Some("scripted") {
        let program = aider::ensure(project, progress).await?;
        config.task_env_overrides.insert("PATCHBAY_AIDER".to_owned(), program.display().to_string());
    }
    if let Some(agent) = agent {
        config.task_env_overrides.insert("PATCHBAY_AGENT".to_owned(), agent);
    }
    Ok(config)
}

/// A configuration for stacks that need neither Aider nor a model; each brings a data folder of its own.
///
/// # Errors
/// What could not be built.
pub(super) async fn scripted(project: &Project, build: bool, progress: &Progress) -> anyhow::Result<StackConfig> {
    let bin_dir = built(project, build, progress).await?;
    Ok(StackConfig::new(project.template(), PathBuf::new(), bin_dir))
}

async fn built(project: &Project, build: bool, progress: &Progress) -> anyhow::Result<PathBuf> {
    let bin_dir = project.bin_dir()?;
    if build {
        let packages = project.function_packages()?;
        let step = progress.step(&format!("Building {} functions", packages.len()));
        build_functions(project.root(), &bin_dir, Build::Functions(&packages), |line| step.detail(line)).await?;
    }
    Ok(bin_dir)
}

/// The model of the environment: all three variables, or none for the scripted one.
fn model_from_env() -> anyhow::Result<ModelConfig> {
    read_model(setting)
}

fn read_model(setting: impl Fn(&str) -> Option<String>) -> anyhow::Result<ModelConfig> {
    const NAMES: [&str; 3] = ["PATCHBAY_MODEL_URL", "PATCHBAY_MODEL", "PATCHBAY_MODEL_KEY"];
    let values = NAMES.map(&setting);
    let [Some(base_url), Some(name), Some(api_key)] = values.clone() else {
        if values.iter().all(Option::is_none) {
            return Ok(ModelConfig::Scripted);
        }
        let missing: Vec<_> = NAMES.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        bail!("for a real model set {} too (or none of {})", missing.join(" and "), NAMES.join(", "));
    };
    let provider = setting("PATCHBAY_MODEL_PROVIDER").unwrap_or_else(|| "openai".to_owned());
    Ok(ModelConfig::Real { provider, base_url: base_url.trim_end_matches('/').to_owned(), name, api_key })
}

/// The development App of `up --forge`.
///
/// # Errors
/// Everything that is missing, in one error.
pub(super) fn real_forge(api_url: &str, public_url: &str) -> anyhow::Result<RealForge> {
    read_forge(api_url, public_url, setting)
}

fn read_forge(api_url: &str, public_url: &str, setting: impl Fn(&str) -> Option<String>) -> anyhow::Result<RealForge> {
    const NAMES: [&str; 4] =
        ["PATCHBAY_GITHUB_APP_ID", "PATCHBAY_GITHUB_APP_SLUG", "PATCHBAY_GITHUB_APP_KEY_FILE", "PATCHBAY_WEBHOOK_SECRET"];
    let values = NAMES.map(&setting);
    let [Some(app_id), Some(slug), Some(key_file), Some(webhook_secret)] = values.clone() else {
        let missing: Vec<_> = NAMES.iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
        bail!("a real forge needs {}; see patchbay up --help", missing.join(", "));
    };
    let app_id = app_id.parse().with_context(|| format!("PATCHBAY_GITHUB_APP_ID is `{app_id}`, not a number"))?;
    let private_key =
        std::fs::read_to_string(&key_file).with_context(|| format!("PATCHBAY_GITHUB_APP_KEY_FILE: {key_file} cannot be read"))?;
    let api_url = api_url.trim_end_matches('/').to_owned();
    let web_url = web_url(&api_url);
    let public_url = public_url.trim_end_matches('/').to_owned();
    Ok(RealForge { api_url, web_url, public_url, app_id, slug, private_key, webhook_secret })
}

/// Where people see the GitHub of an API address: github.com, or GitHub Enterprise Server's host.
fn web_url(api_url: &str) -> String {
    if api_url == "https://api.github.com" { "https://github.com".to_owned() } else { api_url.trim_end_matches("/api/v3").to_owned() }
}

/// A variable that is set to something.
#[expect(clippy::disallowed_methods, reason = "the one place where the commands read their environment")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_model_is_whole_or_scripted() {
        assert!(matches!(read_model(settings(&[])).unwrap(), ModelConfig::Scripted));
        let error = read_model(settings(&[("PATCHBAY_MODEL", "gpt")])).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("PATCHBAY_MODEL_URL and PATCHBAY_MODEL_KEY too"), "{error}");
        let real = read_model(settings(&[("PATCHBAY_MODEL", "gpt"), ("PATCHBAY_MODEL_URL", "https://x/v1/"), ("PATCHBAY_MODEL_KEY", "k")]))
            .unwrap();
        assert!(matches!(real, ModelConfig::Real { provider, base_url, .. } if provider == "openai" && base_url == "https://x/v1"));
    }

    #[test]
    fn everything_that_a_real_forge_lacks_is_one_error() {
        let error = read_forge("https://api.github.com", "https://tunnel.example", settings(&[("PATCHBAY_GITHUB_APP_ID", "1")]))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "a real forge needs PATCHBAY_GITHUB_APP_SLUG, PATCHBAY_GITHUB_APP_KEY_FILE, PATCHBAY_WEBHOOK_SECRET; see patchbay up --help"
        );
    }

    #[test]
    fn pages_are_beside_the_api() {
        assert_eq!(web_url("https://api.github.com"), "https://github.com");
        assert_eq!(web_url("https://ghe.example/api/v3"), "https://ghe.example");
    }
}
