//! The order of what the agent's half does: the workflow's `setup`, the agent, its `verify`, and one round of repair where
//! that fails. Between the rounds the working copy is only read here; what the workflow's commands leave in it does not count.

use super::output::{for_agent, last_lines, named};
use super::prompt::{prompt, repair_prompt};
use super::record::Record;
use super::relay::{AgentEnd, Relay};
use super::task::{Task, Told};
use super::verdict::{cut_off, reply, setup_failure, unreadable};
use crate::git::aside::SetAside;
use crate::git::changes::{ChangesError, collect_changes};
use crate::git::leftovers::Leftovers;
use crate::git::pristine::file_text;
use crate::job::{AgentJob, ProcessEnd, ReadFile, Report, Work};
use patchbay_domain::change_set::{Change, Content, FileChange};
use patchbay_domain::task::{Failure, FailureCode, Mode, VerifyOutcome, VerifyReport};

/// What is shown to the agent of the files that it is to read: so many, of so many bytes each and together.
const MOST_READ_FILES: usize = 20;
const MOST_READ_BYTES: u64 = 64 << 10;
const MOST_READ_TOTAL: u64 = 256 << 10;
/// As many of its changed files the agent has at hand when it repairs.
const MOST_AT_HAND: usize = 20;

/// The working copy as it was handed to the agent.
pub(super) struct Tree {
    /// The base commit's id.
    pub(super) base: String,
    pub(super) aside: SetAside,
}

/// What every round has to do with.
struct Ground<'a> {
    relay: &'a Relay,
    tree: &'a Tree,
    /// What the agent is shown in each of its rounds.
    read: Vec<ReadFile>,
}

/// What the rounds came to.
pub(super) struct Played {
    /// The last agent's.
    pub(super) report: Box<Report>,
    pub(super) record: Record,
    pub(super) files: Vec<FileChange>,
    /// What the agent said at the end of each of its rounds.
    pub(super) reply: Option<String>,
}

/// How a check ended.
enum Check {
    Passed,
    /// Its output.
    Failed(String),
    /// It came to no end: a sentence that says why.
    Unfinished(String),
}

impl Task<'_> {
    /// Plays the rounds.
    ///
    /// # Errors
    /// Why there is nothing to judge.
    pub(super) async fn play(&self, relay: &Relay, tree: &Tree, told: &mut Told) -> Result<Played, Failure> {
        self.set_up(relay, told).await?;
        let left =
            if self.brief.options.setup.is_empty() { Leftovers::default() } else { self.leftovers().await.map_err(|e| unreadable(&e))? };
        let ground = Ground { relay, tree, read: self.files_to_read(tree, told).await };
        self.stages.enter("working");
        let job = self.agent_job(prompt(&self.brief), &ground);
        let played = self.agent(&ground, &left, job, told).await?;
        match &self.brief.options.verify {
            Some(command) if !played.files.is_empty() => Ok(self.verify(&ground, command, played, told).await),
            _ => Ok(played),
        }
    }

    async fn set_up(&self, relay: &Relay, told: &mut Told) -> Result<(), Failure> {
        for command in &self.brief.options.setup {
            self.stages.enter("setting up");
            let end = self.shell(relay, command).await;
            tracing::info!(end = end_name(&end), "a setup command is done");
            told.note(&end);
            if let Some(failure) = setup_failure(command, &end, &relay.record()) {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// One round of the agent's, to its change set.
    async fn agent(&self, ground: &Ground<'_>, left: &Leftovers, job: AgentJob, told: &mut Told) -> Result<Played, Failure> {
        let end = ground.relay.run(Work::Agent(job), self.config.agent_wait, self.time_left()).await;
        if self.brief.options.verify.is_none() {
            // Whoever reported: nothing of the agent's is to live on while its work is looked at.
            ground.relay.stop();
        }
        self.stages.enter_checking();
        let record = ground.relay.record();
        tracing::info!(end = end_name(&end), calls = record.calls, "the agent is done");
        told.note(&end);
        if let Some(failure) = cut_off(&end, &record) {
            return Err(failure);
        }
        let AgentEnd::Reported(report) = end else {
            return Err(Failure::new(FailureCode::AgentCrashed, "The agent ended without a report."));
        };
        let files = match self.brief.mode {
            // Whatever was left behind, nobody wants it.
            Mode::Ask => Vec::new(),
            Mode::Change | Mode::Auto => {
                let changes = collect_changes(&self.git, &ground.tree.base, &ground.tree.aside, left, &self.brief.limits).await;
                changes.map_err(|e| unreadable(&e))?
            }
        };
        let reply = reply(&report, &record);
        Ok(Played { report, record, files, reply })
    }

    /// Runs the check; if it fails, once more after a round of repair. Whatever comes of that, there is a change to hand over.
    async fn verify(&self, ground: &Ground<'_>, command: &str, first: Played, told: &mut Told) -> Played {
        let report = |outcome, output: String| Some(VerifyReport { command: command.to_owned(), outcome, output });
        self.stages.enter("verifying the change");
        let said = match self.check(ground.relay, command).await {
            Check::Passed => {
                told.verify = report(VerifyOutcome::Passed, String::new());
                return first;
            }
            Check::Unfinished(why) => {
                told.verify = report(VerifyOutcome::Failed, why);
                return first;
            }
            Check::Failed(said) => said,
        };
        let repaired = match self.repair(ground, command, &said, &first, told).await {
            Ok(repaired) => repaired,
            Err(why) => {
                let why = format!("{}\n\nThe round of repair came to nothing: {why}", last_lines(&said));
                told.verify = report(VerifyOutcome::Failed, why);
                return first;
            }
        };
        if repaired.files.is_empty() {
            return repaired;
        }
        self.stages.enter("verifying the repair");
        told.verify = match self.check(ground.relay, command).await {
            Check::Passed => report(VerifyOutcome::PassedAfterRepair, String::new()),
            Check::Failed(said) => report(VerifyOutcome::Failed, last_lines(&said)),
            Check::Unfinished(why) => report(VerifyOutcome::Failed, why),
        };
        repaired
    }

    async fn repair(&self, ground: &Ground<'_>, command: &str, said: &str, first: &Played, told: &mut Told) -> Result<Played, String> {
        // What the check left behind differs from what was staged before it, and from nothing else.
        let left = self.leftovers().await.map_err(|e| e.to_string())?;
        self.stages.enter("repairing the change");
        let changed: Vec<String> = first.files.iter().map(|file| file.path.clone()).collect();
        let job = AgentJob {
            files: first.files.iter().filter(|file| is_text(file)).map(|file| file.path.clone()).take(MOST_AT_HAND).collect(),
            repair: true,
            ..self.agent_job(repair_prompt(&self.brief, command, &for_agent(said), &changed), ground)
        };
        let round = self.agent(ground, &left, job, told);
        let mut repaired = tokio::select! {
            repaired = round => repaired.map_err(|failure| failure.detail)?,
            () = self.stages.hurried() => return Err("the platform ended the task.".to_owned()),
        };
        let replies: Vec<&str> = first.reply.iter().chain(&repaired.reply).map(String::as_str).collect();
        repaired.reply = Some(replies.join("\n\n")).filter(|reply| !reply.is_empty());
        Ok(repaired)
    }

    async fn check(&self, relay: &Relay, command: &str) -> Check {
        let end = tokio::select! {
            end = self.shell(relay, command) => end,
            () = self.stages.hurried() => return Check::Unfinished(format!("The platform ended the task before {} was done.", named(command))),
        };
        tracing::info!(end = end_name(&end), "the check is done");
        Check::of(command, end)
    }

    async fn shell(&self, relay: &Relay, command: &str) -> AgentEnd {
        relay.run(Work::Shell { command: command.to_owned() }, self.config.agent_wait, self.time_left()).await
    }

    async fn leftovers(&self) -> Result<Leftovers, ChangesError> {
        Leftovers::note(&self.git, &self.brief.limits).await
    }

    fn agent_job(&self, prompt: String, ground: &Ground<'_>) -> AgentJob {
        AgentJob {
            mode: self.brief.mode,
            prompt,
            model: self.brief.model.clone(),
            read: ground.read.clone(),
            files: Vec::new(),
            repair: false,
        }
    }

    /// The files that the workflow wants the agent to read, as the base commit has them. One that cannot be shown is noted.
    async fn files_to_read(&self, tree: &Tree, told: &mut Told) -> Vec<ReadFile> {
        let mut files = Vec::new();
        let mut room = MOST_READ_TOTAL;
        for path in &self.brief.options.read {
            if files.len() == MOST_READ_FILES {
                told.notes.push(format!("The agent was shown the first {MOST_READ_FILES} files of `read` only."));
                break;
            }
            match file_text(&self.git, &tree.base, path, MOST_READ_BYTES.min(room)).await {
                Ok(text) => {
                    room -= text.len() as u64;
                    files.push(ReadFile { path: path.clone(), text });
                }
                Err(why) => told.notes.push(format!("The agent was not shown {}: it {why}.", named(path))),
            }
        }
        tracing::info!(shown = files.len(), notes = told.notes.len(), "files to read");
        files
    }
}

impl Check {
    fn of(command: &str, end: AgentEnd) -> Self {
        let why = match end {
            AgentEnd::Reported(report) => match report.end {
                ProcessEnd::Exited { code: 0 } => return Self::Passed,
                ProcessEnd::Exited { .. } | ProcessEnd::Killed { .. } => return Self::Failed(report.tail),
                ProcessEnd::OutOfMemory => "needed more memory than its container has",
                ProcessEnd::Missing { .. } | ProcessEnd::NotStarted { .. } => "could not be started",
            },
            AgentEnd::Deadline => "was still at work when the run's time was over",
            AgentEnd::Gone => "ended with its container, which is what running out of memory looks like",
            AgentEnd::NeverCame | AgentEnd::Cut => "was not done when the agent's part was over",
        };
        Self::Unfinished(format!("{} {why}.", named(command)))
    }
}

fn is_text(file: &FileChange) -> bool {
    matches!(&file.change, Change::Write { content: Content::Text(_), .. })
}

fn end_name(end: &AgentEnd) -> String {
    match end {
        AgentEnd::Reported(report) => format!("{:?}", report.end),
        other => format!("{other:?}"),
    }
}
