//! Two hundred issues at once over twenty repositories, with the template's limits: each becomes exactly one pull request.

use super::Bench;
use super::figure::{Figure, millis, percentile};
use super::scene::{FILES, REQUEST, Scene};
use crate::stack::forge::{ORGANISATION, PERSON};
use anyhow::Context as _;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PART: &str = "throughput";
const REPOSITORIES: usize = 20;
const ISSUES: usize = 200;
/// How long all of them may take on a small and busy machine.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Between two looks at a stack whose waiting runs the reaper may have to wake.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const TICK_EVERY: Duration = Duration::from_secs(60);

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let scene = Scene::open(bench, |config| config.schedules = crate::stack::Schedules::Every(TICK_EVERY)).await?;
    let repositories: Vec<String> = (0..REPOSITORIES).map(|index| format!("many-{index}")).collect();
    for name in &repositories {
        scene.github.create_repository(ORGANISATION, name, &FILES)?;
    }
    scene.settle().await?;
    let started = Instant::now();
    let mut waiting = BTreeMap::new();
    for index in 0..ISSUES {
        let repository = format!("{ORGANISATION}/{}", repositories[index % REPOSITORIES]);
        let number = scene.github.open_issue(&repository, PERSON, "Change it", REQUEST, &[])?;
        waiting.insert((repository, number), Instant::now());
    }
    let opened = waiting.clone();
    let mut took = Vec::new();
    while !waiting.is_empty() {
        tokio::time::sleep(LOOK_EVERY).await;
        let heads = heads(&scene);
        waiting.retain(|issue, since| {
            let done = count(&heads, issue) > 0;
            took.extend(done.then(|| millis(since.elapsed()) / 1000.0));
            !done
        });
        bench.say(&format!("throughput: {} of {ISSUES} pull requests", took.len()));
        anyhow::ensure!(started.elapsed() < PATIENCE, "{} issues have no pull request after {PATIENCE:?}", waiting.len());
    }
    let total = started.elapsed();
    scene.stack.settled(PATIENCE).await.context("after the last pull request")?;
    let heads = heads(&scene);
    let wrong = opened.keys().filter(|issue| count(&heads, issue) != 1).count();
    scene.close().await;
    let how = format!("{ISSUES} issues at once over {REPOSITORIES} repositories");
    Ok(vec![
        Figure::at_most(PART, "issues without exactly one pull request", wrong as f64, "issues", 0.0).beside(how),
        Figure::listed(PART, "throughput", ISSUES as f64 / total.as_secs_f64() * 60.0, "pull requests a minute"),
        Figure::listed(PART, "issue → pull request: p50", percentile(&took, 0.5), "s"),
        Figure::listed(PART, "issue → pull request: p99", percentile(&took, 0.99), "s"),
    ])
}

/// The branches of all pull requests, by repository.
fn heads(scene: &Scene) -> BTreeMap<String, Vec<String>> {
    let pulls = |name: &str| scene.github.pulls(name).into_iter().map(|pull| pull.head).collect();
    scene.github.repositories().into_iter().map(|(_, name)| (name.clone(), pulls(&name))).collect()
}

/// How many pull requests an issue has: their branches begin with its number.
fn count(heads: &BTreeMap<String, Vec<String>>, (repository, number): &(String, u64)) -> usize {
    let prefix = format!("patchbay/{number}-");
    heads.get(repository).map_or(0, |heads| heads.iter().filter(|head| head.starts_with(&prefix)).count())
}
