//! What the template's resources are called in one deployment, by their logical ids.

use anyhow::Context as _;
use aws_sdk_cloudformation::error::SdkError;
use aws_sdk_cloudformation::operation::list_stack_resources::ListStackResourcesError;
use std::collections::BTreeMap;

/// Logical id → physical id: a table's name, a queue's URL or name, a log group's name.
#[derive(Clone, Debug)]
pub(super) struct Resources(BTreeMap<String, String>);

/// A queue that has dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueuePair {
    /// In the template.
    pub(super) id: String,
    /// URL in AWS, name on this machine.
    pub(super) queue: String,
    pub(super) dead_letters: String,
}

impl Resources {
    pub(super) fn new(names: BTreeMap<String, String>) -> Self {
        Self(names)
    }

    /// The physical id of a resource.
    ///
    /// # Errors
    /// If the deployment has none: then it is no Patchbay, or another version's.
    pub(super) fn get(&self, id: &str) -> anyhow::Result<&str> {
        self.0.get(id).map(String::as_str).with_context(|| format!("the stack has no {id}: it is no Patchbay, or of another version"))
    }

    /// Every queue `X` with its `XDlq`, by logical id.
    pub(super) fn queues(&self) -> Vec<QueuePair> {
        let pair = |(id, queue): (&String, &String)| {
            Some(QueuePair { id: id.clone(), queue: queue.clone(), dead_letters: self.0.get(&format!("{id}Dlq"))?.clone() })
        };
        self.0.iter().filter_map(pair).collect()
    }

    /// The log groups of functions and tasks: those in AWS's own folders but the API's access log.
    pub(super) fn log_groups(&self) -> Vec<String> {
        let of_ours = |name: &&String| name.starts_with("/aws/lambda/") || name.starts_with("/aws/ecs/");
        self.0.values().filter(of_ours).cloned().collect()
    }
}

/// Asks CloudFormation, which alone knows the names that it made up. One call for each hundred resources.
pub(super) async fn of_stack(client: &aws_sdk_cloudformation::Client, stack: &str) -> Result<Resources, SdkError<ListStackResourcesError>> {
    let mut names = BTreeMap::new();
    let mut pages = client.list_stack_resources().stack_name(stack).into_paginator().send();
    while let Some(page) = pages.next().await {
        for resource in page?.stack_resource_summaries.unwrap_or_default() {
            if let (Some(id), Some(name)) = (resource.logical_resource_id, resource.physical_resource_id) {
                names.insert(id, name);
            }
        }
    }
    Ok(Resources(names))
}

/// Whether a person may mean this queue: by its name, by its name in the template, or by the short one.
pub(super) fn is_called(pair: &QueuePair, given: &str) -> bool {
    last_part(&pair.queue) == given || pair.id == given || short_name(&pair.id) == given
}

/// `events` for `EventsQueue`.
pub(super) fn short_name(id: &str) -> String {
    id.strip_suffix("Queue").unwrap_or(id).to_lowercase()
}

/// A queue's name: the last part of its URL.
pub(super) fn last_part(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources(pairs: &[(&str, &str)]) -> Resources {
        Resources::new(pairs.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect())
    }

    #[test]
    fn a_queue_answers_to_its_long_and_its_short_names() {
        let url = "https://sqs.eu-west-1.amazonaws.com/1/patchbay-EventsQueue-1AB";
        let found = resources(&[("EventsQueue", url), ("EventsQueueDlq", "x"), ("Lonely", "y")]).queues();
        assert_eq!(found.len(), 1, "only a queue with dead letters is one: {found:?}");
        for given in ["patchbay-EventsQueue-1AB", "EventsQueue", "events"] {
            assert!(is_called(&found[0], given), "{given}");
        }
        for given in ["runs", "Events", "", "EventsQueueDlq"] {
            assert!(!is_called(&found[0], given), "{given}");
        }
    }

    #[test]
    fn a_stack_of_something_else_is_told_apart() {
        let error = resources(&[]).get("RunsTable").unwrap_err().to_string();
        assert!(error.contains("RunsTable") && error.contains("no Patchbay"), "{error}");
    }

    #[test]
    fn only_what_functions_and_tasks_write_is_searched() {
        let groups = resources(&[("A", "/aws/lambda/p-x"), ("B", "/aws/ecs/p-agent-task"), ("C", "/aws/apigateway/p")]).log_groups();
        assert_eq!(groups, ["/aws/lambda/p-x", "/aws/ecs/p-agent-task"]);
    }
}
