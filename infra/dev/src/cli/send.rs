//! `patchbay send`: a payload file, signed as GitHub signs it, to the running stack.

use super::data_dir::running_stack;
use super::output::print_result;
use super::{Project, default_data_dir};
use anyhow::Context as _;
use clap::Args;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The payload, a JSON file.
    file: PathBuf,
    /// The event's name, such as issues or issue_comment.
    #[arg(long)]
    event: String,
    /// The delivery's id; a new one unless given.
    #[arg(long)]
    delivery: Option<String>,
    /// The running stack's data folder.
    #[arg(long)]
    data: Option<PathBuf>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let data_dir = match arguments.data {
        Some(data_dir) => data_dir,
        None => default_data_dir(&Project::find()?),
    };
    let info = running_stack(&data_dir)?;
    let body = std::fs::read(&arguments.file).with_context(|| format!("{} cannot be read", arguments.file.display()))?;
    let secret = std::fs::read_to_string(&info.webhook_secret_file)
        .with_context(|| format!("{} cannot be read", info.webhook_secret_file.display()))?;
    let delivery = arguments.delivery.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let request = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .post(&info.webhook_url)
        .header("content-type", "application/json")
        .header("user-agent", "GitHub-Hookshot/patchbay-send")
        .header("x-github-event", &arguments.event)
        .header("x-github-delivery", &delivery)
        .header("x-hub-signature-256", signature(secret.trim().as_bytes(), &body)?)
        .body(body);
    let response = request.send().await.with_context(|| format!("{} does not answer", info.webhook_url))?;
    let status = response.status();
    print_result(&format!("{status}\n{}", response.text().await?));
    Ok(if status.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn signature(secret: &[u8], body: &[u8]) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).context("the webhook secret is no key")?;
    mac.update(body);
    Ok(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn the_signature_is_githubs_own_example() {
        let signed = signature(b"It's a Secret to Everybody", b"Hello, World!").unwrap();
        assert_eq!(signed, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    }
}
