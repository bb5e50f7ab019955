//! Stored deliveries in an emulated AWS, laid down as the functions lay them down: found by repository, read from table and
//! bucket, and sent again.

use super::super::records::tests::item;
use super::super::{Operations, Place};
use super::*;
use crate::aws::{Aws, AwsConfig, IndexSpec, QueueSpec, TableSpec};
use crate::cli::{Info, LocalAws};
use aws_sdk_dynamodb::primitives::Blob;
use std::collections::BTreeMap;

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    operations: Operations,
    aws: Aws,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let table = |name: &str, indexes| TableSpec {
            name: name.to_owned(),
            hash: "pk".to_owned(),
            range: Some("sk".to_owned()),
            indexes,
            ttl_attribute: Some("ttl".to_owned()),
        };
        let by_repository = IndexSpec {
            name: "by_repository".to_owned(),
            hash: "repository_day".to_owned(),
            range: Some("received_at".to_owned()),
            projection: "KEYS_ONLY".to_owned(),
        };
        let config = AwsConfig {
            data_dir: folder.path().join("data"),
            tables: vec![table("deliveries", vec![by_repository])],
            queues: vec![QueueSpec::new("events")],
            buckets: vec!["blobs".to_owned()],
            ..AwsConfig::default()
        };
        let aws = Aws::start(config).await.unwrap();
        let names = [("DeliveriesTable", "deliveries"), ("EventsQueue", "events"), ("Bucket", "blobs")];
        let resources: BTreeMap<String, String> = names.into_iter().map(|(id, name)| (id.to_owned(), name.to_owned())).collect();
        let info = Info {
            webhook_url: String::new(),
            forge_url: String::new(),
            forge_api_url: String::new(),
            webhook_secret_file: folder.path().into(),
            forge_user: None,
            data_dir: folder.path().into(),
            control_url: String::new(),
            control_token: String::new(),
            aws_elsewhere: BTreeMap::new(),
            aws: LocalAws { endpoint: aws.endpoint().to_owned(), resources },
            public_webhook_url: None,
        };
        let operations = Operations::open(Place::Local(Box::new(info))).await.unwrap();
        Self { operations, aws, _folder: folder }
    }

    async fn put(&self, item: Item) {
        self.operations.dynamodb.put_item().table_name("deliveries").set_item(Some(item)).send().await.unwrap();
    }

    /// A delivery that was worked on.
    async fn keep(&self, id: &str, body: Option<AttributeValue>, at: Timestamp) {
        let key = format!("github#app#{id}");
        let received = s(&at.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string());
        self.put(item(&key, "claim", &[("done", AttributeValue::Bool(true))])).await;
        if let Some(body) = body {
            self.put(item(&key, "payload", &[("event", s("push")), ("received_at", received.clone()), ("body", body)])).await;
        }
        let day = s(&format!("github#acme/hello#{}", day_of(at)));
        let decision = [
            ("started", AttributeValue::Bool(false)),
            ("why", s("branches: `x` matched none of `main`")),
            ("event", s("push")),
            ("received_at", received),
            ("repository_day", day),
        ];
        self.put(item(&key, "decision#repository/docs", &decision)).await;
    }

    /// What trigger-matcher does with the next message: claim, decide, done.
    async fn work(&self) -> Delivery {
        let queue = self.operations.url("events").await.unwrap();
        loop {
            let answer = self.operations.sqs.receive_message().queue_url(&queue).wait_time_seconds(1).send().await.unwrap();
            let Some(message) = answer.messages().first() else { continue };
            let EventMessage::V1(delivery) = EventMessage::parse(message.body().unwrap()).unwrap() else { panic!("{message:?}") };
            self.keep(delivery.id.as_str(), None, delivery.received_at).await;
            return delivery;
        }
    }
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn packed(text: &str) -> Vec<u8> {
    zstd::bulk::Compressor::with_dictionary(1, DICTIONARY).unwrap().compress(text.as_bytes()).unwrap()
}

#[tokio::test]
async fn the_deliveries_of_a_repository_are_found_newest_first_with_their_payloads() {
    let world = World::start().await;
    let now = Timestamp::now();
    let ago = |minutes| now - SignedDuration::from_mins(minutes);
    let blob = "deliveries/github/d2.zst";
    world.operations.s3.put_object().bucket("blobs").key(blob).body(packed("in the bucket").into()).send().await.unwrap();
    world.keep("d1", Some(AttributeValue::B(Blob::new(packed("in the row")))), ago(30)).await;
    world.keep("d2", Some(s(blob)), ago(20)).await;
    world.keep("d3", Some(s("deliveries/github/gone.zst")), ago(10)).await;
    world.keep("old", None, ago(90)).await;

    let found = world.operations.deliveries_of("acme/hello", ago(60), 10).await.unwrap();
    let mut payloads = Vec::new();
    for delivery in &found {
        let payload = world.operations.payload(delivery).await.unwrap();
        payloads.push((delivery.id.as_str(), payload.map(|bytes| String::from_utf8(bytes).unwrap())));
    }
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(payloads, [("d3", None), ("d2", some("in the bucket")), ("d1", some("in the row"))]);
    assert!(found.iter().all(|delivery| delivery.done && delivery.decisions.len() == 1 && delivery.cost.rows == 3), "{found:?}");
    assert_eq!(world.operations.deliveries_of("acme/hello", ago(60), 2).await.unwrap().len(), 2);
    assert_eq!(world.operations.deliveries_of("acme/other", ago(60), 10).await.unwrap(), []);
    world.aws.shutdown().await;
}

#[tokio::test]
async fn a_delivery_is_run_again_under_a_new_id_each_time() {
    let world = World::start().await;
    let body = AttributeValue::B(Blob::new(packed("the payload")));
    world.keep("d1", Some(body), Timestamp::now()).await;
    for expected in ["d1-replay-1", "d1-replay-2"] {
        let id = DeliveryId("d1".to_owned());
        let (done, sent) = tokio::join!(world.operations.run_again(&id, PATIENCE), world.work());
        assert_eq!((sent.id.as_str(), sent.event.as_str(), sent.endpoint.as_str()), (expected, "push", "app"));
        assert_eq!(sent.body, Body::Inline(STANDARD.encode(packed("the payload"))));
        assert_eq!(done.unwrap().id, sent.id);
    }
    world.aws.shutdown().await;
}

#[tokio::test]
async fn what_is_no_longer_stored_is_not_run_again() {
    let world = World::start().await;
    world.keep("d1", None, Timestamp::now()).await;
    let said = async |id: &str| world.operations.run_again(&DeliveryId(id.to_owned()), PATIENCE).await.unwrap_err().to_string();
    assert!(said("d1").await.contains("the payload of d1 is no longer stored"));
    assert!(said("none").await.contains("nothing is stored of the delivery none in "));
    world.aws.shutdown().await;
}
