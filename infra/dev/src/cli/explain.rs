//! `patchbay explain`: what a workflow file would start for an event, and why; decided offline with the code that decides in a
//! deployment. Where decisions need what no payload says, options say it. With a delivery it tells what a deployment decided
//! about it (`decisions`).

use super::check::configuration_of;
use super::decisions;
use super::output::{print_result, printable};
use super::which::Which;
use crate::trial::knowledge::{Known, Outcome, Verdict};
use crate::trial::payload::{manual_event, parse_payload, parse_stored, schedule_event};
use anyhow::{Context as _, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::Timestamp;
use patchbay_domain::event::{Actor, ActorKind, Event};
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::trigger::{EventKind, Need, Permission, Reason};
use patchbay_domain::workflow::{CompiledConfiguration, FILE_PATH};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A delivery that came in, as the forge's log and `patchbay runs RUN_ID` (Correlation) name it: tells what was decided about it.
    #[arg(conflicts_with_all = ["event", "kind"])]
    delivery: Option<String>,
    /// The workflow file.
    #[arg(long, value_name = "FILE", default_value = FILE_PATH)]
    config: PathBuf,
    /// The webhook's payload, a JSON file; not needed for schedule and manual.
    #[arg(long, value_name = "PAYLOAD")]
    event: Option<PathBuf>,
    /// The event's name.
    #[arg(long, value_parser = event_kinds(), required_unless_present = "delivery")]
    kind: Option<EventKind>,
    /// The files that the push or pull request changed; else those that a push's payload lists.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    files: Vec<String>,
    /// The same, one a line, as `git diff --name-only` prints them; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    files_from: Option<PathBuf>,
    /// What whoever caused the event may do in the repository.
    #[arg(long, default_value = "write", value_parser = permissions())]
    permission: Permission,
    /// A team that they belong to; they belong to no others then.
    #[arg(long = "team", value_name = "ORGANISATION/TEAM")]
    teams: Vec<String>,
    /// They belong to no team.
    #[arg(long, conflicts_with = "teams")]
    no_team: bool,
    /// The workflow that is started by name (manual), or whose time has come (schedule).
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// The time that has come (schedule), as the file has it.
    #[arg(long, conflicts_with = "workflow")]
    cron: Option<String>,
    /// Who starts it (manual), if there is no payload.
    #[arg(long, value_name = "LOGIN", default_value = "somebody")]
    actor: String,
    #[command(flatten)]
    which: Which,
}

/// The words of events, for clap.
fn event_kinds() -> impl TypedValueParser<Value = EventKind> {
    let words = PossibleValuesParser::new(EventKind::ALL.map(EventKind::as_str));
    words.try_map(|word| EventKind::parse(&word).ok_or("no event has this name"))
}

/// The words of permissions, for clap.
pub(super) fn permissions() -> impl TypedValueParser<Value = Permission> {
    let words = PossibleValuesParser::new(["none", "read", "triage", "write", "maintain", "admin"]);
    words.try_map(|word| Permission::parse(&word).ok_or("no permission has this name"))
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(delivery) = &arguments.delivery {
        return decisions::show(delivery, &arguments.which).await;
    }
    let Some(configuration) = configuration_of(&arguments.config, arguments.which.json)? else { return Ok(ExitCode::FAILURE) };
    let (report, decided) = explained(&arguments, &compiled(&configuration)?)?;
    print_result(&report);
    Ok(if decided { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is printed, and whether every workflow could be decided. With `--json` one that cannot is an error: the form has no
/// word for it.
fn explained(arguments: &Arguments, compiled: &CompiledConfiguration) -> anyhow::Result<(String, bool)> {
    let event = event_of(arguments, compiled)?;
    let known = known_of(arguments)?;
    let verdicts = known.decide_all(compiled, &event);
    let open: Vec<String> = verdicts.iter().filter_map(|verdict| open_line(verdict, &event)).collect();
    if !arguments.which.json {
        let report = format!("{}\n{}", headline(&event, &known), text_report(&verdicts, &event, compiled));
        return Ok((printable(report.trim_end()), open.is_empty()));
    }
    if !open.is_empty() {
        bail!("{}", open.join("; "));
    }
    Ok((serde_json::to_string(&rows(&verdicts))?, true))
}

/// A configuration whose filters are known to be right.
pub(super) fn compiled(configuration: &patchbay_domain::workflow::Configuration) -> anyhow::Result<CompiledConfiguration> {
    CompiledConfiguration::compile(configuration).map_err(|problems| {
        let told: Vec<_> = problems.into_iter().map(|problem| format!("{}: {}", problem.filter, problem.message)).collect();
        anyhow::anyhow!("{}", told.join("; "))
    })
}

fn event_of(arguments: &Arguments, compiled: &CompiledConfiguration) -> anyhow::Result<Event> {
    let kind = arguments.kind.context("--kind says which event it is")?;
    let by_patchbay = matches!(kind, EventKind::Schedule | EventKind::Manual);
    if !by_patchbay && arguments.workflow.is_some() {
        bail!("--workflow says what is started by name or by its time; `{}` is decided for all workflows", kind.as_str());
    }
    if kind != EventKind::Schedule && arguments.cron.is_some() {
        bail!("--cron is for --kind schedule");
    }
    let payload = arguments.event.as_deref().map(bytes_of).transpose()?;
    match (&arguments.event, payload) {
        (Some(path), Some(bytes)) if !by_patchbay => parse_payload(kind, &path.display().to_string(), &bytes),
        (None, _) if !by_patchbay => {
            bail!("which event? give --event FILE with the payload of a `{}` webhook; events/github holds samples", kind.as_str())
        }
        (path, payload) => {
            let around = payload.map(|bytes| {
                let name = path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
                parse_stored(kind.as_str(), &DeliveryId("explained".into()), &bytes).with_context(|| format!("{name} cannot be read"))
            });
            own_event(arguments, compiled, around.transpose()?)
        }
    }
}

/// What no forge tells of; repository and person are those of a payload, if there is one.
fn own_event(arguments: &Arguments, compiled: &CompiledConfiguration, around: Option<Event>) -> anyhow::Result<Event> {
    let names = || compiled.workflows().iter().map(|workflow| workflow.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(name) = &arguments.workflow
        && !compiled.workflows().iter().any(|workflow| workflow.name == *name)
    {
        bail!("{} has no workflow {name}; it has {}", arguments.config.display(), names());
    }
    let own = if arguments.kind == Some(EventKind::Schedule) {
        schedule_event(&cron_of(arguments, compiled)?, Timestamp::now())
    } else {
        let Some(workflow) = &arguments.workflow else { bail!("which workflow is started? give --workflow NAME: {}", names()) };
        let somebody = || Actor { id: 0, login: arguments.actor.clone(), kind: ActorKind::Person };
        manual_event(workflow, around.as_ref().and_then(|around| around.actor.clone()).unwrap_or_else(somebody))
    };
    Ok(Event { repository: around.and_then(|around| around.repository), ..own })
}

/// The time that is said, or that of the workflow that is said, or the only one there is.
fn cron_of(arguments: &Arguments, compiled: &CompiledConfiguration) -> anyhow::Result<String> {
    if let Some(cron) = &arguments.cron {
        return Ok(cron.clone());
    }
    let said = compiled.workflows().iter().filter(|workflow| arguments.workflow.as_ref().is_none_or(|name| workflow.name == *name));
    let times: BTreeSet<&str> =
        said.flat_map(|workflow| &workflow.triggers).flat_map(|trigger| trigger.crons()).map(|cron| cron.text()).collect();
    match (times.len(), times.first()) {
        (0, _) if arguments.workflow.is_some() => Ok(String::new()),
        (0, _) => bail!("{} has no workflow with `schedule`", arguments.config.display()),
        (1, Some(only)) => Ok((*only).to_owned()),
        _ => bail!("which time has come? give --cron with one of: {}", times.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

fn known_of(arguments: &Arguments) -> anyhow::Result<Known> {
    let listed = arguments.files_from.as_deref().map(paths_in).transpose()?;
    let said = listed.is_some() || !arguments.files.is_empty();
    let files = arguments.files.iter().cloned().chain(listed.into_iter().flatten());
    let teams = arguments.teams.iter().map(|team| team_of(team)).collect::<anyhow::Result<BTreeSet<String>>>()?;
    Ok(Known {
        permission: arguments.permission,
        files: said.then(|| files.collect()),
        teams: (arguments.no_team || !teams.is_empty()).then_some(teams),
    })
}

/// As facts have it.
fn team_of(said: &str) -> anyhow::Result<String> {
    let name = said.strip_prefix('@').unwrap_or(said).to_lowercase();
    let parts = name.split_once('/').filter(|(organisation, team)| !organisation.is_empty() && !team.is_empty());
    if parts.is_none() {
        bail!("`{said}` is no team; a team is `organisation/team`");
    }
    Ok(name)
}

fn paths_in(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = String::from_utf8(bytes_of(path)?).with_context(|| format!("{} is no text in UTF-8", path.display()))?;
    Ok(text.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn bytes_of(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.with_context(|| format!("{} cannot be read", path.display()))
}

/// What the event is taken to be.
fn headline(event: &Event, known: &Known) -> String {
    let words = [
        Some(event.kind.clone()),
        event.action.clone(),
        event.actor.as_ref().map(|actor| format!("by {}", actor.login)),
        event.repository.as_ref().map(|repository| format!("in {}", repository.full_name())),
    ];
    let mut lines = vec![words.into_iter().flatten().collect::<Vec<_>>().join(" ")];
    if let Some(actor) = &event.actor {
        lines.push(format!("  taken for granted: {} has the permission {} (--permission)", actor.login, known.permission.as_str()));
    }
    if let (None, Some(files)) = (&known.files, known.files_of(event)) {
        lines.push(format!("  changed files: the {} that the payload lists (--files)", files.len()));
    }
    lines.join("\n") + "\n"
}

fn text_report(verdicts: &[Verdict], event: &Event, compiled: &CompiledConfiguration) -> String {
    let width = verdicts.iter().map(|verdict| verdict.workflow.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (verdict, workflow) in verdicts.iter().zip(compiled.workflows()) {
        let (word, lines) = match &verdict.outcome {
            Outcome::Starts { reasons } => ("starts", sentences(reasons)),
            Outcome::Skipped { reasons } => ("skipped", sentences(reasons)),
            Outcome::Open { .. } => ("open", open_line(verdict, event).into_iter().collect()),
        };
        text += &format!("{:<width$}  {word}\n", verdict.workflow);
        let crons = workflow.triggers.iter().flat_map(|trigger| trigger.crons());
        let next = crons.filter_map(|cron| cron.next_after(Timestamp::now())).min().filter(|_| event.kind == "schedule");
        let next = next.map(|at| format!("the next time is {at:.0}"));
        for line in lines.into_iter().chain(next) {
            text += &format!("  {line}\n");
        }
    }
    text
}

fn sentences(reasons: &[Reason]) -> Vec<String> {
    reasons.iter().map(Reason::sentence).collect()
}

/// What has to be said before a workflow can be decided.
fn open_line(verdict: &Verdict, event: &Event) -> Option<String> {
    let Outcome::Open { need } = &verdict.outcome else { return None };
    let name = &verdict.workflow;
    let actor = event.actor.as_ref().map_or("whoever caused it", |actor| &actor.login);
    Some(match need {
        Need::ChangedPaths => format!("{name} depends on which files were changed; give --files PATH… or --files-from FILE"),
        Need::Permission => format!("{name} depends on what {actor} may do; give --permission"),
        Need::Team { organisation, team } => {
            format!("{name} depends on whether {actor} belongs to {organisation}/{team}; give --team {organisation}/{team}, or --no-team")
        }
    })
}

/// What `--json` says of a workflow.
#[derive(Debug, Serialize)]
struct Row<'a> {
    workflow: &'a str,
    starts: bool,
    reasons: Vec<ReasonRow<'a>>,
}

#[derive(Debug, Serialize)]
struct ReasonRow<'a> {
    filter: &'a str,
    value: &'a str,
    pattern: Option<&'a str>,
    matched: bool,
}

impl<'a> ReasonRow<'a> {
    fn of(reason: &'a Reason) -> Self {
        let Reason { filter, value, pattern, matched, .. } = reason;
        Self { filter, value, pattern: pattern.as_deref(), matched: *matched }
    }
}

fn rows(verdicts: &[Verdict]) -> Vec<Row<'_>> {
    let decided = verdicts.iter().filter_map(|Verdict { workflow, outcome }| match outcome {
        Outcome::Starts { reasons } => Some((workflow, true, reasons)),
        Outcome::Skipped { reasons } => Some((workflow, false, reasons)),
        Outcome::Open { .. } => None,
    });
    decided.map(|(workflow, starts, reasons)| Row { workflow, starts, reasons: reasons.iter().map(ReasonRow::of).collect() }).collect()
}

#[cfg(test)]
mod tests;
