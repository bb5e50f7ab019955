//! A sample of the sweep (docs/sweep.md): journeys with a function killed, or an answer lost, at one of their calls.

use crate::world::{bin_dir, build_once, project};
use anyhow::Result;
use patchbay::stack::StackConfig;
use patchbay::sweep::{Options, sweep};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Reruns of each journey: each takes a second or two.
const SAMPLE: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn no_call_of_a_journey_can_break_an_invariant_by_failing() -> Result<()> {
    build_once().await?;
    let stack = StackConfig::new(project().join("template.yaml"), PathBuf::new(), bin_dir());
    let options = Options { sample: Some(SAMPLE), ..Options::new(stack) };
    let journeys = options.journeys.len();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lines);
    let report = sweep(options, move |line| told.lock().unwrap_or_else(PoisonError::into_inner).push(line)).await?;
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    assert_eq!(report.violations(), 0, "{}\n{lines}", report.markdown());
    assert_eq!(report.journeys.iter().map(|journey| journey.reruns).sum::<usize>(), journeys * SAMPLE, "{lines}");
    let struck: usize = report.journeys.iter().map(|journey| journey.struck).sum();
    assert!(struck * 4 >= journeys * SAMPLE * 3, "only {struck} faults struck:\n{lines}");
    Ok(())
}
