//! What a hook can make a queue do: all of it is within what SQS allows itself.

use crate::aws::{Aws, AwsConfig, NewMessage, QueueFault, QueueHandle, QueueMoment, QueueSpec};
use std::sync::Arc;
use std::time::Duration;

/// A queue that suffers this at every send, or at every receive.
async fn queue(fault: QueueFault, when: QueueMoment) -> (Aws, QueueHandle, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let hook = move |_: &str, moment: QueueMoment| (moment == when).then_some(fault);
    let (queues, data_dir) = (vec![QueueSpec::new("work")], folder.path().to_owned());
    let aws = Aws::start(AwsConfig { data_dir, queues, queue_faults: Some(Arc::new(hook)), ..AwsConfig::default() }).await.unwrap();
    let queue = aws.queue("work").unwrap();
    for body in ["one", "two"] {
        queue.send(NewMessage { body: body.to_owned(), ..NewMessage::default() }).unwrap();
    }
    (aws, queue, folder)
}

async fn bodies(queue: &QueueHandle, max: usize, wait: Duration) -> Vec<String> {
    queue.receive(max, None, wait).await.unwrap().into_iter().map(|message| message.body).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_can_come_twice_under_one_id() {
    let (_aws, queue, _folder) = queue(QueueFault::Twice, QueueMoment::Send).await;
    let got = queue.receive(10, None, Duration::ZERO).await.unwrap();
    assert_eq!(got.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["one", "one", "two", "two"]);
    assert_eq!(got[0].message_id, got[1].message_id);
    queue.delete(&got[0].receipt_handle).unwrap();
    assert_eq!(queue.depth().unwrap().total(), 3, "each copy is done on its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_can_come_late_early_again_or_out_of_order() {
    let (_aws, late, _folder) = queue(QueueFault::Late(Duration::from_millis(300)), QueueMoment::Send).await;
    assert!(bodies(&late, 10, Duration::ZERO).await.is_empty());
    assert!(!bodies(&late, 10, Duration::from_secs(5)).await.is_empty());

    let (_aws, early, _folder) = queue(QueueFault::Early(Duration::from_millis(100)), QueueMoment::Receive).await;
    assert_eq!(bodies(&early, 10, Duration::ZERO).await, ["one", "two"]);
    assert!(!bodies(&early, 10, Duration::from_secs(5)).await.is_empty(), "the visibility timeout is 30 s");

    let (_aws, wrong, _folder) = queue(QueueFault::OutOfOrder, QueueMoment::Receive).await;
    assert_eq!(bodies(&wrong, 1, Duration::ZERO).await, ["two"]);
}
