//! Deciding about an event, as ratios within one run: with more and more workflows in other repositories, with more of them in
//! the same one, and filter patterns beside bare regular expressions. Nothing is spawned for it: it is the domain's own code.

use super::Bench;
use super::figure::Figure;
use patchbay_domain::event::{Actor, ActorKind, Detail, Event, Provider, Push};
use patchbay_domain::ids::{ConnectionId, DeliveryId};
use patchbay_domain::trigger::{ChangedPaths, EventKind, Facts, Filters, Pattern, Permission, Trigger};
use patchbay_domain::workflow::{CompiledConfiguration, Configuration, Workflow};
use regex::bytes::Regex;
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

const PART: &str = "workflows";
/// Workflows of a repository that is not the event's.
const WORKFLOWS_EACH: usize = 10;
/// The best of so many batches counts: everything else on the machine only adds.
const BATCHES: usize = 300;
/// Long enough for the clock, and short enough that some batch is not interrupted.
const BATCH: Duration = Duration::from_micros(200);

/// Patterns, and the regular expressions that somebody would write instead.
const PAIRS: [(&str, &str); 4] = [
    ("releases/**", r"\Areleases/.*\z"),
    ("docs/**/*.md", r"\Adocs/(?:.*/)?[^/]*\.md\z"),
    ("v[0-9]+.[0-9]+.*", r"\Av[0-9]+\.[0-9]+\.[^/]*\z"),
    ("**/src/**", r"\A(?:.*/)?src/.*\z"),
];
/// What they are matched with.
const TEXTS: [&str; 6] = ["main", "releases/10/beta", "docs/guide/install.md", "v1.12.3", "packages/core/src/lib/index.ts", "docs/a.txt"];

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    bench.say("workflows: deciding about events");
    Ok(tokio::task::spawn_blocking(measure_all).await?)
}

fn measure_all() -> Vec<Figure> {
    let mut figures = beside_other_repositories(&[10, 100, 1_000, 10_000, 100_000]);
    figures.extend(within_a_repository(&[1, 10, 50]));
    figures.push(patterns_beside_regex());
    figures
}

/// The index that a deployment keeps: what is compiled, by connection and repository.
type Index = HashMap<(ConnectionId, u64), CompiledConfiguration>;

/// The cost of deciding one event with so many workflows in all other repositories, beside the least number of them.
fn beside_other_repositories(counts: &[usize]) -> Vec<Figure> {
    let (event, facts) = (push(), facts());
    let mut figures = Vec::new();
    let mut first = None;
    for count in counts {
        let index = index_of(count.div_ceil(WORKFLOWS_EACH));
        // Another repository each time, so that no cache is warm for a single one.
        let repositories: Vec<(ConnectionId, u64)> = index.keys().cloned().collect();
        let mut turn = 0;
        let nanos = best(|| {
            turn = (turn + 7_919) % repositories.len();
            let found = index.get(&repositories[turn]).map(|compiled| compiled.decide_all(&event, &facts));
            black_box(found);
        });
        let Some(least) = first else {
            first = Some(nanos);
            continue;
        };
        let name = format!("one event, {count} workflows in other repositories");
        figures.push(Figure::at_most(PART, name, nanos / least, "×", 2.0).beside(format!("{} workflows", counts[0])));
    }
    figures
}

/// The cost per workflow with so many of them in the event's repository, beside the first number of them.
fn within_a_repository(counts: &[usize]) -> Vec<Figure> {
    let (event, facts) = (push(), facts());
    let mut figures = Vec::new();
    let mut first = None;
    for count in counts {
        let compiled = compiled((0..*count).map(|number| workflow(number, patterned(number))).collect());
        let nanos = best(|| {
            black_box(compiled.decide_all(black_box(&event), &facts));
        });
        let each = nanos / *count as f64;
        let name = format!("one event, {count} of its repository's workflows");
        figures.push(Figure::listed(PART, name, nanos / 1_000.0, "µs").beside("paths, branches and authors of each"));
        let Some(single) = first else {
            first = Some(each);
            continue;
        };
        let name = format!("each of {count} workflows in the same repository");
        figures.push(Figure::at_most(PART, name, each / single, "×", 1.5).beside("a single one"));
    }
    figures
}

/// Patterns beside the regular expressions of [`PAIRS`].
fn patterns_beside_regex() -> Figure {
    let (patterns, expressions) = pairs();
    let ours = best(|| {
        for (pattern, text) in patterns.iter().flat_map(|pattern| TEXTS.map(|text| (pattern, text))) {
            black_box(pattern.is_match(black_box(text)));
        }
    });
    let floor = best(|| {
        for (expression, text) in expressions.iter().flat_map(|expression| TEXTS.map(|text| (expression, text))) {
            black_box(expression.is_match(black_box(text.as_bytes())));
        }
    });
    Figure::at_most(PART, "matching a filter pattern", ours / floor, "×", 1.5).beside("the same as a bare regular expression")
}

fn pairs() -> (Vec<Pattern>, Vec<Regex>) {
    let pattern = |text: &str| Pattern::parse(text).expect("a constant of this file is right");
    let expression = |text: &str| Regex::new(&format!("(?s-u){text}")).expect("a constant of this file is right");
    PAIRS.iter().map(|(ours, theirs)| (pattern(ours), expression(theirs))).unzip()
}

/// Nanoseconds of one call, in the best of all batches.
fn best(mut call: impl FnMut()) -> f64 {
    let mut batch = |calls: u32| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed()
    };
    let mut calls = 1;
    while batch(calls) < BATCH && calls < 1 << 24 {
        calls *= 2;
    }
    let best = (0..BATCHES).map(|_| batch(calls)).min().unwrap_or_default();
    best.as_nanos() as f64 / f64::from(calls)
}

fn index_of(repositories: usize) -> Index {
    let configuration = |repository: usize| {
        let plain = Filters { branches: Some(vec![format!("branch-{repository}"), "main".to_owned()]), ..Filters::default() };
        compiled((0..WORKFLOWS_EACH).map(|number| workflow(number, plain.clone())).collect())
    };
    let key = |repository: usize| (ConnectionId::of_installation("github", repository as u64 / 100), repository as u64);
    (0..repositories).map(|repository| (key(repository), configuration(repository))).collect()
}

fn compiled(workflows: Vec<Workflow>) -> CompiledConfiguration {
    CompiledConfiguration::compile(&Configuration { workflows }).expect("a constant of this file is right")
}

fn workflow(number: usize, filters: Filters) -> Workflow {
    let triggers = vec![Trigger { event: EventKind::Push, filters }];
    Workflow { name: format!("workflow-{number}"), triggers, concurrency: None, cooldown_seconds: None, steps: Vec::new() }
}

/// Filters that all have to be looked at.
fn patterned(number: usize) -> Filters {
    let texts = |all: &[&str]| Some(all.iter().map(|text| (*text).to_owned()).collect());
    Filters {
        branches: texts(&["releases/**", "main"]),
        paths: Some(vec!["docs/**".to_owned(), format!("packages/part-{number}/**"), "src/**/*.rs".to_owned()]),
        authors: texts(&["*", "!renovate[bot]"]),
        ..Filters::default()
    }
}

fn facts() -> Facts {
    let paths = ["README.md", "packages/core/index.ts", "src/deep/down/lib.rs"].map(str::to_owned);
    Facts { permission: Some(Permission::Write), changed_paths: Some(ChangedPaths::Known(paths.into())), ..Facts::default() }
}

fn push() -> Event {
    let push = Push {
        full_ref: "refs/heads/main".to_owned(),
        before: "1".repeat(40),
        after: "2".repeat(40),
        commit_count: 1,
        pusher: "ada".to_owned(),
        forced: false,
        deleted: false,
        paths: None,
    };
    Event {
        provider: Provider::Github,
        delivery: DeliveryId("measured".to_owned()),
        kind: "push".to_owned(),
        action: None,
        connection: None,
        actor: Some(Actor { id: 1, login: "ada".to_owned(), kind: ActorKind::Person }),
        repository: None,
        subject: None,
        comment: None,
        detail: Detail::Push(push),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::trigger::Decision;

    #[test]
    fn what_is_measured_decides_and_matches() {
        let starts = |compiled: &CompiledConfiguration| {
            compiled.decide_all(&push(), &facts()).iter().all(|decided| matches!(decided.decision, Decision::Starts { .. }))
        };
        assert!(starts(&compiled(vec![workflow(0, patterned(0)), workflow(1, patterned(1))])), "every filter is looked at to the end");
        let index = index_of(3);
        assert!(index.len() == 3 && index.values().all(|compiled| compiled.workflows().len() == WORKFLOWS_EACH && starts(compiled)));
    }

    #[test]
    fn patterns_and_expressions_say_the_same() {
        let (patterns, expressions) = pairs();
        let mut matched = 0;
        for (pattern, expression) in patterns.iter().zip(&expressions) {
            for text in TEXTS {
                assert_eq!(pattern.is_match(text), expression.is_match(text.as_bytes()), "{} and {text}", pattern.text());
                matched += usize::from(pattern.is_match(text));
            }
        }
        assert_eq!(matched, 4, "each matches something");
    }
}
