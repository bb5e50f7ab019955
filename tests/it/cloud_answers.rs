//! CloudFormation's and CloudWatch Logs' answers about a local stack, as far as the operator's commands ask for them: a
//! stack's resources in two pages, and its log files as log groups. The emulated AWS has neither.

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// Answers until it is dropped.
pub(crate) struct CloudAnswers {
    pub(crate) url: String,
    server: tokio::task::JoinHandle<()>,
}

struct Stack {
    name: String,
    resources: Vec<(String, String)>,
    logs: PathBuf,
}

impl CloudAnswers {
    /// For a stack of this name with these resources (logical and physical id) and this folder of log files.
    pub(crate) async fn start(name: &str, resources: Vec<(String, String)>, logs: PathBuf) -> Result<Self> {
        let stack = Arc::new(Stack { name: name.to_owned(), resources, logs });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(stack);
        let server = tokio::spawn(async move { _ = axum::serve(listener, router).await });
        Ok(Self { url, server })
    }
}

impl Drop for CloudAnswers {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(stack): State<Arc<Stack>>, headers: HeaderMap, body: String) -> Response {
    match headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        Some("Logs_20140328.FilterLogEvents") => match serde_json::from_str::<Value>(&body) {
            Ok(input) => axum::Json(stack.events(&input)).into_response(),
            Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        },
        _ => stack.resources(&body).into_response(),
    }
}

impl Stack {
    /// ListStackResources in AWS's query protocol.
    fn resources(&self, form: &str) -> (StatusCode, String) {
        let asked = |pair: &str| form.split('&').any(|given| given == pair);
        if !asked("Action=ListStackResources") || !asked(&format!("StackName={}", self.name)) {
            let message = "Stack with that id does not exist";
            let error = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>{message}</Message></Error></ErrorResponse>"
            );
            return (StatusCode::BAD_REQUEST, error);
        }
        let (first, second) = self.resources.split_at(self.resources.len() / 2);
        let (page, next) = if asked("NextToken=second") { (second, "") } else { (first, "<NextToken>second</NextToken>") };
        let members: String = page
            .iter()
            .map(|(id, name)| {
                format!(
                    "<member><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>{name}</PhysicalResourceId>\
                     <ResourceType>x</ResourceType><LastUpdatedTimestamp>2026-11-20T10:00:00Z</LastUpdatedTimestamp>\
                     <ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
                )
            })
            .collect();
        let result = format!("<StackResourceSummaries>{members}</StackResourceSummaries>{next}");
        let answer = format!(
            "<ListStackResourcesResponse><ListStackResourcesResult>{result}</ListStackResourcesResult></ListStackResourcesResponse>"
        );
        (StatusCode::OK, answer)
    }

    /// FilterLogEvents: the lines of a group's files that one of the pattern's words is in, or those of the named streams.
    fn events(&self, input: &Value) -> Value {
        let group = input["logGroupName"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let package = group.strip_prefix(&format!("{}-", self.name)).unwrap_or(group);
        let pattern = input["filterPattern"].as_str().unwrap_or_default();
        let words: Vec<&str> = pattern.split(' ').filter_map(|word| word.strip_prefix("?\"")?.strip_suffix('"')).collect();
        let streams: Vec<&str> = input["logStreamNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let containers: &[&str] = if package == "agent-task" { &["supervisor", "agent"] } else { &[""] };
        let mut events = Vec::new();
        for container in containers {
            let file = if container.is_empty() { package.to_owned() } else { format!("{package}-{container}") };
            let text = std::fs::read_to_string(self.logs.join(format!("{file}.log"))).unwrap_or_default();
            for (at, line) in text.lines().filter_map(|line| line.split_once(' ')) {
                let task = line.rsplit_once(" task=").map_or("", |(_, task)| task);
                let stream = format!("{container}/{container}/{task}");
                let wanted = words.iter().any(|word| line.contains(word)) || streams.contains(&stream.as_str());
                if wanted && at.starts_with("20") {
                    events.push(json!({ "logStreamName": stream, "timestamp": 0, "message": format!("{at} {line}") }));
                }
            }
        }
        json!({ "events": events })
    }
}
