//! The log line: a flat JSON object of time, level, service, message, the fields of all open spans and of the event.
//! What is logged, and that no secret is, is the caller's affair.

use jiff::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Room for most lines.
const LINE_BYTES: usize = 512;

/// Formats events for one function.
pub(super) struct FlatJson {
    service: &'static str,
}

impl FlatJson {
    pub(super) fn new(service: &'static str) -> Self {
        Self { service }
    }
}

impl<S> FormatEvent<S, JsonFields> for FlatJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, JsonFields>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut outer = Map::new();
        for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                add_span_fields(&mut outer, fields);
            }
        }
        let line = self.line(outer, event).map_err(|_| fmt::Error)?;
        writer.write_str(&line)?;
        writer.write_char('\n')
    }
}

impl FlatJson {
    /// Written straight away, not collected first: this is a good part of what a short event costs.
    fn line(&self, mut outer: Map<String, Value>, event: &Event<'_>) -> serde_json::Result<String> {
        let meta = event.metadata();
        event.fields().for_each(|field| drop(outer.remove(field.name())));
        let mut line = Vec::with_capacity(LINE_BYTES);
        let mut json = serde_json::Serializer::new(&mut line);
        let mut map = json.serialize_map(None)?;
        map.serialize_entry("timestamp", &format_args!("{:.3}", Timestamp::now()))?;
        map.serialize_entry("level", meta.level().as_str())?;
        map.serialize_entry("service", self.service)?;
        map.serialize_entry("target", meta.target())?;
        for (name, value) in &outer {
            map.serialize_entry(name, value)?;
        }
        let mut fields = Fields { map, failed: None };
        event.record(&mut fields);
        let Fields { map, failed } = fields;
        failed.map_or(Ok(()), Err)?;
        map.end()?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

/// Spans' fields are kept as JSON text; inner ones win.
fn add_span_fields(outer: &mut Map<String, Value>, fields: &str) {
    if let Ok(Value::Object(fields)) = serde_json::from_str(fields) {
        outer.extend(fields);
    }
}

/// The event's own fields, one entry each.
struct Fields<M: SerializeMap> {
    map: M,
    failed: Option<M::Error>,
}

impl<M: SerializeMap> Fields<M> {
    fn add(&mut self, field: &Field, value: &(impl Serialize + ?Sized)) {
        if let Err(error) = self.map.serialize_entry(field.name(), value) {
            self.failed = Some(error);
        }
    }
}

impl<M: SerializeMap> Visit for Fields<M> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, &value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(work: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let sink = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(FlatJson::new("test"))
            .with_writer(move || sink.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, work);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_line_is_one_flat_object_with_the_correlation() {
        let lines = logged(|| {
            let span = tracing::info_span!("message", correlation = tracing::field::Empty, message_id = "m1");
            let _entered = span.enter();
            crate::telemetry::correlate("delivery-1");
            let _inner = tracing::info_span!("inner", step = 2).entered();
            tracing::info!(count = 3_u64, ok = true, "a \"quoted\"\nline");
        });
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["correlation"], "delivery-1");
        assert_eq!(line["message_id"], "m1");
        assert_eq!((&line["step"], &line["count"], &line["ok"]), (&2.into(), &3.into(), &true.into()));
        assert_eq!(line["message"], "a \"quoted\"\nline");
        assert_eq!((&line["service"], &line["level"]), (&"test".into(), &"INFO".into()));
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn work_outside_the_queue_loop_is_correlated_too() {
        let lines = logged(|| crate::telemetry::correlated("delivery-2").in_scope(|| tracing::warn!("late")));
        assert_eq!(lines[0]["correlation"], "delivery-2");
    }
}
