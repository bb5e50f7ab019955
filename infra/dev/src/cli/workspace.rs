//! `patchbay workspace`: one workflow file for all repositories of an account, or what is in force of that kind.

use super::check::checked;
use super::output::{Progress, print_result, printable};
use super::which::Which;
use crate::operations::WorkspaceWorkflows;
use anyhow::bail;
use clap::Args;
use patchbay_domain::workflow::not_for_workspace;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The account whose repositories they are for: an organisation or a person.
    owner: String,
    /// Put this workflow file in force for all repositories of the account; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    set: Option<PathBuf>,
    /// Take away what is in force.
    #[arg(long, conflicts_with = "set")]
    remove: bool,
    /// Who does it, for the log.
    #[arg(long, env = "USER", default_value = "operator")]
    by: String,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { owner, set, remove, by, which } = arguments;
    let text = match &set {
        Some(path) => match text_for_workspace(path, which.json)? {
            Some(text) => Some(text),
            None => return Ok(ExitCode::FAILURE),
        },
        None => None,
    };
    let operations = which.open().await?;
    let found = if set.is_some() || remove {
        let step = Progress::new(which.json).step(if remove { "Removing the workflows" } else { "Setting the workflows" });
        let found = operations.configure_workspace(&owner, text, &by, PATIENCE).await;
        drop(step);
        found?
    } else {
        operations.workspace_workflows(&owner).await?
    };
    print_result(&if which.json { json_of(&owner, &found).to_string() } else { printable(&describe(&owner, &found)) });
    Ok(ExitCode::SUCCESS)
}

/// The file's text; `None` if it is wrong, which has been told then.
fn text_for_workspace(path: &Path, json: bool) -> anyhow::Result<Option<String>> {
    let Some((text, configuration)) = checked(path, json)? else { return Ok(None) };
    if let Some(why) = not_for_workspace(&configuration) {
        bail!("{}: {why}", path.display());
    }
    if configuration.workflows.is_empty() {
        bail!("{} has no workflows; `--remove` takes away what is in force", path.display());
    }
    Ok(Some(text))
}

fn describe(owner: &str, found: &WorkspaceWorkflows) -> String {
    let since = found.since.map(|since| format!("since {since:.0}")).unwrap_or_default();
    match &found.version {
        Some(version) => {
            let names: Vec<String> = found.workflows.iter().map(|name| format!("  {name}")).collect();
            format!("in force for all repositories of {owner} {since}, version {version}:\n{}", names.join("\n"))
        }
        None if found.since.is_some() => format!("no workspace workflows are in force for {owner}, {since}"),
        None => format!("no workspace workflows are in force for {owner}; none ever were"),
    }
}

fn json_of(owner: &str, found: &WorkspaceWorkflows) -> Value {
    json!({ "owner": owner, "version": found.version, "workflows": found.workflows, "since": found.since })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "workflows:\n  greet:\n    on: issues\n    steps:\n      - comment: { body: Hello }\n";

    #[test]
    fn a_file_that_cannot_be_in_force_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("workspace.yml");
        let text = |content: &str| {
            std::fs::write(&path, content).unwrap();
            text_for_workspace(&path, true)
        };
        assert_eq!(text(GOOD).unwrap().as_deref(), Some(GOOD));
        assert_eq!(text(&GOOD.replace("steps", "step")).unwrap(), None);
        let scheduled = GOOD.replace("on: issues", "on: { schedule: { cron: ['0 4 * * *'] } }").replace("Hello", "Hello, number: '1'");
        let why = text(&scheduled).unwrap_err().to_string();
        assert!(why.contains("workspace.yml: workflow `greet`") && why.contains("a schedule needs a repository"), "{why}");
        assert!(text_for_workspace(&dir.path().join("none.yml"), true).is_err());
    }

    #[test]
    fn what_is_in_force_is_told_with_its_names_and_its_time() {
        let since = "2026-11-20T10:00:00.5Z".parse().ok();
        let set = WorkspaceWorkflows { version: Some("abc".to_owned()), workflows: vec!["greet".to_owned(), "triage".to_owned()], since };
        assert_eq!(
            describe("acme", &set),
            "in force for all repositories of acme since 2026-11-20T10:00:00Z, version abc:\n  greet\n  triage"
        );
        assert_eq!(json_of("acme", &set)["workflows"], json!(["greet", "triage"]));
        let removed = WorkspaceWorkflows { since, ..WorkspaceWorkflows::default() };
        assert_eq!(describe("acme", &removed), "no workspace workflows are in force for acme, since 2026-11-20T10:00:00Z");
        assert!(describe("acme", &WorkspaceWorkflows::default()).ends_with("none ever were"));
    }
}
