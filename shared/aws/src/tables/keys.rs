//! All key text of all tables, and the text of times and shards that indexes sort by. Nobody else writes a key.

use jiff::{SignedDuration, Timestamp};
use patchbay_domain::ids::{ConnectionId, DeliveryId, RunId, WorkspaceId};

/// How many parts the index of due runs has.
pub const DUE_SHARDS: u8 = 16;
/// How many parts the list of due schedules has.
pub const SCHEDULE_SHARDS: u8 = 4;

/// A row's primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }
}

// deliveries

pub(crate) fn delivery_pk(provider: &str, endpoint: &str, delivery: &DeliveryId) -> String {
    format!("{provider}#{endpoint}#{delivery}")
}

pub(crate) fn claim(provider: &str, endpoint: &str, delivery: &DeliveryId) -> Key {
    Key::new(delivery_pk(provider, endpoint, delivery), "claim")
}

pub(crate) fn payload(provider: &str, endpoint: &str, delivery: &DeliveryId) -> Key {
    Key::new(delivery_pk(provider, endpoint, delivery), "payload")
}

pub(crate) const DECISIONS: &str = "decision#";

/// `what` is the workflow's name behind its source (`repository/review`). The thread's number stands in the key, because
/// the index of a repository's days shows nothing but keys.
pub(crate) fn decision(provider: &str, endpoint: &str, delivery: &DeliveryId, what: &str, thread: Option<u64>) -> Key {
    let thread = thread.map(|number| format!("#{number}")).unwrap_or_default();
    Key::new(delivery_pk(provider, endpoint, delivery), format!("{DECISIONS}{what}{thread}"))
}

/// The other way round: source (if any), workflow and thread of a decision's sort key.
pub(crate) fn parse_decision(sk: &str) -> Option<(Option<&str>, &str, Option<u64>)> {
    let rest = sk.strip_prefix(DECISIONS)?;
    let (what, thread) = match rest.split_once('#') {
        Some((what, thread)) => (what, thread.parse().ok()),
        None => (rest, None),
    };
    Some(match what.split_once('/') {
        Some((source, workflow)) => (Some(source), workflow, thread),
        None => (None, what, thread),
    })
}

/// The index key under which a repository's deliveries of one day (UTC) are listed.
pub(crate) fn repository_day(provider: &str, repository: &str, at: Timestamp) -> String {
    format!("{provider}#{repository}#{}", at.strftime("%Y-%m-%d"))
}

// core

pub(crate) fn connection(connection: &ConnectionId) -> Key {
    Key::new(format!("connection#{connection}"), "connection")
}

pub(crate) fn repository(connection: &ConnectionId, id: u64) -> Key {
    Key::new(format!("connection#{connection}"), format!("repository#{id}"))
}

/// `scope` is a repository's number, or `default` for what counts in all repositories of the account.
pub(crate) fn workflows(connection: &ConnectionId, scope: &str) -> Key {
    Key::new(format!("connection#{connection}"), format!("workflows#{scope}"))
}

pub(crate) fn workflow_text(connection: &ConnectionId, scope: &str, version: &str) -> Key {
    Key::new(format!("connection#{connection}"), format!("workflow-text#{scope}#{version}"))
}

pub(crate) fn schedule_pk(shard: u8) -> String {
    format!("schedule#{shard}")
}

pub(crate) fn schedule(connection: &ConnectionId, repository: u64, due: Timestamp) -> Key {
    let shard = shard(&format!("{connection}#{repository}"), SCHEDULE_SHARDS);
    Key::new(schedule_pk(shard), format!("{}#{connection}#{repository}", due_at(due)))
}

pub(crate) fn workspace(workspace: &WorkspaceId) -> Key {
    Key::new(workspace.to_string(), "workspace")
}

// runs

fn run_pk(workspace: &WorkspaceId, run: &RunId) -> String {
    format!("{workspace}#{run}")
}

pub(crate) fn run(workspace: &WorkspaceId, run: &RunId) -> Key {
    Key::new(run_pk(workspace, run), "run")
}

/// The other way round.
pub(crate) fn parse_run(pk: &str) -> Option<(WorkspaceId, RunId)> {
    let (workspace, run) = pk.split_once('#')?;
    Some((WorkspaceId(workspace.to_owned()), RunId(run.to_owned())))
}

pub(crate) fn capability(workspace: &WorkspaceId, run: &RunId, attempt: u32) -> Key {
    Key::new(run_pk(workspace, run), format!("capability#{attempt}"))
}

pub(crate) fn ledger(workspace: &WorkspaceId, run: &RunId) -> Key {
    Key::new(run_pk(workspace, run), "ledger")
}

pub(crate) const AUDIT: &str = "audit#";

/// Sorts by time; `what` keeps two entries of one moment apart and a repeated one together.
pub(crate) fn audit(workspace: &WorkspaceId, run: &RunId, at: Timestamp, what: &str) -> Key {
    Key::new(run_pk(workspace, run), format!("{AUDIT}{}#{what}", nanos(at)))
}

pub(crate) fn slot(workspace: &WorkspaceId, key: &str) -> Key {
    Key::new(format!("{workspace}#slots"), format!("slot#{key}"))
}

pub(crate) fn gate(workspace: &WorkspaceId, key: &str) -> Key {
    Key::new(format!("{workspace}#gate#{key}"), "gate")
}

/// Sorts by arrival; the run keeps two arrivals of one moment apart.
pub(crate) fn arrival(at: Timestamp, run: &RunId) -> String {
    format!("{}#{run}", nanos(at))
}

/// The part of the due index that a run belongs to: stable, and spread evenly by the run's hash.
pub(crate) fn due_shard(run: &RunId) -> u8 {
    shard(run.as_str(), DUE_SHARDS)
}

fn shard(text: &str, shards: u8) -> u8 {
    text.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % shards
}

/// A due time never lies before the moment it stands for, so that what is found in the index is really due.
pub(crate) fn due_at(at: Timestamp) -> String {
    let fraction = at.subsec_nanosecond();
    let up = if fraction > 0 { SignedDuration::new(1, -fraction) } else { SignedDuration::ZERO };
    seconds(at + up)
}

/// RFC 3339, UTC, whole seconds, rounded down: text that sorts as time does.
pub(crate) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3339, UTC, always nine digits behind the point: text that sorts as time does.
pub(crate) fn nanos(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

/// The UTC day under which the index of days lists a run.
pub(crate) fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

// threads

pub(crate) fn thread_pk(workspace: &WorkspaceId, repository: u64, number: u64) -> String {
    format!("{workspace}#{repository}#{number}")
}

pub(crate) const THREAD_RUNS: &str = "run#";

pub(crate) fn thread_run(workspace: &WorkspaceId, repository: u64, number: u64, run: &RunId, at: Timestamp) -> Key {
    Key::new(thread_pk(workspace, repository, number), format!("{THREAD_RUNS}{}#{run}", nanos(at)))
}

/// The run in a thread run's sort key.
pub(crate) fn parse_thread_run(sk: &str) -> Option<RunId> {
    sk.rsplit_once('#').map(|(_, run)| RunId(run.to_owned()))
}

pub(crate) fn once(workspace: &WorkspaceId, repository: u64, number: u64, key: &str) -> Key {
    Key::new(thread_pk(workspace, repository, number), format!("once#{key}"))
}

// vault

pub(crate) fn brief(workspace: &WorkspaceId, run: &RunId, attempt: u32) -> Key {
    Key::new(workspace.to_string(), format!("brief#{run}#{attempt}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (WorkspaceId, RunId) {
        (WorkspaceId::of_account("github", 7), RunId("run_00ff".into()))
    }

    #[test]
    fn a_runs_key_says_whose_run_it_is() {
        let (workspace, run_id) = ids();
        assert_eq!(parse_run(&run(&workspace, &run_id).pk), Some((workspace, run_id)));
        assert_eq!(parse_run("nothing"), None);
    }

    #[test]
    fn a_thread_run_is_read_back_from_its_sort_key() {
        let (workspace, run) = ids();
        let key = thread_run(&workspace, 1, 2, &run, Timestamp::UNIX_EPOCH);
        assert_eq!(parse_thread_run(&key.sk), Some(run));
    }

    #[test]
    fn a_decisions_key_tells_source_workflow_and_thread() {
        let key = |what: &str, thread| decision("github", "app", &DeliveryId("d".into()), what, thread).sk;
        assert_eq!(parse_decision(&key("built-in", None)), Some((None, "built-in", None)));
        assert_eq!(parse_decision(&key("repository/review-docs", Some(7))), Some((Some("repository"), "review-docs", Some(7))));
        assert_eq!(parse_decision("payload"), None);
    }

    #[test]
    fn time_text_sorts_as_time_does() {
        let times: Vec<Timestamp> = [0, 1, 999_999_999, 1_000_000_000, 1_500_000_000, 1_700_000_000_123_000_000]
            .map(|ns| Timestamp::from_nanosecond(ns).unwrap())
            .to_vec();
        let texts: Vec<String> = times.iter().map(|at| nanos(*at)).collect();
        assert!(texts.is_sorted() && texts.iter().all(|text| text.len() == texts[0].len()), "{texts:?}");
    }

    #[test]
    fn a_due_time_is_rounded_up_and_never_found_too_early() {
        let at = |ns| Timestamp::from_nanosecond(ns).unwrap();
        assert_eq!(due_at(at(5_000_000_000)), "1970-01-01T00:00:05Z");
        assert_eq!(due_at(at(5_000_000_001)), "1970-01-01T00:00:06Z");
        assert_eq!(seconds(at(5_999_999_999)), "1970-01-01T00:00:05Z");
    }

    #[test]
    fn runs_spread_over_all_shards() {
        let mut seen = [0_u32; DUE_SHARDS as usize];
        for index in 0..1_600 {
            let run = RunId::derive(&ids().0, "t", &index.to_string());
            seen[usize::from(due_shard(&run))] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    }
}
