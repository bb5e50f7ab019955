//! The queues: how much waits, what was given up, and sending that again (R15).

use super::Operations;
use super::resources::{QueuePair, is_called, last_part, short_name};
use anyhow::{Context as _, bail};
use aws_sdk_sqs::types::QueueAttributeName;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A queue as `top` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    /// `events` for `EventsQueue`.
    pub name: String,
    /// Can be received now.
    pub visible: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    pub delayed: u64,
    /// The age of the oldest message; unknown in AWS, where only CloudWatch's metric has it.
    pub oldest_seconds: Option<u64>,
    pub dead_letters: u64,
}

/// What a redrive did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    pub queue: String,
    pub dead_letter_queue: String,
    /// How many dead letters there were when it began; SQS calls its own count approximate.
    pub moved: u64,
}

type Attributes = HashMap<QueueAttributeName, String>;

impl Operations {
    /// All queues with dead letters. Two calls each.
    ///
    /// # Errors
    /// If SQS does not tell.
    pub async fn queues(&self) -> anyhow::Result<Vec<QueueView>> {
        let ages = self.place.ages().await?;
        let mut queues = Vec::new();
        for pair in self.resources.queues() {
            let (own, dead) = (self.attributes(&pair.queue).await?, self.attributes(&pair.dead_letters).await?);
            queues.push(QueueView {
                name: short_name(&pair.id),
                visible: count(&own, QueueAttributeName::ApproximateNumberOfMessages),
                in_flight: count(&own, QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
                delayed: count(&own, QueueAttributeName::ApproximateNumberOfMessagesDelayed),
                oldest_seconds: ages.get(last_part(&pair.queue)).copied(),
                dead_letters: count(&dead, QueueAttributeName::ApproximateNumberOfMessages),
            });
        }
        Ok(queues)
    }

    /// Sends a queue's dead letters to it again, by StartMessageMoveTask. In AWS the move goes on after the answer.
    ///
    /// # Errors
    /// If there is no such queue, or SQS refuses; one move at a time may run.
    pub async fn redrive(&self, name: &str) -> anyhow::Result<Redriven> {
        let pair = self.queue_called(name)?;
        let dead = self.attributes(&pair.dead_letters).await?;
        let arn =
            |attributes: &Attributes| attributes.get(&QueueAttributeName::QueueArn).cloned().context("SQS did not tell the queue's ARN");
        let target = arn(&self.attributes(&pair.queue).await?)?;
        let request = self.sqs.start_message_move_task().source_arn(arn(&dead)?).destination_arn(target);
        request.send().await.map_err(|error| self.said("sqs:StartMessageMoveTask", error))?;
        Ok(Redriven {
            queue: last_part(&pair.queue).to_owned(),
            dead_letter_queue: last_part(&pair.dead_letters).to_owned(),
            moved: count(&dead, QueueAttributeName::ApproximateNumberOfMessages),
        })
    }

    fn queue_called(&self, name: &str) -> anyhow::Result<QueuePair> {
        let pairs = self.resources.queues();
        if let Some(pair) = pairs.iter().find(|pair| is_called(pair, name)) {
            return Ok(pair.clone());
        }
        let names: Vec<_> = pairs.iter().map(|pair| short_name(&pair.id)).collect();
        bail!("there is no queue {name} with dead letters; there are {}", names.join(", "))
    }

    async fn attributes(&self, queue: &str) -> anyhow::Result<Attributes> {
        let request = self.sqs.get_queue_attributes().queue_url(self.url(queue).await?).attribute_names(QueueAttributeName::All);
        let answer = request.send().await.map_err(|error| self.said("sqs:GetQueueAttributes", error))?;
        Ok(answer.attributes.unwrap_or_default())
    }

    /// The address of a queue that is known by it, or by its name.
    pub(super) async fn url(&self, queue: &str) -> anyhow::Result<String> {
        if queue.starts_with("http") {
            return Ok(queue.to_owned());
        }
        let answer = self.sqs.get_queue_url().queue_name(queue).send().await;
        answer.map_err(|error| self.said("sqs:GetQueueUrl", error))?.queue_url.with_context(|| format!("SQS knows no address of {queue}"))
    }
}

fn count(attributes: &Attributes, name: QueueAttributeName) -> u64 {
    attributes.get(&name).and_then(|value| value.parse().ok()).unwrap_or_default()
}
