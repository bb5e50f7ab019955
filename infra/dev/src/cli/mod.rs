//! The commands of `patchbay`: demo, up, send, top, runs, logs, cancel, start, redrive, signing-secret,
//! workspace, check, explain, replay, sweep, bench, doctor. `main` only calls [`run`].
//!
//! What a command prints is for people on stderr and for programs on stdout: with `--json` stdout holds one JSON object.

mod aider;
mod bench;
mod cancel;
mod check;
mod data_dir;
mod decisions;
mod demo;
mod doctor;
mod explain;
mod logs;
mod output;
mod project;
mod redrive;
mod replay;
mod runs;
mod send;
mod setup;
mod signing_secret;
mod start;
mod sweep;
mod timeline;
mod top;
mod up;
mod which;
mod workspace;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use data_dir::{DataDir, Info, LocalAws};
pub use project::Project;

/// The port of `up` when none is named.
pub const DEFAULT_PORT: u16 = 8787;

const MODEL_HELP: &str = "Model: with PATCHBAY_MODEL_URL (an OpenAI-compatible address up to and with /v1), PATCHBAY_MODEL and PATCHBAY_MODEL_KEY \
    a real model is used (PATCHBAY_MODEL_PROVIDER=anthropic for Anthropic's API); without, a scripted one that knows only the demo's requests.";

const UP_HELP: &str = "A real GitHub App: register a development App with the permissions and events of infra/manifests/github-app.json, \
    point a tunnel at the printed port, give the App the webhook URL <public-url>/webhooks/github, and set\n  \
    PATCHBAY_GITHUB_APP_ID        the App's number\n  \
    PATCHBAY_GITHUB_APP_SLUG      its name in URLs\n  \
    PATCHBAY_GITHUB_APP_KEY_FILE  the file with its private key (PEM)\n  \
    PATCHBAY_WEBHOOK_SECRET       the secret that signs its webhooks\n\
    then run: patchbay up --forge https://api.github.com --public-url https://your.tunnel";

const STACK_HELP: &str = "With --stack NAME it speaks to that CloudFormation stack, with the credentials and the region that the AWS SDK finds: \
    AWS_PROFILE, AWS_REGION, AWS_ACCESS_KEY_ID and the rest. Those of `aws sso login` are handed over by \
    eval \"$(aws configure export-credentials --format env)\". docs/operate.md lists the rights it needs.";

const BENCH_HELP: &str = "Run it with `cargo run --release -- bench`; it builds the functions as they are deployed (profile `deploy`), which takes \
    many minutes the first time. It ends with 1 when a target is missed. docs/benchmarks.md says what each figure means.";

#[derive(Debug, Parser)]
#[command(name = "patchbay", version, about = "Patchbay on this machine: an issue becomes a pull request, a question an answer.", after_help = MODEL_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show an issue becoming a pull request and a question being answered, with a local GitHub.
    Demo(demo::Arguments),
    /// Run the stack and keep it up; its data survives restarts.
    #[command(after_help = UP_HELP)]
    Up(up::Arguments),
    /// Sign a payload file as GitHub would and post it to the running stack.
    Send(send::Arguments),
    /// Show queues, runs, slots and spend, again and again.
    #[command(after_help = STACK_HELP)]
    Top(top::Arguments),
    /// List the runs, or show one with its outbox, task, usage and history.
    #[command(after_help = STACK_HELP)]
    Runs(runs::Arguments),
    /// Show what all functions and the task wrote for a run, in order.
    #[command(after_help = STACK_HELP)]
    Logs(logs::Arguments),
    /// End a run, as `stop` in its thread would; the thread is told.
    #[command(after_help = STACK_HELP)]
    Cancel(cancel::Arguments),
    /// Start a workflow that has the trigger manual.
    #[command(after_help = STACK_HELP)]
    Start(start::Arguments),
    /// Send a queue's dead letters to it again.
    #[command(after_help = STACK_HELP)]
    Redrive(redrive::Arguments),
    /// Print the secret with which a repository's http steps are signed, for their receiver.
    #[command(after_help = STACK_HELP)]
    SigningSecret(signing_secret::Arguments),
    /// Put one workflow file in force for all repositories of an account, or show what is.
    #[command(after_help = STACK_HELP)]
    Workspace(workspace::Arguments),
    /// Check a workflow file, and say what is wrong with it.
    Check(check::Arguments),
    /// Say what a workflow file would start for an event, and why; or what was decided about a delivery.
    #[command(after_help = STACK_HELP)]
    Explain(explain::Arguments),
    /// Try a workflow file on the deliveries of the past days, or run one of them again.
    #[command(after_help = STACK_HELP)]
    Replay(replay::Arguments),
    /// Play every journey again for every call in it, with a fault at that call.
    Sweep(sweep::Arguments),
    /// Measure what Patchbay costs, and hold it against its targets.
    #[command(after_help = BENCH_HELP)]
    Bench(bench::Arguments),
    /// Check every prerequisite, and say what mends what is missing.
    Doctor(doctor::Arguments),
}

/// The pinned Aider's program, installed first into the project's ignored folder if it is missing. Says nothing meanwhile.
///
/// # Errors
/// Which Python is missing, or pip's last lines.
pub async fn installed_aider(project: &Project) -> anyhow::Result<PathBuf> {
    aider::ensure(project, &output::Progress::new(true)).await
}

/// Runs the command line, and says what went wrong.
pub async fn run() -> ExitCode {
    // Conditional writes that fail are every day's business; dynoxide warns of each.
    let filter = Targets::new().with_default(LevelFilter::WARN).with_target("dynoxide", LevelFilter::ERROR);
    tracing_subscriber::registry().with(fmt::layer().with_writer(std::io::stderr).compact()).with(filter).init();
    let done = match Cli::parse().command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Up(arguments) => up::run(arguments).await,
        Command::Send(arguments) => send::run(arguments).await,
        Command::Top(arguments) => top::run(arguments).await,
        Command::Cancel(arguments) => cancel::run(arguments).await,
        Command::Runs(arguments) => runs::run(arguments).await,
        Command::Logs(arguments) => logs::run(arguments).await,
        Command::Start(arguments) => start::run(arguments).await,
        Command::Redrive(arguments) => redrive::run(arguments).await,
        Command::SigningSecret(arguments) => signing_secret::run(arguments).await,
        Command::Workspace(arguments) => workspace::run(arguments).await,
        Command::Check(arguments) => check::run(arguments).await,
        Command::Explain(arguments) => explain::run(arguments).await,
        Command::Replay(arguments) => replay::run(arguments).await,
        Command::Sweep(arguments) => sweep::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(arguments).await,
    };
    done.unwrap_or_else(|error| {
        output::print_error(&error);
        ExitCode::FAILURE
    })
}

/// Where `up` keeps its data unless told otherwise.
/// An argument of the form NAME=VALUE; the value may hold anything.
fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it has to be NAME=VALUE".to_owned()),
    }
}

fn default_data_dir(project: &Project) -> PathBuf {
    project.ignored_dir().join("data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_pair_is_a_name_and_a_value_that_may_hold_anything() {
        assert_eq!(parse_pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(parse_pair("a").is_err() && parse_pair("=b").is_err());
    }
}
