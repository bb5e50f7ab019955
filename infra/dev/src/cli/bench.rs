//! `patchbay bench`: measures what Patchbay costs and holds it against its targets.

use super::Project;
use super::output::{Progress, print_result};
use super::up::or_stopped;
use crate::bench::{Options, Part, measure};
use anyhow::Context as _;
use clap::{Args, ValueEnum as _};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this part.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Print one JSON object on stdout and nothing else.
    #[arg(long)]
    json: bool,
    /// Use the binaries that are there.
    #[arg(long, hide = true)]
    no_build: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    let progress = Progress::new(arguments.json);
    let bin_dir = project.bin_dir()?;
    let target = bin_dir.parent().context("the binaries' folder has no parent")?;
    let options = Options {
        root: project.root().to_owned(),
        bin_dir: target.join("deploy"),
        packages: project.function_packages()?,
        parts: arguments.only.map_or_else(|| Part::value_variants().to_vec(), |part| vec![part]),
        build: !arguments.no_build,
    };
    let Some(report) = or_stopped(measure(options, move |line| progress.say(line))).await else { return Ok(ExitCode::FAILURE) };
    let report = report?;
    print_result(&if arguments.json { serde_json::to_string(&report)? } else { report.markdown() });
    Ok(if report.missed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
