//! An issue becomes a pull request, and the label starts it too.

use crate::world::{HELLO, World, script};
use anyhow::Result;

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_becomes_a_pull_request() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue(
        "Greet by name",
        &script(
            "greet by name",
            &["write hello.py print(\"hello, name\")\\n", "write docs/new.md # New\\n", "delete README.md", "answer Done."],
        ),
    )?;
    let pull = world.pull_request().await?;

    assert_eq!((pull.base.as_str(), pull.author.as_str(), pull.open), ("main", "patchbay[bot]", true));
    assert!(pull.head.starts_with(&format!("patchbay/{number}-")), "{}", pull.head);
    assert!(pull.body.contains(&format!("Closes #{number}")), "{}", pull.body);
    let files: Vec<(String, String)> = world.github.pull_files(HELLO, pull.number)?.into_iter().map(|f| (f.path, f.status)).collect();
    let expected = [("README.md", "removed"), ("docs/new.md", "added"), ("hello.py", "modified")];
    assert_eq!(files, expected.map(|(p, s)| (p.to_owned(), s.to_owned())));
    assert_eq!(world.github.file(HELLO, &pull.head_sha, "hello.py").as_deref(), Some(&b"print(\"hello, name\")\n"[..]));
    assert!(world.github.is_verified(HELLO, &pull.head_sha), "the App's own commit is verified");
    assert!(world.github.commit_messages(HELLO, &pull.head)[0].contains("Patchbay-Run: run_"));

    let done = world.comment_with(number, "✅ Done").await?;
    assert!(done.body.contains(&pull.url), "{}", done.body);
    world.settle().await?;
    let history = world.github.comment_history(HELLO, number);
    assert_eq!(history.len(), 1, "one comment, edited in place: {history:#?}");
    assert!(history[0].bodies[0].1.contains("Queued"), "{history:#?}");
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_starts_one_run_and_is_taken_off() -> Result<()> {
    let world = World::start().await?;
    let body = script("", &["write new.txt hello\\n"]).replace("@patchbay", "");
    let number = world.issue("Add a file", &body)?;
    world.github.label(HELLO, number, patchbay::stack::forge::PERSON, "patchbay")?;
    world.pull_request().await?;
    world.comment_with(number, "✅ Done").await?;
    world.settle().await?;
    assert_eq!(world.github.issue(HELLO, number).map(|i| i.labels), Some(Vec::new()));
    assert_eq!(world.github.pulls(HELLO).len(), 1);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_its_own_pull_request_adds_a_commit() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Add a file", &script("add it", &["write new.txt one\\n"]))?;
    let pull = world.pull_request().await?;
    world.comment_with(number, "✅ Done").await?;

    world.comment(pull.number, &script("once more", &["write new.txt two\\n"]))?;
    let done = world.comment_with(pull.number, "added commit").await?;
    assert!(done.body.contains("✅"), "{}", done.body);
    world.settle().await?;
    assert_eq!(world.github.pulls(HELLO).len(), 1);
    assert_eq!(world.github.file(HELLO, &pull.head, "new.txt").as_deref(), Some(&b"two\n"[..]));
    assert_eq!(world.github.commit_messages(HELLO, &pull.head).len(), 3);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_in_a_thread_waits_for_the_first() -> Result<()> {
    let world = World::start().await?;
    let number = world.issue("Two things", &script("the first", &["sleep 4", "write one.txt 1\\n"]))?;
    world.comment_with(number, "⚙️").await?;
    world.comment(number, &script("the second", &["write two.txt 2\\n"]))?;
    world.comment_with(number, "another run of this thread").await?;
    world.github.wait_for("two pull requests", crate::world::PATIENCE, |g| (g.pulls(HELLO).len() == 2).then_some(())).await?;
    world.settle().await?;
    assert_eq!(world.app_comments(number).len(), 2);
    world.end().await;
    Ok(())
}
