//! R25: what in a repository configures a tool instead of being part of the project is taken away before the agent
//! starts, and counts as untouched afterwards. Texts that merely advise a model (`AGENTS.md`, `CLAUDE.md`) stay.

use super::links::leads_out;
use super::raw_diff::{SYMLINK, TrackedFile, tracked_files};
use super::{Git, GitError};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use thiserror::Error;

/// How a rule finds its files. Names are compared without regard to case.
enum Matches {
    /// A file or folder of this name, at any depth.
    Named(&'static str),
    /// A file or folder whose name starts like this, at any depth.
    Starting(&'static str),
    /// `.env` and its variants, but not the samples that people are meant to edit.
    DotEnv,
    /// This path below any folder.
    Path(&'static str),
}

/// What is taken away, and why.
const RULES: [(Matches, &str); 22] = [
    (Matches::DotEnv, "Aider and many tools load it into their own environment: it redirects the model and runs shell"),
    (Matches::Named(".envrc"), "direnv runs it"),
    (Matches::Starting(".aider"), "Aider's own configuration: test and lint commands run shell"),
    (Matches::Named(".mcp.json"), "starts MCP servers"),
    (Matches::Named("mcp.json"), "starts MCP servers"),
    (Matches::Named("opencode.json"), "opencode: commands and MCP servers"),
    (Matches::Named("opencode.jsonc"), "opencode: commands and MCP servers"),
    (Matches::Named(".opencode"), "opencode: plugins and commands"),
    (Matches::Named(".claude"), "Claude Code: hooks, permissions and commands"),
    (Matches::Named(".claude.json"), "Claude Code: MCP servers"),
    (Matches::Named(".codex"), "Codex: configuration and MCP servers"),
    (Matches::Named(".gemini"), "Gemini CLI: tools and MCP servers"),
    (Matches::Named(".cursor"), "Cursor: hooks and MCP servers"),
    (Matches::Named(".windsurf"), "Windsurf: hooks and workflows"),
    (Matches::Named(".continue"), "Continue: tools and MCP servers"),
    (Matches::Named(".roo"), "Roo Code: MCP servers"),
    (Matches::Named(".kilocode"), "Kilo Code: MCP servers"),
    (Matches::Named(".clinerules"), "Cline: hooks and workflows"),
    (Matches::Named(".goose"), "Goose: extensions"),
    (Matches::Path(".vscode/tasks.json"), "tasks run when the folder is opened"),
    (Matches::Path(".vscode/settings.json"), "names programs that the editor and its agents start"),
    (Matches::Path(".github/copilot-setup-steps.yml"), "Copilot runs it"),
];

/// What was done to the working copy, so that the diff can tell it from the agent's work.
#[derive(Debug, Default)]
pub(crate) struct SetAside {
    /// Removed, with the reason.
    pub(crate) removed: BTreeMap<Vec<u8>, &'static str>,
    /// Symlinks that led out of the tree: now plain files that hold their target.
    pub(crate) flattened: Vec<Vec<u8>>,
}

/// Why the working copy could not be made harmless.
#[derive(Debug, Error)]
pub(crate) enum AsideError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("the working copy cannot be prepared: {0}")]
    Io(#[from] io::Error),
}

/// Takes tool configuration away and flattens symlinks that lead out of the tree.
pub(crate) async fn set_aside(git: &Git) -> Result<SetAside, AsideError> {
    let tracked = tracked_files(git).await?;
    let is_link = |f: &&TrackedFile| f.mode == SYMLINK;
    let leading_out: Vec<_> = tracked.iter().filter(is_link).filter(|f| leads_out(&git.work_tree, &f.os_path())).collect();
    let mut done = SetAside::default();
    for file in &tracked {
        if let Some(reason) = rule_for(&file.path) {
            fs::remove_file(git.work_tree.join(file.os_path())).or_else(ignore_missing)?;
            done.removed.insert(file.path.clone(), reason);
        }
    }
    for file in leading_out.into_iter().filter(|f| !done.removed.contains_key(&f.path)) {
        flatten(&git.work_tree.join(file.os_path()))?;
        done.flattened.push(file.path.clone());
    }
    Ok(done)
}

fn flatten(link: &Path) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let target = fs::read_link(link)?;
    fs::remove_file(link)?;
    fs::write(link, target.as_os_str().as_bytes())
}

/// A submodule's folder, or a file whose folder was replaced: nothing to take away.
fn ignore_missing(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => Ok(()),
        _ => Err(error),
    }
}

/// The reason why this path is taken away, if it is.
fn rule_for(path: &[u8]) -> Option<&'static str> {
    let path = String::from_utf8_lossy(path).to_ascii_lowercase();
    RULES.iter().find(|(matches, _)| matches.matches(&path)).map(|(_, reason)| *reason)
}

impl Matches {
    fn matches(&self, path: &str) -> bool {
        let mut names = path.split('/');
        match self {
            Matches::Named(name) => names.any(|n| n == *name),
            Matches::Starting(start) => names.any(|n| n.starts_with(start)),
            Matches::DotEnv => names.any(is_dot_env),
            Matches::Path(wanted) => path == *wanted || path.strip_suffix(wanted).is_some_and(|rest| rest.ends_with('/')),
        }
    }
}

fn is_dot_env(name: &str) -> bool {
    let sample = [".example", ".sample", ".template", ".dist"].iter().any(|end| name.ends_with(end));
    name == ".env" || (name.starts_with(".env.") && !sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_goes_and_everything_else_stays() {
        let goes =
            [".env", "app/.env", ".ENV", ".env.local", ".aider.conf.yml", "x/.aiderignore", ".claude/settings.json", ".cursor/mcp.json"];
        let more = [".vscode/tasks.json", "a/.vscode/tasks.json", ".mcp.json", ".envrc"];
        for path in goes.iter().chain(&more) {
            assert!(rule_for(path.as_bytes()).is_some(), "{path} must go");
        }
        for path in
            [".env.example", "AGENTS.md", "CLAUDE.md", "src/env.rs", ".environment", "docs/aider.md", "x.vscode/tasks.json", ".gitignore"]
        {
            assert!(rule_for(path.as_bytes()).is_none(), "{path} must stay");
        }
    }
}
