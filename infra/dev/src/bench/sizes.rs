//! Each function's binary and zip, and what its start and its first event cost, on a stack of its own.

use super::Bench;
use super::figure::{Figure, millis};
use super::scene::{Scene, http_call, http_call_with, sqs_message};
use super::subject::Subject;
use crate::stack::http::event::scheduled_event;
use crate::template::model::Function;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use patchbay_domain::envelope::{EventMessage, RunMessage, StopOrder};
use patchbay_domain::ids::{RunId, WorkspaceId};
use std::path::Path;
use std::process::Command;

const PART: &str = "sizes";
const ZIP_LIMIT_MB: f64 = 10.0;

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let scene = Scene::open(bench, |_| ()).await?;
    let functions = scene.stack.template().functions.clone();
    let mut figures = Vec::new();
    for function in &functions {
        let name = &function.package;
        bench.say(&format!("{name}: size, start, first event"));
        let binary = bench.bin_dir.join(name);
        let zip = zip_mb(&binary)?;
        let size = std::fs::metadata(&binary)?.len() as f64 / 1_000_000.0;
        figures.push(Figure::at_most(PART, format!("{name}: zip"), zip, "MB", ZIP_LIMIT_MB).beside(format!("binary {size:.1} MB")));
        let subject = Subject::start(&binary, &scene.environment(name)?).await.with_context(|| name.clone())?;
        let init = subject.settled_cpu().await?;
        figures.push(Figure::listed(PART, format!("{name}: INIT CPU"), millis(init), "ms"));
        subject.invoke(first_event(function)?).await.with_context(|| name.clone())?;
        let first = subject.settled_cpu().await?.saturating_sub(init);
        figures.push(Figure::listed(PART, format!("{name}: first event's CPU"), millis(first), "ms"));
        subject.end().await;
    }
    scene.close().await;
    Ok(figures)
}

/// What a function can answer at once, but not without asking AWS, where it asks AWS at all.
fn first_event(function: &Function) -> anyhow::Result<Bytes> {
    let (workspace, run) = (WorkspaceId("ws_github_1".to_owned()), RunId("run_none".to_owned()));
    match function.package.as_str() {
        "webhook-intake" => http_call("GET /health", "GET", "/health"),
        "task-gateway" => http_call("$default", "GET", "/v1/brief"),
        "step-callback" => {
            let parameters = [("workspace", workspace.as_str()), ("run", run.as_str()), ("step", "0"), ("token", "none")];
            http_call_with(
                "POST /callbacks/{workspace}/{run}/{step}/{token}",
                "POST",
                "/callbacks/ws_github_1/run_none/0/none",
                &parameters,
            )
        }
        "run-reaper" => Ok(scheduled_event("bench", jiff::Timestamp::now()).to_string().into()),
        "trigger-matcher" => {
            let order = StopOrder { workspace, run, by: "bench".to_owned() };
            Ok(sqs_message("events", &serde_json::to_string(&EventMessage::StopV1(order))?))
        }
        "run-launcher" | "run-results" => Ok(sqs_message("runs", &serde_json::to_string(&RunMessage::V1 { workspace, run })?)),
        other => bail!("nobody said what the first event of {other} is"),
    }
}

/// How large a binary is as `bootstrap` in a zip, as it is uploaded. By Python, which the project needs anyhow.
///
/// # Errors
/// Without Python or the binary.
pub(super) fn zip_mb(binary: &Path) -> anyhow::Result<f64> {
    const PROGRAM: &str = "import sys, zipfile\n\
        with zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED) as file:\n    file.write(sys.argv[1], 'bootstrap')\n";
    let folder = tempfile::tempdir()?;
    let zip = folder.path().join("function.zip");
    let output = Command::new("python3").args(["-c", PROGRAM]).arg(binary).arg(&zip).output().context("python3 cannot be started")?;
    if !output.status.success() {
        bail!("{} cannot be zipped: {}", binary.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(std::fs::metadata(&zip)?.len() as f64 / 1_000_000.0)
}
