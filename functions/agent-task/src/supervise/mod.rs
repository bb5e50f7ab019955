//! The half that is trusted with one run: exchange, brief, clone, relay, deadline, diff, result.
//!
//! This file is the order of things and what ends them early; each thing itself has a file of its own.

mod commit_message;
mod commit_text;
mod gateway;
mod heartbeat;
mod model_reply;
mod output;
mod prompt;
mod record;
mod relay;
mod rounds;
mod task;
mod verdict;

use crate::config::SuperviseConfig;
use anyhow::{Context, Result};
use gateway::{Gateway, GatewayError};
use heartbeat::Stages;
use patchbay_domain::task::{EXIT_NOT_BEGUN, Failure, FailureCode, TaskOutcome, TaskResult};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use task::Task;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::Instrument;

/// ECS sends SIGKILL 30 seconds after SIGTERM; by then everything must be said (R19).
const FLUSH: Duration = Duration::from_secs(20);
/// What a shell reports for a process that SIGTERM ended.
const TERMINATED: u8 = 143;

/// Supervises one attempt of one run to its end. Returns 0 when the gateway has the result or wants none, and
/// [`EXIT_NOT_BEGUN`] when it did not get its capability or its brief.
///
/// # Errors
/// When the result could not be handed over: there is nobody to report to but the log and the exit code.
pub(crate) async fn supervise(config: SuperviseConfig) -> Result<ExitCode> {
    let span = tracing::info_span!("task", correlation = config.correlation, run = %config.run, attempt = config.attempt);
    let mut terminated = signal(SignalKind::terminate())?;
    async {
        match Gateway::exchange(&config).await {
            Ok(gateway) => run(&config, Arc::new(gateway), &mut terminated).await,
            Err(error) => Ok(not_begun("exchanging the bootstrap secret", &error)),
        }
    }
    .instrument(span)
    .await
}

async fn run(config: &SuperviseConfig, gateway: Arc<Gateway>, terminated: &mut Signal) -> Result<ExitCode> {
    let stages = Stages::new();
    let work = async {
        let brief = match gateway.brief().await {
            Ok(brief) => brief,
            Err(error) => return Ok(not_begun("reading the brief", &error)),
        };
        let result = Task::new(config, &gateway, &stages, brief).result().await;
        stages.enter("handing over the result");
        deliver(&gateway, result).await.map(|()| ExitCode::SUCCESS)
    };
    let mut work = std::pin::pin!(work);
    let over = heartbeat::beat_until_over(&gateway, &stages, config.heartbeat);
    tokio::select! {
        ended = &mut work => ended,
        () = over => {
            tracing::info!("the run is over: stopping");
            Ok(ExitCode::SUCCESS)
        }
        _ = terminated.recv() => {
            tracing::warn!(stage = stages.current(), "asked to end");
            if stages.hurry() && let Ok(ended) = tokio::time::timeout(FLUSH, &mut work).await {
                return ended;
            }
            // No result: whether the task is tried again is for whoever sees why the platform ended it (R18).
            let _ = tokio::time::timeout(Duration::from_secs(4), gateway.progress(Some("stopped by the platform"))).await;
            Ok(ExitCode::from(TERMINATED))
        }
    }
}

/// Posts the result; one that is too big for the gateway becomes a failure that says so.
async fn deliver(gateway: &Gateway, mut result: TaskResult) -> Result<()> {
    loop {
        match gateway.result(&result).await {
            Ok(()) => {
                tracing::info!(outcome = outcome_name(&result.outcome), "result delivered");
                return Ok(());
            }
            Err(GatewayError::TooBig) if !matches!(result.outcome, TaskOutcome::Failed { .. }) => {
                let failure = Failure::new(FailureCode::TooLarge, "The result is larger than the 6 MB that can be handed over.");
                result.outcome = TaskOutcome::Failed { failure };
            }
            Err(GatewayError::Over(why)) => {
                tracing::info!(why, "the result is not wanted any more");
                return Ok(());
            }
            Err(error) => return Err(error).context("handing over the result"),
        }
    }
}

/// What is single-use may be spent by a call whose answer was lost: another try of the task gets its own.
fn not_begun(doing: &str, error: &GatewayError) -> ExitCode {
    tracing::error!(%error, doing, "the task could not begin");
    ExitCode::from(EXIT_NOT_BEGUN)
}

fn outcome_name(outcome: &TaskOutcome) -> &'static str {
    match outcome {
        TaskOutcome::Changes { .. } => "changes",
        TaskOutcome::Answer { .. } => "answer",
        TaskOutcome::Failed { .. } => "failed",
    }
}
