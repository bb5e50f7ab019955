//! A second opinion on AWS: the same journeys with another emulator in place of the stack's own.
//!
//! `PATCHBAY_SECOND_OPINION` lists programs of `tests/emulators` as `up --aws-endpoint` lists addresses (`ministack`,
//! `dynamodb=dynamodb-local`); each journey then starts its own. Unset, journeys run against the stack's own AWS.

use anyhow::{Context, Result, bail};
use patchbay::aws::parse_addresses;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/emulators");
const VARIABLE: &str = "PATCHBAY_SECOND_OPINION";
/// A JVM on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// The emulators of one journey; they end with it.
pub(crate) struct Emulators {
    /// Which service is where.
    pub(crate) addresses: BTreeMap<String, String>,
    _running: Vec<Child>,
    /// What they leave behind in their temporary folder.
    _folder: TempDir,
}

impl Emulators {
    /// Starts what the environment asks for, and waits until it answers.
    pub(crate) async fn start() -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the one setting of the journeys")]
        let asked = std::env::var(VARIABLE).unwrap_or_default();
        let (mut given, mut running) = (Vec::new(), Vec::new());
        let folder = tempfile::Builder::new().prefix("patchbay-emulators-").tempdir()?;
        for text in asked.split_whitespace() {
            let (prefix, program) =
                text.split_once('=').map_or((String::new(), text), |(service, program)| (format!("{service}="), program));
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let url = format!("http://127.0.0.1:{port}");
            let mut command = Command::new(format!("{PROGRAMS}/{program}"));
            let mut child = command
                .arg(port.to_string())
                .env("TMPDIR", folder.path())
                .kill_on_drop(true)
                .spawn()
                .with_context(|| format!("{VARIABLE}: {program}"))?;
            answers(&url, &mut child).await.with_context(|| format!("{program} does not start"))?;
            running.push(child);
            given.push(format!("{prefix}{url}"));
        }
        Ok(Self { addresses: parse_addresses(&given)?, _running: running, _folder: folder })
    }
}

/// Waits for any answer over HTTP.
async fn answers(url: &str, child: &mut Child) -> Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = client.get(url).send().await {
        if let Some(status) = child.try_wait()? {
            bail!("it ended with {status}");
        }
        anyhow::ensure!(Instant::now() < deadline, "no answer from {url}: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
