//! The floor that `patchbay bench` holds webhook-intake against: the plainest honest function that does its core, on the
//! SDK with its defaults. One secret at start, the signature over the body, one send of the body as it came, 202.
//! Never deployed: no compression, no logs, no metrics, no rotation, no depth limit, no message group.

use aws_config::BehaviorVersion;
use hmac::{Hmac, KeyInit, Mac};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::HashMap;

#[derive(Deserialize)]
struct Request {
    headers: HashMap<String, String>,
    body: String,
}

#[derive(Deserialize)]
struct Secret {
    github: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let secret = aws_sdk_secretsmanager::Client::new(&aws).get_secret_value().secret_id(variable("SECRET_WEBHOOK_ID")?).send().await?;
    let secret: Secret = serde_json::from_str(secret.secret_string().unwrap_or_default())?;
    let (sqs, queue) = (aws_sdk_sqs::Client::new(&aws), variable("QUEUE_EVENTS_URL")?);
    let (secret, sqs, queue) = (&secret.github[0], &sqs, &queue);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Request>| async move {
        let request = event.payload;
        if !authentic(&request, secret) {
            return Ok::<Value, Error>(json!({ "statusCode": 401 }));
        }
        sqs.send_message().queue_url(queue).message_body(request.body).send().await?;
        Ok(json!({ "statusCode": 202 }))
    }))
    .await
}

fn authentic(request: &Request, secret: &str) -> bool {
    let digits = request.headers.get("x-hub-signature-256").and_then(|header| header.strip_prefix("sha256="));
    let Some(expected) = digits.and_then(|digits| hex::decode(digits).ok()) else { return false };
    Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .is_ok_and(|mac| mac.chain_update(request.body.as_bytes()).verify_slice(&expected).is_ok())
}

fn variable(name: &str) -> Result<String, Error> {
    #[expect(clippy::disallowed_methods, reason = "an example without configuration of its own")]
    let value = std::env::var(name);
    value.map_err(|_| format!("{name} is missing").into())
}
