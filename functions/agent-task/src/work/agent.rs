//! What an agent is to this binary: a program that is started with a job and leaves a changed working copy.

use crate::config::{AgentKind, WorkConfig};
use crate::job::{AgentJob, ReadFile};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where an agent works, made before it starts.
pub(crate) struct Workplace {
    /// The working copy, the agent's current folder.
    pub(crate) tree: PathBuf,
    /// A private folder for the agent's files, its `HOME`.
    pub(crate) home: PathBuf,
    /// The loopback port that leads to the model, and nowhere else.
    pub(crate) model_port: u16,
}

/// The command that starts an agent. Its environment is this and `PATH`, `HOME`, `LANG`, nothing inherited.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// A coding agent.
pub(crate) trait Agent: Send + Sync {
    /// Its name and version, for people.
    fn name(&self) -> String;

    /// Programs outside the system's folders that it must be able to read.
    fn programs(&self) -> Vec<PathBuf>;

    /// Writes what it needs into its home and returns how to start it; called once for each round.
    ///
    /// # Errors
    /// When the home cannot be written.
    fn prepare(&self, job: &AgentJob, place: &Workplace) -> io::Result<Invocation>;

    /// The answer that it declares on its standard output, if it has a way to.
    fn answer(&self, stdout: &str) -> Option<String>;

    /// Its standard output without the noise.
    fn said(&self, stdout: &str) -> String;
}

/// How a command of the workflow's is started: like an agent, and with nothing of its own.
pub(crate) fn shell(command: &str) -> Invocation {
    Invocation { program: "/bin/sh".into(), args: vec!["-c".into(), command.into()], environment: Vec::new() }
}

/// Writes the files that the agent is shown read-only, below its home and so outside of the working copy: what it changes
/// there is its own copy. Returns where they are.
///
/// # Errors
/// When the home cannot be written.
pub(crate) fn write_read_files(job: &AgentJob, place: &Workplace) -> io::Result<Vec<PathBuf>> {
    let write = |file: &ReadFile| {
        let path = place.home.join("read").join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, &file.text)?;
        Ok(path)
    };
    job.read.iter().map(write).collect()
}

/// The agent that the configuration names.
pub(crate) fn open_agent(config: &WorkConfig) -> Box<dyn Agent> {
    match config.agent {
        AgentKind::Aider => Box::new(super::aider::Aider::new(config.aider.clone())),
        AgentKind::Scripted => Box::new(super::scripted::Scripted),
    }
}

/// The folders that hold a program: for every link on the way to its file, the folder above its `bin`.
pub(crate) fn folders_of(program: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut at = program.to_owned();
    for _ in 0..40 {
        folders.extend(at.parent().and_then(Path::parent).map(Path::to_owned));
        match std::fs::read_link(&at) {
            Ok(target) => at = at.parent().map(|p| p.join(&target)).unwrap_or(target),
            Err(_) => break,
        }
    }
    folders.retain(|f| f.parent().is_some());
    folders
}
