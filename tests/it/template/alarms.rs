//! Rules about alarms and the dashboard (R47): what must be watched and from when on, that an alarm says what it means
//! and where the remedy stands, and that every metric of ours is one that the functions emit.

use super::document::{Template, list, referred};
use patchbay_domain::metric::{self, Metric};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What R47 asks for: alarm, metric, statistic, comparison and threshold.
const R47: [(&str, &str, &str, &str, f64); 9] = [
    ("WebhookFailuresAlarm", metric::WEBHOOK_FAILED, "Average", "GreaterThanThreshold", 0.05),
    ("EventFailuresAlarm", metric::WEBHOOK_FAILED, "Average", "GreaterThanThreshold", 0.05),
    ("IntakeLatencyAlarm", "Latency", "p99", "GreaterThanThreshold", 2000.0),
    ("ForgeRateLimitAlarm", metric::FORGE_RATE_LIMIT_REMAINING, "MIN", "LessThanThreshold", 100.0),
    ("CertificateExpiryAlarm", "DaysToExpiry", "Minimum", "LessThanThreshold", 30.0),
    ("StuckRunAlarm", metric::RUN_STUCK, "Sum", "GreaterThanThreshold", 0.0),
    ("DeliveryGapAlarm", metric::WEBHOOK_RECOVERED, "Sum", "GreaterThanThreshold", 0.0),
    ("DeliveryLossAlarm", metric::WEBHOOK_GAP_HOURS, "Maximum", "GreaterThanThreshold", 24.0),
    ("RedactionAlarm", metric::REDACTION_HIT, "SUM", "GreaterThanThreshold", 0.0),
];

/// R47 and what every queue and function needs.
pub(super) fn watched(template: &Template) -> Vec<String> {
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    let watches = |resource: &str, metric: &str, threshold: u64| {
        alarms.iter().any(|(_, alarm)| {
            alarm["MetricName"] == metric
                && alarm["Threshold"] == threshold
                && alarm["ComparisonOperator"] == "GreaterThanThreshold"
                && list(&alarm["Dimensions"]).any(|d| referred(d).iter().any(|r| r == resource))
        })
    };
    let mut wanted = vec![("HttpApi", "5xx", 0)];
    for (queue, _) in template.of_type("AWS::SQS::Queue") {
        let dead = queue.ends_with("Dlq");
        wanted.push(if dead { (queue, "ApproximateNumberOfMessagesVisible", 0) } else { (queue, "ApproximateAgeOfOldestMessage", 300) });
    }
    for (function, _) in template.functions() {
        wanted.extend([(function, "Errors", 0), (function, "Throttles", 0)]);
    }
    let unwatched =
        wanted.into_iter().filter(|(r, m, t)| !watches(r, m, *t)).map(|(r, m, t)| format!("nobody watches {m} of {r} above {t}"));
    let mut breaches: Vec<String> = unwatched.collect();
    for (name, metric, statistic, comparison, threshold) in R47 {
        let alarm = template.at(&format!("/Resources/{name}/Properties"));
        let metrics = metrics_of(alarm);
        let [watched] = metrics.as_slice() else {
            breaches.push(format!("{name} is not there, or watches {} metrics", metrics.len()));
            continue;
        };
        let is = (watched.name.as_str(), watched.statistic.as_str(), alarm["ComparisonOperator"].as_str(), alarm["Threshold"].as_f64());
        if is != (metric, statistic, Some(comparison), Some(threshold)) {
            breaches.push(format!("{name} watches {is:?}, R47 asks for {:?}", (metric, statistic, comparison, threshold)));
        }
    }
    if template.property("UninstallSpikeAlarm", "Threshold") != &json!({"Ref": "UninstallSpike"}) {
        breaches.push("UninstallSpikeAlarm does not watch for more than the parameter UninstallSpike".to_owned());
    }
    breaches
}

/// Every alarm tells somebody when it begins and ends, and says where in docs/operate.md the remedy stands.
pub(super) fn telling(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    for (name, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        let to_topic = json!({"Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], []]});
        if alarm["AlarmActions"] != to_topic || alarm["OKActions"] != to_topic {
            breaches.push(format!("{name} reaches nobody"));
        }
        let pointer = format!(" docs/operate.md#{}", anchor(name));
        let text = alarm["AlarmDescription"].as_str().unwrap_or_default();
        if text.strip_suffix(&pointer).is_none_or(|meaning| meaning.len() < 20 || !meaning.ends_with('.')) {
            breaches.push(format!("{name} does not say what it means and then{pointer}: {text}"));
        }
        if alarm["TreatMissingData"].is_null() {
            breaches.push(format!("{name} does not say what a gap in its data means"));
        }
    }
    breaches
}

/// Every alarm has a section of the fourth level in the operator's guide, under the anchor that its description names; and
/// every such section is an alarm's.
pub(super) fn documented(template: &Template, guide: &str) -> Vec<String> {
    let wanted: BTreeSet<String> = template.of_type("AWS::CloudWatch::Alarm").iter().map(|(name, _)| anchor(name)).collect();
    let sections: Vec<String> =
        guide.lines().filter_map(|line| Some(line.strip_prefix("#### ")?.to_lowercase().replace(' ', "-"))).collect();
    let written: BTreeSet<String> = sections.iter().cloned().collect();
    let missing = wanted.difference(&written).map(|anchor| format!("docs/operate.md says nothing about the alarm {anchor}"));
    let stale = written.difference(&wanted).map(|anchor| format!("docs/operate.md has a section {anchor}, but there is no such alarm"));
    let twice = (written.len() < sections.len()).then(|| "docs/operate.md has two sections of one name".to_owned());
    missing.chain(stale).chain(twice).collect()
}

/// `ForgeRateLimitAlarm` → `forge-rate-limit`.
fn anchor(alarm: &str) -> String {
    let name = alarm.strip_suffix("Alarm").unwrap_or(alarm);
    let dashed = name.char_indices().flat_map(|(at, c)| {
        let dash = (c.is_uppercase() && at > 0).then_some('-');
        dash.into_iter().chain(c.to_lowercase())
    });
    dashed.collect()
}

/// What alarms and dashboard read in our own namespace is emitted, by that function, without labels or with the one
/// that is searched by. A typo on either side is a metric that stays silent for ever.
pub(super) fn emitted(template: &Template) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut read = Vec::new();
    for (name, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        let metrics = metrics_of(alarm);
        if metrics.is_empty() {
            breaches.push(format!("{name} watches nothing that this test can read"));
        }
        read.extend(metrics.into_iter().map(|metric| (name.to_owned(), metric)));
    }
    read.extend(dashboard(template).into_iter().map(|metric| ("the dashboard".to_owned(), metric)));
    for (place, watched) in read.iter().filter(|(_, watched)| !watched.namespace.starts_with("AWS/")) {
        if watched.namespace != "Patchbay/${AWS::StackName}" {
            breaches.push(format!("{place}: {} is in the namespace {}, which nobody writes to", watched.name, watched.namespace));
        }
        let known: Option<&Metric> = metric::ALL.iter().find(|metric| metric.name == watched.name);
        let Some(metric) = known else {
            breaches.push(format!("{place}: nobody emits {}", watched.name));
            continue;
        };
        if metric.label != watched.label.as_deref() {
            breaches.push(format!("{place}: {} is emitted by the label {:?}, not {:?}", watched.name, metric.label, watched.label));
        }
        if watched.service.as_deref().is_some_and(|service| !metric.services.contains(&service)) {
            breaches.push(format!("{place}: {} is not emitted by {:?}", watched.name, watched.service));
        }
    }
    if template.at("/Globals/Function/Environment/Variables/METRICS_NAMESPACE") != &json!({"Fn::Sub": "Patchbay/${AWS::StackName}"}) {
        breaches.push("the functions do not emit into Patchbay/${AWS::StackName}".to_owned());
    }
    breaches
}

/// The dashboard shows every alarm that is always there.
pub(super) fn shown(template: &Template) -> Vec<String> {
    let body = dashboard_body(template);
    let always = template.of_type("AWS::CloudWatch::Alarm").into_iter().map(|(name, _)| name);
    let always = always.filter(|name| template.at(&format!("/Resources/{name}/Condition")).is_null());
    always
        .filter(|name| !body.contains(&format!("\"${{{name}.Arn}}\"")))
        .map(|name| format!("the dashboard does not show {name}"))
        .collect()
}

/// A metric that is read somewhere.
struct Watched {
    namespace: String,
    name: String,
    statistic: String,
    /// `None` if all functions are read together.
    service: Option<String>,
    label: Option<String>,
}

fn metrics_of(alarm: &Value) -> Vec<Watched> {
    let text = |value: &Value| value["Fn::Sub"].as_str().or(value.as_str()).unwrap_or_default().to_owned();
    let service = list(&alarm["Dimensions"]).find(|d| d["Name"] == "service").map(|d| text(&d["Value"]));
    let single = alarm["MetricName"].as_str().map(|name| Watched {
        namespace: text(&alarm["Namespace"]),
        name: name.to_owned(),
        statistic: text(&alarm["Statistic"]) + &text(&alarm["ExtendedStatistic"]),
        service,
        label: None,
    });
    single.into_iter().chain(list(&alarm["Metrics"]).filter_map(|query| parse_query(&text(&query["Expression"])))).collect()
}

/// `SELECT SUM("name") FROM SCHEMA("namespace", service)`
fn parse_query(query: &str) -> Option<Watched> {
    let (statistic, rest) = query.strip_prefix("SELECT ")?.split_once("(\"")?;
    let (name, rest) = rest.split_once("\") FROM SCHEMA(\"")?;
    let (namespace, rest) = rest.split_once("\", service")?;
    let label = rest.strip_suffix(')')?.strip_prefix(", ").map(str::to_owned);
    Some(Watched { namespace: namespace.to_owned(), name: name.to_owned(), statistic: statistic.to_owned(), service: None, label })
}

fn dashboard_body(template: &Template) -> &str {
    template.property("Dashboard", "DashboardBody")["Fn::Sub"].as_str().expect("the dashboard's body is one Sub")
}

fn dashboard(template: &Template) -> Vec<Watched> {
    let body: Value = serde_json::from_str(dashboard_body(template)).expect("the dashboard is JSON");
    let widgets = list(&body["widgets"]).flat_map(|widget| list(&widget["properties"]["metrics"]));
    widgets.filter_map(|row| parse_row(row.as_array().expect("a row of metrics is a list"))).collect()
}

/// `[namespace, name, dimension, value, …]`, or `[{ expression: SEARCH('{"namespace",service,label} MetricName="name"', …) }]`.
fn parse_row(row: &[Value]) -> Option<Watched> {
    let text = |at: usize| row.get(at).and_then(Value::as_str).map(str::to_owned);
    let Some(expression) = row[0]["expression"].as_str() else {
        let service = (text(2)? == "service").then(|| text(3)).flatten();
        return Some(Watched { namespace: text(0)?, name: text(1)?, statistic: String::new(), service, label: None });
    };
    let (schema, rest) = expression.strip_prefix("SEARCH('{\"")?.split_once("} MetricName=\"")?;
    let (namespace, dimensions) = schema.split_once("\",service")?;
    let (name, _) = rest.split_once('"')?;
    let label = dimensions.strip_prefix(',').map(str::to_owned);
    Some(Watched { namespace: namespace.to_owned(), name: name.to_owned(), statistic: String::new(), service: None, label })
}
