//! The Fargate task, one binary for both containers: `supervise` is ours and trusted with one run, `work` runs
//! the agent and is trusted with nothing. Both also run as plain processes on one machine.

mod command;
mod config;
mod git;
mod job;
mod supervise;
mod work;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    command::run(command::Command::parse())
}
