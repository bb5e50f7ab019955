//! `patchbay redrive`: what was given up is tried again (R15), after what made it fail was mended.

use super::output::print_result;
use super::which::Which;
use crate::operations::Redriven;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The queue whose dead letters to send again: events, runs or results, or its name in the template.
    queue: String,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let redriven = arguments.which.open().await?.redrive(&arguments.queue).await?;
    print_result(&if arguments.which.json { serde_json::to_string(&redriven)? } else { describe(&redriven) });
    Ok(ExitCode::SUCCESS)
}

fn describe(Redriven { queue, dead_letter_queue, moved }: &Redriven) -> String {
    match moved {
        0 => format!("{dead_letter_queue} holds no dead letters."),
        1 => format!("1 message moved from {dead_letter_queue} to {queue}."),
        _ => format!("{moved} messages moved from {dead_letter_queue} to {queue}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moved_is_said_in_a_sentence() {
        let said = |moved| describe(&Redriven { queue: "q".to_owned(), dead_letter_queue: "q-dlq".to_owned(), moved });
        assert_eq!(said(0), "q-dlq holds no dead letters.");
        assert_eq!(said(1), "1 message moved from q-dlq to q.");
        assert_eq!(said(12), "12 messages moved from q-dlq to q.");
    }
}
