//! The demo's timeline: what happened, in which function, after how long; from the functions' JSON logs and from what
//! changed at the local GitHub.

use super::output::Progress;
use crate::stack::logs::LogLine;
use patchbay_testing::github::LocalGithub;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::broadcast;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    pub(super) at_ms: u64,
    pub(super) function: String,
    pub(super) what: String,
}

/// Fields that mean something to a person; the rest is for searching logs.
const TELLING: [&str; 13] =
    ["event", "action", "why", "mode", "from", "to", "effect", "came", "stage", "outcome", "end", "agent", "isolation"];
/// Messages that repeat what another line says.
const REPEATED: [&str; 6] = ["installation adopted", "told to stop", "working copy ready", "run changed", "message comes later", "push"];

/// Shows what happens and remembers it.
pub(super) struct Timeline {
    started: Instant,
    progress: Progress,
    entries: Mutex<Vec<Entry>>,
}

impl Timeline {
    /// A timeline that starts now.
    pub(super) fn start(progress: Progress) -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), progress, entries: Mutex::default() })
    }

    /// Everything so far.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes one thing that happened.
    pub(super) fn add(&self, function: &str, what: String) {
        let at_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.progress.say(&format!("{:>8.2} s  {function:<21} {what}", self.started.elapsed().as_secs_f64()));
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(Entry { at_ms, function: function.to_owned(), what });
    }

    /// Follows the logs as long as it is polled.
    pub(super) async fn follow_logs(self: Arc<Self>, mut lines: broadcast::Receiver<Arc<LogLine>>) {
        loop {
            match lines.recv().await {
                Ok(line) => {
                    if let Some(what) = tell(&line) {
                        self.add(&line.source, what);
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    /// Follows the comments of these threads and the pull requests as long as it is polled.
    pub(super) async fn follow_github(self: Arc<Self>, github: &LocalGithub, repository: &str, threads: &[u64]) {
        let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
        let mut pulls = 0;
        let mut changes = github.changes();
        loop {
            for number in threads {
                for comment in github.comment_history(repository, *number) {
                    let known = seen.entry(comment.id).or_default();
                    for (_, body) in comment.bodies.iter().skip(*known) {
                        let verb = if *known == 0 { "comments" } else { "edits its comment" };
                        self.add("github", format!("#{number} {} {verb}: {}", comment.author, first_line(body)));
                        *known += 1;
                    }
                }
            }
            for pull in github.pulls(repository).iter().skip(pulls) {
                self.add("github", format!("#{} {} opens a pull request: {}", pull.number, pull.author, pull.title));
                pulls += 1;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

/// A log line in a person's words, if it says something to one.
fn tell(line: &LogLine) -> Option<String> {
    let json = line.json.as_ref()?;
    let platform = json.get("platform").and_then(Value::as_str);
    let level = json.get("level").and_then(Value::as_str)?;
    let fields = json.get("fields").unwrap_or(json);
    let message = fields.get("message").and_then(Value::as_str).filter(|message| !message.is_empty())?;
    if !matches!(level, "INFO" | "WARN" | "ERROR") || REPEATED.contains(&message) || (level == "INFO" && is_echo(line, fields, message)) {
        return None;
    }
    let mut what = if level == "INFO" { message.to_owned() } else { format!("{level}: {message}") };
    for name in TELLING {
        if let Some(value) = fields.get(name).filter(|value| !value.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            what.push_str(&format!(" · {name} {value}"));
        }
    }
    if platform.is_some()
        && let Some(last) = json.get("last_lines").and_then(Value::as_str).and_then(|lines| lines.lines().last())
    {
        what.push_str(&format!(" · last line: {last}"));
    }
    Some(what)
}

/// What the timeline shows elsewhere: the App's own comments and pull request come back as events, an edited comment is
/// the local GitHub's line, and a model call is the gateway's.
fn is_echo(line: &LogLine, fields: &Value, message: &str) -> bool {
    let field = |name: &str| fields.get(name).and_then(Value::as_str);
    field("event").is_some_and(|event| event != "issues")
        || field("effect") == Some("update_status")
        || (message == "model call" && line.source.starts_with("agent-task/"))
}

/// The first line that a person sees: hidden markers are not.
pub(super) fn first_line(body: &str) -> &str {
    body.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("<!--")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(json: Value) -> Option<String> {
        tell(&LogLine { at_ms: 0, source: "trigger-matcher".to_owned(), text: json.to_string(), json: Some(json) })
    }

    #[test]
    fn a_log_line_is_told_with_what_matters_to_a_person() {
        let line = json!({ "level": "INFO", "fields": { "message": "run accepted", "run": "run_1", "mode": "Change" } });
        assert_eq!(check(line).as_deref(), Some("run accepted · mode Change"));
        let line = json!({ "level": "WARN", "fields": { "message": "slow" } });
        assert_eq!(check(line).as_deref(), Some("WARN: slow"));
        assert_eq!(check(json!({ "level": "DEBUG", "fields": { "message": "x" } })), None);
        assert_eq!(check(json!({ "_aws": {}, "webhook.received": 1 })), None);
        assert_eq!(check(json!({ "level": "INFO", "fields": { "message": "event decided", "event": "push", "acted": false } })), None);
        let line =
            json!({ "level": "INFO", "fields": { "message": "event decided", "event": "issues", "acted": false, "why": "no permission" } });
        assert_eq!(check(line).as_deref(), Some("event decided · event issues · why no permission"));
    }

    #[test]
    fn a_crash_is_told_with_its_last_line() {
        let line = json!({ "level": "ERROR", "message": "x exited with code 1 at its start", "platform": "Runtime.ExitError", "last_lines": "a\nb" });
        assert_eq!(check(line).as_deref(), Some("ERROR: x exited with code 1 at its start · last line: b"));
    }

    #[test]
    fn the_hidden_marker_is_not_the_first_line() {
        assert_eq!(first_line("<!-- patchbay:status run_1 -->\n⏳ Queued.\n\nmore"), "⏳ Queued.");
    }
}
