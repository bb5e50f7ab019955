//! The workspace's workflows, through the real binaries: the operator puts one file in force for all repositories of an
//! account, a repository's own workflow of the same name wins, and what is taken away starts no more.

use crate::world::{PATIENCE, World};
use anyhow::Result;
use patchbay::operations::WorkspaceWorkflows;
use patchbay::stack::forge::ORGANISATION;

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
