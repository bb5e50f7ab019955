//! Finding one run's lines in the log files of all functions and tasks, in the order of their times. CloudWatch's are
//! `operations`' affair.
//!
//! A line belongs to a run if it names it or carries its correlation id. A task works for one run only: all its lines belong
//! to the run that one of them belongs to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io;
use std::path::Path;

/// What a task's source begins with.
pub(crate) const TASK: &str = "agent-task/";
/// The field behind a task's line that says which task.
pub(super) const TASK_FIELD: &str = "task=";

/// A line of one source; a text of several lines is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// RFC 3339, UTC.
    pub at: String,
    /// The function's package or `agent-task/<container>`.
    pub source: String,
    pub text: String,
}

/// The records about a run in the files of this folder.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn lines_about(folder: &Path, run: &str, correlation: &str) -> io::Result<Vec<Record>> {
    let names_run = |text: &str| names_run(text, run, correlation);
    let mut found = Vec::new();
    let mut of_tasks = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".log")) else { continue };
        let source = name.strip_prefix("agent-task-").map_or_else(|| name.to_owned(), |container| format!("{TASK}{container}"));
        let all = records(&source, &String::from_utf8_lossy(&std::fs::read(&path)?));
        if source.starts_with(TASK) {
            of_tasks.extend(all);
        } else {
            found.extend(all.into_iter().filter(|record| names_run(&record.text)));
        }
    }
    let ours: HashSet<String> = of_tasks.iter().filter(|record| names_run(&record.text)).filter_map(|record| task(&record.text)).collect();
    found.extend(
        of_tasks.into_iter().filter(|record| names_run(&record.text) || task(&record.text).is_some_and(|task| ours.contains(&task))),
    );
    // Stable: lines of one source and one moment keep their order.
    found.sort_by(|a, b| (&a.at, &a.source).cmp(&(&b.at, &b.source)));
    Ok(found)
}

/// Whether a line names the run or carries its correlation id.
pub(crate) fn names_run(text: &str, run: &str, correlation: &str) -> bool {
    text.contains(run) || text.split_whitespace().any(|word| word.strip_prefix("correlation=") == Some(correlation))
}

/// A record begins with a time; lines without one continue it.
fn records(source: &str, file: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for line in file.lines() {
        match line.split_once(' ').filter(|(at, _)| at.parse::<Timestamp>().is_ok()) {
            Some((at, text)) => records.push(Record { at: at.to_owned(), source: source.to_owned(), text: text.to_owned() }),
            None => {
                if let Some(last) = records.last_mut() {
                    last.text.push('\n');
                    last.text.push_str(line);
                }
            }
        }
    }
    records
}

/// The task at a line's end.
fn task(text: &str) -> Option<String> {
    text.rsplit(' ').next()?.strip_prefix(TASK_FIELD).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::logs::LogBook;

    #[test]
    fn lines_of_all_sources_come_in_the_order_of_their_times() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "run-launcher.log",
            "2026-11-20T10:00:02.000Z INFO task started run=run_1 correlation=d1\n2026-11-20T10:00:02.500Z INFO x correlation=d11\n",
        );
        write(
            "trigger-matcher.log",
            "2026-11-20T10:00:01.000Z INFO run accepted correlation=d1\nmore of it\n2026-11-20T10:00:09.000Z INFO x run=run_2\n",
        );
        write("run-results.log", "2026-11-20T10:00:04.000Z INFO cancelled run=run_1 correlation=d9\n");
        write(
            "agent-task-supervisor.log",
            "2026-11-20T10:00:03.000Z INFO at work correlation=d1 task=t1\n2026-11-20T10:00:03.100Z panicked task=t1\n2026-11-20T10:00:03.200Z panicked task=t2\n",
        );
        let told: Vec<_> =
            lines_about(folder.path(), "run_1", "d1").unwrap().into_iter().map(|record| (record.source, record.text)).collect();
        let expected = [
            ("trigger-matcher", "INFO run accepted correlation=d1\nmore of it"),
            ("run-launcher", "INFO task started run=run_1 correlation=d1"),
            ("agent-task/supervisor", "INFO at work correlation=d1 task=t1"),
            ("agent-task/supervisor", "panicked task=t1"),
            ("run-results", "INFO cancelled run=run_1 correlation=d9"),
        ];
        assert_eq!(told, expected.map(|(source, text)| (source.to_owned(), text.to_owned())));
    }

    #[test]
    fn what_a_task_writes_without_a_word_of_its_run_is_found_by_its_task() {
        let folder = tempfile::tempdir().unwrap();
        let book = LogBook::open(folder.path().to_owned()).unwrap();
        let line =
            serde_json::json!({ "timestamp": "2026-11-20T10:00:00.000Z", "level": "INFO", "message": "at work", "correlation": "d1" });
        book.write_of_task("agent", "t1", &line.to_string());
        book.write_of_task("agent", "t1", "thread 'main' panicked");
        book.write_of_task("agent", "t2", "somebody else's");
        book.write("run-reaper", "not about it");
        let told: Vec<_> = lines_about(folder.path(), "run_1", "d1").unwrap().into_iter().map(|record| record.text).collect();
        assert_eq!(told, ["INFO at work correlation=d1 task=t1", "thread 'main' panicked task=t1"]);
    }
}
