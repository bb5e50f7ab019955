//! Sending to Patchbay's own queues. Messages carry a message group (the tenant), so that SQS's fair queues keep a noisy
//! tenant from starving the others. Receiving is Lambda's doing: see `lambda`.

use crate::config::AwsConfig;
use crate::error::AwsError;
use patchbay_domain::envelope::RunMessage;
use patchbay_domain::ids::{RunId, WorkspaceId};
use serde::Serialize;

/// What one SQS message may hold.
pub const MAX_MESSAGE_BYTES: usize = 1_048_576;
/// How long SQS can hold a message back.
pub const MAX_DELAY_SECONDS: u32 = 900;
const MAX_GROUP_CHARS: usize = 128;

/// One queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl Queue {
    /// The queue at `url` (a variable like `QUEUE_RUNS_URL`).
    pub fn new(aws: &AwsConfig, url: impl Into<String>) -> Self {
        let url = url.into();
        Self { client: aws.sqs_of(&url), url }
    }

    /// Sends `message` as JSON in the message group `group`, held back for `delay_seconds` (at most 15 minutes: longer
    /// delays are cut, and who receives it too early sends it on). One call. `TooLarge` over `MAX_MESSAGE_BYTES`.
    pub async fn send(&self, message: &impl Serialize, group: &str, delay_seconds: u32) -> Result<(), AwsError> {
        let body = serde_json::to_string(message).map_err(|e| AwsError::Permanent(format!("message: {e}")))?;
        self.send_text(body, group, delay_seconds).await
    }

    /// Sends a message that is text already. Otherwise as `send`.
    pub async fn send_text(&self, body: String, group: &str, delay_seconds: u32) -> Result<(), AwsError> {
        if body.len() > MAX_MESSAGE_BYTES {
            return Err(AwsError::TooLarge);
        }
        let delay = i32::try_from(delay_seconds.min(MAX_DELAY_SECONDS)).unwrap_or(0);
        let request = self.client.send_message().queue_url(&self.url).message_body(body).message_group_id(group_name(group));
        request.set_delay_seconds((delay > 0).then_some(delay)).send().await?;
        Ok(())
    }

    /// Says "look at this run" after `delay_seconds`; the group is the workspace. One call.
    pub async fn send_run(&self, workspace: &WorkspaceId, run: &RunId, delay_seconds: u32) -> Result<(), AwsError> {
        let message = RunMessage::V1 { workspace: workspace.clone(), run: run.clone() };
        self.send(&message, workspace.as_str(), delay_seconds).await
    }
}

/// SQS takes up to 128 visible ASCII characters and no empty name.
fn group_name(group: &str) -> String {
    let name: String = group.chars().filter(char::is_ascii_graphic).take(MAX_GROUP_CHARS).collect();
    if name.is_empty() { "none".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_name_is_always_one_that_sqs_takes() {
        assert_eq!(group_name("ws_github_1"), "ws_github_1");
        assert_eq!(group_name("ä b"), "b");
        assert_eq!(group_name(""), "none");
        assert_eq!(group_name(&"x".repeat(500)).len(), 128);
    }
}
