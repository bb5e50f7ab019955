//! Secrets Manager with a short memory: a secret is fetched once per process and five minutes, by one caller at a time.
//! A secret that just turned out wrong (a rotated webhook secret) can be fetched again sooner.

use crate::config::AwsConfig;
use crate::error::AwsError;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long a fetched secret is believed.
pub const BELIEVED_FOR: Duration = Duration::from_secs(300);

/// The secrets of this function. Cheap to clone; clones share the memory.
#[derive(Clone)]
pub struct Secrets {
    client: aws_sdk_secretsmanager::Client,
    fetched: Arc<Mutex<HashMap<String, (Instant, SecretString)>>>,
}

impl Secrets {
    /// No call is made before the first secret is asked for.
    pub fn new(aws: &AwsConfig) -> Self {
        Self { client: aws.secrets(), fetched: Arc::default() }
    }

    /// The secret's JSON, at most five minutes old. No call, or one. `Permanent` when it is not the JSON that `T` wants;
    /// the error never quotes it.
    pub async fn get_json<T: DeserializeOwned>(&self, id: &str) -> Result<T, AwsError> {
        self.refresh_older_than(id, BELIEVED_FOR).await
    }

    /// The secret's JSON, at most `age` old: for a caller who has reason to think that it was rotated.
    pub async fn refresh_older_than<T: DeserializeOwned>(&self, id: &str, age: Duration) -> Result<T, AwsError> {
        // Held over the call, so that callers who come at once share one fetch.
        let mut fetched = self.fetched.lock().await;
        let fresh = fetched.get(id).filter(|(at, _)| at.elapsed() < age);
        if let Some(usable) = fresh.and_then(|(_, secret)| parse(secret.expose_secret()).ok()) {
            return Ok(usable);
        }
        // What cannot be used is not believed either: somebody may have mended it a moment ago.
        let secret = self.fetch(id).await?;
        let parsed = parse(secret.expose_secret());
        fetched.insert(id.to_owned(), (Instant::now(), secret));
        parsed
    }

    async fn fetch(&self, id: &str) -> Result<SecretString, AwsError> {
        let answer = self.client.get_secret_value().secret_id(id).send().await?;
        match answer.secret_string {
            Some(text) => Ok(SecretString::from(text)),
            None => Err(AwsError::Permanent("the secret holds no text".into())),
        }
    }
}

/// serde's own message may quote the value, so only the place is told.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, AwsError> {
    serde_json::from_str(text)
        .map_err(|e| AwsError::Permanent(format!("the secret is not the expected JSON (line {}, column {})", e.line(), e.column())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_secret_is_not_quoted() {
        #[derive(Debug, serde::Deserialize)]
        struct Wanted {
            #[expect(dead_code, reason = "only its type matters")]
            app_id: u64,
        }
        let error = parse::<Wanted>(r#"{"app_id": "canary-7f3a"}"#).unwrap_err().to_string();
        assert!(error.contains("line 1") && !error.contains("canary"), "{error}");
    }
}
