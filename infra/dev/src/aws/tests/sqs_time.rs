//! SQS: what time does. Waiting is by long polls, which wake when a message becomes visible.

use super::{World, soon};
use crate::aws::{NewMessage, QueueHandle};
use aws_sdk_sqs::types::QueueAttributeName;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn text(body: &str) -> NewMessage {
    NewMessage { body: body.to_owned(), ..NewMessage::default() }
}

async fn receive(queue: &QueueHandle, visibility: Duration) -> Option<crate::aws::ReceivedMessage> {
    queue.receive(1, Some(visibility), 10 * SECOND).await.unwrap().pop()
}

#[tokio::test(flavor = "multi_thread")]
async fn message_that_is_not_deleted_comes_back_and_then_goes_to_the_dead_letters() {
    let world = World::start().await;
    let (queue, dead) = (world.aws.queue("runs").unwrap(), world.aws.queue("runs-dlq").unwrap());
    queue.send(NewMessage { group: Some("g".to_owned()), ..text("poison") }).unwrap();
    let first = receive(&queue, SECOND / 5).await.unwrap();
    let second = receive(&queue, SECOND / 5).await.unwrap();
    assert_eq!((first.receive_count, second.receive_count), (1, 2));
    assert_ne!(first.receipt_handle, second.receipt_handle);
    let third = queue.receive(1, None, SECOND).await.unwrap();
    assert!(third.is_empty(), "received twice is enough: {third:?}");
    let buried = receive(&dead, SECOND).await.unwrap();
    assert_eq!((buried.message_id.as_str(), buried.body.as_str()), (first.message_id.as_str(), "poison"));
    assert_eq!(buried.system_attributes["DeadLetterQueueSourceArn"], queue.arn());
    assert_eq!(buried.system_attributes["MessageGroupId"], "g");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redrive_sends_dead_letters_back_as_new_messages() {
    let world = World::start().await;
    let (queue, dead) = (world.aws.queue("runs").unwrap(), world.aws.queue("runs-dlq").unwrap());
    queue.send(text("poison")).unwrap();
    for _ in 0..2 {
        let held = receive(&queue, 10 * SECOND).await.unwrap();
        queue.change_visibility(&held.receipt_handle, Duration::ZERO).unwrap();
    }
    assert_eq!((queue.depth().unwrap().total(), dead.depth().unwrap().visible), (0, 1));
    let world = world.restart(|_| {}).await;
    let (queue, dead) = (world.aws.queue("runs").unwrap(), world.aws.queue("runs-dlq").unwrap());
    world.sqs().start_message_move_task().source_arn(dead.arn()).send().await.unwrap();
    assert_eq!(dead.depth().unwrap().total(), 0);
    assert_eq!(receive(&queue, SECOND).await.unwrap().receive_count, 1);
    let refused = world.sqs().start_message_move_task().source_arn(queue.arn()).send().await.unwrap_err();
    assert_eq!(refused.into_service_error().meta().code(), Some("InvalidParameterValue"));
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn delayed_message_waits_for_its_time() {
    let world = World::start().await;
    let (sqs, queue) = (world.sqs(), world.aws.queue("runs").unwrap());
    let sent_at = Instant::now();
    sqs.send_message().queue_url(queue.url()).message_body("later").delay_seconds(1).send().await.unwrap();
    let names = [QueueAttributeName::All];
    let attributes = sqs.get_queue_attributes().queue_url(queue.url()).set_attribute_names(Some(names.to_vec())).send().await.unwrap();
    assert_eq!(attributes.attributes().unwrap()[&QueueAttributeName::ApproximateNumberOfMessagesDelayed], "1");
    assert!(queue.receive(1, None, Duration::ZERO).await.unwrap().is_empty());
    let received = soon(sqs.receive_message().queue_url(queue.url()).wait_time_seconds(5).send()).await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("later"));
    assert!(sent_at.elapsed() >= SECOND * 9 / 10, "{:?}", sent_at.elapsed());
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outdated_receipt_deletes_nothing() {
    let world = World::start().await;
    let queue = world.aws.queue("runs").unwrap();
    queue.send(text("twice")).unwrap();
    let first = receive(&queue, Duration::ZERO).await.unwrap();
    let second = receive(&queue, 10 * SECOND).await.unwrap();
    queue.delete(&first.receipt_handle).unwrap();
    assert_eq!(queue.depth().unwrap().in_flight, 1, "the second receiver still holds it");
    queue.delete(&second.receipt_handle).unwrap();
    assert_eq!(queue.depth().unwrap().total(), 0);
    queue.delete(&second.receipt_handle).unwrap();
    let error = queue.change_visibility(&second.receipt_handle, SECOND).unwrap_err();
    assert_eq!(error.code, "InvalidParameterValue");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visibility_can_be_prolonged() {
    let world = World::start().await;
    let (sqs, queue) = (world.sqs(), world.aws.queue("runs").unwrap());
    queue.send(text("slow")).unwrap();
    let held = receive(&queue, SECOND / 2).await.unwrap();
    let change = sqs.change_message_visibility().queue_url(queue.url()).receipt_handle(&held.receipt_handle);
    change.visibility_timeout(60).send().await.unwrap();
    assert!(queue.receive(1, None, SECOND).await.unwrap().is_empty(), "half a second would have passed by now");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn message_older_than_the_retention_is_gone() {
    let world = World::with(|config| config.queues[1].retention = SECOND / 5).await;
    let dead = world.aws.queue("runs-dlq").unwrap();
    dead.send(NewMessage { delay: Some(SECOND / 2), ..text("old") }).unwrap();
    assert!(dead.receive(1, None, SECOND).await.unwrap().is_empty());
    assert_eq!(dead.depth().unwrap().total(), 0);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_that_passes_at_once_brings_back_what_waits_and_survives_a_restart() {
    let world = World::start().await;
    let queue = world.aws.queue("runs").unwrap();
    queue.send(NewMessage { delay: Some(300 * SECOND), ..text("delayed") }).unwrap();
    queue.send(text("held")).unwrap();
    receive(&queue, 600 * SECOND).await.unwrap();
    assert!(queue.next_visible_in().unwrap().is_some_and(|next| next > 290 * SECOND && next <= 300 * SECOND));
    world.aws.pass_time_for_queues(301 * SECOND).unwrap();
    assert_eq!(receive(&queue, 600 * SECOND).await.unwrap().body, "delayed");
    let world = world.restart(|_| {}).await;
    let queue = world.aws.queue("runs").unwrap();
    world.aws.pass_time_for_queues(300 * SECOND).unwrap();
    let back = receive(&queue, 600 * SECOND).await.unwrap();
    assert_eq!((back.body.as_str(), back.receive_count), ("held", 2));
    world.aws.shutdown().await;
}
