//! Plays a script: one command a line, its arguments separated by blanks, `\n` and `\t` in texts understood.
//!
//! `write PATH TEXT`, `append PATH TEXT`, `delete PATH`, `mode PATH 100755`, `symlink PATH TARGET`, `sleep SECONDS`,
//! `answer TEXT`, `print TEXT`, `model TEXT`, `read PATH`, `connect HOST:PORT`, `alloc 500MB`, `exit CODE`, `hang`,
//! `crash`, `ignore-sigterm`. Answers go to standard output, everything else to standard error.

use anyhow::{Context, Result, bail};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Plays the script in the current folder.
///
/// # Errors
/// The first command that cannot be done, with its line.
pub(crate) async fn play(script: &Path) -> Result<ExitCode> {
    for line in fs::read_to_string(script)?.lines().filter(|l| !l.trim().is_empty()) {
        let code = step(line).await.with_context(|| format!("script line `{line}`"))?;
        if let Some(code) = code {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn step(line: &str) -> Result<Option<ExitCode>> {
    let (command, rest) = split(line.trim());
    let (first, second) = split(rest);
    match command {
        "write" => write(first, &unescape(second))?,
        "append" => write(first, &format!("{}{}", fs::read_to_string(first).unwrap_or_default(), unescape(second)))?,
        "delete" => fs::remove_file(first).or_else(|_| fs::remove_dir_all(first))?,
        "mode" => fs::set_permissions(first, fs::Permissions::from_mode(u32::from_str_radix(second, 8)? & 0o777))?,
        "symlink" => symlink(second, first)?,
        "sleep" => tokio::time::sleep(Duration::from_secs_f64(first.parse()?)).await,
        "answer" => say(&format!("{}\n", unescape(rest)))?,
        "print" => std::io::stderr().write_all(format!("{}\n", unescape(rest)).as_bytes())?,
        "model" => call_model(&unescape(rest)).await?,
        "read" => say(&fs::read_to_string(first).unwrap_or_else(|e| format!("cannot read: {e}\n")))?,
        "connect" => say(&connect(first).await)?,
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
    text.replace("\\n", "\n").replace("\\t", "\t")
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

async fn call_model(text: &str) -> Result<()> {
    let (url, model) = crate::config::script_model()?;
    let body = serde_json::json!({"model": model, "max_tokens": 256, "messages": [{"role": "user", "content": text}]});
    let response = reqwest::Client::builder().no_proxy().build()?.post(url).json(&body).send().await?;
    let status = response.status();
    let words = response.text().await?;
    std::io::stderr().write_all(format!("the model answered {status}: {words}\n").as_bytes())?;
    Ok(())
}

async fn connect(address: &str) -> String {
    let attempt = tokio::net::TcpStream::connect(address);
    match tokio::time::timeout(Duration::from_secs(5), attempt).await {
        Ok(Ok(_)) => format!("{address}: connected\n"),
        Ok(Err(error)) => format!("{address}: {error}\n"),
        Err(_) => format!("{address}: timed out\n"),
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
