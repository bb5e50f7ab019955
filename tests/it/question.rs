//! A question becomes an answer; commands that start no agent are answered.

use crate::world::{HELLO, World, script};
use anyhow::Result;
use patchbay_testing::github::Level;

#[tokio::test(flavor = "multi_thread")]
async fn a_question_becomes_an_answer() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue(
        "How does it greet?",
        &script("ask how does it greet?", &["answer It prints **hello**, @octocat.", "write ignored.txt x\\n"]),
    )?;
    let answer = world.comment_with(number, "It prints **hello**").await?;
    assert!(!answer.body.contains(" @octocat"), "a mention of the agent's notifies nobody: {}", answer.body);
    world.settle().await?;
    assert!(world.github.pulls(HELLO).is_empty());
    assert_eq!(world.github.comment_history(HELLO, number).len(), 1);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_changes_a_request_is_answered() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Look", &script("is this fine?", &["answer Yes, it is fine."]))?;
    world.comment_with(number, "Yes, it is fine.").await?;
    world.settle().await?;
    assert!(world.github.pulls(HELLO).is_empty());
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn help_status_why_and_retry_are_answered() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Commands", "Nothing for anyone yet.")?;
    world.comment(number, "@patchbay help")?;
    world.comment_with(number, "| `@patchbay ask …` |").await?;
    world.comment(number, "/patchbay status")?;
    world.comment_with(number, "Nothing has run in this thread yet.").await?;
    world.comment(number, "@patchbay why")?;
    world.comment_with(number, "No request in this thread has started anything").await?;
    world.comment(number, "@patchbay retry")?;
    world.comment_with(number, "There is no earlier request").await?;
    world.comment(number, "@patchbay stop")?;
    world.comment_with(number, "Nothing is running in this thread.").await?;
    world.comment(number, &script("ask this", &["answer The answer is 42."]))?;
    world.comment_with(number, "The answer is 42.").await?;
    world.comment(number, "@patchbay why")?;
    world.comment_with(number, "It is now: answered").await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_without_permission_is_told_once() -> Result<()> {
    let world = World::start().await?;
    world.github.create_user("mallory")?;
    world.github.set_permission(HELLO, "mallory", Level::Read)?;
    let number = world.github.open_issue(HELLO, "mallory", "Do it", &script("do it", &["write x.txt x\\n"]), &[])?;
    world.comment_with(number, "people who can write to this repository").await?;
    world.github.comment(HELLO, number, "mallory", "@patchbay please!")?;
    world.settle().await?;
    assert_eq!(world.app_comments(number).len(), 1);
    assert!(world.github.pulls(HELLO).is_empty());
    assert!(world.stack.aws().tasks().is_empty());
    world.end().await;
    Ok(())
}
