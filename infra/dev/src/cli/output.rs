//! What commands show: progress and prose on stderr, results on stdout. With `--json` and without a terminal, progress
//! is quiet: one line per step at most, and none with `--json`.

#![expect(clippy::print_stderr, reason = "the one place that prints for the commands")]

use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Shows steps that take a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    quiet: bool,
    terminal: bool,
}

/// A step under way; it leaves the screen when dropped.
#[derive(Debug)]
pub(super) struct Step {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress for a command; with `json` nothing is shown.
    pub(super) fn new(json: bool) -> Self {
        Self { quiet: json, terminal: std::io::stderr().is_terminal() }
    }

    /// Begins a step.
    pub(super) fn step(&self, what: &str) -> Step {
        if self.quiet {
            return Step { bar: None };
        }
        if !self.terminal {
            eprintln!("{what} …");
            return Step { bar: None };
        }
        let bar = ProgressBar::new_spinner().with_prefix(what.to_owned());
        // The template is a constant; the default style is as good if it ever were not.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} ({elapsed}) {wide_msg:.dim}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Step { bar: Some(bar) }
    }

    /// A line for people.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }
}

impl Step {
    /// What the step does right now.
    pub(super) fn detail(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(text.to_owned());
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Why a command failed, on stderr, without a backtrace: it is for a person.
pub(super) fn print_error(error: &anyhow::Error) {
    eprintln!("patchbay: {error:#}");
}

/// The result of a command, on stdout.
pub(super) fn print_result(text: &str) {
    // Whoever reads may have seen enough (`| head`).
    _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// One result of a command that has many, on stdout. False when nobody reads them any more (`| head`).
pub(super) fn print_one(text: &str) -> bool {
    writeln!(std::io::stdout().lock(), "{text}").is_ok()
}

/// A terminal that is drawn over and over.
pub(super) struct Screen;

impl Screen {
    /// The screen that stdout is; `None` if it is none.
    pub(super) fn of_stdout() -> Option<Self> {
        std::io::stdout().is_terminal().then_some(Self)
    }

    /// Shows this text and nothing else. What is drawn over is overwritten line by line, so that nothing flickers.
    pub(super) fn draw(&self, text: &str) {
        let mut frame = "\x1b[H".to_owned();
        for line in text.lines() {
            frame.push_str(line);
            frame.push_str("\x1b[K\r\n");
        }
        frame.push_str("\x1b[J");
        let mut stdout = std::io::stdout().lock();
        // A terminal that went away ends the command by its hangup.
        _ = stdout.write_all(frame.as_bytes()).and_then(|()| stdout.flush());
    }
}

/// Text that others wrote, without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_strangers_text_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\u{9b}c\n\td"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c\n\td");
    }
}
