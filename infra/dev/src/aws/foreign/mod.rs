//! AWS services that another emulator plays in place of this one: a second opinion.
//!
//! The one endpoint stays: what it takes for such a service is passed on as it came, so that calls are counted and faults
//! injected all the same. `provision` makes there what the template lists; `queue` is a queue's handle for this process.
//! Signatures are not kept valid on the way: the other side must not check them, and a real AWS would refuse.

mod client;
mod provision;
mod queue;

pub use queue::ForeignQueue;

use super::error::AwsError;
use super::spec::AwsConfig;
use axum::response::Response;
use bytes::Bytes;
use client::Client;
use http::request::Parts;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The services that can be somebody else's, in IAM's spelling. ECS cannot: a task is processes of this machine.
pub const REPLACEABLE: [&str; 5] = ["dynamodb", "sqs", "s3", "secretsmanager", "kms"];

/// Reads addresses as people write them: `URL` is all of [`REPLACEABLE`], `service=URL` one of them; the more precise wins.
///
/// # Errors
/// For a service that cannot be replaced, and an address that is no plain HTTP one.
pub fn parse_addresses(given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let (of_one, of_all): (Vec<_>, Vec<_>) = given.iter().map(|text| text.split_once('=').ok_or(text)).partition(Result::is_ok);
    let of_all = of_all.into_iter().filter_map(Result::err).flat_map(|url| REPLACEABLE.map(|service| (service, url.as_str())));
    let mut addresses = BTreeMap::new();
    for (service, url) in of_all.chain(of_one.into_iter().filter_map(Result::ok)) {
        anyhow::ensure!(REPLACEABLE.contains(&service), "{service} cannot be elsewhere; {} can", REPLACEABLE.join(", "));
        anyhow::ensure!(url.starts_with("http://"), "{url} is no address of an AWS emulator: it must begin with http://");
        addresses.insert(service.to_owned(), url.trim_end_matches('/').to_owned());
    }
    Ok(addresses)
}

/// Where the replaced services are.
#[derive(Default)]
pub(super) struct Foreign {
    clients: BTreeMap<&'static str, Client>,
    /// By queue name.
    queues: BTreeMap<String, Arc<ForeignQueue>>,
    /// The ARNs of keys, which the other side has chosen, by the key's name here.
    keys: BTreeMap<String, String>,
}

impl Foreign {
    /// Connects to the listed services and makes there what the configuration lists and they lack.
    ///
    /// # Errors
    /// For a service that cannot be replaced, an address that is no plain HTTP one, or when a service does not answer or
    /// refuses.
    pub(super) async fn open(config: &AwsConfig) -> anyhow::Result<Self> {
        let mut clients = BTreeMap::new();
        for (service, url) in &config.elsewhere {
            let known = REPLACEABLE.iter().find(|known| *known == service);
            let service = known.ok_or_else(|| anyhow::anyhow!("{service} cannot be elsewhere; {} can", REPLACEABLE.join(", ")))?;
            clients.insert(*service, Client::new(service, url)?);
        }
        let mut foreign = Self { clients, ..Self::default() };
        if let Some(dynamodb) = foreign.clients.get("dynamodb") {
            provision::tables(dynamodb, &config.tables).await?;
        }
        if let Some(sqs) = foreign.clients.get("sqs") {
            foreign.queues = provision::queues(sqs, &config.queues).await?;
        }
        if let Some(s3) = foreign.clients.get("s3") {
            provision::buckets(s3, &config.buckets).await?;
        }
        if let Some(kms) = foreign.clients.get("kms") {
            foreign.keys = provision::keys(kms, &config.keys).await?;
        }
        if let Some(secrets) = foreign.clients.get("secretsmanager") {
            for (name, text) in &config.secrets {
                provision::secret(secrets, name, text, false).await?;
            }
        }
        Ok(foreign)
    }

    pub(super) fn plays(&self, service: &str) -> bool {
        self.clients.contains_key(service)
    }

    pub(super) fn queue(&self, name: &str) -> Option<Arc<ForeignQueue>> {
        self.queues.get(name).cloned()
    }

    pub(super) fn key_arns(&self) -> &BTreeMap<String, String> {
        &self.keys
    }

    /// Passes a request on and its answer back; `None` if the service is played here.
    pub(super) async fn forward(&self, service: &str, parts: &Parts, body: &Bytes) -> Option<Result<Response, AwsError>> {
        Some(self.clients.get(service)?.forward(parts, body.clone()).await)
    }

    /// Gives a secret a new current text, creating it when absent. Its ARN; `None` if secrets are kept here.
    pub(super) async fn put_secret(&self, name: &str, text: &str) -> Option<Result<String, AwsError>> {
        Some(provision::secret(self.clients.get("secretsmanager")?, name, text, true).await)
    }

    /// Every item of a table; `None` if tables are kept here.
    pub(super) async fn items(&self, table: &str) -> Option<Result<Vec<Map<String, Value>>, AwsError>> {
        Some(scan(self.clients.get("dynamodb")?, table).await)
    }
}

async fn scan(dynamodb: &Client, table: &str) -> Result<Vec<Map<String, Value>>, AwsError> {
    let mut request = json!({ "TableName": table, "ConsistentRead": true });
    let mut items = Vec::new();
    loop {
        let mut answer = dynamodb.call("Scan", &request).await?;
        items.extend(serde_json::from_value::<Vec<_>>(answer["Items"].take()).map_err(AwsError::internal)?);
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"].take();
        if request["ExclusiveStartKey"].is_null() {
            return Ok(items);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_for_all_services_or_for_one() {
        let check = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
            parse_addresses(&given).map_err(|error| error.to_string())
        };
        let mixed = check(&["dynamodb=http://127.0.0.1:2", "http://127.0.0.1:1/"]).unwrap();
        assert_eq!(mixed["dynamodb"], "http://127.0.0.1:2", "the more precise wins, wherever it stands");
        assert_eq!((mixed["sqs"].as_str(), mixed.len()), ("http://127.0.0.1:1", REPLACEABLE.len()));
        assert_eq!(check(&["sqs=http://127.0.0.1:1"]).unwrap().len(), 1);
        assert!(check(&["ecs=http://127.0.0.1:1"]).unwrap_err().contains("ecs cannot be elsewhere; dynamodb, sqs"));
        assert!(check(&["https://sqs.us-east-1.amazonaws.com"]).unwrap_err().contains("must begin with http://"));
    }
}
