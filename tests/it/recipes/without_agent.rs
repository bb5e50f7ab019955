//! The recipes in which no agent works: they speak to an engine outside, or set what GitHub keeps beside a thread. Each is
//! also shown something that must not start it.

use super::Scene;
use crate::workflows::receiver::Receiver;
use anyhow::{Context, Result, ensure};
use patchbay::stack::forge::{ORGANISATION, PERSON};
use patchbay_testing::github::Level;

/// The engine is called with a valid signature; what it calls back with, or that it never does, becomes a check.
pub(super) async fn an_engines_word_becomes_a_check(scene: &Scene<'_>) -> Result<()> {
    let receiver = Receiver::start().await?;
    scene.repository_with(&[("README.md", "# Engine\n")])?;
    scene.in_force_with("https://engine.example.com/patchbay", receiver.url()).await?;
    let first = receiver.call().await.context("the push that brings the recipe is one, too")?;
    scene.push("main", "Write more", "docs/page.md", "# A page\n")?;
    scene.world.settle().await?;
    ensure!(receiver.count() == 1, "{} calls, and only documentation has changed", receiver.count());

    let sha = scene.push("main", "Work", "src/a.txt", "a\n")?;
    let call = receiver.call().await?;
    call.verify(&scene.world.operations().await?.signing_secret(&scene.repository).await?)?;
    ensure!(call.header("x-environment")? == "production", "the header of the recipe");
    let inputs = &call.body["data"]["inputs"];
    ensure!(inputs["commit"] == sha.as_str() && inputs["pushed_by"] == PERSON, "{inputs}");
    scene.world.settle().await?;
    ensure!(first.call_back(&serde_json::json!({ "built": 1 })).await? != 202, "nobody waits for the older push any more");
    ensure!(call.call_back(&serde_json::json!({ "built": 3 })).await? == 202, "the callback is taken");
    let check = scene.world.check_run_in(&scene.repository, &sha, "engine").await?;
    ensure!(check.conclusion.as_deref() == Some("success") && check.summary.contains("built"), "{check:#?}");

    let sha = scene.push("main", "More work", "src/a.txt", "b\n")?;
    receiver.call().await?;
    scene.world.settle().await?;
    let ended = || scene.github().check_runs(&scene.repository, &sha).iter().any(|run| run.name == "engine");
    scene.seen_in_time("the check of an engine that keeps silent", ended).await?;
    let check = scene.world.check_run_in(&scene.repository, &sha, "engine").await?;
    ensure!(check.conclusion.as_deref() == Some("failure") && check.summary.contains("has not answered"), "{check:#?}");
    Ok(())
}

pub(super) async fn labels_follow_the_title(scene: &Scene<'_>) -> Result<()> {
    scene.repository_with(&[("README.md", "# Labels\n")])?;
    scene.in_force().await?;
    let other = scene.propose("fixtures", "Fixtures for the tests", "test/a.txt", "a\n")?;
    let number = scene.propose("greet", "Fix(api): greet whoever asks", "src/a.txt", "a\n")?;
    scene.labels(number, &["bug"]).await?;
    scene.world.settle().await?;
    scene.github().retitle(&scene.repository, number, PERSON, "feat!: greet whoever asks")?;
    scene.labels(number, &["enhancement"]).await?;
    scene.world.settle().await?;
    scene.labels(other, &[]).await
}

pub(super) async fn reviewers_are_asked_by_path(scene: &Scene<'_>) -> Result<()> {
    for person in ["dana", "kim"] {
        scene.github().create_user(person)?;
    }
    scene.github().set_team_members(ORGANISATION, "api", &["kim"])?;
    scene.github().set_team_members(ORGANISATION, "platform", &["kim"])?;
    scene.repository_with(&[("README.md", "# Reviews\n")])?;
    scene.github().set_permission(&scene.repository, "dana", Level::Write)?;
    scene.in_force().await?;

    let asked = async |number: u64, wanted: &[&str]| {
        scene.seen(&format!("{wanted:?} asked"), |github| (github.reviewers_of(&scene.repository, number) == wanted).then_some(())).await
    };
    let api = scene.propose("api", "Answer with 404", "src/api/users.ts", "404\n")?;
    asked(api, &["dana", "@api"]).await?;
    let infrastructure = scene.propose("image", "A smaller image", "services/web/Dockerfile", "FROM scratch\n")?;
    asked(infrastructure, &["@platform"]).await?;
    let other = scene.propose("words", "Better words", "README.md", "# Reviews, asked for\n")?;
    scene.push("early", "An idea", "openapi.yml", "openapi: 3.1.0\n")?;
    let draft = scene.github().open_draft_pull(&scene.repository, PERSON, "early", "main", "An idea", "Not yet.")?;
    scene.world.settle().await?;
    asked(other, &[]).await?;
    asked(draft, &[]).await
}
