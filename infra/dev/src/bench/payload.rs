//! Deliveries to measure with: the samples, made as long as wanted by what makes real ones long (labels of an issue,
//! commits of a push, prose in both), of somebody whom no sample knows, signed, and as the events that API Gateway makes of
//! them.

use super::endpoint::SECRET;
use super::foreign::{FOREIGN, Json};
use crate::stack::http::event::{Matched, http_event};
use anyhow::Context as _;
use axum::http::Request;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::path::Path;

/// Where prose comes from, in this order.
const PROSE: [&str; 3] = ["README.md", "ARCHITECTURE.md", "SECURITY.md"];
/// A line of prose is cut to this many characters.
const LINE: usize = 72;
/// What an issue says.
const ISSUE_LINES: usize = 16;

/// `issues.opened` of about this many bytes: an issue of some lines, with as many labels as that takes.
///
/// # Errors
/// If the sample or the prose is not there.
pub(super) fn issue_opened(project: &Path, bytes: usize) -> anyhow::Result<String> {
    let mut payload = sample(project, "issues.opened")?;
    let (owner, repository) = FOREIGN;
    let prose = prose(project)?;
    let text: String = prose.iter().take(ISSUE_LINES).map(|line| format!("{line}\r\n")).collect();
    payload.set("/issue/body", text)?;
    let mut labels = Vec::new();
    for (index, line) in prose.iter().enumerate() {
        let name: String = line.chars().filter(char::is_ascii_alphanumeric).take(14).collect();
        let id = 208_045_946_u64 + (index as u64) * 1_337;
        labels.push(json!({
            "id": id, "node_id": format!("MDU6TGFiZWw{id}"), "url": format!("https://api.github.com/repos/{owner}/{repository}/labels/{name}"),
            "name": name, "color": format!("{:06x}", id % 0x00ff_ffff), "default": false, "description": line,
        }));
        payload.set("/issue/labels", labels.clone())?;
        let text = serde_json::to_string(&payload)?;
        if text.len() >= bytes {
            return Ok(text);
        }
    }
    anyhow::bail!("there is not enough prose for {bytes} bytes")
}

/// `push` of about this many bytes, with as many commits as that takes.
///
/// # Errors
/// If the sample or the prose is not there.
pub(super) fn push(project: &Path, bytes: usize) -> anyhow::Result<String> {
    let mut payload = sample(project, "push")?;
    let (owner, repository) = FOREIGN;
    let samples = std::mem::replace(payload.at("/commits")?, Json::Array(Vec::new()));
    let commit = samples.first().context("the sample of a push has no commit")?;
    let prose = prose(project)?;
    let (mut commits, mut length) = (Vec::new(), serde_json::to_string(&payload)?.len());
    for (index, line) in prose.iter().cycle().enumerate() {
        let mut commit = commit.clone();
        let id = hex::encode(Sha256::digest(index.to_be_bytes()))[..40].to_owned();
        commit.set("/url", format!("https://github.com/{owner}/{repository}/commit/{id}"))?;
        commit.set("/tree_id", &hex::encode(Sha256::digest(&id))[..40])?;
        commit.set("/id", id)?;
        commit.set("/message", line.as_str())?;
        commit.set("/modified", [format!("src/{}.rs", line.split(' ').next_back().unwrap_or("lib"))].as_slice())?;
        length += serde_json::to_string(&commit)?.len() + 1;
        commits.push(commit);
        if length > bytes {
            break;
        }
    }
    *payload.at("/commits")? = Json::Array(commits);
    Ok(serde_json::to_string(&payload)?)
}

fn sample(project: &Path, name: &str) -> anyhow::Result<Json> {
    let file = project.join(format!("events/github/{name}.json"));
    let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(serde_json::from_str::<Json>(&text)?.made_foreign())
}

/// Lines of prose, none empty.
fn prose(project: &Path) -> anyhow::Result<Vec<String>> {
    let read = |file: &str| std::fs::read_to_string(project.join(file)).with_context(|| format!("{file} cannot be read"));
    let text = PROSE.iter().map(|file| read(file)).collect::<anyhow::Result<String>>()?;
    Ok(text.lines().map(|line| line.trim().chars().take(LINE).collect::<String>()).filter(|line| line.len() > LINE / 2).collect())
}

/// `X-Hub-Signature-256` of a body.
///
/// # Errors
/// None: HMAC takes every key.
pub(super) fn signature(body: &str, secret: &str) -> anyhow::Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
    mac.update(body.as_bytes());
    Ok(format!("sha256={}", hex::encode(mac.finalize().into_bytes())))
}

/// API Gateway's event of a delivery as GitHub posts it.
///
/// # Errors
/// None that a well-formed body can cause.
pub(super) fn event(name: &str, body: &str) -> anyhow::Result<Bytes> {
    let request = Request::post("/webhooks/github")
        .header("accept", "*/*")
        .header("content-length", body.len())
        .header("content-type", "application/json")
        .header("host", "abcdefghij.execute-api.us-east-1.amazonaws.com")
        .header("user-agent", "GitHub-Hookshot/044aadd")
        .header("x-amzn-trace-id", "Root=1-6550e9a2-0123456789abcdef01234567")
        .header("x-forwarded-for", "140.82.115.1")
        .header("x-forwarded-port", "443")
        .header("x-forwarded-proto", "https")
        .header("x-github-delivery", uuid::Uuid::new_v4().to_string())
        .header("x-github-event", name)
        .header("x-github-hook-id", "292430182")
        .header("x-github-hook-installation-target-id", "79929171")
        .header("x-github-hook-installation-target-type", "integration")
        .header("x-hub-signature-256", signature(body, SECRET)?);
    let (parts, ()) = request.body(())?.into_parts();
    let matched = Matched { route_key: "POST /webhooks/github".to_owned(), path_parameters: Vec::new() };
    let peer = SocketAddr::from(([140, 82, 115, 1], 443));
    Ok(http_event(&parts, &Bytes::copy_from_slice(body.as_bytes()), &matched, peer).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::super::foreign::{OWNERS, REPOSITORIES};
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_delivery_is_as_long_as_wanted_and_still_json() {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for body in [issue_opened(&project, 11_600).unwrap(), push(&project, 100_000).unwrap()] {
            assert!((11_600..12_100).contains(&body.len()) || (100_000..101_000).contains(&body.len()), "{}", body.len());
            assert!(serde_json::from_str::<Value>(&body).unwrap()["installation"]["id"].is_u64());
            assert!(body.contains(&format!("{}/{}", FOREIGN.0, FOREIGN.1)));
            for known in
                OWNERS.iter().flat_map(|owner| REPOSITORIES.iter().map(move |repository| format!("\"full_name\":\"{owner}/{repository}\"")))
            {
                assert!(!body.contains(&known), "{known} is in a sample");
            }
            let event: Value = serde_json::from_slice(&event("issues", &body).unwrap()).unwrap();
            assert_eq!((event["body"].as_str(), &event["isBase64Encoded"]), (Some(body.as_str()), &Value::Bool(false)));
        }
    }
}
