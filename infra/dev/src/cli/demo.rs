//! `patchbay demo`: a local GitHub, an issue that asks for a change, one that asks a question, and what comes of them.
//!
//! It ends well only if the pull request and the answer are really there at the local GitHub.

use super::output::{Progress, print_result};
use super::timeline::{Entry, Timeline};
use super::up::{or_stopped, stopped};
use super::{Project, setup};
use crate::model::script::{CHANGE, QUESTION, REPOSITORY};
use crate::stack::forge::{ORGANISATION, PERSON};
use crate::stack::{ModelConfig, Stack};
use anyhow::{Context as _, bail};
use clap::Args;
use patchbay_testing::github::{CommentHistory, LocalGithub, PullView};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How long one of the two requests may take; a real model may need minutes.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const REPOSITORY_NAME: &str = "hello";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Stay up afterwards, to look around.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    common: setup::Common,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    let progress = Progress::new(arguments.common.json);
    let folder = tempfile::Builder::new().prefix("patchbay-demo-").tempdir()?;
    let preparing = async {
        let config = setup::prepare(&project, folder.path().to_owned(), !arguments.common.no_build, &progress).await?;
        progress.say(&format!("Model: {}.", config.model.describe()));
        let scripted = matches!(config.model, ModelConfig::Scripted);
        anyhow::Ok((Stack::start(config).await?, scripted))
    };
    let Some(prepared) = or_stopped(preparing).await else { return Ok(ExitCode::FAILURE) };
    let (stack, scripted) = prepared?;
    let outcome = or_stopped(show(&stack, scripted, progress)).await;
    if let Some(Ok(shown)) = &outcome {
        if arguments.common.json {
            print_result(&shown.to_string());
        }
        if arguments.keep {
            progress.say(&format!("Look around at {}; Ctrl-C stops it.", stack.forge().web_url()));
            stopped().await;
        }
    }
    stack.shutdown().await;
    match outcome {
        Some(Ok(_)) => Ok(ExitCode::SUCCESS),
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::FAILURE),
    }
}

/// Plays the demo and returns its final object.
async fn show(stack: &Stack, scripted: bool, progress: Progress) -> anyhow::Result<Value> {
    let github = stack.forge().local().context("the demo needs the local GitHub")?;
    github.create_repository(ORGANISATION, REPOSITORY_NAME, &REPOSITORY)?;
    let repository = format!("{ORGANISATION}/{REPOSITORY_NAME}");
    // The repository's own events are not what the timeline is about.
    stack.settled(Duration::from_secs(60)).await?;
    let timeline = Timeline::start(progress);
    let lines = stack.logs().subscribe();
    let (change, question) = (open(github, &repository, &timeline, CHANGE)?, open(github, &repository, &timeline, QUESTION)?);
    let waiting = async {
        let (changed, answered) = tokio::try_join!(conclusion(github, &repository, change), conclusion(github, &repository, question))?;
        let pull = pull_request(github, &repository, &changed).await?;
        // What is already decided, the log lines of its last steps included, belongs into the timeline.
        stack.settled(Duration::from_secs(30)).await?;
        anyhow::Ok((pull, answered))
    };
    // They follow for ever, in this very future: what is dropped with it holds nothing of the stack any longer.
    let threads = [change, question];
    let (pull, answer) = tokio::select! {
        waited = waiting => waited?,
        () = Arc::clone(&timeline).follow_logs(lines) => bail!("the functions' logs ended"),
        () = Arc::clone(&timeline).follow_github(github, &repository, &threads) => bail!("the local GitHub ended"),
    };
    let seen = Seen { github, repository: &repository, change, pull: &pull, answer: &answer, scripted };
    tell(&seen, progress);
    summary(stack, &seen, &timeline.entries())
}

fn open(github: &LocalGithub, repository: &str, timeline: &Timeline, issue: crate::model::script::DemoIssue) -> anyhow::Result<u64> {
    let number = github.open_issue(repository, PERSON, issue.title, issue.body, &[])?;
    timeline.add("github", format!("#{number} {PERSON} opens an issue: {}", issue.title));
    Ok(number)
}

/// The App's status comment in a thread, once it says how it ended.
async fn conclusion(github: &LocalGithub, repository: &str, number: u64) -> anyhow::Result<String> {
    let ended = |github: &LocalGithub| {
        github.comments(repository, number).into_iter().map(|comment| visible(&comment.body)).find(|text| is_conclusion(text))
    };
    let text = github.wait_for(&format!("the end of what #{number} asks for"), PATIENCE, ended).await?;
    if text.starts_with(['❌', '⏹']) {
        bail!("the run of #{number} did not succeed:\n{text}");
    }
    Ok(text)
}

/// What a person sees of a comment: no hidden markers.
fn visible(body: &str) -> String {
    let lines: Vec<_> = body.lines().filter(|line| !line.trim_start().starts_with("<!--")).collect();
    lines.join("\n").trim().to_owned()
}

/// A status that will not change any more: it is neither waiting nor working.
fn is_conclusion(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('⏳') && !text.starts_with('⚙')
}

/// The pull request that the status comment links to, as the local GitHub has it.
async fn pull_request(github: &LocalGithub, repository: &str, status: &str) -> anyhow::Result<PullView> {
    let pull = github
        .pulls(repository)
        .into_iter()
        .find(|pull| status.contains(&pull.url))
        .with_context(|| format!("no pull request is linked in: {status}"))?;
    if github.pull_files(repository, pull.number)?.is_empty() {
        bail!("pull request #{} changes nothing", pull.number);
    }
    Ok(pull)
}

/// What came of the demo.
struct Seen<'a> {
    github: &'a LocalGithub,
    repository: &'a str,
    change: u64,
    pull: &'a PullView,
    answer: &'a str,
    scripted: bool,
}

fn tell(seen: &Seen<'_>, progress: Progress) {
    progress.say(&format!("\nThe comment in #{}, as it was edited:", seen.change));
    for CommentHistory { bodies, .. } in seen.github.comment_history(seen.repository, seen.change) {
        for (at, body) in bodies {
            progress.say(&format!("  {}  {}", at.strftime("%H:%M:%S"), super::timeline::first_line(&body)));
        }
    }
    progress.say(&format!("\nThe change:\n{}", seen.github.pull_diff(seen.repository, seen.pull.number).unwrap_or_default()));
    progress.say(&format!("The answer:\n{}\n", seen.answer));
    progress.say(&format!("Pull request #{}: {} ({})", seen.pull.number, seen.pull.title, seen.pull.url));
    if seen.scripted {
        progress.say("The model was a script; Aider, the functions and git were real. Set PATCHBAY_MODEL_URL, PATCHBAY_MODEL and PATCHBAY_MODEL_KEY for a real model.");
    }
}

fn summary(stack: &Stack, seen: &Seen<'_>, timeline: &[Entry]) -> anyhow::Result<Value> {
    let files: Vec<_> = seen.github.pull_files(seen.repository, seen.pull.number)?.into_iter().map(|file| file.path).collect();
    Ok(json!({
        "pull_request": { "url": seen.pull.url, "number": seen.pull.number, "branch": seen.pull.head, "title": seen.pull.title, "files": files },
        "answer": seen.answer,
        "timeline": timeline,
        "calls": { "forge": seen.github.calls(), "aws": stack.aws().calls() },
        "model": if seen.scripted { "scripted" } else { "real" },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_status_that_will_not_change_is_a_conclusion() {
        let check = |body: &str| is_conclusion(&visible(body));
        assert!(!check("<!-- patchbay:status run_1 -->\n⏳ Queued."));
        assert!(!check("<!-- patchbay:status run_1 -->\n⚙️ Working."));
        assert!(!check("<!-- patchbay:status run_1 -->"));
        assert!(check("<!-- patchbay:status run_1 -->\n✅ Done"));
        assert!(check("<!-- patchbay:status run_1 -->\nIt prints one line."));
    }
}
