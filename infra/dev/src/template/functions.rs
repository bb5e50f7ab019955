//! Reads `AWS::Serverless::Function` with the template's Globals, its environment and its events.

use super::model::{Function, FunctionUrl, QueueMapping, Route, Schedule};
use super::node::{Node, Value};
use super::{Scope, TemplateError};
use std::collections::BTreeMap;
use std::time::Duration;

/// Reads one function.
///
/// # Errors
/// A property that is missing or not what AWS wants, with its line.
pub(super) fn read_function(scope: &Scope<'_>, id: &str, resource: &Node) -> Result<Function, TemplateError> {
    let properties = resource.require("Properties")?;
    let globals = scope.root.at(&["Globals", "Function"]);
    let property = |key: &str| -> Result<Option<Node>, TemplateError> {
        let own = properties.get(key).or_else(|| globals.and_then(|globals| globals.get(key)));
        own.map(|node| scope.resolve(node)).transpose()
    };
    let number = |key: &str, default: u64| Ok(property(key)?.map(|node| node.number()).transpose()?.unwrap_or(default));
    let mut environment = BTreeMap::new();
    for from in [globals, Some(properties)].into_iter().flatten() {
        if let Some(variables) = from.at(&["Environment", "Variables"]) {
            for (name, value) in scope.resolve(variables)?.entries() {
                environment.insert(name.clone(), value.text().map_err(|error| error.of(name))?);
            }
        }
    }
    let mut function = Function {
        id: id.to_owned(),
        name: scope.physical_name(resource.line, id)?,
        package: package(scope, resource, properties)?,
        environment,
        timeout: Duration::from_secs(number("Timeout", 3)?),
        memory_mib: number("MemorySize", 128)?,
        routes: Vec::new(),
        mappings: Vec::new(),
        schedules: Vec::new(),
        url: read_url(scope, properties)?,
    };
    for (name, event) in properties.get("Events").map(Node::entries).unwrap_or_default() {
        read_event(scope, &mut function, name, event).map_err(|error| error.of(&format!("event {name}")))?;
    }
    Ok(function)
}

/// The package is named by the build's `Binary`, else by the last part of `CodeUri`.
pub(super) fn package(scope: &Scope<'_>, resource: &Node, properties: &Node) -> Result<String, TemplateError> {
    if let Some(binary) = resource.at(&["Metadata", "BuildProperties", "Binary"]) {
        return scope.resolve(binary)?.text();
    }
    let uri = scope.resolve(properties.require("CodeUri")?)?;
    let text = uri.text()?;
    let last = text.trim_end_matches('/').rsplit('/').next().filter(|last| !last.is_empty() && *last != ".");
    last.map(str::to_owned).ok_or_else(|| TemplateError::at(uri.line, format!("CodeUri `{text}` names no function folder")))
}

fn read_url(scope: &Scope<'_>, properties: &Node) -> Result<Option<FunctionUrl>, TemplateError> {
    let Some(config) = properties.get("FunctionUrlConfig") else { return Ok(None) };
    let mode = config.get("InvokeMode").map(|mode| scope.resolve(mode)?.text()).transpose()?;
    Ok(Some(FunctionUrl { streaming: mode.as_deref() == Some("RESPONSE_STREAM") }))
}

fn read_event(scope: &Scope<'_>, function: &mut Function, name: &str, event: &Node) -> Result<(), TemplateError> {
    let kind = event.require("Type")?.text()?;
    let properties = scope.resolve(event.get("Properties").unwrap_or(&Node { line: event.line, value: Value::Map(Vec::new()) }))?;
    if let Some(enabled) = properties.get("Enabled")
        && !enabled.flag()?
    {
        return Ok(());
    }
    match kind.as_str() {
        "HttpApi" => {
            let text = |key: &str| properties.get(key).map(Node::text).transpose();
            let method = text("Method")?.unwrap_or_else(|| "ANY".to_owned()).to_uppercase();
            let path = text("Path")?.unwrap_or_else(|| "$default".to_owned());
            function.routes.push(Route { method, path });
        }
        "SQS" => function.mappings.push(read_mapping(&properties)?),
        "Schedule" => function.schedules.push(read_schedule(name, properties.require("Schedule")?)?),
        "ScheduleV2" => function.schedules.push(read_schedule(name, properties.require("ScheduleExpression")?)?),
        other => return Err(TemplateError::at(event.line, format!("the local stack plays no events of type {other}"))),
    }
    Ok(())
}

fn read_mapping(properties: &Node) -> Result<QueueMapping, TemplateError> {
    let number = |key: &str| properties.get(key).map(Node::number).transpose();
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let types = properties.get("FunctionResponseTypes").map(Node::items).transpose()?.unwrap_or_default();
    Ok(QueueMapping {
        queue: queue_of_arn(properties.require("Queue")?)?,
        batch_size: small(number("BatchSize")?.unwrap_or(10)),
        batch_window: Duration::from_secs(number("MaximumBatchingWindowInSeconds")?.unwrap_or(0)),
        partial_failures: types.iter().any(|kind| kind.text().is_ok_and(|kind| kind == "ReportBatchItemFailures")),
        max_concurrency: properties.at(&["ScalingConfig", "MaximumConcurrency"]).map(Node::number).transpose()?.map(small),
    })
}

/// The name at the end of a queue's ARN.
///
/// # Errors
/// If it is no queue's ARN.
pub(super) fn queue_of_arn(node: &Node) -> Result<String, TemplateError> {
    let arn = node.text()?;
    match arn.rsplit_once(':') {
        Some((before, name)) if before.starts_with("arn:aws:sqs:") => Ok(name.to_owned()),
        _ => Err(TemplateError::at(node.line, format!("`{arn}` is no queue's ARN"))),
    }
}

/// `rate(5 minutes)`; cron expressions are not played.
///
/// # Errors
/// If it is no rate.
pub(super) fn read_schedule(name: &str, expression: &Node) -> Result<Schedule, TemplateError> {
    let text = expression.text()?;
    let every =
        parse_rate(&text).ok_or_else(|| TemplateError::at(expression.line, format!("the local stack plays only rate(…), not `{text}`")))?;
    Ok(Schedule { name: name.to_owned(), every })
}

fn parse_rate(text: &str) -> Option<Duration> {
    let (value, unit) = text.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(value.parse::<u64>().ok().filter(|value| *value > 0)? * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_and_a_cron_is_refused() {
        assert_eq!(parse_rate("rate(1 minute)"), Some(Duration::from_secs(60)));
        assert_eq!(parse_rate("rate(5 minutes)"), Some(Duration::from_secs(300)));
        assert_eq!(parse_rate("rate(1 day)"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse_rate("rate(0 minutes)"), None);
        assert_eq!(parse_rate("cron(0 12 * * ? *)"), None);
    }
}
