//! The half that is trusted with nothing: it gets a job from the supervisor's socket, runs the agent as far apart
//! from everything as the system allows, and reports how the agent's process ended.

mod agent;
mod aider;
mod filesystem;
mod forward;
mod limits;
mod loopback;
mod namespaces;
mod process;
mod relay_client;
mod script;
mod scripted;
mod session;

use crate::config::WorkConfig;
use anyhow::Result;
use std::process::ExitCode;

pub(crate) use namespaces::{drop_and_run, isolate};
pub(crate) use script::play;
pub(crate) use session::inside;

/// Runs one job: in namespaces of its own if that is wanted and possible, else as it is.
///
/// # Errors
/// When this half cannot even start; what befalls the agent is reported to the supervisor instead.
pub(crate) fn work(config: &WorkConfig) -> Result<ExitCode> {
    if config.isolate
        && let Some(code) = namespaces::run_isolated()?
    {
        return Ok(code);
    }
    crate::command::runtime()?.block_on(inside(config, false))
}
