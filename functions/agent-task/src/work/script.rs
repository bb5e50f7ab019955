//! Plays a script: one command a line, its arguments separated by blanks; `\n`, `\t` and `\s` (a blank) understood.
//!
//! `write PATH TEXT`, `append PATH TEXT`, `delete PATH`, `mode PATH 100755`, `symlink PATH TARGET`, `sleep SECONDS`,
//! `answer TEXT`, `print TEXT`, `model TEXT`, `read PATH`, `connect HOST:PORT`, `alloc 500MB`, `exit CODE`, `hang`,
//! `crash`, `ignore-sigterm`, `run SHELL COMMAND`, and `obey`: ask the model with the whole request, and play what it
//! says. Answers, and what `run` prints, go to standard output, everything else to standard error.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Plays the script in the current folder.
///
/// # Errors
/// The first command that cannot be done, with its line.
pub(crate) async fn play(script: &Path) -> Result<ExitCode> {
    let mut lines = lines_of(&fs::read_to_string(script)?);
    while let Some(line) = lines.pop_front() {
        if line == "obey" {
            lines.extend(lines_of(&obey(&script.with_file_name(PROMPT)).await?));
            continue;
        }
        let code = step(&line).await.with_context(|| format!("script line `{line}`"))?;
        if let Some(code) = code {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Beside the script: the whole request, for `obey`.
pub(super) const PROMPT: &str = "prompt";

fn lines_of(script: &str) -> VecDeque<String> {
    script.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

async fn step(line: &str) -> Result<Option<ExitCode>> {
    let (command, rest) = split(line);
    let (first, second) = split(rest);
    let first = &*unescape(first);
    match command {
        "write" => write(first, &unescape(second))?,
        "append" => write(first, &format!("{}{}", fs::read_to_string(first).unwrap_or_default(), unescape(second)))?,
        "delete" => fs::remove_file(first).or_else(|_| fs::remove_dir_all(first))?,
        "mode" => fs::set_permissions(first, fs::Permissions::from_mode(u32::from_str_radix(second, 8)? & 0o777))?,
        "symlink" => symlink(second, first)?,
        "sleep" => tokio::time::sleep(Duration::from_secs_f64(first.parse()?)).await,
        "answer" => say(&format!("{}\n", unescape(rest)))?,
        "print" => std::io::stderr().write_all(format!("{}\n", unescape(rest)).as_bytes())?,
        "model" => {
            call_model(&unescape(rest)).await?;
        }
        "run" => run_shell(&unescape(rest))?,
        "read" => say(&fs::read_to_string(first).unwrap_or_else(|e| format!("cannot read: {e}\n")))?,
        "connect" => say(&connect(first).await?)?,
        "alloc" => allocate(first)?,
        "exit" => return Ok(Some(ExitCode::from(first.parse::<u8>()?))),
        "hang" => std::future::pending().await,
        "crash" => std::process::abort(),
        // Whoever listens for a signal does not die of it.
        "ignore-sigterm" => std::mem::forget(signal(SignalKind::terminate())?),
        other => bail!("no such command: {other}"),
    }
    Ok(None)
}

fn split(text: &str) -> (&str, &str) {
    text.split_once(' ').map_or((text, ""), |(a, b)| (a, b.trim_start()))
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t").replace("\\s", " ")
}

fn say(text: &str) -> Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// A text that does not end its last line gets that end, an empty one stays empty.
fn write(path: &str, text: &str) -> Result<()> {
    if let Some(folder) = Path::new(path).parent() {
        fs::create_dir_all(folder)?;
    }
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    Ok(fs::write(path, format!("{text}{end}"))?)
}

/// Runs a command line and says what it prints; that it fails is said as well, and is no failure of the script.
fn run_shell(command: &str) -> Result<()> {
    let output = Command::new("/bin/sh").args(["-c", command]).stderr(Stdio::inherit()).output()?;
    std::io::stdout().write_all(&output.stdout)?;
    if !output.status.success() {
        say(&format!("{}\n", output.status))?;
    }
    Ok(())
}

/// What the model says to the request.
async fn obey(prompt: &Path) -> Result<String> {
    let answer: Value = serde_json::from_str(&call_model(&fs::read_to_string(prompt)?).await?)?;
    let said = answer["choices"][0]["message"]["content"].as_str().or(answer["content"][0]["text"].as_str());
    Ok(said.context("the model said nothing")?.to_owned())
}

/// Asks the model; its answer as it came.
async fn call_model(text: &str) -> Result<String> {
    let (url, model) = crate::config::script_model()?;
    let body = serde_json::json!({"model": model, "max_tokens": 256, "messages": [{"role": "user", "content": text}]});
    let response = reqwest::Client::builder().no_proxy().build()?.post(url).json(&body).send().await?;
    let status = response.status();
    let words = response.text().await?;
    std::io::stderr().write_all(format!("the model answered {status}: {words}\n").as_bytes())?;
    Ok(words)
}

/// What becomes of connections to `HOST:PORT`; of `HOST:FIRST-LAST` only those that come about are told.
async fn connect(address: &str) -> Result<String> {
    let (host, ports) = address.rsplit_once(':').context("an address is HOST:PORT")?;
    let Some((first, last)) = ports.split_once('-') else {
        return Ok(format!("{address}: {}\n", try_to_connect(host, ports.parse()?).await));
    };
    let mut open = String::new();
    for port in first.parse::<u16>()?..=last.parse()? {
        if try_to_connect(host, port).await == "connected" {
            open.push_str(&format!("{host}:{port}: connected\n"));
        }
    }
    Ok(open)
}

async fn try_to_connect(host: &str, port: u16) -> String {
    match tokio::time::timeout(Duration::from_secs(5), tokio::net::TcpStream::connect((host, port))).await {
        // A port that the system lends for the attempt itself.
        Ok(Ok(stream)) if stream.local_addr().ok() == stream.peer_addr().ok() => "connected to itself".to_owned(),
        Ok(Ok(_)) => "connected".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "timed out".to_owned(),
    }
}

/// Takes memory and touches every page of it, then holds it for a second so that whoever watches can see.
fn allocate(size: &str) -> Result<()> {
    let megabytes: usize = size.trim_end_matches("MB").parse()?;
    let mut held: Vec<Vec<u8>> = Vec::new();
    for _ in 0..megabytes {
        held.push(vec![1; 1 << 20]);
    }
    std::thread::sleep(Duration::from_secs(1));
    drop(std::hint::black_box(held));
    Ok(())
}
