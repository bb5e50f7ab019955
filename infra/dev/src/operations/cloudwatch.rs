//! A run's lines in CloudWatch Logs: the functions' lines that name it, and all that its tasks wrote.
//!
//! The only part of the operator's commands that the stack on this machine has no counterpart of.

use super::resources::Resources;
use super::{Operations, refusal};
use crate::stack::logs::readable_line;
use crate::stack::run_logs::{Record, TASK, names_run};
use anyhow::anyhow;
use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::run::Run;
use serde_json::Value;
use std::collections::BTreeSet;

/// A run's first line is its delivery's, written a moment before the run existed; its last ones follow its end.
const MARGIN: SignedDuration = SignedDuration::from_mins(15);

/// The log groups of one stack.
pub(super) struct CloudWatch {
    client: aws_sdk_cloudwatchlogs::Client,
    stack: String,
    groups: Vec<String>,
}

/// Which lines of a group are wanted.
enum Wanted<'a> {
    /// Those that a filter pattern matches.
    Matching(&'a str),
    /// All of one stream.
    Of(&'a str),
}

impl CloudWatch {
    pub(super) fn new(sdk: &SdkConfig, stack: &str, resources: &Resources) -> Self {
        Self { client: aws_sdk_cloudwatchlogs::Client::new(sdk), stack: stack.to_owned(), groups: resources.log_groups() }
    }

    /// The lines about a run in the order of their times. One call per group and per stream of a task, more for many lines.
    pub(super) async fn lines_about(&self, operations: &Operations, run: &Run) -> anyhow::Result<Vec<Record>> {
        let (id, correlation) = (run.id.as_str(), run.request.delivery.as_str());
        let pattern = format!("?\"{id}\" ?\"{correlation}\"");
        let mut found = Vec::new();
        for group in &self.groups {
            let events = self.events(operations, group, &Wanted::Matching(&pattern), run).await?;
            if !group.starts_with("/aws/ecs/") {
                // The pattern's words may be parts of others.
                found
                    .extend(events.iter().map(|event| self.record(group, event)).filter(|record| names_run(&record.text, id, correlation)));
                continue;
            }
            // A task works for one run only: all its lines are the run's, also those that name nothing.
            let streams: BTreeSet<_> = events.iter().filter_map(FilteredLogEvent::log_stream_name).collect();
            let tasks: BTreeSet<_> = streams.iter().filter_map(|stream| stream.rsplit('/').next()).collect();
            for stream in tasks.iter().flat_map(|task| [format!("supervisor/supervisor/{task}"), format!("agent/agent/{task}")]) {
                let events = self.events(operations, group, &Wanted::Of(&stream), run).await?;
                found.extend(events.iter().map(|event| self.record(group, event)));
            }
        }
        // Stable: lines of one source and one moment keep their order.
        found.sort_by(|a, b| (&a.at, &a.source).cmp(&(&b.at, &b.source)));
        Ok(found)
    }

    async fn events(&self, operations: &Operations, group: &str, wanted: &Wanted<'_>, run: &Run) -> anyhow::Result<Vec<FilteredLogEvent>> {
        let request = self.client.filter_log_events().log_group_name(group).start_time((run.created_at - MARGIN).as_millisecond());
        let request = match run.state.is_terminal() {
            true => request.end_time((run.updated_at + MARGIN).as_millisecond()),
            false => request,
        };
        let request = match wanted {
            Wanted::Matching(pattern) => request.filter_pattern(*pattern),
            Wanted::Of(stream) => request.log_stream_names(*stream),
        };
        let mut pages = request.into_paginator().send();
        let mut events = Vec::new();
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => events.extend(page.events.unwrap_or_default()),
                // A container that never started has no stream, a function that never ran may have no group.
                Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => break,
                Err(error) => return Err(anyhow!("{}: logs:FilterLogEvents of {group}: {}", operations.place(), refusal(&error))),
            }
        }
        Ok(events)
    }

    fn record(&self, group: &str, event: &FilteredLogEvent) -> Record {
        let message = event.message().unwrap_or_default().trim_end();
        let json = serde_json::from_str::<Value>(message).ok().filter(Value::is_object);
        let readable = json.as_ref().map_or_else(|| message.to_owned(), readable_line);
        let said = readable.split_once(' ').filter(|(at, _)| at.parse::<Timestamp>().is_ok());
        let stamped = || Timestamp::from_millisecond(event.timestamp().unwrap_or_default()).unwrap_or_default();
        let (at, text) = match said {
            Some((at, text)) => (at.to_owned(), text.to_owned()),
            None => (stamped().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(), readable),
        };
        Record { at, source: self.source(group, event.log_stream_name().unwrap_or_default()), text }
    }

    /// The function's package, or the container of the task.
    fn source(&self, group: &str, stream: &str) -> String {
        let name = group.rsplit('/').next().unwrap_or(group);
        match stream.split('/').next().filter(|_| group.starts_with("/aws/ecs/")) {
            Some(container) => format!("{TASK}{container}"),
            None => name.strip_prefix(&format!("{}-", self.stack)).unwrap_or(name).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(group: &str, stream: &str, message: &str, expected: (&str, &str, &str)) {
        let client = aws_sdk_cloudwatchlogs::Client::from_conf(
            aws_sdk_cloudwatchlogs::Config::builder().behavior_version(aws_config::BehaviorVersion::latest()).build(),
        );
        let logs = CloudWatch { client, stack: "patchbay-dev".to_owned(), groups: Vec::new() };
        let event = FilteredLogEvent::builder().log_stream_name(stream).message(message).timestamp(1_700_000_000_123).build();
        let Record { at, source, text } = logs.record(group, &event);
        assert_eq!((at.as_str(), source.as_str(), text.as_str()), expected);
    }

    #[test]
    fn an_event_tells_its_source_and_its_own_time() {
        let line = r#"{"timestamp":"2026-11-20T10:00:00.500Z","level":"INFO","message":"task started","run":"run_1"}"#;
        let group = "/aws/lambda/patchbay-dev-run-launcher";
        check(group, "2026/11/20/[$LATEST]0f", line, ("2026-11-20T10:00:00.500Z", "run-launcher", "INFO task started run=run_1"));
    }

    #[test]
    fn a_line_without_a_time_has_the_moment_of_its_arrival() {
        let group = "/aws/ecs/patchbay-dev-agent-task";
        let expected = ("2023-11-14T22:13:20.123Z", "agent-task/agent", "thread 'main' panicked");
        check(group, "agent/agent/0123", "thread 'main' panicked\n", expected);
    }
}
