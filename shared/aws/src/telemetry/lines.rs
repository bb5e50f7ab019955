//! Where log lines go: to stdout, each at once, or those of one event together with its metrics.
//! What is in a line is `format`'s.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

static GATHERING: AtomicBool = AtomicBool::new(false);
/// Whole lines that have not been written.
static GATHERED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Lines wait for `write_last` from now on, unless they are urgent.
pub(super) fn gather() {
    GATHERING.store(true, Ordering::Relaxed);
}

/// Writes what was gathered and then what `last` adds, in one call of the system as far as stdout takes it.
pub(super) fn write_last(last: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut gathered = GATHERED.lock().unwrap_or_else(PoisonError::into_inner);
    let added = last(&mut gathered);
    let written = write_out(&mut gathered);
    added.and(written)
}

fn write_out(gathered: &mut Vec<u8>) -> io::Result<()> {
    let written = io::stdout().lock().write_all(gathered);
    gathered.clear();
    written
}

/// The writer of the log.
pub(super) struct Stdout;

/// One line on its way.
pub(super) struct Line {
    waits: bool,
}

impl<'a> MakeWriter<'a> for Stdout {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { waits: false }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line {
        Line { waits: GATHERING.load(Ordering::Relaxed) && *meta.level() > Level::WARN }
    }
}

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut gathered = GATHERED.lock().unwrap_or_else(PoisonError::into_inner);
        gathered.extend_from_slice(line);
        if !self.waits {
            write_out(&mut gathered)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_urgency_wait_for_the_last_one() {
        let waiting = || String::from_utf8(GATHERED.lock().unwrap().clone()).unwrap();
        Line { waits: true }.write_all(b"first\n").unwrap();
        Line { waits: true }.write_all(b"second\n").unwrap();
        assert_eq!(waiting(), "first\nsecond\n");
        // What is urgent takes along what waited, so that the order stays.
        Line { waits: false }.write_all(b"urgent\n").unwrap();
        assert_eq!(waiting(), "");
        Line { waits: true }.write_all(b"third\n").unwrap();
        write_last(|line| line.write_all(b"metrics\n")).unwrap();
        assert_eq!(waiting(), "");
    }
}
