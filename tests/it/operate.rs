//! The operator's commands against a stack that stays up: what runs there are, what was logged, what was given up.

use crate::command_line::{Up, patchbay};
use crate::world::{PATIENCE, build_once};
use anyhow::{Context, Result, ensure};
use patchbay::stack::STACK_NAME;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// What a command prints when it succeeds.
async fn shown(data: &Path, arguments: &[&str]) -> Result<String> {
    let output = patchbay(arguments).arg("--data").arg(data).output().await?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// What a command says when it fails.
async fn complaint(data: &Path, arguments: &[&str]) -> Result<String> {
    let output = patchbay(arguments).arg("--data").arg(data).output().await?;
    ensure!(!output.status.success() && output.stdout.is_empty(), "{arguments:?} should fail: {output:?}");
    let said = String::from_utf8(output.stderr)?;
    ensure!(!said.contains("backtrace") && !said.contains("panicked"), "{said}");
    Ok(said)
}

/// The one run, as soon as it has succeeded and nothing of it is left to do.
async fn finished_run(data: &Path) -> Result<Value> {
    let wait = async {
        loop {
            let listed: Value = serde_json::from_str(&shown(data, &["runs", "--json"]).await?)?;
            if let Some(id) = listed["runs"][0]["id"].as_str() {
                let details: Value = serde_json::from_str(&shown(data, &["runs", id, "--json"]).await?)?;
                if details["run"]["state"]["name"] == "succeeded" && details["run"]["outbox"] == json!([]) {
                    return anyhow::Ok(details);
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.context("waited for the run's end")?
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_listed_looked_at_and_followed_through_all_logs() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("patchbay-operate-").tempdir()?;
    let data = folder.path().join("data");
    let up = Up::start(&data).await?;
    assert!(shown(&data, &["runs"]).await?.contains("no runs yet"));
    up.api(Method::POST, "/orgs/acme/repos", json!({ "name": "seen", "auto_init": true })).await?;
    let body = "@patchbay ask what is this?\n\n```script\nanswer A repository.\n```";
    up.api(Method::POST, "/repos/acme/seen/issues", json!({ "title": "What is this?", "body": body })).await?;
    let details = finished_run(&data).await?;
    let id = details["run"]["id"].as_str().context("an id")?;

    let listed = shown(&data, &["runs"]).await?;
    let line = listed.lines().find(|line| line.contains(id)).context("the run's line")?;
    for told in ["acme/seen", "#1", "succeeded", "$"] {
        assert!(line.contains(told), "{told}: {line}");
    }
    assert!(details["run"]["task"]["arn"].as_str().is_some_and(|arn| arn.contains(":task/")), "{details}");
    assert!(details["history"].as_array().is_some_and(|history| !history.is_empty()), "{details}");
    let whole = shown(&data, &["runs", id]).await?;
    for told in ["succeeded: an answer", "What is this?", "Outbox      empty", "History", ":task/"] {
        assert!(whole.contains(told), "{told}:\n{whole}");
    }

    let logs: Value = serde_json::from_str(&shown(&data, &["logs", id, "--json"]).await?)?;
    let lines = logs["lines"].as_array().context("lines")?;
    for source in ["trigger-matcher", "run-launcher", "task-gateway", "agent-task/supervisor", "agent-task/agent", "run-results"] {
        assert!(lines.iter().any(|line| line["source"] == source), "{source} wrote something about the run");
    }
    let times: Vec<_> = lines.iter().filter_map(|line| line["at"].as_str()).collect();
    assert!(times.is_sorted() && times.len() == lines.len(), "{times:?}");
    assert_eq!(shown(&data, &["logs", id]).await?.lines().filter(|line| line.starts_with("20")).count(), lines.len());

    assert!(complaint(&data, &["runs", "run_0"]).await?.contains("there is no run run_0"));
    assert!(complaint(&data, &["logs", "run_0"]).await?.contains("there is no run run_0"));
    let control = reqwest::get(format!("{}/runs", up.told("control_url"))).await?;
    assert_eq!(control.status(), 401, "whoever comes through a tunnel sees nothing");
    up.interrupt().await?;
    assert!(complaint(&data, &["runs"]).await?.contains("patchbay up"), "no stack runs any more");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_sent_to_their_queue_again() -> Result<()> {
    build_once().await?;
    let folder = tempfile::Builder::new().prefix("patchbay-operate-").tempdir()?;
    let data = folder.path().join("data");
    let up = Up::start(&data).await?;
    let status = async || anyhow::Ok(reqwest::get(format!("{}/status", up.told("control_url"))).await?.json::<Value>().await?);
    let aws = status().await?["urls"]["aws"].as_str().context("where AWS is")?.trim_end_matches('/').to_owned();
    let (queue, dead) = (format!("{STACK_NAME}-ResultsQueue"), format!("{STACK_NAME}-ResultsQueueDlq"));
    // A run that does not exist: the function has nothing to do with it, and takes it from the queue.
    let message = json!({ "v": "1", "workspace": "ws_none", "run": "run_none" }).to_string();
    let body = json!({ "QueueUrl": format!("{aws}/000000000000/{dead}"), "MessageBody": message }).to_string();
    let request = reqwest::Client::new().post(&aws).header("x-amz-target", "AmazonSQS.SendMessage").body(body);
    let signature = "AWS4-HMAC-SHA256 Credential=LOCALjourney/20261120/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0";
    let request = request.header("authorization", signature).header("content-type", "application/x-amz-json-1.0");
    request.send().await?.error_for_status()?;
    assert_eq!(status().await?["queues"][&dead]["visible"], 1);

    assert!(shown(&data, &["redrive", "results"]).await?.contains(&format!("1 message moved from {dead} to {queue}.")));
    assert_eq!(status().await?["queues"][&dead], json!({ "visible": 0, "in_flight": 0, "delayed": 0 }));
    let again: Value = serde_json::from_str(&shown(&data, &["redrive", "ResultsQueue", "--json"]).await?)?;
    assert_eq!(again, json!({ "queue": queue, "dead_letter_queue": dead, "moved": 0 }));
    let said = complaint(&data, &["redrive", "nothing"]).await?;
    assert!(["there is no queue nothing", "events", "runs", "results"].iter().all(|told| said.contains(told)), "{said}");
    up.interrupt().await
}
