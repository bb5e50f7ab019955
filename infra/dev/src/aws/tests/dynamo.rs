//! DynamoDB through the front.

use super::{CALLER, World};
use crate::aws::{IndexSpec, Use};
use aws_sdk_dynamodb::types::AttributeValue;

fn client(world: &World) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&world.sdk())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn item_survives_a_restart_and_is_found_by_its_index() {
    let world = World::start().await;
    let put = client(&world).put_item().table_name("runs").item("pk", text("w")).item("sk", text("r"));
    put.item("due_shard", text("3")).item("due_at", text("2026-11-20T00:00:00Z")).send().await.unwrap();
    let world = world.restart(|_| {}).await;
    let query = client(&world).query().table_name("runs").index_name("due").key_condition_expression("due_shard = :s");
    let found = query.expression_attribute_values(":s", text("3")).send().await.unwrap();
    assert_eq!(found.items()[0]["sk"], text("r"));
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_a_newer_template_has_is_added_and_finds_what_was_there() {
    let world = World::start().await;
    let put = client(&world).put_item().table_name("runs").item("pk", text("w")).item("sk", text("r"));
    put.item("created_day", text("2026-11-20")).send().await.unwrap();
    let index = IndexSpec { name: "by_day".to_owned(), hash: "created_day".to_owned(), range: None, projection: "KEYS_ONLY".to_owned() };
    let world = world.restart(|config| config.tables[0].indexes.push(index.clone())).await;
    let query = client(&world).query().table_name("runs").index_name("by_day").key_condition_expression("created_day = :d");
    let found = query.expression_attribute_values(":d", text("2026-11-20")).send().await.unwrap();
    assert_eq!(found.items()[0]["sk"], text("r"));
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_put_is_won_by_one() {
    let world = World::start().await;
    let client = client(&world);
    let puts = (0..20).map(|_| {
        let put = client.put_item().table_name("runs").item("pk", text("w")).item("sk", text("claim"));
        tokio::spawn(put.condition_expression("attribute_not_exists(pk)").send())
    });
    let mut won = 0;
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert!(error.into_service_error().is_conditional_check_failed_exception()),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(world.aws.calls()["dynamodb:PutItem"], 20);
    let used = Use { action: "dynamodb:PutItem".to_owned(), resource: "runs".to_owned() };
    assert_eq!(world.aws.uses()[CALLER][&used], 20);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_items_are_swept() {
    let world = World::start().await;
    let client = client(&world);
    for (sk, ttl) in [("old", "1000000000"), ("new", "9000000000")] {
        let put = client.put_item().table_name("runs").item("pk", text("w")).item("sk", text(sk));
        put.item("ttl", AttributeValue::N(ttl.to_owned())).send().await.unwrap();
    }
    assert_eq!(world.aws.sweep_ttl().unwrap(), 1);
    let left = client.scan().table_name("runs").send().await.unwrap();
    assert_eq!(left.items().iter().map(|item| item["sk"].clone()).collect::<Vec<_>>(), [text("new")]);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_changed_in_place_where_that_is_wanted() {
    let world = World::start().await;
    let client = client(&world);
    for sk in ["a", "b"] {
        let put = client.put_item().table_name("runs").item("pk", text("w")).item("sk", text(sk));
        put.item("due_shard", text("3")).item("due_at", text("2026-11-20T00:00:09Z")).send().await.unwrap();
    }
    let earlier = |item: &serde_json::Map<String, serde_json::Value>| {
        let mut item = item.clone();
        (item["sk"]["S"] == "a").then(|| {
            item.insert("due_at".to_owned(), serde_json::json!({ "S": "2026-11-20T00:00:01Z" }));
            item
        })
    };
    let before = world.aws.calls();
    assert_eq!(world.aws.change_items("runs", earlier).await.unwrap(), 1);
    assert_eq!(world.aws.calls(), before, "nobody called");
    let query = client.query().table_name("runs").index_name("due").key_condition_expression("due_shard = :s AND due_at < :t");
    let query = query.expression_attribute_values(":s", text("3")).expression_attribute_values(":t", text("2026-11-20T00:00:05Z"));
    assert_eq!(query.send().await.unwrap().items().iter().map(|item| item["sk"].clone()).collect::<Vec<_>>(), [text("a")]);
    world.aws.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_items_are_changed_in_place_stays() {
    let world = World::start().await;
    let client = client(&world);
    for sk in ["done-meanwhile", "moved-meanwhile"] {
        let put = client.put_item().table_name("runs").item("pk", text("w")).item("sk", text(sk));
        put.item("due_at", text("10")).item("done", text("no")).send().await.unwrap();
    }
    let write = |sk: &str, name: &str, value: &str| {
        let update = client.update_item().table_name("runs").key("pk", text("w")).key("sk", text(sk));
        let update =
            update.update_expression("SET #n = :v").expression_attribute_names("#n", name).expression_attribute_values(":v", text(value));
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(async { update.send().await.unwrap() }));
    };
    let earlier = |item: &serde_json::Map<String, serde_json::Value>| {
        if item["sk"]["S"] == "done-meanwhile" {
            write("done-meanwhile", "done", "yes")
        } else {
            write("moved-meanwhile", "due_at", "30")
        }
        let mut item = item.clone();
        item.insert("due_at".to_owned(), serde_json::json!({ "S": "5" }));
        Some(item)
    };
    assert_eq!(world.aws.change_items("runs", earlier).await.unwrap(), 1);
    let mut rows = Vec::new();
    for sk in ["done-meanwhile", "moved-meanwhile"] {
        let item = client.get_item().table_name("runs").key("pk", text("w")).key("sk", text(sk)).send().await.unwrap().item.unwrap();
        rows.push((item["due_at"].clone(), item["done"].clone()));
    }
    assert_eq!(rows, [(text("5"), text("yes")), (text("30"), text("no"))]);
    world.aws.shutdown().await;
}
