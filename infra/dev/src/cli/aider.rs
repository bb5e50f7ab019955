//! Aider, pinned, in a virtual environment of the project's ignored folder; installed by the command itself.
//!
//! A virtual environment cannot be moved, so it is made in place and a marker file at its end says that it is whole.

use super::output::Progress;
use super::project::Project;
use anyhow::{Context as _, bail};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// The version that Patchbay is tested with.
pub(super) const VERSION: &str = "0.86.2";
const MARKER: &str = ".complete";
/// Interpreters in the order in which they are tried.
const PYTHONS: [&str; 4] = ["python3.12", "python3.11", "python3.10", "python3"];

/// Where Aider is or will be.
pub(super) fn folder(project: &Project) -> PathBuf {
    project.ignored_dir().join(format!("aider-{VERSION}"))
}

/// Aider's program, if it is wholly installed: by its true path, because a task's sandbox shows it no links that lead there.
pub(super) fn installed(project: &Project) -> Option<PathBuf> {
    let folder = folder(project).canonicalize().ok()?;
    let program = folder.join("bin/aider");
    (folder.join(MARKER).is_file() && program.is_file()).then_some(program)
}

/// Aider's program, installed first if it is missing. Two processes do not install at once: the second waits.
///
/// # Errors
/// Which Python is missing, or pip's last lines.
pub(super) async fn ensure(project: &Project, progress: &Progress) -> anyhow::Result<PathBuf> {
    if let Some(program) = installed(project) {
        return Ok(program);
    }
    let parent = project.ignored_dir();
    std::fs::create_dir_all(&parent)?;
    let lock_file = parent.join("aider.lock");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_file)?;
    wait_for(&lock, progress).await?;
    if let Some(program) = installed(project) {
        return Ok(program);
    }
    install(&folder(project), progress).await?;
    drop(lock);
    installed(project).with_context(|| format!("Aider was installed, but {} has no bin/aider", folder(project).display()))
}

/// Waits for the lock without blocking a thread, so that Ctrl-C ends the wait too.
async fn wait_for(lock: &File, progress: &Progress) -> anyhow::Result<()> {
    let mut step = None;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {
                step.get_or_insert_with(|| progress.step("Waiting for another process that installs Aider"));
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            Err(TryLockError::Error(error)) => return Err(error).context("the lock of Aider's installation does not work"),
        }
    }
}

async fn install(folder: &Path, progress: &Progress) -> anyhow::Result<()> {
    let (python, version) = find_python().await?;
    let step = progress.step(&format!("Installing Aider {VERSION} with Python {version} (690 MB, about two minutes)"));
    // What an interrupted attempt left is not worth mending.
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    let folder_text = folder.to_str().context("the project's path is not UTF-8")?;
    step_through(
        Command::new(python).args(["-m", "venv", folder_text]),
        &step,
        "a virtual environment cannot be made (on Debian: apt install python3-venv)",
    )
    .await?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", &format!("aider-chat=={VERSION}")]);
    step_through(&mut pip, &step, "Aider cannot be installed from PyPI").await?;
    std::fs::write(folder.join(MARKER), "")?;
    Ok(())
}

/// The first interpreter of a version that Aider runs on, and its version.
///
/// # Errors
/// Which versions it could be, and what was found.
pub(super) async fn find_python() -> anyhow::Result<(&'static str, String)> {
    let mut found = Vec::new();
    for python in PYTHONS {
        let output =
            Command::new(python).args(["-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"]).stdin(Stdio::null()).output().await;
        let Ok(output) = output else { continue };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if is_supported(&version) {
            return Ok((python, version));
        }
        found.push(format!("{python} is {version}"));
    }
    let found = if found.is_empty() { "none was found".to_owned() } else { found.join(", ") };
    bail!("Aider needs Python 3.10, 3.11 or 3.12 ({found}); install one, for example: apt install python3.11 python3.11-venv");
}

fn is_supported(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(3)), Some(Ok(10..=12))))
}

async fn step_through(command: &mut Command, step: &super::output::Step, failure: &str) -> anyhow::Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| failure.to_owned())?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let complaints = tokio::spawn(async move {
        let mut text = String::new();
        if let Some(mut errors) = errors {
            _ = tokio::io::AsyncReadExt::read_to_string(&mut errors, &mut text).await;
        }
        text
    });
    if let Some(output) = output {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            step.detail(&line);
        }
    }
    let status = child.wait().await?;
    if !status.success() {
        let complaints = complaints.await.unwrap_or_default();
        let last: Vec<_> = complaints.lines().rev().take(15).collect();
        bail!("{failure}:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_supported;

    #[test]
    fn only_pythons_that_aider_runs_on_are_taken() {
        for version in ["3.10.0", "3.11.7", "3.12.1"] {
            assert!(is_supported(version), "{version}");
        }
        for version in ["3.9.18", "3.13.0", "2.7.18", ""] {
            assert!(!is_supported(version), "{version}");
        }
    }
}
