//! `patchbay sweep`: plays every journey again for every call in it, with a fault at that call, and prints what came of it.

use super::output::{Progress, print_result};
use super::up::or_stopped;
use super::{Project, setup};
use crate::stack::StackConfig;
use crate::sweep::{Fault, Options, Report, journey, sweep};
use anyhow::Context as _;
use clap::Args;
use std::process::ExitCode;

/// The page that shows the last table.
const PAGE: &str = "docs/sweep.md";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this journey.
    #[arg(long)]
    journey: Option<String>,
    /// The order of the reruns, and what a sample takes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only so many reruns of each journey.
    #[arg(long)]
    sample: Option<usize>,
    /// Only calls whose name contains this.
    #[arg(long)]
    point: Option<String>,
    /// Only this fault: kill-before, kill-after or drop-response.
    #[arg(long)]
    fault: Option<Fault>,
    /// How many stacks play at once.
    #[arg(long, default_value_t = 2)]
    stacks: usize,
    /// Put the table into docs/sweep.md; only for a whole sweep.
    #[arg(long, conflicts_with_all = ["journey", "sample", "point", "fault"])]
    write_docs: bool,
    #[command(flatten)]
    common: setup::Common,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    let progress = Progress::new(arguments.common.json);
    let options = options(&arguments, setup::scripted(&project, !arguments.common.no_build, &progress).await?)?;
    let Some(report) = or_stopped(sweep(options, move |line| progress.say(&line))).await else { return Ok(ExitCode::FAILURE) };
    let report = report?;
    if arguments.write_docs {
        let page = project.root().join(PAGE);
        let text = std::fs::read_to_string(&page).with_context(|| format!("{} cannot be read", page.display()))?;
        std::fs::write(&page, report.write_into(&text)?).with_context(|| format!("{} cannot be written", page.display()))?;
    }
    print(&report, arguments.common.json)?;
    Ok(if report.violations() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn options(arguments: &Arguments, stack: StackConfig) -> anyhow::Result<Options> {
    let mut options = Options { seed: arguments.seed, sample: arguments.sample, stacks: arguments.stacks, ..Options::new(stack) };
    options.only.clone_from(&arguments.point);
    if let Some(fault) = arguments.fault {
        options.faults = vec![fault];
    }
    if let Some(name) = &arguments.journey {
        let known = || journey::JOURNEYS.map(|journey| journey.name).join(", ");
        options.journeys = vec![journey::find(name).with_context(|| format!("there is no journey {name}, but {}", known()))?];
    }
    Ok(options)
}

fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    print_result(&if json { serde_json::to_string(report)? } else { report.markdown() });
    Ok(())
}
