//! Plays the cases in which an agent works: one stack for all of them, a repository for each, some at the same time.

use super::case::{Attack, Case, End, Entry, Needs, PLAIN};
use super::known::{MODEL_KEY, Vaults};
use super::model::Model;
use super::repository::push_entries;
use super::seen::Seen;
use crate::world::{World, script};
use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, stream};
use patchbay::stack::forge::{ORGANISATION, PERSON};
use patchbay::stack::{ModelConfig, StackConfig};
use patchbay_testing::github::Level;
use std::sync::Arc;

/// As many cases are under way at once.
const AT_ONCE: usize = 4;

/// Plays all cases in a stack that differs like this from the usual one. Every failure is told, not only the first.
pub(crate) async fn play(cases: Vec<Case>, change: impl FnOnce(&mut StackConfig)) -> Result<World> {
    let cases = Arc::new(cases);
    let model = Model::of(Arc::clone(&cases));
    let base_url = model.listen().await?;
    let world = World::with(|config| {
        let (provider, name) = ("openai".to_owned(), "hostile".to_owned());
        config.model = ModelConfig::Real { provider, base_url, name, api_key: MODEL_KEY.to_owned() };
        change(config);
    })
    .await?;
    model.learn(Vaults::of(&world)?);
    let runs = runs_of(&cases);
    let played = stream::iter(&runs).map(|cases| play_run(&world, &model, cases)).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    report(played)?;
    world.settle().await?;
    Ok(world)
}

/// The cases by the runs that they are part of.
pub(crate) fn runs_of(cases: &[Case]) -> Vec<Vec<&Case>> {
    let mut runs: Vec<Vec<&Case>> = Vec::new();
    for case in cases {
        match runs.iter_mut().find(|run| run[0].run_name() == case.run_name()) {
            Some(run) => run.push(case),
            None => runs.push(vec![case]),
        }
    }
    runs
}

/// One error that tells all of them.
pub(crate) fn report(played: Vec<Result<()>>) -> Result<()> {
    let failed: Vec<String> = played.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failed.is_empty(), "{} cases got through:\n\n{}", failed.len(), failed.join("\n\n"));
    Ok(())
}

async fn play_run(world: &World, model: &Arc<Model>, cases: &[&Case]) -> Result<()> {
    let Some(first) = cases.first() else { return Ok(()) };
    let name = first.run_name();
    let thread = open_thread(world, first).await.with_context(|| format!("case {name} could not be set up"))?;
    let mut seen = Seen::wait(world, name, thread).await?;
    seen.asked = model.heard(name);
    seen.secrets = Vaults::of(world)?.known(name).all().into_iter().map(str::to_owned).collect();
    report(cases.iter().map(|case| check(case, &seen).with_context(|| format!("case {}", case.name))).collect())
}

/// The repository and the thread in which somebody asks.
async fn open_thread(world: &World, case: &Case) -> Result<u64> {
    let name = case.run_name();
    let title = format!("case {name}");
    let repository = format!("{ORGANISATION}/{name}");
    match &case.attack {
        Attack::Agent { base, wish, .. } => {
            make_repository(world, name, base).await?;
            world.github.open_issue(&repository, PERSON, &title, &script(wish, &["obey"]), &[])
        }
        Attack::Thread { author, body, comment, script: lines } => {
            make_repository(world, name, PLAIN).await?;
            world.github.create_user(author)?;
            if *author != PERSON {
                world.github.set_permission(&repository, author, Level::Read)?;
            }
            let Some(comment) = comment else {
                return world.github.open_issue(&repository, author, &title, &script(body, lines), &[]);
            };
            let thread = world.github.open_issue(&repository, author, &title, body, &[])?;
            world.github.comment(&repository, thread, PERSON, &script(comment, lines))?;
            Ok(thread)
        }
        Attack::Result { .. } | Attack::Door(_) | Attack::Engine(_) => bail!("nobody works in this case"),
    }
}

/// A repository with these files, through the API where they are plain ones, else by a push.
async fn make_repository(world: &World, name: &str, entries: &[Entry]) -> Result<()> {
    if entries.iter().any(|(mode, path, _)| *mode != "100644" || path.chars().any(char::is_control)) {
        world.github.create_repository(ORGANISATION, name, &[])?;
        return push_entries(world, name, entries).await;
    }
    let files: Vec<_> = entries.iter().map(|(_, path, content)| (*path, *content)).collect();
    world.github.create_repository(ORGANISATION, name, &files).map(drop)
}

/// Holds what was left behind to what the case says.
pub(crate) fn check(case: &Case, seen: &Seen) -> Result<()> {
    if case.needs == Needs::Apart && !seen.kept_apart()? {
        return Ok(());
    }
    match &case.end {
        End::Refused(said) => {
            seen.has("❌")?;
            seen.has(said)?;
            ensure!(seen.pull.is_none() && seen.branches == ["main"], "something was written: {:?}", seen.branches);
        }
        End::Inert(files, _) => {
            ensure!(seen.pull.is_some(), "no pull request: {}", seen.comment);
            ensure!(seen.files == *files, "the pull request changes {:?}", seen.files);
        }
        End::Seen(look, _) => look(seen)?,
        End::Shown(_) => bail!("nothing was looked at"),
    }
    for text in [Some(&seen.comment), seen.pull.as_ref().map(|pull| &pull.body)].into_iter().flatten().chain(&seen.commits) {
        let secret = seen.secrets.iter().position(|secret| text.contains(secret.as_str()));
        ensure!(secret.is_none(), "a secret of the stack is public: {text}");
    }
    Ok(())
}
