//! What comes in by the front door: signatures, duplicates, size, nonsense, and every payload sample.

use crate::world::{HELLO, World, project, script};
use anyhow::{Context, Result};
use hmac::{Hmac, KeyInit, Mac};
use patchbay_domain::ids::DeliveryId;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use sha2::Sha256;

/// A forge that sends what a test wants.
pub(crate) struct Sender {
    client: Client,
    url: String,
    secret: String,
}

impl Sender {
    pub(crate) fn of(world: &World) -> Result<Self> {
        let secret = std::fs::read_to_string(world.stack.webhook_secret_file())?.trim().to_owned();
        Ok(Self { client: Client::new(), url: world.stack.webhook_url(), secret })
    }

    fn signature(&self, body: &[u8]) -> Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())?;
        mac.update(body);
        Ok(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
    }

    pub(crate) async fn post(&self, event: &str, delivery: &str, body: Vec<u8>) -> Result<Response> {
        let signature = self.signature(&body)?;
        self.post_signed(event, delivery, Some(&signature), body).await
    }

    async fn post_signed(&self, event: &str, delivery: &str, signature: Option<&str>, body: Vec<u8>) -> Result<Response> {
        let request = self.client.post(&self.url).header("x-github-event", event).header("x-github-delivery", delivery);
        let request = request.header("content-type", "application/json").body(body);
        let request = signature.iter().fold(request, |request, signature| request.header("x-hub-signature-256", *signature));
        Ok(request.send().await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_signature_is_refused_and_nothing_is_stored() -> Result<()> {
    let world = World::start().await?;
    let sender = Sender::of(&world)?;
    world.settle().await?;
    let before = world.stack.aws().calls();
    let body = br#"{"action":"opened"}"#.to_vec();
    let wrong = format!("sha256={}", "0".repeat(64));
    for signature in [None, Some("sha1=0123"), Some(wrong.as_str()), Some("sha256=xyz")] {
        let answer = sender.post_signed("issues", "d-1", signature, body.clone()).await?;
        assert_eq!(answer.status(), 401, "{signature:?}");
        assert!(answer.json::<Value>().await?["error"].is_string());
    }
    let mut after = world.stack.aws().calls();
    // The secret may be read again, to see whether it was rotated (R3).
    after.insert("secretsmanager:GetSecretValue".to_owned(), before.get("secretsmanager:GetSecretValue").copied().unwrap_or_default());
    after.retain(|call, _| !call.ends_with("ReceiveMessage"));
    let mut before = before;
    before.retain(|call, _| !call.ends_with("ReceiveMessage"));
    assert_eq!(after, before);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_delivery_fifty_times_is_one_run() -> Result<()> {
    let world = World::start().await?;
    let sender = Sender::of(&world)?;
    let number = world.issue("Later", "Nobody is asked yet.")?;
    let comment = world.comment(number, "Nobody is asked here either.")?;
    world.settle().await?;
    let sample = world.github.deliveries().into_iter().rfind(|d| d.event == "issue_comment").context("a delivery")?;
    let mut payload = world.github.delivery_payload(&sample.guid)?;
    payload["comment"]["body"] = Value::String(script("add it", &["write new.txt x\\n"]));
    payload["comment"]["id"] = json!(comment);
    let body = serde_json::to_vec(&payload)?;
    let posts = (0..50).map(|_| sender.post("issue_comment", "11111111-2222-3333-4444-555555555555", body.clone()));
    for answer in futures_util::future::join_all(posts).await {
        assert_eq!(answer?.status(), 202);
    }
    world.pull_request().await?;
    world.comment_with(number, "✅ Done").await?;
    world.settle().await?;
    assert_eq!(world.github.pulls(HELLO).len(), 1);
    assert_eq!(world.app_comments(number).len(), 1);
    assert_eq!(world.stack.aws().tasks().len(), 1);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_of_five_megabytes_is_taken_and_worked_on() -> Result<()> {
    let world = World::start().await?;
    let sender = Sender::of(&world)?;
    let number = world.issue("Later", "Nobody is asked yet.")?;
    world.comment(number, "Nobody is asked here either.")?;
    world.settle().await?;
    let sample = world.github.deliveries().into_iter().rfind(|d| d.event == "issue_comment").context("a delivery")?;
    let mut payload = world.github.delivery_payload(&sample.guid)?;
    // Random text does not compress below a queue message's limit, so that the body goes through the bucket (R7).
    let noise: String = (0..156_300).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
    payload["comment"]["body"] = Value::String(script("ask it", &["answer I read it."]));
    payload["noise"] = Value::String(noise);
    let body = serde_json::to_vec(&payload)?;
    assert!(body.len() > 5_000_000);
    assert_eq!(sender.post("issue_comment", "big-1", body).await?.status(), 202);
    world.comment_with(number, "I read it.").await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_the_platforms_limit_is_refused_as_too_large() -> Result<()> {
    let world = World::start().await?;
    let sender = Sender::of(&world)?;
    let body = format!("{{\"noise\":\"{}\"}}", "x".repeat(7_000_000)).into_bytes();
    assert_eq!(sender.post("issues", "too-big", body).await?.status(), 413);
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_and_breaks_nothing() -> Result<()> {
    let world = World::start().await?;
    let sender = Sender::of(&world)?;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (name, body) in
        [("empty", ""), ("text", "hello"), ("array", "[1]"), ("cut", "{\"action\":"), ("deep", deep.as_str()), ("nul", "\0\0")]
    {
        let answer = sender.post("issues", &format!("nonsense-{name}"), body.as_bytes().to_vec()).await?;
        assert_eq!(answer.status(), 400, "{name}");
    }
    let bytes = sender.post("issues", "nonsense-bytes", vec![0xff, 0xfe, 0x00, 0x80]).await?;
    assert_eq!(bytes.status(), 400);
    for body in [
        "{}",
        r#"{"action":7,"issue":"x","installation":{"id":1}}"#,
        r#"{"installation":{"id":18446744073709551615}}"#,
        r#"{"action":"opened","issue":{"number":-1}}"#,
    ] {
        let answer = sender.post("issues", &format!("odd-{}", body.len()), body.as_bytes().to_vec()).await?;
        assert!(matches!(answer.status().as_u16(), 202 | 400), "{body}: {}", answer.status());
    }
    assert_eq!(sender.post("issues", "a b/../c", b"{}".to_vec()).await?.status(), 400);
    // An object by its brackets is let in; who reads it says that it is none.
    assert_eq!(sender.post("issues", "nonsense-inside", b"{not json}".to_vec()).await?.status(), 202);
    world.settle().await?;
    let inside = world.operations().await?.delivery(&DeliveryId("nonsense-inside".to_owned())).await?;
    let whys: Vec<&str> = inside.decisions.iter().map(|decision| decision.why.as_str()).collect();
    assert!(inside.done && whys.len() == 1 && whys[0].starts_with("the payload cannot be read"), "{whys:?}");
    // It still works.
    let number = world.issue("After that", &script("ask", &["answer Still here."]))?;
    world.comment_with(number, "Still here.").await?;
    world.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_payload_sample_goes_through_intake_and_matcher() -> Result<()> {
    let world = World::start().await?;
    let sender = Sender::of(&world)?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(project().join("events/github"))? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|n| n.to_str()).context("a name")?.to_owned();
        let event = name.split('.').next().context("an event")?.to_owned();
        let answer = sender.post(&event, &format!("sample-{}", name.replace('.', "-")), std::fs::read(&path)?).await?;
        assert_eq!(answer.status(), 202, "{name}");
        names.push(name);
    }
    assert!(names.len() >= 20, "{names:?}");
    world.settle().await?;
    let decided = world.log("trigger-matcher")?.lines().filter(|line| line.contains("event decided")).count();
    assert!(decided >= names.len(), "{decided} of {} samples were decided", names.len());
    for queue in ["EventsQueueDlq", "RunsQueueDlq", "ResultsQueueDlq"] {
        let queue = world.stack.queue(queue).context("a queue")?;
        assert_eq!(queue.depth().await?.visible, 0, "{}", queue.name());
    }
    world.end().await;
    Ok(())
}
