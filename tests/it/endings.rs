//! How a run can end early or badly, and what the thread then says.

use crate::world::{HELLO, World, script};
use anyhow::Result;
use patchbay::aws::TaskStatus;

#[tokio::test(flavor = "multi_thread")]
async fn stop_ends_a_running_task_and_no_pull_request_follows() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Slowly", &script("slowly", &["write new.txt x\\n", "hang"]))?;
    world.comment_with(number, "⚙️").await?;
    world.comment(number, "@patchbay stop")?;
    let stopped = world.comment_with(number, "⏹️ Stopped by").await?;
    assert!(stopped.body.contains("Nothing was changed."), "{}", stopped.body);
    world.settle().await?;
    assert!(world.github.pulls(HELLO).is_empty());
    assert_eq!(world.github.branches(HELLO), ["main"]);
    assert_eq!(world.app_comments(number).len(), 1);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_ends_everything_and_nothing_more_is_written() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Slowly", &script("slowly", &["write new.txt x\\n", "hang"]))?;
    world.comment_with(number, "⚙️").await?;
    let installation = world.installation()?;
    let before = world.app_comments(number);
    world.github.uninstall_app(installation)?;
    world.settle().await?;
    assert!(world.stack.aws().tasks().iter().all(|task| task.last_status == TaskStatus::Stopped), "the task was stopped");
    assert_eq!(world.app_comments(number), before);
    assert!(world.github.pulls(HELLO).is_empty());
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_thread_ends_its_run() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Slowly", &script("slowly", &["hang"]))?;
    world.comment_with(number, "⚙️").await?;
    world.github.close_issue(HELLO, number, patchbay::stack::forge::PERSON)?;
    world.comment_with(number, "this thread was closed").await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_crashes_is_said_in_the_thread() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Crash", &script("change it", &["crash"]))?;
    let failed = world.comment_with(number, "❌").await?;
    assert!(
        failed.body.contains("The agent ended without a result.") || failed.body.contains("The agent changed nothing."),
        "{}",
        failed.body
    );
    assert!(failed.body.contains("**What to do:**"), "{}", failed.body);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_hangs_is_ended_by_its_deadline() -> Result<()> {
    let world = World::with(|config| {
        config.parameters.insert("RunDeadlineSeconds".to_owned(), "100".to_owned());
    })
    .await?;
    let number = world.issue("Hang", &script("change it", &["write new.txt x\\n", "ignore-sigterm", "hang"]))?;
    let failed = world.comment_with(number, "❌").await?;
    assert!(failed.body.contains("took too long"), "{}", failed.body);
    world.settle().await?;
    assert!(world.github.pulls(HELLO).is_empty());
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_eats_all_memory_is_said_in_the_thread() -> Result<()> {
    let world = World::with(|config| {
        config.parameters.insert("AgentMemory".to_owned(), "2048".to_owned());
    })
    .await?;
    let number = world.issue("Eat", &script("change it", &["alloc 4000MB", "hang"]))?;
    let failed = world.comment_with(number, "❌").await?;
    assert!(failed.body.contains("ran out of memory"), "{}", failed.body);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_over_its_budget_ends_with_that_reason() -> Result<()> {
    let world = World::with(|config| {
        config.parameters.insert("RunBudgetUsd".to_owned(), "0.000001".to_owned());
        config.parameters.insert("ModelPriceInput".to_owned(), "10".to_owned());
        config.parameters.insert("ModelPriceOutput".to_owned(), "30".to_owned());
    })
    .await?;
    let number = world.issue("Expensive", &script("change it", &["model think hard", "write new.txt x\\n"]))?;
    let failed = world.comment_with(number, "❌").await?;
    assert!(failed.body.contains("budget is used up"), "{}", failed.body);
    world.settle().await?;
    assert!(world.github.pulls(HELLO).is_empty());
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_task_is_explained_after_its_last_try() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Kill", &script("change it", &["hang"]))?;
    world.comment_with(number, "⚙️").await?;
    world.kill_supervisors().await?;
    let failed = world.comment_with(number, "❌").await?;
    assert!(failed.body.contains("exit code 137"), "{}", failed.body);
    world.end().await;
    Ok(())
}
