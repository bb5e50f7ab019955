//! The endpoint itself: credentials, unknown operations, counting, the hook for faults.

use super::{World, soon};
use crate::aws::{AwsError, Call, Moment};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn unknown_operation_is_named() {
    let world = World::start().await;
    let error = world.sqs().create_queue().queue_name("more").send().await.unwrap_err().into_service_error();
    assert!(error.meta().message().unwrap().contains("sqs:CreateQueue"), "{error:?}");
    let s3 = aws_sdk_s3::Client::new(&world.sdk());
    let error = s3.create_bucket().bucket("more").send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("NotImplemented"));
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn request_without_authorization_is_refused() {
    let world = World::start().await;
    let http = reqwest::Client::new();
    let json = http.post(world.aws.endpoint()).header("x-amz-target", "AmazonSQS.ListQueues").body("{}").send().await.unwrap();
    assert_eq!(json.status(), 403);
    let s3 = http.get(format!("{}/blobs/key", world.aws.endpoint())).send().await.unwrap();
    assert_eq!(s3.status(), 403);
    assert!(s3.text().await.unwrap().contains("<Code>MissingAuthenticationTokenException</Code>"));
    assert!(world.aws.calls().is_empty(), "what is refused at the door is no call");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hook_can_refuse_a_call_or_hide_its_success() {
    let hook = |call: &Call, moment: Moment| {
        let hit = call.operation == "SendMessage" && call.resources == ["runs"] && moment == Moment::After;
        let blocked = call.operation == "SendMessage" && call.resources == ["runs-dlq"] && moment == Moment::Before;
        (hit || blocked).then(|| AwsError::refused("RequestThrottled", "injected"))
    };
    let world = World::with(|config| config.faults = Some(Arc::new(hook))).await;
    for queue in ["runs", "runs-dlq"] {
        let sqs = aws_sdk_sqs::Client::from_conf(
            aws_sdk_sqs::config::Builder::from(&world.sdk()).retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled()).build(),
        );
        let sent = sqs.send_message().queue_url(world.queue_url(queue)).message_body("m").send().await;
        assert!(sent.unwrap_err().into_service_error().is_request_throttled());
    }
    assert_eq!(world.aws.queue("runs").unwrap().depth().unwrap().visible, 1, "it took effect, only the answer was lost");
    assert_eq!(world.aws.queue("runs-dlq").unwrap().depth().unwrap().visible, 0, "it never happened");
    assert_eq!(world.aws.calls()["sqs:SendMessage"], 2);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_does_not_wait_for_long_polls() {
    let world = World::start().await;
    let (sqs, url) = (world.sqs(), world.queue_url("runs"));
    let poll = tokio::spawn(async move { sqs.receive_message().queue_url(url).wait_time_seconds(20).send().await });
    soon(async {
        while !world.aws.calls().contains_key("sqs:ReceiveMessage") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let asked_at = Instant::now();
    world.aws.shutdown().await;
    assert!(asked_at.elapsed() < Duration::from_secs(4), "{:?}", asked_at.elapsed());
    assert!(soon(poll).await.unwrap().is_err());
}
