//! What functions and tasks write: one file per source in the data folder, a short memory of the last lines,
//! and a live stream for the timeline. JSON log lines become one readable line each.

use super::run_logs::{TASK, TASK_FIELD};
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::broadcast;

/// How many lines a crash report shows.
const LAST_LINES: usize = 20;

/// One line that a function, a container or the platform wrote.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Milliseconds since the stack started.
    pub at_ms: u64,
    /// The function's package or `agent-task/<container>`.
    pub source: String,
    /// The line as written.
    pub text: String,
    /// The line as JSON, if it is an object.
    pub json: Option<Value>,
}

/// Where all lines go.
pub struct LogBook {
    folder: PathBuf,
    started: Instant,
    files: Mutex<HashMap<String, File>>,
    last: Mutex<HashMap<String, VecDeque<String>>>,
    live: broadcast::Sender<Arc<LogLine>>,
}

impl LogBook {
    /// Opens a book whose files are `folder/<source>.log`.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(folder: PathBuf) -> std::io::Result<Arc<Self>> {
        std::fs::create_dir_all(&folder)?;
        let live = broadcast::Sender::new(4096);
        Ok(Arc::new(Self { folder, started: Instant::now(), files: Mutex::default(), last: Mutex::default(), live }))
    }

    /// Milliseconds since the book was opened.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Every line from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.live.subscribe()
    }

    /// Takes one line of a source.
    pub fn write(&self, source: &str, text: &str) {
        self.take(source, text, None);
    }

    /// Takes one line of a container of a task.
    pub fn write_of_task(&self, container: &str, task: &str, text: &str) {
        self.take(&format!("{TASK}{container}"), text, Some(task));
    }

    /// Everything that is in the files, by source.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn all(&self) -> std::io::Result<Vec<(String, String)>> {
        let mut logs = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let source = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            logs.push((source, String::from_utf8_lossy(&std::fs::read(&path)?).into_owned()));
        }
        Ok(logs)
    }

    fn take(&self, source: &str, text: &str, task: Option<&str>) {
        let json = serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
        let readable = json.as_ref().map_or_else(|| text.to_owned(), readable_line);
        // In the file every line begins with a time, also one of somebody who says none.
        let timed = json.as_ref().is_some_and(|line| line.get("timestamp").is_some_and(Value::is_string));
        let at = if timed { String::new() } else { jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ ").to_string() };
        let task = task.map(|task| format!(" {TASK_FIELD}{task}")).unwrap_or_default();
        self.append(source, &format!("{at}{readable}{task}"));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = last.entry(source.to_owned()).or_default();
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(readable);
        drop(last);
        // Nobody listening is no error.
        _ = self.live.send(Arc::new(LogLine { at_ms: self.now_ms(), source: source.to_owned(), text: text.to_owned(), json }));
    }

    /// The last lines of a source, oldest first.
    pub fn last_lines(&self, source: &str) -> Vec<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(source).map(|lines| lines.iter().cloned().collect()).unwrap_or_default()
    }

    fn append(&self, source: &str, line: &str) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if !files.contains_key(source) {
            let path = self.folder.join(format!("{}.log", source.replace('/', "-")));
            let Ok(file) = OpenOptions::new().create(true).append(true).open(path) else { return };
            files.insert(source.to_owned(), file);
        }
        if let Some(file) = files.get_mut(source) {
            // A full disk must not stop the stack; the live stream still has the line.
            _ = writeln!(file, "{line}");
        }
    }
}

/// `time LEVEL message key=value…` of a tracing JSON line; `METRIC name=value…` of an embedded metric.
pub(crate) fn readable_line(line: &Value) -> String {
    let text = |key: &str| line.get(key).and_then(Value::as_str);
    if line.get("_aws").is_some() {
        let values = pairs(line, &["_aws"]);
        return format!("METRIC {}", values.join(" "));
    }
    let message = line.pointer("/fields/message").and_then(Value::as_str).or(text("message")).unwrap_or_default();
    let mut parts: Vec<String> = [text("timestamp"), text("level")].into_iter().flatten().map(str::to_owned).collect();
    parts.push(message.to_owned());
    parts.extend(line.get("fields").map(|fields| pairs(fields, &["message"])).unwrap_or_default());
    parts.extend(line.get("span").map(|span| pairs(span, &["name"])).unwrap_or_default());
    parts.extend(pairs(
        line,
        &["timestamp", "level", "message", "fields", "span", "spans", "target", "threadId", "filename", "line_number"],
    ));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn pairs(object: &Value, without: &[&str]) -> Vec<String> {
    let entries = object.as_object().into_iter().flatten();
    entries
        .filter(|(key, _)| !without.contains(&key.as_str()))
        .map(|(key, value)| match value {
            Value::String(text) => format!("{key}={text}"),
            other => format!("{key}={other}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_becomes_one_readable_line() {
        let line = serde_json::json!({
            "timestamp": "2026-11-20T10:00:00Z", "level": "INFO", "target": "x",
            "fields": { "message": "run created", "run": "run_1" }, "span": { "name": "item", "correlation": "c1" }
        });
        assert_eq!(readable_line(&line), "2026-11-20T10:00:00Z INFO run created run=run_1 correlation=c1");
        assert_eq!(readable_line(&serde_json::json!({ "_aws": {}, "webhook.received": 1 })), "METRIC webhook.received=1");
    }

    #[test]
    fn lines_reach_the_file_the_memory_and_the_listener() {
        let folder = tempfile::tempdir().unwrap();
        let book = LogBook::open(folder.path().to_owned()).unwrap();
        let mut live = book.subscribe();
        for number in 0..30 {
            book.write("agent-task/agent", &format!("line {number}"));
        }
        assert_eq!(book.last_lines("agent-task/agent").first().map(String::as_str), Some("line 10"));
        assert_eq!(live.try_recv().unwrap().text, "line 0");
        let file = std::fs::read_to_string(folder.path().join("agent-task-agent.log")).unwrap();
        assert_eq!(file.lines().count(), 30);
    }
}
