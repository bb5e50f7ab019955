//! The command line: which of the two halves this process is, and what both do before anything else starts.

use crate::config::{SuperviseConfig, WorkConfig};
use crate::{supervise, work};
use anyhow::Result;
use clap::Parser;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// One coding task of Patchbay, in two halves that share a folder.
#[derive(Parser)]
#[command(version)]
pub(crate) enum Command {
    /// Clone, relay the model, take the diff, report: the half that knows secrets.
    Supervise,
    /// Run the agent: the half that knows none.
    Work,
    /// Enter namespaces of its own, then run `inside`; exits 75 where the system does not allow that.
    #[command(hide = true)]
    Isolate,
    /// Run the agent, as the first process of the namespaces that `isolate` made.
    #[command(hide = true)]
    Inside,
    /// Give up the rights over those namespaces and become another program.
    #[command(hide = true)]
    Drop {
        program: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Play a script instead of a real agent.
    #[command(hide = true)]
    Scripted { script: PathBuf },
}

/// Runs the command to its end. Returns the process's exit code; errors are logged here, once.
pub(crate) fn run(command: Command) -> ExitCode {
    let lines = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines).with(crate::config::log_filter()).init();
    let done = match command {
        Command::Supervise => start_supervisor(),
        Command::Work => WorkConfig::from_env().and_then(|config| work::work(&config)),
        Command::Isolate => work::isolate(),
        Command::Inside => WorkConfig::from_env().and_then(|config| runtime()?.block_on(work::inside(&config, true))),
        Command::Drop { program, args } => work::drop_and_run(&program, &args),
        Command::Scripted { script } => runtime().and_then(|runtime| runtime.block_on(work::play(&script))),
    };
    done.unwrap_or_else(|error| {
        tracing::error!(error = format!("{error:#}"), "the task's process failed");
        ExitCode::FAILURE
    })
}

/// One thread is enough: everything waits for a socket or a child process.
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn start_supervisor() -> Result<ExitCode> {
    let config = SuperviseConfig::from_env()?;
    forget_bootstrap_secret()?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o007));
    runtime()?.block_on(supervise::supervise(config))
}

/// R22: no child inherits the secret, and other processes of the same user cannot read this one's memory or
/// first environment (the kernel keeps showing that one in `/proc`).
fn forget_bootstrap_secret() -> Result<()> {
    #[expect(unsafe_code, reason = "no other thread exists yet, which is what remove_var asks for")]
    unsafe {
        std::env::remove_var(crate::config::BOOTSTRAP_SECRET);
    }
    Ok(nix::sys::prctl::set_dumpable(false)?)
}
