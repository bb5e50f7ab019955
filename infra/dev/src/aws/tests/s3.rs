//! S3 with the bodies and checksums that the SDK sends by default.

use super::World;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

fn client(world: &World) -> Client {
    Client::new(&world.sdk())
}

async fn get(client: &Client, key: &str) -> Vec<u8> {
    let object = client.get_object().bucket("blobs").key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn object_comes_back_after_a_restart() {
    let world = World::start().await;
    let put = client(&world).put_object().bucket("blobs").key("deliveries/github/a b+ü.zst").metadata("kind", "delivery");
    put.content_type("application/zstd").body(ByteStream::from_static(b"bytes")).send().await.unwrap();
    let world = world.restart(|_| {}).await;
    let client = client(&world);
    assert_eq!(get(&client, "deliveries/github/a b+ü.zst").await, b"bytes");
    let head = client.head_object().bucket("blobs").key("deliveries/github/a b+ü.zst").send().await.unwrap();
    assert_eq!((head.content_length(), head.content_type()), (Some(5), Some("application/zstd")));
    assert_eq!(head.metadata().unwrap()["kind"], "delivery");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streamed_body_with_a_trailing_checksum_is_unwrapped() {
    let world = World::start().await;
    let client = client(&world);
    let path = world.folder.path().join("big");
    let content: Vec<u8> = (0..300_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    std::fs::write(&path, &content).unwrap();
    let body = ByteStream::from_path(&path).await.unwrap();
    client.put_object().bucket("blobs").key("big").body(body).send().await.unwrap();
    assert_eq!(get(&client, "big").await, content);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_objects_and_buckets_are_told_as_s3_does() {
    let world = World::start().await;
    let client = client(&world);
    let error = client.get_object().bucket("blobs").key("none").send().await.unwrap_err().into_service_error();
    assert!(error.is_no_such_key(), "{error:?}");
    let error = client.head_object().bucket("blobs").key("none").send().await.unwrap_err().into_service_error();
    assert!(error.is_not_found(), "{error:?}");
    let error = client.get_object().bucket("other").key("none").send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("NoSuchBucket"));
    client.delete_object().bucket("blobs").key("none").send().await.unwrap();
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn create_only_put_refuses_an_existing_object() {
    let world = World::start().await;
    let client = client(&world);
    let put =
        |body: &'static [u8]| client.put_object().bucket("blobs").key("once").if_none_match("*").body(ByteStream::from_static(body)).send();
    put(b"first").await.unwrap();
    assert_eq!(put(b"second").await.unwrap_err().into_service_error().meta().code(), Some("PreconditionFailed"));
    assert_eq!(get(&client, "once").await, b"first");
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listing_is_paged_and_grouped() {
    let world = World::start().await;
    let client = client(&world);
    for key in ["a/1", "a/2", "b", "c&<>", "d"] {
        client.put_object().bucket("blobs").key(key).body(ByteStream::from_static(b"x")).send().await.unwrap();
    }
    let mut keys = Vec::new();
    let mut pages = client.list_objects_v2().bucket("blobs").max_keys(2).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(page.contents().len() <= 2);
        keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
    }
    assert_eq!(keys, ["a/1", "a/2", "b", "c&<>", "d"]);
    let grouped = client.list_objects_v2().bucket("blobs").delimiter("/").send().await.unwrap();
    assert_eq!(grouped.common_prefixes()[0].prefix(), Some("a/"));
    assert_eq!(grouped.key_count(), Some(4));
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_damaged_is_refused_and_a_condition_is_never_passed_over() {
    let world = World::start().await;
    let client = client(&world);
    let put = || client.put_object().bucket("blobs").key("k").body(ByteStream::from_static(b"bytes"));
    let error = put().content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("BadDigest"));
    put().content_md5("SzpiGLs+OnMD6KFxpg/Pkg==").send().await.unwrap();
    let error = put().if_match("\"00000000000000000000000000000000\"").send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("NotImplemented"), "it is said, not ignored");
    world.aws.shutdown().await;
}
