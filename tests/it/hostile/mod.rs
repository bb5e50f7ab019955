//! Hostile repositories, hostile words, and an agent that is a thief, all through the real path. Each kind of attack is a case
//! (`case`); the cases are also the table in SECURITY.md (`table`), so that nothing is claimed there that is not tried here.

mod aider;
mod case;
mod door;
mod engine;
mod gateway;
mod known;
mod leaks;
mod model;
mod repository;
mod result;
mod seen;
mod stage;
mod table;
mod thief;
mod tree;
mod words;

use crate::world::World;
use anyhow::Result;

#[tokio::test(flavor = "multi_thread")]
async fn no_agent_gets_through_with_what_it_reads_writes_says_or_hunts_for() -> Result<()> {
    let cases = [repository::cases(), tree::cases(), words::cases(), leaks::cases(), thief::cases()];
    let world = stage::play(cases.into_iter().flatten().collect(), |config| {
        config.task_env_overrides.insert("PATCHBAY_AGENT".to_owned(), "scripted".to_owned());
    })
    .await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_aider_obeys_nothing_but_its_request() -> Result<()> {
    aider::play().await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_over_a_supervisor_gets_no_further_than_its_run() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("patchbay-hostile-").tempdir()?;
    let world = door::world_of_silent_tasks(folder.path()).await?;
    result::play(&world).await?;
    gateway::play(&world).await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_engine_and_no_address_gets_more_than_its_step() -> Result<()> {
    let world = World::start().await?;
    engine::play(&world).await?;
    world.end().await;
    Ok(())
}
