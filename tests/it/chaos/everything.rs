//! All faults at once, several seeds: services fail, processes die, webhooks go astray, while people ask for several things.
//! What becomes a dead letter on the way is sent again, as an operator would.

use super::{CHANGE, DEATH, Trial};
use crate::world::script;
use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream};
use patchbay::chaos::{Chaos, Kind, Rules};
use patchbay::stack::forge::PERSON;
use std::collections::BTreeSet;
use std::time::Duration;

/// As good as any others.
const SEEDS: [u64; 3] = [1, 2, 3];
/// As many stacks at once.
const AT_ONCE: usize = 3;
/// How long somebody looks for the agent's start before saying "stop" all the same.
const UNTIL_STOP: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn with_every_fault_at_once_no_seed_breaks_an_invariant() -> Result<()> {
    let seeds = seeds()?;
    let played = stream::iter(&seeds).map(|seed| play(*seed)).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    let wrong: Vec<String> = played.iter().filter_map(|one| Some(format!("{:#}", one.as_ref().err()?))).collect();
    ensure!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
    let struck: BTreeSet<Kind> = played.into_iter().flatten().flatten().collect();
    let deaths = struck.iter().filter(|kind| kind.name().starts_with("killed-")).count();
    ensure!(deaths > 0 && struck.len() >= Kind::all().count() / 2, "so few kinds of faults struck: {struck:?}");
    Ok(())
}

/// The seeds of the environment, else those of every test run.
fn seeds() -> Result<Vec<u64>> {
    #[expect(clippy::disallowed_methods, reason = "a switch for people who search for more, or play a seed again")]
    let Ok(wanted) = std::env::var("PATCHBAY_CHAOS_SEEDS") else { return Ok(SEEDS.to_vec()) };
    wanted.split(',').map(|seed| seed.trim().parse().context("PATCHBAY_CHAOS_SEEDS is a list of numbers: 1,2,3")).collect()
}

/// Plays the usual journeys under one seed; the kinds of faults that struck.
async fn play(seed: u64) -> Result<Vec<Kind>> {
    let again = format!("PATCHBAY_CHAOS_SEEDS={seed} cargo test -p patchbay-tests --test it chaos::everything");
    let chaos = Chaos::from_seed(seed);
    let trial = Trial { operated: true, ..Trial::start(chaos.clone()).await? };
    let judged = journeys(&trial).await;
    judged.with_context(|| format!("seed {seed}; play it again with `{again}`"))?;
    let struck = chaos.summary().injected.into_keys().collect();
    trial.end().await;
    Ok(struck)
}

/// A change, a question, a stop, a death, and a second request in a busy thread with a word in between: all at the same time,
/// each in a repository of its own.
async fn journeys(trial: &Trial) -> Result<()> {
    let [change, question, stop, death, busy] = ["change", "question", "stop", "death", "busy"].map(|name| trial.repository(name));
    let (change, question, stop, death, busy) = (change?, question?, stop?, death?, busy?);
    let github = &trial.world.github;
    trial.ask(&change, CHANGE)?;
    github.open_issue(&question, PERSON, "What is it?", &script("ask what is it?", &["answer It greets."]), &[])?;
    trial.ask(&death, DEATH)?;
    let number = trial.ask(&busy, &["write one.txt 1\\n"])?;
    github.comment(&busy, number, PERSON, "@patchbay status")?;
    github.comment(&busy, number, PERSON, &script("one more", &["write two.txt 2\\n"]))?;
    let number = trial.ask(&stop, &["write new.txt x\\n", "sleep 4"])?;
    // Whether it started or not, the stop is said.
    _ = tokio::time::timeout(UNTIL_STOP, trial.wait_for(&stop, number, "⚙️")).await;
    github.comment(&stop, number, PERSON, "@patchbay stop")?;
    trial.judge(&Rules::at_rest()).await
}
