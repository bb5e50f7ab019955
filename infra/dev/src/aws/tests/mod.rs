//! Tests through the real SDK clients, against one emulation per test.

mod dynamo;
mod ecs;
mod ecs_stop;
mod foreign;
mod front;
mod keys_and_secrets;
mod s3;
mod sqs;
mod sqs_faults;
mod sqs_time;

use super::{Aws, AwsConfig, IndexSpec, QueueSpec, Redrive, TableSpec};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::Credentials;
use std::path::Path;
use std::time::Duration;

/// Who the tests' clients are.
const CALLER: &str = "run-launcher";

/// A running emulation and its folder.
struct World {
    aws: Aws,
    folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts with the usual contents, changed.
    async fn with(change: impl FnOnce(&mut AwsConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        Self { aws: Aws::start(config).await.unwrap(), folder }
    }

    /// Ends the emulation and starts another on the same folder.
    async fn restart(self, change: impl FnOnce(&mut AwsConfig)) -> Self {
        self.aws.shutdown().await;
        let mut config = config(self.folder.path());
        change(&mut config);
        Self { aws: Aws::start(config).await.unwrap(), folder: self.folder }
    }

    fn sdk(&self) -> SdkConfig {
        let credentials = Credentials::new(format!("LOCAL{CALLER}"), "secret", None, None, "tests");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(self.aws.endpoint())
            .credentials_provider(aws_sdk_sqs::config::SharedCredentialsProvider::new(credentials))
            .build()
    }

    fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk())
    }

    fn queue_url(&self, name: &str) -> String {
        self.aws.queue(name).unwrap().url()
    }
}

fn config(folder: &Path) -> AwsConfig {
    let redrive = Redrive { dead_letter_queue: "runs-dlq".to_owned(), max_receive_count: 2 };
    AwsConfig {
        data_dir: folder.join("data"),
        bin_dir: folder.join("bin"),
        tables: vec![TableSpec {
            name: "runs".to_owned(),
            hash: "pk".to_owned(),
            range: Some("sk".to_owned()),
            indexes: vec![IndexSpec {
                name: "due".to_owned(),
                hash: "due_shard".to_owned(),
                range: Some("due_at".to_owned()),
                projection: "KEYS_ONLY".to_owned(),
            }],
            ttl_attribute: Some("ttl".to_owned()),
        }],
        queues: vec![QueueSpec { redrive: Some(redrive), ..QueueSpec::new("runs") }, QueueSpec::new("runs-dlq")],
        buckets: vec!["blobs".to_owned()],
        secrets: vec![("webhook".to_owned(), "first".to_owned())],
        keys: vec!["vault".to_owned()],
        cluster: "agents".to_owned(),
        ..AwsConfig::default()
    }
}

/// Fails a test that waits for something that does not come.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it did not happen within 20 s")
}
