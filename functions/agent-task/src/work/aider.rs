//! Aider, headless. The flags were measured on 0.86.2: with them and the metadata file it talks to the given address
//! only, commits nothing, and runs neither linters nor tests.

use super::agent::{Agent, Invocation, Workplace, write_read_files};
use crate::job::AgentJob;
use patchbay_domain::task::{Mode, ModelProvider};
use serde_json::json;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

const FLAGS: [&str; 23] = [
    "--no-stream",
    "--no-analytics",
    "--no-check-update",
    "--no-show-release-notes",
    "--no-show-model-warnings",
    "--no-check-model-accepts-settings",
    "--no-pretty",
    "--no-fancy-input",
    "--yes-always",
    "--no-gitignore",
    "--no-suggest-shell-commands",
    "--no-detect-urls",
    "--no-auto-commits",
    "--no-dirty-commits",
    "--no-auto-lint",
    "--no-auto-test",
    "--no-watch-files",
    "--no-restore-chat-history",
    "--no-copy-paste",
    "--chat-history-file=/dev/null",
    "--input-history-file=/dev/null",
    "--encoding=utf-8",
    "--disable-playwright",
];

/// Lines of Aider's that say nothing to a person who asked something.
const NOISE: [&str; 22] = [
    "Aider v",
    "Main model:",
    "Model:",
    "Weak model:",
    "Editor model:",
    "Git repo:",
    "Repo-map:",
    "Added ",
    "Tokens:",
    "Cost:",
    "Applied edit to",
    "Note: ",
    "Can't initialize",
    "Terminal does not support",
    "Initial repo scan",
    "Scanning repo",
    "Update git",
    "Skipped",
    "Warning",
    "Use /help",
    "Dirty",
    "https://aider.chat",
];

pub(crate) struct Aider {
    program: PathBuf,
}

impl Aider {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// From the installed package's folder name: asking Aider itself takes seconds.
    fn version(&self) -> Option<String> {
        let lib = self.program.parent()?.parent()?.join("lib");
        let pythons = fs::read_dir(lib).ok()?.filter_map(Result::ok);
        let packages = pythons.filter_map(|p| fs::read_dir(p.path().join("site-packages")).ok()).flatten().filter_map(Result::ok);
        packages.map(|p| p.file_name().to_string_lossy().into_owned()).find_map(|name| {
            let version = name.strip_prefix("aider_chat-")?.strip_suffix(".dist-info")?;
            Some(version.to_owned())
        })
    }
}

impl Agent for Aider {
    fn name(&self) -> String {
        format!("aider {}", self.version().unwrap_or_else(|| "of unknown version".to_owned()))
    }

    fn programs(&self) -> Vec<PathBuf> {
        vec![self.program.clone(), self.program.with_file_name("python")]
    }

    fn prepare(&self, job: &AgentJob, place: &Workplace) -> io::Result<Invocation> {
        let model = model_name(job);
        let message = write(&place.home, "message.txt", &job.prompt)?;
        let metadata = write(&place.home, "model-metadata.json", &metadata(&model, job.model.provider).to_string())?;
        let mut args: Vec<OsString> = FLAGS.iter().map(Into::into).collect();
        // Files that are not there: Aider looks for its own in the home, the repository and the current folder.
        args.extend(["--env-file".into(), place.home.join("no.env").into()]);
        args.extend(["--model".into(), model.into(), "--model-metadata-file".into(), metadata.into()]);
        args.extend(["--message-file".into(), message.into()]);
        let base = format!("http://127.0.0.1:{}", place.model_port);
        let mut environment = vec![("LITELLM_LOCAL_MODEL_COST_MAP", "True".to_owned())];
        match job.model.provider {
            ModelProvider::Openai => {
                args.extend(["--openai-api-base".into(), format!("{base}/v1").into()]);
                environment.push(("OPENAI_API_KEY", "unused".to_owned()));
            }
            ModelProvider::Anthropic => {
                environment.push(("ANTHROPIC_API_KEY", "unused".to_owned()));
                environment.push(("ANTHROPIC_API_BASE", base));
            }
        }
        if let Some(settings) = &job.model.settings_file {
            args.extend(["--model-settings-file".into(), write(&place.home, "model-settings.yml", settings)?.into()]);
        }
        if let Some(format) = job.model.edit_format.as_deref().filter(|_| job.mode != Mode::Ask) {
            args.extend(["--edit-format".into(), format.into()]);
        }
        if job.model.edit_format.as_deref() == Some("whole") {
            args.extend(["--map-tokens".into(), "0".into()]);
        }
        if job.mode == Mode::Ask {
            args.extend(["--chat-mode".into(), "ask".into()]);
        }
        for file in write_read_files(job, place)? {
            args.extend(["--read".into(), file.into()]);
        }
        args.extend(job.files.iter().map(|path| format!("--file={path}").into()));
        Ok(Invocation { program: self.program.clone(), args, environment })
    }

    fn answer(&self, _stdout: &str) -> Option<String> {
        None
    }

    fn said(&self, stdout: &str) -> String {
        let noise = |line: &&str| !NOISE.iter().any(|n| line.starts_with(n));
        stdout.lines().filter(noise).collect::<Vec<_>>().join("\n").trim().to_owned()
    }
}

/// Aider's name for the model: the provider decides which API it speaks.
fn model_name(job: &AgentJob) -> String {
    let provider = match job.model.provider {
        ModelProvider::Openai => "openai",
        ModelProvider::Anthropic => "anthropic",
    };
    format!("{provider}/{}", job.model.model)
}

/// Without an entry for the model Aider asks the internet for one.
fn metadata(model: &str, provider: ModelProvider) -> serde_json::Value {
    let provider = match provider {
        ModelProvider::Openai => "openai",
        ModelProvider::Anthropic => "anthropic",
    };
    json!({ model: {
        "max_tokens": 8192, "max_input_tokens": 128_000, "max_output_tokens": 8192,
        "input_cost_per_token": 0, "output_cost_per_token": 0, "litellm_provider": provider, "mode": "chat",
    }})
}

fn write(home: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let path = home.join(name);
    fs::write(&path, text)?;
    Ok(path)
}

#[cfg(test)]
mod tests;
