//! The workspace's workflows, through the real binaries: the operator puts one file in force for all repositories of an
//! account, a repository's own workflow of the same name wins, and what is taken away starts no more.

use crate::command_line::{Up, patchbay};
use crate::world::{PATIENCE, World};
use anyhow::{Context, Result};
use patchbay::operations::WorkspaceWorkflows;
use patchbay::stack::forge::ORGANISATION;
use serde_json::Value;
use std::path::Path;
use std::process::Output;

const FROM_THE_WORKSPACE: &str =
    "workflows:\n  greet:\n    on: { issues: { types: [opened] } }\n    steps: [comment: { body: 'From the workspace.' }]\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_workspaces_workflows_hold_where_a_repository_has_none_of_that_name_until_they_are_removed() -> Result<()> {
    let world = World::start().await?;
    // The installation must be in the books.
    world.settle().await?;
    let operations = world.operations().await?;
    assert_eq!(operations.workspace_workflows(ORGANISATION).await?, WorkspaceWorkflows::default());
    let set = operations.configure_workspace(ORGANISATION, Some(FROM_THE_WORKSPACE.to_owned()), "grace", PATIENCE).await?;
    assert!(set.version.is_some() && set.since.is_some(), "{set:?}");
    assert_eq!((set.workflows.join(" "), &operations.workspace_workflows(ORGANISATION).await?), ("greet".to_owned(), &set));
    let number = world.issue("First", "x")?;
    world.comment_with(number, "From the workspace.").await?;

    world.in_force(&FROM_THE_WORKSPACE.replace("From the workspace.", "From the repository.")).await?;
    let number = world.issue("Second", "x")?;
    world.comment_with(number, "From the repository.").await?;
    world.settle().await?;
    assert_eq!(world.app_comments(number).len(), 1, "of two with one name the repository's");

    world.in_force(&FROM_THE_WORKSPACE.replace("greet", "other").replace("opened", "closed")).await?;
    // A process that has read nothing takes the text from the table.
    if let Some(pool) = world.stack.pool("trigger-matcher") {
        pool.recycle();
    }
    let number = world.issue("Third", "x")?;
    world.comment_with(number, "From the workspace.").await?;
    world.settle().await?;

    let removed = operations.configure_workspace(ORGANISATION, None, "grace", PATIENCE).await?;
    assert!(removed.version.is_none() && removed.since > set.since, "{removed:?}");
    let number = world.issue("Fourth", "x")?;
    world.settle().await?;
    assert_eq!(world.app_comments(number).len(), 0, "what was removed starts no more");
    let error = operations.workspace_workflows("nobody").await.unwrap_err().to_string();
    assert!(error.contains("no active installation") && error.contains("nobody"), "{error}");
    world.end().await;
    Ok(())
}

/// `patchbay workspace` with these arguments, on this stack.
async fn workspace(data: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = patchbay(&["workspace"]);
    Ok(command.args(arguments).arg("--data").arg(data).output().await?)
}

/// What it prints when it succeeds.
async fn shown(data: &Path, arguments: &[&str]) -> Result<String> {
    let output = workspace(data, arguments).await?;
    anyhow::ensure!(output.status.success(), "{arguments:?}: {output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_checks_a_file_sets_it_shows_it_and_removes_it() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("patchbay-workspace-").tempdir()?;
    let data = folder.path().join("data");
    let up = Up::start(&data).await?;
    // The installation's own delivery is decided first.
    let known = async {
        while !workspace(&data, &[ORGANISATION]).await?.status.success() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, known).await.context("the installation is never in the books")??;
    let file = folder.path().join("workspace.yml");
    let path = file.to_str().context("UTF-8")?;

    std::fs::write(&file, FROM_THE_WORKSPACE.replace("steps", "step"))?;
    let output = workspace(&data, &[ORGANISATION, "--set", path]).await?;
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stdout).contains("did you mean `steps`?"), "{output:?}");
    assert!(shown(&data, &[ORGANISATION]).await?.contains("none ever were"), "a file that is wrong is not sent");

    std::fs::write(&file, FROM_THE_WORKSPACE)?;
    let set: Value = serde_json::from_str(&shown(&data, &[ORGANISATION, "--set", path, "--by", "grace", "--json"]).await?)?;
    assert_eq!((&set["owner"], &set["workflows"]), (&ORGANISATION.into(), &serde_json::json!(["greet"])), "{set}");
    let told = shown(&data, &[ORGANISATION]).await?;
    assert!(told.contains("\n  greet\n") && told.contains(set["version"].as_str().context("a version")?), "{told}");
    assert!(shown(&data, &[ORGANISATION, "--remove"]).await?.contains("no workspace workflows are in force"));

    for (arguments, why) in [
        (&["acme/hello"][..], "`acme/hello` is no account"),
        (&["nobody"], "no active installation"),
        (&["acme", "--set", "/no/file"], "/no/file"),
    ] {
        let output = workspace(&data, arguments).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty() && said.contains(why), "{arguments:?}: {output:?}");
    }
    up.interrupt().await
}
