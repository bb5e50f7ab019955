//! `patchbay replay`: what a workflow file would have done with the deliveries of the past days, beside what was decided then;
//! and one of them really run again.

use super::check::configuration_of;
use super::explain::{compiled, permissions};
use super::output::{Progress, print_result, printable};
use super::runs::dollars;
use super::which::Which;
use crate::operations::{Operations, StoredDelivery};
use crate::trial::comparison::{Change, Compared, Comparison, Tried, compare};
use crate::trial::knowledge::{Known, Outcome, Verdict};
use crate::trial::payload::parse_stored;
use anyhow::{Context as _, bail};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::event::Event;
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::trigger::{How, Permission, Reason};
use patchbay_domain::workflow::{CompiledConfiguration, parse_duration};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Decisions are kept so long; payloads for half of it.
const LONGEST_DAYS: i64 = 14;
/// Past runs of so many days tell what an agent step costs.
const COST_DAYS: u16 = 30;
/// A delivery that is run again is waited for so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Changes that are printed; `--json` has all of them.
const MOST_SHOWN: usize = 50;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The workflow file to try.
    #[arg(long, value_name = "FILE", required_unless_present = "run")]
    config: Option<PathBuf>,
    /// The repository whose deliveries it is tried on.
    #[arg(long, value_name = "OWNER/NAME", required_unless_present = "run")]
    repo: Option<String>,
    /// How far back, such as 12h or 7d; payloads are kept for 7 days.
    #[arg(long, default_value = "7d")]
    since: String,
    /// At most so many deliveries, the newest.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
    /// What everybody who caused an event is taken to be allowed to do.
    #[arg(long, default_value = "write", value_parser = permissions())]
    permission: Permission,
    /// Patchbay's own account at the forge: what it does starts nothing.
    #[arg(long, value_name = "LOGIN", default_value = "patchbay[bot]")]
    own: String,
    /// Run this stored delivery again, under a new id: what it starts now is really started.
    #[arg(long, value_name = "DELIVERY", conflicts_with_all = ["config", "repo"])]
    run: Option<String>,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(delivery) = &arguments.run {
        return run_again(&arguments.which, delivery).await;
    }
    let (config, repository) =
        (arguments.config.as_ref().context("--config is missing")?, arguments.repo.as_ref().context("--repo is missing")?);
    let Some(configuration) = configuration_of(config, arguments.which.json)? else { return Ok(ExitCode::FAILURE) };
    let since = since(&arguments.since, Timestamp::now())?;
    let compiled = compiled(&configuration)?;
    let known = Known::with_permission(arguments.permission);
    let operations = arguments.which.open().await?;
    let step = Progress::new(arguments.which.json).step("Reading deliveries");
    let mut tried = Vec::new();
    for delivery in operations.deliveries_of(repository, since, arguments.most.into()).await? {
        tried.push(tried_again(&operations, &compiled, &known, &arguments.own, delivery).await?);
    }
    step.detail("and what past runs cost");
    let costs = operations.agent_costs(COST_DAYS).await?;
    drop(step);
    if tried.is_empty() {
        bail!("no delivery of {repository} since {since:.0} is stored in {}; is the name spelled as the forge does?", operations.place());
    }
    let found = compare(&configuration, repository, &tried, &costs);
    print_result(&if arguments.which.json {
        json!({ "repository": repository, "since": since, "found": found }).to_string()
    } else {
        printable(&describe(repository, since, &found))
    });
    Ok(ExitCode::SUCCESS)
}

/// Decides about a stored delivery as if it came now. What cannot be read was no event then, either.
async fn tried_again(
    operations: &Operations,
    compiled: &CompiledConfiguration,
    known: &Known,
    own: &str,
    stored: StoredDelivery,
) -> anyhow::Result<Tried> {
    let payload = operations.payload(&stored).await?;
    let event = payload.and_then(|payload| parse_stored(&stored.event, &stored.id, &payload).ok());
    Ok(Tried {
        delivery: stored.id.to_string(),
        action: event.as_ref().and_then(|event| event.action.clone()),
        now: event.map(|event| verdicts(compiled, known, own, &event, &stored)),
        event: stored.event,
        received_at: stored.received_at,
        then: stored.decisions,
        cost: stored.cost,
    })
}

/// Which account is Patchbay's own is said, not stored; that an act was its own is, where a workflow was decided about.
fn verdicts(compiled: &CompiledConfiguration, known: &Known, own: &str, event: &Event, stored: &StoredDelivery) -> Vec<Verdict> {
    let by_own = event.actor.as_ref().is_some_and(|actor| actor.login.eq_ignore_ascii_case(own));
    let own = by_own || stored.decisions.iter().flat_map(|decision| &decision.reasons).any(|reason| reason.how == "own_act");
    let mut verdicts = known.decide_all(compiled, event);
    if own {
        let login = event.actor.as_ref().map_or("", |actor| &actor.login);
        for verdict in &mut verdicts {
            verdict.outcome = Outcome::Skipped { reasons: vec![Reason::new("event", How::OwnAct, login, None)] };
        }
    }
    verdicts
}

async fn run_again(which: &Which, delivery: &str) -> anyhow::Result<ExitCode> {
    let operations = which.open().await?;
    let step = Progress::new(which.json).step("Running the delivery again");
    let done = operations.run_again(&DeliveryId(delivery.to_owned()), PATIENCE).await;
    drop(step);
    let done = done?;
    let decisions: Vec<String> = done
        .decisions
        .iter()
        .map(|decision| {
            let word = if decision.started { "started" } else { "skipped" };
            format!("  {}  {word}: {}", decision.workflow, decision.why)
        })
        .collect();
    let told = format!("{delivery} was run again as {}\n{}", done.id, decisions.join("\n"));
    print_result(&if which.json {
        json!({ "delivery": done.id, "decisions": done.decisions }).to_string()
    } else {
        printable(told.trim_end())
    });
    Ok(ExitCode::SUCCESS)
}

/// The moment that `--since` means.
fn since(said: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let seconds = parse_duration(said).map_err(|right| anyhow::anyhow!("--since {said}: {right}"))?;
    let span = SignedDuration::from_secs(seconds.into());
    if span > SignedDuration::from_hours(24 * LONGEST_DAYS) || span.is_zero() {
        bail!("--since {said}: nothing of a delivery is kept for more than {LONGEST_DAYS} days, its payload for 7");
    }
    Ok(now - span)
}

fn describe(repository: &str, since: Timestamp, found: &Comparison) -> String {
    let mut lines = vec![format!("{} deliveries of {repository} since {since:.0}", found.deliveries)];
    if found.without_payload > 0 {
        lines.push(format!(
            "{} of them have no payload (it is kept for 7 days; schedules and starts by name have none) and are left out",
            found.without_payload
        ));
    }
    lines.push(String::new());
    lines.push(format!(
        "{:<24}  {:>11}  {:>7}  {:>5}  {:>9}  {:>4}  EXPECTED COST",
        "WORKFLOW", "WOULD START", "STARTED", "NEWLY", "NO LONGER", "OPEN"
    ));
    lines.extend(found.workflows.iter().map(workflow_line));
    if found.workflows.iter().any(|compared| compared.open > 0) {
        lines.push("open: it depends on changed files or teams, which are not stored; `patchbay explain` takes them as options".to_owned());
    }
    lines.push(String::new());
    lines.extend(found.changes.iter().take(MOST_SHOWN).map(change_line));
    match found.changes.len() {
        0 => lines.push("Nothing would be different.".to_owned()),
        count if count > MOST_SHOWN => lines.push(format!("… and {} more; --json has all of them", count - MOST_SHOWN)),
        _ => {}
    }
    let stored = &found.stored;
    lines.push(format!(
        "\nStored per delivery (claim, payload, decisions): {:.1} rows, {:.0} bytes (at most {}), {:.1} write units",
        stored.rows_per_delivery, stored.bytes_per_delivery, stored.most_bytes, stored.write_units_per_delivery
    ));
    lines.join("\n")
}

fn workflow_line(compared: &Compared) -> String {
    let cost = match &compared.expected_cost {
        Some(cost) => {
            let whose = if cost.of_this_workflow { "its own" } else { "all" };
            let (total, each) = (dollars(cost.total_microusd), dollars(cost.per_start_microusd));
            format!("{total} ({each} each, by {} past runs, {whose})", cost.past_runs)
        }
        None if compared.has_agent => "unknown: no past run".to_owned(),
        None => "-".to_owned(),
    };
    let Compared { workflow, would_start, started, newly, no_longer, open, .. } = compared;
    format!("{workflow:<24}  {would_start:>11}  {started:>7}  {newly:>5}  {no_longer:>9}  {open:>4}  {cost}")
}

fn change_line(change: &Change) -> String {
    let sign = if change.newly { '+' } else { '-' };
    let at = change.received_at.map(|at| format!("{at:.0}  ")).unwrap_or_default();
    let event = [Some(change.event.as_str()), change.action.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(".");
    let why = match (change.newly, change.reasons.iter().find(|reason| !reason.matched)) {
        (false, Some(reason)) => reason.sentence(),
        (false, None) => "the file no longer has it".to_owned(),
        (true, _) => "starts now".to_owned(),
    };
    format!("{sign} {at}{event}  {}  {}: {why}", change.delivery, change.workflow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::{RecordedDecision, RecordedReason, StoredCost};
    use patchbay_domain::workflow::read;

    #[test]
    fn the_span_has_an_end() {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        assert_eq!(since("7d", now).unwrap(), "2026-11-13T10:00:00Z".parse::<Timestamp>().unwrap());
        assert_eq!(since("90m", now).unwrap(), "2026-11-20T08:30:00Z".parse::<Timestamp>().unwrap());
        for (said, told) in [("15d", "more than 14 days"), ("week", "--since week: "), ("0s", "--since 0s: ")] {
            assert!(since(said, now).unwrap_err().to_string().contains(told), "{said}");
        }
    }

    #[test]
    fn what_patchbay_did_itself_starts_nothing() {
        let file =
            "workflows:\n  any:\n    on: { issue_comment: { authors: ['*'], ignore_bots: false } }\n    steps: [agent: { prompt: x }]\n";
        let compiled = compiled(&read(file).unwrap()).unwrap();
        let payload = json!({
            "action": "created", "issue": { "number": 1 }, "comment": { "id": 2 },
            "sender": { "id": 3, "login": "acme-patchbay[bot]", "type": "Bot" },
        });
        let event = parse_stored("issue_comment", &DeliveryId("d1".to_owned()), payload.to_string().as_bytes()).unwrap();
        let mut stored = StoredDelivery {
            id: DeliveryId("d1".to_owned()),
            endpoint: "app".to_owned(),
            event: "issue_comment".to_owned(),
            received_at: None,
            body: None,
            done: true,
            decisions: Vec::new(),
            cost: StoredCost::default(),
        };
        let starts = |own: &str, stored: &StoredDelivery| {
            let found = verdicts(&compiled, &Known::with_permission(Permission::Write), own, &event, stored);
            matches!(found[0].outcome, Outcome::Starts { .. })
        };
        assert!(starts("patchbay[bot]", &stored), "another App is let in");
        assert!(!starts("Acme-Patchbay[bot]", &stored));
        let reason = RecordedReason { how: "own_act".to_owned(), ..RecordedReason::default() };
        stored.decisions = vec![RecordedDecision {
            workflow: "other".to_owned(),
            started: false,
            why: String::new(),
            source: Some("repository".to_owned()),
            reasons: vec![reason],
        }];
        assert!(!starts("patchbay[bot]", &stored));
    }

    #[test]
    fn what_would_change_is_told_line_by_line() {
        let file = "workflows:\n  fix:\n    on: issues\n    steps: [agent: { prompt: x }]\n";
        let reasons = vec![Reason::new("types", How::NotOneOf, "edited", Some("opened"))];
        let tried = |id: &str, outcome, started| Tried {
            delivery: id.to_owned(),
            event: "issues".to_owned(),
            action: Some("edited".to_owned()),
            received_at: Some("2026-11-20T10:00:00Z".parse().unwrap()),
            now: Some(vec![Verdict { workflow: "fix".to_owned(), outcome }]),
            then: vec![RecordedDecision {
                workflow: "fix".to_owned(),
                started,
                why: String::new(),
                source: Some("repository".to_owned()),
                reasons: vec![],
            }],
            cost: StoredCost { rows: 3, bytes: 2048, write_units: 7 },
        };
        let tried = [tried("d1", Outcome::Skipped { reasons }, true), tried("d2", Outcome::Starts { reasons: vec![] }, false)];
        let found = compare(&read(file).unwrap(), "acme/hello", &tried, &[]);
        let text = describe("acme/hello", Timestamp::UNIX_EPOCH, &found);
        for told in [
            "2 deliveries of acme/hello since 1970-01-01T00:00:00Z",
            "- 2026-11-20T10:00:00Z  issues.edited  d1  fix: types: `edited` is not one of `opened`",
            "+ 2026-11-20T10:00:00Z  issues.edited  d2  fix: starts now",
            "unknown: no past run",
            "3.0 rows, 2048 bytes (at most 2048), 7.0 write units",
        ] {
            assert!(text.contains(told), "{told}:\n{text}");
        }
    }
}
