//! Logs and metrics of a function: one JSON object per line on stdout, metrics in CloudWatch's embedded format between.
//!
//! Fields of all open spans stand flat beside the event's own, so that `correlation` (the delivery's id, R46) is one
//! field of every line of a message's handling. A metric is billed per set of labels: never label by repository or run.

mod format;
mod lines;

use crate::config::EnvReader;
use metrics_cloudwatch_embedded::{Builder, Collector};
use std::sync::OnceLock;
use tracing::Span;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

const DEFAULT_NAMESPACE: &str = "Patchbay";
/// octocrab logs every refused request as an error of its own; what one means is said by whoever asked.
const QUIET: [(&str, LevelFilter); 4] = [
    ("aws_smithy_runtime", LevelFilter::WARN),
    ("aws_smithy_runtime_api", LevelFilter::WARN),
    ("hyper_util", LevelFilter::WARN),
    ("octocrab", LevelFilter::OFF),
];

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Starts logs (filter from `PATCHBAY_LOG`, default info) and metrics (namespace from `METRICS_NAMESPACE`, dimension
/// `service`) for `function`. Call it first in `main`; a second call changes nothing.
pub fn init(function: &'static str) {
    let env = EnvReader::new();
    let lines = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(format::FlatJson::new(function))
        .with_writer(lines::Stdout);
    let filter = filter(env.optional("PATCHBAY_LOG").as_deref());
    if tracing_subscriber::registry().with(lines).with(filter).try_init().is_err() {
        return;
    }
    let namespace = env.optional("METRICS_NAMESPACE").unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    match Builder::new().cloudwatch_namespace(namespace).with_dimension("service", function).init() {
        Ok(collector) => drop(COLLECTOR.set(collector)),
        Err(error) => tracing::error!(%error, "no metrics"),
    }
}

/// What is logged: `wanted` (levels by target, like `info,hyper_util=debug`), or what one wants to see usually.
fn filter(wanted: Option<&str>) -> Targets {
    wanted.and_then(|text| text.parse().ok()).unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO).with_targets(QUIET))
}

/// From now on lines of no urgency wait for `flush_metrics` and are written together with the metrics, in one call of
/// the system; warnings and errors are still written at once. Only for a function that handles one event at a time.
pub fn gather_lines() {
    lines::gather();
}

/// Writes the metrics counted since the last flush. `lambda::run_sqs` and `run_raw` do so after every invocation; a
/// function with its own loop or a streamed response does it when its work is done.
pub fn flush_metrics() {
    let written = lines::write_last(|line| COLLECTOR.get().map_or(Ok(()), |collector| collector.flush(line)));
    if let Err(error) = written {
        tracing::warn!(%error, "metrics were not written");
    }
}

/// Names the delivery on whose behalf the present span works: every log line below it carries it as `correlation`.
/// Works in spans that declare the field: those of `lambda::run_sqs`, and `correlated` ones.
pub fn correlate(correlation: &str) {
    Span::current().record("correlation", correlation);
}

/// A span for work outside `run_sqs` whose log lines carry `correlation`.
pub fn correlated(correlation: &str) -> Span {
    tracing::info_span!("work", correlation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn what_is_logged_is_what_is_wanted_or_else_the_usual() {
        let usual = filter(None);
        assert!(usual.would_enable("patchbay_app::intake", &Level::INFO) && !usual.would_enable("patchbay_app", &Level::DEBUG));
        assert!(usual.would_enable("hyper_util::client", &Level::WARN) && !usual.would_enable("hyper_util::client", &Level::INFO));
        assert!(!usual.would_enable("octocrab", &Level::ERROR));
        let wanted = filter(Some("warn,patchbay_app=debug,octocrab=off"));
        assert!(wanted.would_enable("patchbay_app::intake", &Level::DEBUG) && !wanted.would_enable("patchbay_aws", &Level::INFO));
        assert_eq!(filter(Some("patchbay=loud")), usual, "what cannot be read is not half obeyed");
    }
}
