//! The operator's commands against a stack that stays up: what runs there are, what was logged, what was given up; and
//! the same as against a stack in AWS.

use crate::cloud_answers::CloudAnswers;
use crate::command_line::{Up, patchbay};
use crate::world::build_once;
use anyhow::{Context, Result, ensure};
use patchbay::stack::STACK_NAME;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// What a command prints when it succeeds.
async fn printed(mut command: Command) -> Result<String> {
    let output = command.output().await?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// What a command says when it fails.
async fn said(mut command: Command) -> Result<String> {
    let output = command.output().await?;
    ensure!(!output.status.success() && output.stdout.is_empty(), "{command:?} should fail: {output:?}");
    let said = String::from_utf8(output.stderr)?;
    ensure!(!said.contains("backtrace") && !said.contains("panicked"), "{said}");
    Ok(said)
}

fn on(data: &Path, arguments: &[&str]) -> Command {
    let mut command = patchbay(arguments);
    command.arg("--data").arg(data);
    command
}

async fn shown(data: &Path, arguments: &[&str]) -> Result<String> {
    printed(on(data, arguments)).await
}

async fn complaint(data: &Path, arguments: &[&str]) -> Result<String> {
    said(on(data, arguments)).await
}

/// A stack that stays up, with one repository.
struct Site {
    _folder: tempfile::TempDir,
    data: PathBuf,
    up: Up,
}

impl Site {
    async fn start() -> Result<Self> {
        build_once().await?;
        let folder = tempfile::Builder::new().prefix("patchbay-operate-").tempdir()?;
        let data = folder.path().join("data");
        let up = Up::start(&data).await?;
        up.api(Method::POST, "/orgs/acme/repos", json!({ "name": "seen", "auto_init": true })).await?;
        Ok(Self { _folder: folder, data, up })
    }

    /// Somebody asks something that the scripted agent plays.
    async fn ask(&self, script: &str) -> Result<()> {
        let body = format!("@patchbay ask what is this?\n\n```script\n{script}\n```");
        self.up.api(Method::POST, "/repos/acme/seen/issues", json!({ "title": "What is this?", "body": body })).await?;
        Ok(())
    }

    /// The id of the one run that is at work, as soon as its task runs.
    async fn working(&self) -> Result<String> {
        let now = self.up.until(|now| now["live"][0]["state"]["name"] == "running").await?;
        Ok(now["live"][0]["id"].as_str().context("an id")?.to_owned())
    }

    /// The App's only comment in the only thread.
    async fn comment(&self) -> Result<String> {
        let comments = self.up.api(Method::GET, "/repos/acme/seen/issues/1/comments", Value::Null).await?;
        ensure!(comments.as_array().is_some_and(|comments| comments.len() == 1), "{comments}");
        Ok(comments[0]["body"].as_str().context("a text")?.to_owned())
    }

    /// Puts a message into the dead letters of the results queue: about a run that does not exist, so that the function
    /// which gets it again has nothing to do with it.
    async fn bury(&self) -> Result<()> {
        let aws = self.aws();
        let message = json!({ "v": "1", "workspace": "ws_none", "run": "run_none" }).to_string();
        let queue = format!("{aws}/000000000000/{STACK_NAME}-ResultsQueueDlq");
        let request = reqwest::Client::new().post(&aws).header("x-amz-target", "AmazonSQS.SendMessage");
        let signature = "AWS4-HMAC-SHA256 Credential=LOCALjourney/20261120/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0";
        let request = request.header("authorization", signature).header("content-type", "application/x-amz-json-1.0");
        request.body(json!({ "QueueUrl": queue, "MessageBody": message }).to_string()).send().await?.error_for_status()?;
        Ok(())
    }

    fn aws(&self) -> String {
        self.up.place()["endpoint"].as_str().unwrap_or_default().trim_end_matches('/').to_owned()
    }

    /// The stack as AWS would show it: the emulated AWS for what it plays, and answers for what it does not.
    async fn in_aws(&self) -> Result<CloudAnswers> {
        let physical = |id: &str, name: &str| {
            if id.contains("Queue") { format!("{}/000000000000/{name}", self.aws()) } else { name.to_owned() }
        };
        let named = self.up.place()["resources"].as_object().context("resources")?;
        let named = named.iter().map(|(id, name)| (id.clone(), physical(id, name.as_str().unwrap_or_default())));
        let functions = ["webhook-intake", "trigger-matcher", "run-launcher", "run-results", "task-gateway"];
        let groups = functions.map(|function| (format!("{function}Logs"), format!("/aws/lambda/{STACK_NAME}-{function}")));
        let task = ("AgentTaskLogs".to_owned(), format!("/aws/ecs/{STACK_NAME}-agent-task"));
        let resources = named.chain(groups).chain([task]).collect();
        CloudAnswers::start(STACK_NAME, resources, self.data.join("logs")).await
    }
}

/// A command as a person in AWS would run it.
fn in_stack(site: &Site, cloud: &CloudAnswers, stack: &str, arguments: &[&str]) -> Command {
    let mut command = patchbay(arguments);
    command.args(["--stack", stack]).env("AWS_ENDPOINT_URL", site.aws()).env("AWS_REGION", "us-east-1");
    command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &cloud.url).env("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", &cloud.url);
    command.env("AWS_ACCESS_KEY_ID", "AKIAJOURNEY").env("AWS_SECRET_ACCESS_KEY", "none").env_remove("AWS_PROFILE");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_listed_looked_at_and_followed_through_all_logs() -> Result<()> {
    let site = Site::start().await?;
    let data = &site.data;
    assert!(shown(data, &["runs"]).await?.contains("There are no runs"));
    site.ask("answer A repository.").await?;
    site.up.until(|now| now["runs"]["succeeded"] == 1 && now["slots"] == json!([])).await?;
    let listed: Value = serde_json::from_str(&shown(data, &["runs", "--json"]).await?)?;
    let id = listed["runs"][0]["id"].as_str().context("an id")?;
    let details: Value = serde_json::from_str(&shown(data, &["runs", id, "--json"]).await?)?;

    let listed = shown(data, &["runs"]).await?;
    let line = listed.lines().find(|line| line.contains(id)).context("the run's line")?;
    for told in ["acme/seen", "#1", "succeeded", "$"] {
        assert!(line.contains(told), "{told}: {line}");
    }
    assert!(details["run"]["task"]["arn"].as_str().is_some_and(|arn| arn.contains(":task/")), "{details}");
    assert!(details["history"].as_array().is_some_and(|history| !history.is_empty()), "{details}");
    let whole = shown(data, &["runs", id]).await?;
    for told in ["succeeded: an answer", "What is this?", "Outbox", "History", ":task/"] {
        assert!(whole.contains(told), "{told}:\n{whole}");
    }

    let logs: Value = serde_json::from_str(&shown(data, &["logs", id, "--json"]).await?)?;
    let lines = logs["lines"].as_array().context("lines")?;
    for source in ["trigger-matcher", "run-launcher", "task-gateway", "agent-task/supervisor", "agent-task/agent", "run-results"] {
        assert!(lines.iter().any(|line| line["source"] == source), "{source} wrote something about the run");
    }
    let times: Vec<_> = lines.iter().filter_map(|line| line["at"].as_str()).collect();
    assert!(times.is_sorted() && times.len() == lines.len(), "{times:?}");
    assert_eq!(shown(data, &["logs", id]).await?.lines().filter(|line| line.starts_with("20")).count(), lines.len());

    let over = complaint(data, &["cancel", id]).await?;
    assert!(over.contains("is over already: it succeeded"), "{over}");
    for arguments in [["runs", "run_0"], ["logs", "run_0"], ["cancel", "run_0"]] {
        let said = complaint(data, &arguments).await?;
        assert!(said.contains("there is no run run_0") && said.contains("`patchbay runs`"), "{said}");
    }
    assert!(complaint(data, &["cancel", "7"]).await?.contains("7 is no run's id"));
    site.up.interrupt().await?;
    assert!(complaint(data, &["runs"]).await?.contains("patchbay up"), "no stack runs any more");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_through_a_tunnel_gets_nothing_but_the_api() -> Result<()> {
    let site = Site::start().await?;
    let url = site.up.told("control_url").to_owned();
    let client = reqwest::Client::new();
    for path in ["status", "runs", "nothing/at/all"] {
        assert_eq!(client.get(format!("{url}/{path}")).send().await?.status(), 401, "{path}");
        assert_eq!(client.get(format!("{url}/{path}")).bearer_auth("wrong").send().await?.status(), 401, "{path}");
    }
    assert_eq!(client.post(format!("{url}/schedules/run-reaper")).send().await?.status(), 401);
    let ticked = client.post(format!("{url}/schedules/run-reaper")).bearer_auth(site.up.told("control_token")).send().await?;
    assert_eq!(ticked.status(), 200);
    let health = url.replace("/_patchbay", "/health");
    assert_eq!(client.get(&health).send().await?.status(), 200, "the API itself stays open");
    site.up.interrupt().await
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_sent_to_their_queue_again() -> Result<()> {
    let site = Site::start().await?;
    let data = &site.data;
    let (queue, dead) = (format!("{STACK_NAME}-ResultsQueue"), format!("{STACK_NAME}-ResultsQueueDlq"));
    site.bury().await?;
    assert_eq!(site.up.control("status").await?["queues"][&dead]["visible"], 1);
    let top = shown(data, &["top", "--once"]).await?;
    assert!(top.lines().any(|line| line.starts_with("results") && line.contains("patchbay redrive")), "{top}");

    assert!(shown(data, &["redrive", "results"]).await?.contains(&format!("1 message moved from {dead} to {queue}.")));
    assert_eq!(site.up.control("status").await?["queues"][&dead]["visible"], 0);
    let again: Value = serde_json::from_str(&shown(data, &["redrive", "ResultsQueue", "--json"]).await?)?;
    assert_eq!(again, json!({ "queue": queue, "dead_letter_queue": dead, "moved": 0 }));
    let said = complaint(data, &["redrive", "nothing"]).await?;
    assert!(["there is no queue nothing", "events", "runs", "results"].iter().all(|told| said.contains(told)), "{said}");
    site.up.interrupt().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_operator_cancels_ends_and_its_thread_is_told() -> Result<()> {
    let site = Site::start().await?;
    let data = &site.data;
    site.ask("hang").await?;
    let id = site.working().await?;
    let top = shown(data, &["top", "--once"]).await?;
    for told in ["1 running", " held", &id, "acme/seen"] {
        assert!(top.contains(told), "{told} in\n{top}");
    }
    let told = shown(data, &["cancel", &id, "--by", "grace"]).await?;
    assert!(told.contains("is cancelled"), "{told}");
    site.up.until(|now| now["runs"]["cancelled"] == 1 && now["slots"] == json!([])).await?;
    let comment = site.comment().await?;
    assert!(comment.contains("⏹️") && comment.contains("whoever operates Patchbay") && !comment.contains("grace"), "{comment}");
    let whole = shown(data, &["runs", &id]).await?;
    assert!(whole.contains("grace cancelled: ended it as the operator"), "{whole}");
    assert!(complaint(data, &["cancel", &id]).await?.contains("over already: it was cancelled"));
    site.up.interrupt().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_tried_on_the_deliveries_of_the_past() -> Result<()> {
    let site = Site::start().await?;
    site.ask("answer A repository.").await?;
    site.up.until(|now| now["runs"]["succeeded"] == 1 && now["slots"] == json!([])).await?;
    let file = site.data.with_file_name("tried.yml");
    let text = "workflows:\n  greet:\n    on: { issues: { types: [opened] } }\n    steps: [agent: { mode: ask, prompt: hello }]\n";
    std::fs::write(&file, text)?;
    let arguments =
        |file: &Path| ["replay", "--config", &file.to_string_lossy(), "--repo", "acme/seen", "--since", "1h"].map(str::to_owned);
    let replay = async |file: &Path| {
        let arguments = arguments(file);
        shown(&site.data, &arguments.each_ref().map(String::as_str)).await
    };
    let told = replay(&file).await?;
    for part in ["greet", "issues.opened", "greet: starts now", "unknown: no past run", "Stored per delivery"] {
        assert!(told.contains(part), "{part}:\n{told}");
    }
    std::fs::write(&file, text.replace("[opened]", "[closed]"))?;
    let told = replay(&file).await?;
    assert!(told.contains("Nothing would be different."), "{told}");
    let said = complaint(&site.data, &["replay", "--run", "nobody"]).await?;
    assert!(said.contains("nobody"), "{said}");
    site.up.interrupt().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_in_aws_is_operated_by_its_name() -> Result<()> {
    let site = Site::start().await?;
    let cloud = site.in_aws().await?;
    site.ask("hang").await?;
    let id = site.working().await?;
    let ask = |arguments: &[&str]| printed(in_stack(&site, &cloud, STACK_NAME, arguments));
    assert!(ask(&["runs"]).await?.contains(&id));
    assert!(ask(&["runs", &id]).await?.contains("running"));
    let top = ask(&["top", "--once"]).await?;
    assert!(top.starts_with(&format!("the stack {STACK_NAME} in AWS")) && top.contains(&id), "{top}");

    let logs: Value = serde_json::from_str(&ask(&["logs", &id, "--json"]).await?)?;
    let local: Value = serde_json::from_str(&shown(&site.data, &["logs", &id, "--json"]).await?)?;
    let lines = |logs: &Value| logs["lines"].as_array().map_or(0, Vec::len);
    assert!(lines(&logs) > 5 && lines(&local) >= lines(&logs), "{logs} against {local}");
    for source in ["trigger-matcher", "run-launcher", "agent-task/supervisor", "agent-task/agent"] {
        let of_source = |logs: &Value| logs["lines"].as_array().is_some_and(|lines| lines.iter().any(|line| line["source"] == source));
        assert!(of_source(&logs), "{source} in {logs}");
    }

    site.bury().await?;
    assert!(ask(&["redrive", "results"]).await?.contains("1 message moved"));
    assert!(ask(&["cancel", &id]).await?.contains("is cancelled"));
    assert!(ask(&["runs"]).await?.contains("cancelled"));
    let unknown = said(in_stack(&site, &cloud, "other", &["runs"])).await?;
    assert!(unknown.contains("cloudformation:ListStackResources: ValidationError: Stack with that id does not exist"), "{unknown}");
    site.up.interrupt().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workflows_of_a_stack_in_aws_are_set_started_explained_and_tried() -> Result<()> {
    let site = Site::start().await?;
    let cloud = site.in_aws().await?;
    site.ask("answer A repository.").await?;
    site.up.until(|now| now["runs"]["succeeded"] == 1).await?;
    let ask = |arguments: &[&str]| printed(in_stack(&site, &cloud, STACK_NAME, arguments));
    let file = site.data.join("workspace.yml");
    std::fs::write(&file, "workflows:\n  look:\n    on: [manual, issues]\n    steps: [file: { path: README.md }]\n")?;
    let path = file.to_str().context("UTF-8")?;
    let set: Value = serde_json::from_str(&ask(&["workspace", "acme", "--set", path, "--json"]).await?)?;
    assert_eq!(set["workflows"], json!(["look"]), "{set}");
    assert!(ask(&["workspace", "acme"]).await?.contains("\n  look\n"));
    let started: Value = serde_json::from_str(&ask(&["start", "look", "--repo", "acme/seen", "--json"]).await?)?;
    let delivery = started["delivery"].as_str().context("a delivery")?;
    let explained = ask(&["explain", delivery]).await?;
    assert!(explained.contains("look") && explained.contains("starts"), "{explained}");
    let replayed = ask(&["replay", "--config", path, "--repo", "acme/seen", "--since", "1d"]).await?;
    assert!(replayed.contains("look"), "{replayed}");
    assert!(ask(&["workspace", "acme", "--remove"]).await?.contains("no workspace workflows are in force"));
    site.up.interrupt().await
}
