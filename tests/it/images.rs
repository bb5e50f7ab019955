//! A workflow's choice of the image that its agent runs in, through the real binaries and the roles of the template.

use crate::world::{HELLO, World};
use anyhow::Result;
use patchbay::stack::STACK_NAME;
use patchbay::stack::forge::PERSON;

#[tokio::test(flavor = "multi_thread")]
async fn a_step_runs_in_the_image_that_it_names_and_fails_where_there_is_none() -> Result<()> {
    let world = World::with(|config| {
        config.parameters.insert("AgentImage2".to_owned(), "node=registry.example/agent@sha256:00".to_owned());
    })
    .await?;
    world
        .in_force(
            r#"
agent: { image: node }
workflows:
  change:
    on: { issues: { types: labeled, labels: change } }
    steps:
      - agent: { mode: change, prompt: "{{ event.subject.body }}" }
  elsewhere:
    on: { issues: { types: labeled, labels: elsewhere } }
    steps:
      - agent: { mode: change, prompt: "{{ event.subject.body }}", image: jvm }
"#,
        )
        .await?;
    let number = world.issue("Write a page", "```script\nwrite docs/page.md # A page\\n\n```\n")?;
    world.github.label(HELLO, number, PERSON, "change")?;
    world.pull_request().await?;
    world.github.label(HELLO, number, PERSON, "elsewhere")?;
    world.comment_with(number, "The workflow wants `jvm`; this deployment has `node`.").await?;
    world.settle().await?;
    let families: Vec<_> = world.stack.aws().tasks().into_iter().map(|task| task.family).collect();
    assert_eq!(families, [format!("{STACK_NAME}-agent-task-2")]);
    world.end().await;
    Ok(())
}
