//! `patchbay bench`: what Patchbay costs, as figures with targets. Each part measures on its own; ratios are of one run.
//!
//! What is measured are the binaries as they are deployed (profile `deploy`), but for `workflows`: the domain's own code.
//! `figure` is what comes out, `subject` one process under measurement, `endpoint` an AWS that costs nothing;
//! `docs/benchmarks.md` says how each figure is taken.

mod calls;
mod certificates;
mod endpoint;
mod fairness;
mod figure;
mod foreign;
mod intake;
mod latency;
mod matcher;
mod payload;
mod scene;
mod sizes;
mod subject;
mod throughput;
mod workflows;

pub use calls::{CHANGE_BUDGET, IGNORED_BUDGET, aws_calls, forge_calls, risen};
pub use figure::{Figure, Report};

use crate::stack::build::{Build, build_functions};
use anyhow::Context as _;
use clap::ValueEnum;
use std::path::PathBuf;

/// What can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// webhook-intake against the floor.
    Intake,
    /// From an accepted webhook to the agent, from its result to the pull request.
    Latency,
    /// Many issues at once.
    Throughput,
    /// A quiet tenant beside a noisy one.
    Fairness,
    /// Calls at the forge and at AWS.
    Calls,
    /// The matcher with few and with many installations.
    Matcher,
    /// Binaries, zips, cold starts.
    Sizes,
    /// Deciding which workflows an event starts.
    Workflows,
}

/// What to measure, and where things are.
pub struct Options {
    /// The project's folder.
    pub root: PathBuf,
    /// Where the binaries with the profile `deploy` are.
    pub bin_dir: PathBuf,
    /// The packages that a stack runs.
    pub packages: Vec<String>,
    pub parts: Vec<Part>,
    /// Whether everything that is measured is built first.
    pub build: bool,
}

/// What every part is given.
struct Bench {
    root: PathBuf,
    template: PathBuf,
    bin_dir: PathBuf,
    packages: Vec<String>,
    tell: Box<dyn Fn(&str) + Send + Sync>,
}

impl Bench {
    fn say(&self, line: &str) {
        (self.tell)(line);
    }
}

/// Builds what is measured and measures it; `progress` is told what is going on.
///
/// # Errors
/// What cannot be built or does not run. A missed target is no error.
pub async fn measure(options: Options, progress: impl Fn(&str) + Send + Sync + 'static) -> anyhow::Result<Report> {
    let Options { root, bin_dir, packages, parts, build } = options;
    let bench = Bench { template: root.join("template.yaml"), root, bin_dir, packages, tell: Box::new(progress) };
    // Deciding is measured in this process.
    if build && parts != [Part::Workflows] {
        bench.say("Building the functions as they are deployed; the first time takes many minutes");
        let only_intake = ["webhook-intake".to_owned()];
        let wanted = if parts == [Part::Intake] { &only_intake[..] } else { &bench.packages };
        build_functions(&bench.root, &bench.bin_dir, Build::Functions(wanted), |_| ()).await?;
        let floor = Build::Example { package: "webhook-intake", name: "floor" };
        build_functions(&bench.root, &bench.bin_dir, floor, |_| ()).await?;
    }
    let machine = machine();
    let mut figures = Vec::new();
    for part in parts {
        let name = part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let measured = match part {
            Part::Intake => intake::measure(&bench).await,
            Part::Latency => latency::measure(&bench).await,
            Part::Throughput => throughput::measure(&bench).await,
            Part::Fairness => fairness::measure(&bench).await,
            Part::Calls => calls::measure(&bench).await,
            Part::Matcher => matcher::measure(&bench).await,
            Part::Sizes => sizes::measure(&bench).await,
            Part::Workflows => workflows::measure(&bench).await,
        };
        figures.extend(measured.with_context(|| format!("the part {name}"))?);
    }
    Ok(Report { machine, figures })
}

/// The machine, and how much else it does.
fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("an unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg").split(' ').next().unwrap_or("unknown").to_owned();
    format!("{model}, {cores} cores, load {load} when it began")
}
