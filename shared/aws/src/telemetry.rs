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
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

const DEFAULT_NAMESPACE: &str = "Patchbay";
/// octocrab logs every refused request as an error of its own; what one means is said by whoever asked.
const DEFAULT_FILTER: &str = "info,aws_smithy_runtime=warn,aws_smithy_runtime_api=warn,hyper_util=warn,octocrab=off";

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// Starts logs (filter from `PATCHBAY_LOG`, default info) and metrics (namespace from `METRICS_NAMESPACE`, dimension
/// `service`) for `function`. Call it first in `main`; a second call changes nothing.
pub fn init(function: &'static str) {
    let env = EnvReader::new();
    let filter = env.optional("PATCHBAY_LOG").and_then(|text| EnvFilter::try_new(text).ok());
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(DEFAULT_FILTER)))
        .fmt_fields(JsonFields::new())
        .event_format(format::FlatJson::new(function))
        .with_writer(lines::Stdout)
        .try_init();
    if started.is_err() {
        return;
    }
    let namespace = env.optional("METRICS_NAMESPACE").unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    match Builder::new().cloudwatch_namespace(namespace).with_dimension("service", function).init() {
        Ok(collector) => drop(COLLECTOR.set(collector)),
        Err(error) => tracing::error!(%error, "no metrics"),
    }
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
