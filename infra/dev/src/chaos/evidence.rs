//! What a stack holds at one moment: everything that the invariants are about, read without a call of Patchbay's own.
//!
//! Plain data, so that the judgement over it is pure.

use crate::aws::{Depth, TaskStatus};
use crate::clock::claims;
use crate::stack::Stack;
use anyhow::Context as _;
use jiff::Timestamp;
use patchbay_domain::ids::RunId;
use patchbay_domain::run::Run;
use patchbay_testing::github::{CheckRunView, CommentHistory, DeliveryView, LocalGithub, PullView};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Everything at one moment.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub runs: Vec<RunEvidence>,
    /// Slot rows with the runs that hold a place in them.
    pub slots: Vec<(String, Vec<RunId>)>,
    /// Delivery id → whether its claim is done.
    pub claims: BTreeMap<String, bool>,
    pub repositories: Vec<RepositoryEvidence>,
    /// Every attempt to deliver a webhook.
    pub deliveries: Vec<DeliveryView>,
    pub tasks: Vec<TaskEvidence>,
    /// Queues that functions read, by name.
    pub queues: Vec<(String, Depth)>,
    /// Dead-letter queues, by name.
    pub dead_letters: Vec<(String, Depth)>,
    /// What nobody may ever read in a comment or a log: what it is, and its text.
    pub secrets: Vec<(&'static str, String)>,
    /// All logs, by source.
    pub logs: Vec<(String, String)>,
}

/// A run's row.
#[derive(Clone, Debug)]
pub struct RunEvidence {
    pub run: Run,
    /// The row's partition key, which begins with the workspace.
    pub partition: String,
    /// The row is in the index in which the reaper looks.
    pub indexed: bool,
}

/// A repository as the local GitHub has it.
#[derive(Clone, Debug, Default)]
pub struct RepositoryEvidence {
    pub id: u64,
    /// `owner/name`, now.
    pub name: String,
    /// Every comment that a thread ever had, by the thread's number.
    pub comments: BTreeMap<u64, Vec<CommentHistory>>,
    pub pulls: Vec<PullView>,
    /// Branches with their commits' messages, newest first.
    pub branches: BTreeMap<String, Vec<String>>,
    /// Check runs of the branches' newest commits, by branch.
    pub checks: BTreeMap<String, Vec<CheckRunView>>,
}

/// A task that ECS accepted.
#[derive(Clone, Debug)]
pub struct TaskEvidence {
    pub id: String,
    pub started_by: Option<String>,
    pub created_at: Timestamp,
    /// `None`: it runs.
    pub stopped_at: Option<Timestamp>,
}

impl Evidence {
    /// Reads everything. Counts as no call, and changes nothing.
    ///
    /// # Errors
    /// If a table, a queue or a log cannot be read, or a run's row is unreadable.
    pub async fn collect(stack: &Stack) -> anyhow::Result<Self> {
        Self::collect_from(stack, |_| true).await
    }

    /// As `collect`, but of the repositories only those whose `owner/name` is wanted: looking into one takes its time.
    ///
    /// # Errors
    /// As `collect`.
    pub async fn collect_from(stack: &Stack, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<Self> {
        let rows = stack.aws().items(stack.table("TABLE_RUNS")?).await?;
        let (queues, dead_letters) = depths(stack)?;
        let github = stack.forge().local();
        Ok(Self {
            runs: runs(&rows)?,
            slots: rows.iter().filter_map(slot).collect(),
            claims: claims(stack).await?,
            repositories: github.map(|github| repositories(github, is_wanted)).unwrap_or_default(),
            deliveries: github.map(|github| github.deliveries()).unwrap_or_default(),
            tasks: stack.aws().tasks().into_iter().map(task).collect(),
            queues,
            dead_letters,
            secrets: secrets(stack),
            logs: stack.logs().all().context("the logs cannot be read")?,
        })
    }

    /// Whether nothing is left to happen: runs are over and have done everything, queues are empty, no task runs, and
    /// every delivery is done.
    pub fn is_at_rest(&self) -> bool {
        let over = |row: &RunEvidence| row.run.state.is_terminal() && row.run.outbox.is_empty();
        self.runs.iter().all(over)
            && self.queues.iter().all(|(_, depth)| depth.total() == 0)
            && self.tasks.iter().all(|task| task.stopped_at.is_some())
            && self.deliveries.iter().all(|delivery| self.claims.get(&delivery.guid) == Some(&true))
    }

    /// The run with this id.
    pub fn run(&self, id: &RunId) -> Option<&Run> {
        self.runs.iter().map(|row| &row.run).find(|run| run.id == *id)
    }
}

fn runs(rows: &[Map<String, Value>]) -> anyhow::Result<Vec<RunEvidence>> {
    let runs = rows.iter().filter(|row| text(row, "sk") == "run").map(|row| {
        let run = serde_json::from_str(text(row, "run")).with_context(|| format!("the run in {} cannot be read", text(row, "pk")))?;
        Ok(RunEvidence { run, partition: text(row, "pk").to_owned(), indexed: row.contains_key("due_at") })
    });
    let mut runs: Vec<RunEvidence> = runs.collect::<anyhow::Result<_>>()?;
    runs.sort_by_key(|row| row.run.created_at);
    Ok(runs)
}

/// An attribute's text; empty where there is none.
fn text<'a>(row: &'a Map<String, Value>, attribute: &str) -> &'a str {
    row.get(attribute).and_then(|value| value["S"].as_str()).unwrap_or_default()
}

fn slot(row: &Map<String, Value>) -> Option<(String, Vec<RunId>)> {
    let key = text(row, "sk").strip_prefix("slot#")?;
    let holders = row.get("holders")?["SS"].as_array()?;
    Some((key.to_owned(), holders.iter().filter_map(Value::as_str).map(|id| RunId(id.to_owned())).collect()))
}

fn task(task: crate::aws::TaskRecord) -> TaskEvidence {
    let stopped_at = task.stopped_at.filter(|_| task.last_status == TaskStatus::Stopped);
    TaskEvidence { id: task.id, started_by: task.started_by, created_at: task.created_at, stopped_at }
}

type Depths = Vec<(String, Depth)>;

/// The queues that are read, and those that take their dead letters.
fn depths(stack: &Stack) -> anyhow::Result<(Depths, Depths)> {
    let dead: Vec<&String> = stack.template().queues.iter().filter_map(|queue| Some(&queue.redrive.as_ref()?.dead_letter_queue)).collect();
    let depth = |name: &String| {
        let queue = stack.aws().queue(name).with_context(|| format!("there is no queue {name}"))?;
        anyhow::Ok((name.clone(), queue.depth()?))
    };
    let read = stack.template().queues.iter().map(|queue| &queue.name).filter(|name| !dead.contains(name));
    Ok((read.map(depth).collect::<anyhow::Result<_>>()?, dead.iter().map(|name| depth(name)).collect::<anyhow::Result<_>>()?))
}

fn repositories(github: &LocalGithub, is_wanted: impl Fn(&str) -> bool) -> Vec<RepositoryEvidence> {
    let look = |(id, name): (u64, String)| {
        let pulls = github.pulls(&name);
        let branches = github.branches(&name);
        let checks_of = |branch: &str| github.branch_head(&name, branch).map(|sha| github.check_runs(&name, &sha)).unwrap_or_default();
        let numbers = github.issues(&name).into_iter().map(|issue| issue.number).chain(pulls.iter().map(|pull| pull.number));
        RepositoryEvidence {
            comments: numbers.map(|number| (number, github.comment_history(&name, number))).collect(),
            checks: branches.iter().map(|branch| (branch.clone(), checks_of(branch))).collect(),
            branches: branches.into_iter().map(|branch| (branch.clone(), github.commit_messages(&name, &branch))).collect(),
            pulls,
            id,
            name,
        }
    };
    github.repositories().into_iter().filter(|(_, name)| is_wanted(name)).map(look).collect()
}

/// What the functions know and nobody else may. Of the key one line of its middle: logs are searched line by line.
fn secrets(stack: &Stack) -> Vec<(&'static str, String)> {
    let app = stack.forge().app();
    let line = app.private_key.lines().nth(2).unwrap_or_default().to_owned();
    [("the webhook secret", app.webhook_secret.clone()), ("the App's private key", line)]
        .into_iter()
        .filter(|(_, text)| text.len() > 8)
        .collect()
}
