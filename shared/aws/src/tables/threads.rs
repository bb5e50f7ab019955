//! The threads table: which runs an issue or pull request has had, and what was said in it only once.

use super::{Table, Written, conditional, expired, keys, n, s, text, ttl_days};
use crate::config::AwsConfig;
use crate::error::AwsError;
use jiff::Timestamp;
use patchbay_domain::ids::{RunId, WorkspaceId};

const RUN_DAYS: i64 = 90;
const ONCE_DAYS: i64 = 90;
/// How many of a thread's runs are listed.
const MAX_RUNS: i32 = 25;

/// The table. Cheap to clone.
#[derive(Clone)]
pub struct ThreadsTable(Table);

impl ThreadsTable {
    /// The table named `name` (`TABLE_THREADS`).
    pub fn new(aws: &AwsConfig, name: impl Into<String>) -> Self {
        Self(Table::new(aws, name))
    }

    /// Notes that the thread has this run, created at `at`. Done before the run is created, so that every run is in its
    /// thread's list; noted again with a later time, it is one run of that time. One call.
    pub async fn remember_run(
        &self,
        workspace: &WorkspaceId,
        repository: u64,
        number: u64,
        run: &RunId,
        at: Timestamp,
    ) -> Result<(), AwsError> {
        let key = keys::thread_run(workspace, repository, number, run, at);
        let request = self.0.client.put_item().table_name(&self.0.name).item("pk", s(key.pk)).item("sk", s(key.sk));
        request.item("ttl", ttl_days(at, RUN_DAYS)).send().await?;
        Ok(())
    }

    /// The thread's latest runs, newest first, each once, at most 25; finished ones too, and such as never came to be. One call.
    pub async fn runs_of(&self, workspace: &WorkspaceId, repository: u64, number: u64) -> Result<Vec<RunId>, AwsError> {
        let request = self.0.client.query().table_name(&self.0.name).consistent_read(true);
        let output = request
            .key_condition_expression("pk = :pk AND begins_with(sk, :runs)")
            .expression_attribute_values(":pk", s(keys::thread_pk(workspace, repository, number)))
            .expression_attribute_values(":runs", s(keys::THREAD_RUNS))
            .scan_index_forward(false)
            .limit(MAX_RUNS)
            .send()
            .await?;
        let now = Timestamp::now();
        let alive = output.items().iter().filter(|item| !expired(item, now));
        let mut runs: Vec<RunId> = Vec::new();
        for run in alive.filter_map(|item| keys::parse_thread_run(text(item, "sk")?)) {
            if !runs.contains(&run) {
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// True for the first caller in 90 days who names this thread and key: for what is said once per thread. One call.
    pub async fn claim_once(&self, workspace: &WorkspaceId, repository: u64, number: u64, once: &str) -> Result<bool, AwsError> {
        let now = Timestamp::now();
        let key = keys::once(workspace, repository, number, once);
        let request = self.0.client.put_item().table_name(&self.0.name).item("pk", s(key.pk)).item("sk", s(key.sk));
        let result = request
            .item("ttl", ttl_days(now, ONCE_DAYS))
            .condition_expression("attribute_not_exists(pk) OR #ttl <= :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", n(now.as_second()))
            .send()
            .await;
        Ok(matches!(conditional(result)?, Written::Yes(_)))
    }
}
