//! Builds the functions' binaries with cargo, in the profile of the running binary.
//!
//! `cargo run` builds only `patchbay` itself: without this step the stack would run stale functions, or none.

use super::environment;
use anyhow::{Context as _, bail};
use std::collections::VecDeque;
use std::iter;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// What is built.
#[derive(Clone, Copy, Debug)]
pub enum Build<'a> {
    /// The binaries of these packages.
    Functions(&'a [String]),
    /// All binaries, with the features that `cargo test --workspace` gives them, so that it and this compile nothing twice.
    EverythingTested,
    /// One example of a package.
    Example { package: &'a str, name: &'a str },
}

/// Builds binaries into `bin_dir`; `progress` is told every line that cargo writes.
///
/// # Errors
/// Cargo's last lines, if the build fails, or that there is no cargo.
pub async fn build_functions(project: &Path, bin_dir: &Path, what: Build<'_>, mut progress: impl FnMut(&str)) -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(project).args(["build", "--color", "never"]);
    command.args(profile(bin_dir));
    if let Some(target) = bin_dir.parent() {
        command.arg("--target-dir").arg(target);
    }
    let selection: Vec<&str> = match what {
        Build::Functions(packages) => iter::once("--bins").chain(packages.iter().flat_map(|package| ["--package", package])).collect(),
        Build::EverythingTested => vec!["--bins", "--workspace", "--tests"],
        Build::Example { package, name } => vec!["--package", package, "--example", name],
    };
    command.args(selection);
    for name in environment::of_the_running_package() {
        command.env_remove(name);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cargo cannot be started; install Rust from https://rustup.rs")?;
    let mut last = VecDeque::new();
    if let Some(output) = child.stderr.take() {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            progress(line.trim());
            if last.len() == 40 {
                last.pop_front();
            }
            last.push_back(line);
        }
    }
    let status = child.wait().await?;
    if !status.success() {
        bail!("the functions do not build:\n{}", last.into_iter().collect::<Vec<_>>().join("\n"));
    }
    Ok(())
}

/// Cargo's flag for the profile that a binary's folder belongs to.
fn profile(bin_dir: &Path) -> Vec<String> {
    match bin_dir.file_name().and_then(|name| name.to_str()) {
        None | Some("debug") => Vec::new(),
        Some("release") => vec!["--release".to_owned()],
        Some(other) => vec!["--profile".to_owned(), other.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_the_running_binarys() {
        assert!(profile(Path::new("/p/target/debug")).is_empty());
        assert_eq!(profile(Path::new("/p/target/release")), ["--release"]);
        assert_eq!(profile(Path::new("/p/target/deploy")), ["--profile", "deploy"]);
    }
}
