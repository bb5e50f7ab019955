//! Services that somebody else plays: here one emulation plays DynamoDB for another.

use super::{World, soon};
use crate::aws::{AwsError, Call, Moment, TableSpec};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use std::sync::Arc;

fn with_table(name: &str) -> impl Fn(&mut crate::aws::AwsConfig) + use<'_> {
    move |config| config.tables = vec![TableSpec { name: name.to_owned(), ..config.tables[0].clone() }]
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_passed_on_counted_and_can_still_be_made_to_fail() {
    let other = World::with(with_table("theirs")).await;
    let lost = |call: &Call, moment: Moment| {
        (call.operation == "DeleteItem" && moment == Moment::After).then(|| AwsError::refused("ThrottlingException", "injected"))
    };
    let address = other.aws.endpoint().to_owned();
    let world = World::with(|config| {
        with_table("ours")(config);
        config.elsewhere.insert("dynamodb".to_owned(), address);
        config.faults = Some(Arc::new(lost));
    })
    .await;
    let dynamodb = Client::new(&world.sdk());
    for sk in ["1", "2"] {
        dynamodb.put_item().table_name("ours").item("pk", text("a")).item("sk", text(sk)).send().await.unwrap();
    }
    assert_eq!(world.aws.calls()["dynamodb:PutItem"], 2);
    assert_eq!(other.aws.calls()["dynamodb:PutItem"], 2, "the table was made there and written there");
    assert_eq!(world.aws.items("ours").await.unwrap().len(), 2);
    assert!(world.aws.items("theirs").await.is_err() || world.aws.items("theirs").await.unwrap().is_empty());

    let delete = dynamodb.delete_item().table_name("ours").key("pk", text("a")).key("sk", text("1"));
    let once = aws_sdk_dynamodb::config::Builder::new().retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled());
    let error = delete.customize().config_override(once).send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("ThrottlingException"));
    assert_eq!(world.aws.items("ours").await.unwrap().len(), 1, "it took effect there, only the answer was lost");

    let refused = dynamodb.put_item().table_name("none").item("pk", text("a")).send().await.unwrap_err().into_service_error();
    assert!(refused.is_resource_not_found_exception(), "an error comes back as it was: {refused:?}");
    soon(world.aws.shutdown()).await;
    soon(other.aws.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_what_is_there() {
    let other = World::start().await;
    let address = other.aws.endpoint().to_owned();
    let elsewhere = |config: &mut crate::aws::AwsConfig| _ = config.elsewhere.insert("dynamodb".to_owned(), address.clone());
    let world = World::with(elsewhere).await;
    let dynamodb = Client::new(&world.sdk());
    dynamodb.put_item().table_name("runs").item("pk", text("a")).item("sk", text("1")).send().await.unwrap();
    let world = soon(world.restart(elsewhere)).await;
    assert_eq!(world.aws.items("runs").await.unwrap().len(), 1);
    soon(world.aws.shutdown()).await;
    soon(other.aws.shutdown()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_is_named_at_the_start() {
    let closed = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = super::config(folder.path());
    config.elsewhere.insert("sqs".to_owned(), format!("http://{closed}"));
    let error = crate::aws::Aws::start(config).await.map(drop).unwrap_err();
    let said = format!("{error:#}");
    assert!(said.contains("runs-dlq cannot be made") && said.contains(&closed.to_string()), "{said}");
}
