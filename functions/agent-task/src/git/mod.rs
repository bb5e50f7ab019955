//! The git command line, made safe for a repository that nobody trusts: an environment of its own, no configuration
//! but ours, nothing that runs a program (hooks, filters, fsmonitor, credential helpers, external diffs).
//!
//! `clone` brings the working copy, `aside` and `links` make it harmless, `changes` reads what the agent did
//! and `leftovers` tells it from what the workflow's commands did, `pristine` reads the base commit, `agent_repository` is the
//! one that the agent sees.

pub(crate) mod agent_repository;
pub(crate) mod aside;
pub(crate) mod changes;
pub(crate) mod clone;
pub(crate) mod leftovers;
pub(crate) mod links;
pub(crate) mod pristine;
pub(crate) mod raw_diff;
mod stage;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Settings that hold for every call, before whatever the repository's own (empty) configuration says.
const SETTINGS: [(&str, &str); 24] = [
    ("protocol.allow", "never"),
    ("protocol.http.allow", "always"),
    ("protocol.https.allow", "always"),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("credential.helper", ""),
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.symlinks", "true"),
    ("core.fileMode", "true"),
    ("core.autocrlf", "false"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("core.pager", "cat"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("commit.gpgSign", "false"),
    ("safe.directory", "*"),
];

/// Why a git command did not do what it was asked for.
#[derive(Debug, Error)]
pub(crate) enum GitError {
    #[error("git could not be started: {0}")]
    NotStarted(#[from] std::io::Error),
    /// The last lines of what it said on standard error.
    #[error("git {command} failed: {said}")]
    Failed { command: String, said: String },
}

/// A repository whose metadata lies in one place and whose working copy in another.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    pub(crate) git_dir: PathBuf,
    pub(crate) work_tree: PathBuf,
    environment: BTreeMap<String, String>,
    settings: Vec<(String, String)>,
}

impl Git {
    /// A repository at these places; `environment` is all that git inherits (`PATH`, proxies).
    pub(crate) fn new(git_dir: PathBuf, work_tree: PathBuf, environment: BTreeMap<String, String>) -> Self {
        Self { git_dir, work_tree, environment, settings: Vec::new() }
    }

    /// The same repository with one more setting. It travels in the environment: never in argv, never on disk.
    pub(crate) fn with_setting(&self, name: &str, value: String) -> Self {
        let mut git = self.clone();
        git.settings.push((name.to_owned(), value));
        git
    }

    /// Runs one command and returns its standard output.
    ///
    /// # Errors
    /// [`GitError`] when git cannot be started or does not exit with 0.
    pub(crate) async fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Result<Vec<u8>, GitError> {
        self.run_with_input(args, Vec::new()).await
    }

    /// Like [`Git::run`], with something on standard input.
    pub(crate) async fn run_with_input<A: AsRef<OsStr>>(&self, args: &[A], input: Vec<u8>) -> Result<Vec<u8>, GitError> {
        let mut child = self.command(args).spawn()?;
        let mut stdin = child.stdin.take();
        let write = async move {
            if let Some(pipe) = stdin.as_mut() {
                // A git that ends early has said why on standard error.
                let _ = pipe.write_all(&input).await;
            }
            drop(stdin);
        };
        let (output, ()) = tokio::join!(child.wait_with_output(), write);
        let output = output?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let command = args.first().map(|a| a.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
        Err(GitError::Failed { command, said: last_lines(&output.stderr) })
    }

    fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new("git");
        command.args(args).current_dir(&self.work_tree).env_clear().envs(&self.environment);
        command.env("GIT_DIR", &self.git_dir).env("GIT_WORK_TREE", &self.work_tree);
        command.env("HOME", "/nonexistent").env("LC_ALL", "C").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.env("GIT_ATTR_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0").env("GIT_LFS_SKIP_SMUDGE", "1");
        command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_LITERAL_PATHSPECS", "1");
        let own = self.settings.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let all: Vec<_> = SETTINGS.into_iter().chain(own).collect();
        command.env("GIT_CONFIG_COUNT", all.len().to_string());
        for (i, (name, value)) in all.into_iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{i}"), name).env(format!("GIT_CONFIG_VALUE_{i}"), value);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }
}

/// The last 600 bytes of a message, control characters gone.
fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(600)..]).trim().replace('\n', "; ");
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests;
