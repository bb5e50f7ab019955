//! `patchbay bench-matching`: what deciding about an event costs, as ratios of one run.

use super::output::{Progress, print_result};
use crate::matching_bench::{Figure, measure};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print one JSON object: figures.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let step = Progress::new(arguments.json).step("Measuring");
    let figures = tokio::task::spawn_blocking(measure).await?;
    drop(step);
    let report = if arguments.json { json!({ "figures": figures }).to_string() } else { table(&figures) };
    print_result(&report);
    Ok(if figures.iter().all(Figure::is_kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(figures: &[Figure]) -> String {
    let line = |figure: &Figure| {
        let Figure { name, value, unit, target, beside } = figure;
        let target = target.map(|target| format!("at most {target} {unit}")).unwrap_or_default();
        let mark = if figure.is_kept() { "" } else { "  MISSED" };
        format!("{name:<52}  {value:>8.2} {unit:<2}  {target:<14}  {beside}{mark}")
    };
    figures.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_was_missed_is_seen() {
        let figure = |value| Figure { name: "n".to_owned(), value, unit: "×", target: Some(2.0), beside: "b".to_owned() };
        let text = table(&[figure(1.5), figure(3.0)]);
        let marks: Vec<bool> = text.lines().map(|line| line.contains("MISSED")).collect();
        assert_eq!(marks, [false, true], "{text}");
    }
}
