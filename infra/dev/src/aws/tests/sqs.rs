//! SQS: what is sent and received, exactly once in flight, kept over restarts.

use super::World;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeName, SendMessageBatchRequestEntry};
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn message_arrives_with_its_attributes_and_digests() {
    let world = World::start().await;
    let (sqs, url) = (world.sqs(), world.queue_url("runs"));
    let attribute = MessageAttributeValue::builder().data_type("Number").string_value("1493147359900").build().unwrap();
    let send = sqs.send_message().queue_url(&url).message_body("This is a test message").message_group_id("connection-1");
    let sent = send.message_attributes("timestamp", attribute).send().await.unwrap();
    assert_eq!(sent.md5_of_message_body(), Some("fafb00f5732ab283681e124bf8747ed1"));
    assert_eq!(sent.md5_of_message_attributes(), Some("235c5c510d26fb653d073faed50ae77c"));
    let receive = sqs.receive_message().queue_url(&url).message_system_attribute_names(MessageSystemAttributeName::All);
    let received = receive.message_attribute_names("All").send().await.unwrap();
    let message = &received.messages()[0];
    assert_eq!((message.message_id(), message.md5_of_body()), (sent.message_id(), sent.md5_of_message_body()));
    let system = message.attributes().unwrap();
    assert_eq!(system[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
    assert_eq!(system[&MessageSystemAttributeName::MessageGroupId], "connection-1");
    assert!(system[&MessageSystemAttributeName::SentTimestamp].parse::<u64>().unwrap() > 1_600_000_000_000);
    assert_eq!(message.message_attributes().unwrap()["timestamp"].string_value(), Some("1493147359900"));
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_receivers_never_hold_one_message() {
    let world = World::start().await;
    let (sqs, url) = (world.sqs(), world.queue_url("runs"));
    let total = 200;
    let receivers: Vec<_> = (0..8)
        .map(|_| {
            let (sqs, url) = (sqs.clone(), url.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                loop {
                    let receive = sqs.receive_message().queue_url(&url).max_number_of_messages(10).wait_time_seconds(1);
                    let batch = receive.send().await.unwrap();
                    if batch.messages().is_empty() {
                        return seen;
                    }
                    seen.extend(batch.messages().iter().filter_map(|message| message.body().map(str::to_owned)));
                }
            })
        })
        .collect();
    for number in 0..total {
        sqs.send_message().queue_url(&url).message_body(number.to_string()).send().await.unwrap();
    }
    let mut all = Vec::new();
    for receiver in receivers {
        all.extend(receiver.await.unwrap());
    }
    assert_eq!(all.len(), total, "each message was received once");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), total);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_poll_ends_with_the_first_message() {
    let world = World::start().await;
    let queue = world.aws.queue("runs").unwrap();
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.receive(10, None, Duration::from_secs(20)).await.unwrap() }
    });
    tokio::task::yield_now().await;
    world.sqs().send_message().queue_url(queue.url()).message_body("now").send().await.unwrap();
    let received = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("the poll slept on").unwrap();
    assert_eq!(received[0].body, "now");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_and_their_receipts_survive_a_restart() {
    let world = World::start().await;
    let (sqs, url) = (world.sqs(), world.queue_url("runs"));
    for body in ["held", "waiting"] {
        sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    }
    let held = sqs.receive_message().queue_url(&url).send().await.unwrap();
    assert_eq!(held.messages()[0].body(), Some("held"));
    let world = world.restart(|_| {}).await;
    let queue = world.aws.queue("runs").unwrap();
    let depth = queue.depth().unwrap();
    assert_eq!((depth.visible, depth.in_flight), (1, 1), "what was held stays held");
    let receipt = held.messages()[0].receipt_handle().unwrap();
    world.sqs().delete_message().queue_url(queue.url()).receipt_handle(receipt).send().await.unwrap();
    assert_eq!(queue.depth().unwrap().total(), 1);
    let next = queue.receive(10, None, Duration::ZERO).await.unwrap();
    assert_eq!(next.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["waiting"]);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_entry_fails_alone_in_a_batch() {
    let world = World::start().await;
    let (sqs, url) = (world.sqs(), world.queue_url("runs"));
    let entry = |id: &str, body: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap();
    let sent = sqs.send_message_batch().queue_url(&url).entries(entry("good", "text")).entries(entry("bad", "\u{0}"));
    let sent = sent.send().await.unwrap();
    assert_eq!(sent.successful()[0].id(), "good");
    assert_eq!((sent.failed()[0].id(), sent.failed()[0].code()), ("bad", "InvalidMessageContents"));
    let error = sqs.send_message_batch().queue_url(&url).entries(entry("two words", "text")).send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_batch_entry_id(), "a bad id fails the batch, under the name that SDKs know: {error:?}");
    let none = sqs.send_message().queue_url(url.replace("runs", "none")).message_body("m").send().await.unwrap_err().into_service_error();
    assert_eq!(none.meta().code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
    assert!(none.is_queue_does_not_exist(), "{none:?}");
    let held = world.aws.queue("runs").unwrap().receive(1, None, Duration::ZERO).await.unwrap();
    let delete = |id: &str, receipt: &str| DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt).build().unwrap();
    let deleted = sqs.delete_message_batch().queue_url(&url).entries(delete("1", &held[0].receipt_handle)).entries(delete("2", "?"));
    let deleted = deleted.send().await.unwrap();
    assert_eq!((deleted.successful().len(), deleted.failed()[0].code()), (1, "ReceiptHandleIsInvalid"));
    assert_eq!(world.aws.queue("runs").unwrap().depth().unwrap().total(), 0);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_sqs_hold() {
    let world = World::start().await;
    let (sqs, url) = (world.sqs(), world.queue_url("runs"));
    let send = |body: String| sqs.send_message().queue_url(&url).message_body(body);
    let attribute = |kind: &str, value: &str| MessageAttributeValue::builder().data_type(kind).string_value(value).build().unwrap();
    send("x".repeat(1_048_576)).send().await.unwrap();
    let refused = [
        send("x".repeat(1_048_577)),
        send("x".to_owned()).delay_seconds(901),
        send("x".to_owned()).message_group_id("two words"),
        send("x".to_owned()).message_group_id("g".repeat(129)),
        send("x".to_owned()).message_deduplication_id("of FIFO queues"),
        send("x".to_owned()).message_attributes("k", attribute("String", "")),
        send("x".to_owned()).message_attributes("k", attribute("Text", "v")),
    ];
    for send in refused {
        let error = send.send().await.unwrap_err().into_service_error();
        assert_eq!(error.meta().code(), Some("InvalidParameterValue"), "{error:?}");
    }
    let error = sqs.send_message().queue_url("http://x/000000000000/none").message_body("x").send().await.unwrap_err();
    assert!(error.into_service_error().is_queue_does_not_exist());
    assert_eq!(world.aws.queue("runs").unwrap().depth().unwrap().total(), 1);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noisy_group_does_not_starve_others() {
    let world = World::start().await;
    let queue = world.aws.queue("runs").unwrap();
    let message = |body: String, group: &str| crate::aws::NewMessage { body, group: Some(group.to_owned()), ..Default::default() };
    for number in 0..50 {
        queue.send(message(number.to_string(), "noisy")).unwrap();
    }
    queue.send(message("quiet".to_owned(), "quiet")).unwrap();
    let held = queue.receive(3, None, Duration::ZERO).await.unwrap();
    assert!(held.iter().any(|message| message.body == "quiet"), "the quiet group's only message is among the first three");
    world.aws.shutdown().await;
}
