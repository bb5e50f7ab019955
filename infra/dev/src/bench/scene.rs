//! A local stack of the deployed binaries with the scripted agent, and the events and environments of its functions.

use super::Bench;
use crate::aws::{ACCESS_KEY_PREFIX, ACCOUNT, REGION, ReceivedMessage};
use crate::stack::http::event::{Matched, http_event};
use crate::stack::mappings::sqs_event;
use crate::stack::{Schedules, Stack, StackConfig};
use anyhow::Context as _;
use axum::http::Request;
use bytes::Bytes;
use patchbay_testing::github::LocalGithub;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How long anything that is waited for may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
/// A change that costs the agent nothing.
pub(super) const REQUEST: &str = "@patchbay change it\n\n```script\nwrite new.txt hello\\n\n```\n";
/// The files of every repository.
pub(super) const FILES: [(&str, &str); 2] = [("hello.py", "print(\"hello\")\n"), ("README.md", "# Hello\n\nGreets.\n")];

/// A running stack and its folder.
pub(super) struct Scene {
    pub(super) stack: Stack,
    pub(super) github: Arc<LocalGithub>,
    _folder: TempDir,
}

impl Scene {
    /// With the template's defaults but for what `change` changes; the reaper only comes when it is asked.
    pub(super) async fn open(bench: &Bench, change: impl FnOnce(&mut StackConfig)) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("patchbay-bench-").tempdir()?;
        let mut config = StackConfig::new(bench.template.clone(), folder.path().to_owned(), bench.bin_dir.clone());
        config.task_env_overrides.insert("PATCHBAY_AGENT".to_owned(), "scripted".to_owned());
        config.schedules = Schedules::OnRequest;
        change(&mut config);
        let stack = Stack::start(config).await?;
        let github = Arc::clone(stack.forge().local().context("the forge is local")?);
        Ok(Self { stack, github, _folder: folder })
    }

    /// Waits until everything that was begun has ended.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        self.stack.settled(PATIENCE).await
    }

    /// Ends the stack.
    pub(super) async fn close(self) {
        let Self { stack, github, _folder } = self;
        drop(github);
        stack.shutdown().await;
    }

    /// The name of the table that functions are told of by this variable.
    pub(super) fn table(&self, variable: &str) -> anyhow::Result<String> {
        let named = self.stack.template().functions.iter().find_map(|function| function.environment.get(variable));
        named.cloned().with_context(|| format!("no function of the template has {variable}"))
    }

    /// What a function's process is started with in this stack.
    pub(super) fn environment(&self, package: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let function = self.stack.template().functions.iter().find(|function| function.package == package);
        let function = function.with_context(|| format!("there is no function {package}"))?;
        let mut environment = function.environment.clone();
        for (name, value) in [
            ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mib.to_string()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", format!("{ACCESS_KEY_PREFIX}{package}")),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_SESSION_TOKEN", "local".to_owned()),
            ("AWS_ENDPOINT_URL", self.stack.aws().endpoint().to_owned()),
        ] {
            environment.insert(name.to_owned(), value);
        }
        Ok(environment)
    }
}

/// The event of one message of a queue.
pub(super) fn sqs_message(queue: &str, body: &str) -> Bytes {
    let now = jiff::Timestamp::now().as_millisecond().to_string();
    let attributes = [("ApproximateReceiveCount", "1"), ("SentTimestamp", &now), ("MessageGroupId", "bench")];
    let message = ReceivedMessage {
        message_id: uuid::Uuid::new_v4().to_string(),
        receipt_handle: "none".to_owned(),
        md5_of_body: String::new(),
        body: body.to_owned(),
        system_attributes: attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        message_attributes: BTreeMap::new(),
        receive_count: 1,
    };
    sqs_event(&format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"), &[message]).to_string().into()
}

/// The event of an HTTP request without a body.
pub(super) fn http_call(route: &str, method: &str, path: &str) -> anyhow::Result<Bytes> {
    http_call_with(route, method, path, &[])
}

/// The same for a route with variables in its path.
pub(super) fn http_call_with(route: &str, method: &str, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Bytes> {
    let (parts, ()) = Request::builder().method(method).uri(path).header("host", "bench").body(())?.into_parts();
    let path_parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let matched = Matched { route_key: route.to_owned(), path_parameters };
    Ok(http_event(&parts, &Bytes::new(), &matched, SocketAddr::from(([127, 0, 0, 1], 443))).to_string().into())
}
