//! `patchbay top`: queues, runs, slots and spend. On a terminal it is drawn again and again, elsewhere every look is one
//! line; with `--once` it is one look.

use super::output::{Screen, print_one, printable};
use super::runs::{age, dollars, table};
use super::which::Which;
use crate::operations::{Operations, Overview};
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

/// So many runs at work fit on a screen below the rest.
const MOST_LIVE: usize = 15;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Look once and end.
    #[arg(long)]
    once: bool,
    /// Seconds between two looks.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let operations = arguments.which.open().await?;
    let screen = Screen::of_stdout();
    loop {
        let overview = operations.overview().await?;
        let read = match (arguments.which.json, arguments.once, &screen) {
            (true, _, _) => print_one(&serde_json::to_string(&overview)?),
            (false, true, _) => print_one(&whole(&operations, &overview)),
            (false, false, None) => print_one(&line(&overview)),
            (false, false, Some(screen)) => {
                screen.draw(&format!("{}\n\nCtrl-C ends.", whole(&operations, &overview)));
                true
            }
        };
        if arguments.once || !read {
            return Ok(ExitCode::SUCCESS);
        }
        if super::up::or_stopped(tokio::time::sleep(Duration::from_secs(arguments.every))).await.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn whole(operations: &Operations, overview: &Overview) -> String {
    printable(&format!("{}, {:.0}\n\n{}", operations.place(), overview.at, describe(overview)))
}

fn describe(overview: &Overview) -> String {
    let mut lines =
        vec![format!("{:<10} {:>8} {:>10} {:>8} {:>8} {:>12}", "QUEUE", "WAITING", "IN FLIGHT", "DELAYED", "OLDEST", "DEAD LETTERS")];
    lines.extend(overview.queues.iter().map(|queue| {
        let oldest = queue.oldest_seconds.map_or_else(|| "-".to_owned(), seconds);
        let mark = if queue.dead_letters > 0 { "  <- patchbay redrive, once the cause is mended" } else { "" };
        let (visible, in_flight, delayed, dead) = (queue.visible, queue.in_flight, queue.delayed, queue.dead_letters);
        format!("{:<10} {visible:>8} {in_flight:>10} {delayed:>8} {oldest:>8} {dead:>12}{mark}", queue.name)
    }));
    lines.push(format!("\nRUNS       {}", by_state(overview)));
    lines.push(format!("SPEND      {} today, {} runs", dollars(overview.spend_today_microusd), overview.runs_today));
    // Every run at work holds its thread: that is only worth a line if somebody waits for it.
    let telling: Vec<_> = overview.slots.iter().filter(|slot| slot.waiting > 0 || !slot.slot.starts_with("thread#")).collect();
    lines.push(if telling.is_empty() { "SLOTS      none held".to_owned() } else { "SLOTS".to_owned() });
    lines.extend(telling.iter().map(|slot| {
        let waiting = if slot.waiting > 0 { format!(", {} waiting", slot.waiting) } else { String::new() };
        format!("  {:<28} {:<28} {} held{waiting}", slot.workspace.as_str(), slot.slot, slot.held)
    }));
    if let Some(newest) = overview.live.get(..overview.live.len().min(MOST_LIVE)).filter(|live| !live.is_empty()) {
        lines.push(format!("\n{}", table(newest, overview.at)));
    }
    if overview.live.len() > MOST_LIVE {
        lines.push(format!("… and {} older ones: patchbay runs", overview.live.len() - MOST_LIVE));
    }
    lines.join("\n")
}

/// One look as one line.
fn line(overview: &Overview) -> String {
    let queues = overview.queues.iter().map(|queue| {
        let total = queue.visible + queue.in_flight + queue.delayed;
        format!("{} {total} dead {}", queue.name, queue.dead_letters)
    });
    let held: u64 = overview.slots.iter().filter(|slot| slot.slot == "workspace").map(|slot| slot.held).sum();
    let waiting: u64 = overview.slots.iter().map(|slot| slot.waiting).sum();
    let parts = [by_state(overview), format!("slots {held} held {waiting} waiting"), dollars(overview.spend_today_microusd)];
    format!("{:.0}  {}", overview.at, queues.chain(parts).collect::<Vec<_>>().join(" | "))
}

fn by_state(overview: &Overview) -> String {
    let states: Vec<_> = overview.runs.iter().map(|(state, count)| format!("{count} {state}")).collect();
    if states.is_empty() { "none at work, none today".to_owned() } else { states.join(", ") }
}

fn seconds(seconds: u64) -> String {
    let since = jiff::Timestamp::UNIX_EPOCH;
    // Longer ago than there are times is long ago.
    age(since, jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX)).unwrap_or(jiff::Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn overview() -> Overview {
        serde_json::from_value(json!({
            "at": "2026-11-20T12:00:00Z",
            "queues": [
                { "name": "events", "visible": 2, "in_flight": 1, "delayed": 0, "oldest_seconds": 400, "dead_letters": 3 },
                { "name": "runs", "visible": 0, "in_flight": 0, "delayed": 4, "oldest_seconds": null, "dead_letters": 0 },
            ],
            "runs": { "running": 1, "succeeded": 5 },
            "slots": [
                { "workspace": "ws_github_7", "slot": "workspace", "held": 1, "waiting": 0 },
                { "workspace": "ws_github_7", "slot": "thread#1#7", "held": 1, "waiting": 2 },
                { "workspace": "ws_github_7", "slot": "thread#1#8", "held": 1, "waiting": 0 },
            ],
            "spend_today_microusd": 1_234_500, "runs_today": 6,
            "live": [{
                "id": "run_1", "repository": "acme/hello", "thread": 7, "title": "x", "state": { "name": "running", "stage": null },
                "created_at": "2026-11-20T11:59:01Z", "cost_microusd": 0
            }],
        }))
        .unwrap()
    }

    #[test]
    fn everything_that_an_operator_asks_first_is_on_one_screen() {
        let text = describe(&overview());
        for told in [
            "events            2          1        0       6m            3  <- patchbay redrive, once the cause is mended",
            "runs              0          0        4        -            0",
            "RUNS       1 running, 5 succeeded",
            "SPEND      $1.2345 today, 6 runs",
            "  ws_github_7                  thread#1#7                   1 held, 2 waiting",
        ] {
            assert!(text.lines().any(|line| line == told), "{told}\nin\n{text}");
        }
        assert!(text.contains("run_1") && text.contains("59s"), "{text}");
        assert!(!text.contains("thread#1#8"), "a thread that nobody waits for is no news: {text}");
    }

    #[test]
    fn of_many_runs_at_work_the_newest_are_shown_and_the_rest_counted() {
        let mut overview = overview();
        overview.live = vec![overview.live[0].clone(); MOST_LIVE + 3];
        let text = describe(&overview);
        assert_eq!(text.matches("run_1").count(), MOST_LIVE);
        assert!(text.ends_with("… and 3 older ones: patchbay runs"), "{text}");
    }

    #[test]
    fn without_a_terminal_a_look_is_one_line() {
        assert_eq!(
            line(&overview()),
            "2026-11-20T12:00:00Z  events 3 dead 3 | runs 4 dead 0 | 1 running, 5 succeeded | slots 1 held 2 waiting | $1.2345"
        );
    }
}
