//! `patchbay`: the local stack's command line. Everything is in the library.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    patchbay::cli::run().await
}
