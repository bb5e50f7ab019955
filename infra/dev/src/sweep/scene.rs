//! One journey played once in a running stack, with or without a fault: people's steps, the time that must pass, and
//! what came of it.

use super::engine::Engine;
use super::journey::{Agent, Deed, ENGINE, Journey, Step, When};
use super::point::{Fault, Point};
use super::tap::{Seen, Tap};
use super::verdict::{self, Verdict};
use crate::clock::{Clock, StoredRun, stored_runs};
use crate::stack::forge::PERSON;
use crate::stack::{Stack, StackConfig};
use anyhow::Context as _;
use patchbay_domain::run::plan::StepStatus;
use patchbay_testing::github::LocalGithub;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a stack is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(8);
/// So many looks in a row must see nothing at work before time may pass: between a message and the function that takes
/// it there is a moment in which neither shows.
const QUIET_LOOKS: u32 = 3;
/// The same while an agent works that will not end by itself: it has its own quiet moments.
const QUIET_LOOKS_WITH_TASK: u32 = 40;
/// How long something may be at work without rest. Nothing waits for this when things work.
const PATIENCE: Duration = Duration::from_secs(90);
/// How much time may pass until everything has come to rest: the longest deadline of a run, and some.
const LONGEST: Duration = Duration::from_secs(3 * 3600);
/// A stack is replaced after so many plays: what they leave behind makes it slow.
const PLAYS_PER_STACK: u32 = 25;
/// The thread in which people ask.
const THREAD: u64 = 1;

/// A stack with a tap and a clock, on which journeys are played one after the other.
pub(super) struct Theatre {
    pub(super) stack: Stack,
    tap: Arc<Tap>,
    clock: Clock,
    parameters: &'static [(&'static str, &'static str)],
    played: u32,
    _folder: tempfile::TempDir,
}

/// What one play was.
pub(super) struct Play {
    pub(super) seen: Seen,
    pub(super) verdict: Verdict,
    /// How much time was left out until every run was over with nothing left to do, and every task.
    pub(super) recovered: Duration,
    pub(super) took: Duration,
}

impl Theatre {
    /// Starts a stack of its own for such journeys; `config` names the binaries.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) async fn open(mut config: StackConfig, journey: &Journey) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("patchbay-sweep-").tempdir()?;
        config.data_dir = folder.path().to_owned();
        let parameters = journey.parameters;
        config.parameters.extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let tap = Tap::install(&mut config);
        let stack = Stack::start(config).await?;
        tap.connect(&stack);
        Ok(Self { stack, tap, clock: Clock::default(), parameters, played: 0, _folder: folder })
    }

    /// Whether this stack is still good for such a journey: with its parameters, and not slowed down by what was played.
    pub(super) fn suits(&self, journey: &Journey) -> bool {
        self.parameters == journey.parameters && self.played < PLAYS_PER_STACK
    }

    /// Ends the stack.
    pub(super) async fn close(self) {
        self.stack.shutdown().await;
    }

    /// Plays a journey for an organisation of its own.
    ///
    /// # Errors
    /// When the stack itself fails; what Patchbay does wrong is in the verdict.
    pub(super) async fn play(&mut self, journey: &Journey, fault: Option<(Point, Fault)>) -> anyhow::Result<Play> {
        self.played += 1;
        let owner = format!("{}-{}", journey.name, self.played);
        let scene = Scene::set(self, journey, owner).await?;
        let (started, passed) = (Instant::now(), self.clock.passed());
        // A call's number counts from the process's start: whoever is struck, or recorded, starts cold.
        let starts_cold = |package: &str| fault.as_ref().is_none_or(|(point, _)| point.kind.caller == package);
        self.stack.pools().iter().filter(|pool| starts_cold(pool.package())).for_each(|pool| pool.recycle());
        self.tap.start(fault);
        let ended = scene.unfold().await;
        let seen = self.tap.stop();
        let (runs, engine_calls) = (scene.runs().await?, scene.engine.calls());
        let mut verdict = verdict::judge(&self.stack, journey, &runs, &scene.repository, engine_calls).await?;
        let recovered = ended.unwrap_or_else(|error| {
            verdict.violations.push(format!("{error:#}"));
            self.clock.passed().saturating_sub(passed)
        });
        verdict.violations.extend(seen.trouble.iter().map(|trouble| format!("the sweep itself: {trouble}")));
        Ok(Play { seen, verdict, recovered, took: started.elapsed() })
    }
}

/// One play's place.
struct Scene<'a> {
    theatre: &'a Theatre,
    journey: &'a Journey,
    github: Arc<LocalGithub>,
    engine: Engine,
    owner: String,
    repository: String,
    installation: u64,
}

impl<'a> Scene<'a> {
    /// An organisation with the App and one repository, known to the stack.
    async fn set(theatre: &'a Theatre, journey: &'a Journey, owner: String) -> anyhow::Result<Self> {
        let github = Arc::clone(theatre.stack.forge().local().context("the sweep needs the local GitHub")?);
        github.create_org(&owner, PERSON)?;
        let installation = github.install_app(&owner)?;
        let engine = Engine::start(Arc::clone(&theatre.tap)).await?;
        let files: Vec<(&str, String)> = journey.files.iter().map(|(path, text)| (*path, text.replace(ENGINE, engine.url()))).collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        github.create_repository(&owner, "swept", &files)?;
        let repository = format!("{owner}/swept");
        let scene = Self { theatre, journey, github, engine, owner, repository, installation };
        scene.rest(true).await?;
        Ok(scene)
    }

    /// Everything from the first step until nothing is left to happen. Returns how much time was left out until runs and
    /// tasks were over: what passes after that is only spent messages coming once more.
    async fn unfold(&self) -> anyhow::Result<Duration> {
        let begun = self.theatre.clock.passed();
        let mut recovered = None;
        let mut steps = self.journey.steps.iter().peekable();
        loop {
            while let Some(step) = steps.next_if(|step| step.when == When::AtOnce) {
                self.perform(step).await?;
            }
            self.rest(steps.peek().is_none()).await?;
            let runs = self.runs().await?;
            let is_time = match steps.peek() {
                Some(step) => self.is_time(step, &runs).await?,
                None => false,
            };
            if let Some(step) = steps.next_if(|_| is_time) {
                self.perform(step).await?;
                continue;
            }
            let passed = self.theatre.clock.passed().saturating_sub(begun);
            let all_over = !runs.is_empty() && runs.iter().all(StoredRun::is_over) && !self.theatre.stack.has_task();
            if steps.peek().is_none() && all_over {
                recovered.get_or_insert(passed);
            }
            anyhow::ensure!(passed < LONGEST, "not at rest after {LONGEST:?}: {}", story(&runs));
            match self.theatre.clock.next(&self.theatre.stack, &runs).await? {
                Some(next) => self.theatre.clock.pass_until(&self.theatre.stack, next).await?,
                // What a step waits for will not come any more: people do it all the same.
                None => match steps.next() {
                    Some(step) => self.perform(step).await?,
                    None => return Ok(recovered.unwrap_or(passed)),
                },
            }
        }
    }

    async fn perform(&self, step: &Step) -> anyhow::Result<()> {
        match step.deed {
            Deed::OpenIssue { title, body } => self.github.open_issue(&self.repository, PERSON, title, body, &[]).map(drop),
            Deed::Comment(body) => self.github.comment(&self.repository, THREAD, PERSON, body).map(drop),
            Deed::Label(name) => self.github.label(&self.repository, THREAD, PERSON, name),
            Deed::CallBack(answer) => self.engine.call_back(answer).await,
            Deed::Uninstall => self.github.uninstall_app(self.installation),
            Deed::Push { path, content } => {
                let files = [(path, content)];
                self.github.push_commit(&self.repository, PERSON, "main", "Add a file", &files).map(drop)
            }
            Deed::LoseTaskSilently if self.theatre.stack.has_task() => self.theatre.tap.lose_tasks_silently().map_err(anyhow::Error::msg),
            // What had to be lost is gone already.
            Deed::LoseTaskSilently => Ok(()),
            Deed::ForgetNextStop => {
                self.theatre.tap.forget_next_stop();
                Ok(())
            }
            Deed::LoseNextDelivery { status } => {
                self.theatre.tap.lose_next_post(status);
                Ok(())
            }
        }
    }

    /// This organisation's runs.
    async fn runs(&self) -> anyhow::Result<Vec<StoredRun>> {
        let mut runs = stored_runs(&self.theatre.stack).await?;
        runs.retain(|stored| stored.run.repository.owner == self.owner);
        Ok(runs)
    }

    /// Whether a step's time has come, now that nothing is at work.
    async fn is_time(&self, step: &Step, runs: &[StoredRun]) -> anyhow::Result<bool> {
        Ok(match step.when {
            When::AtOnce => true,
            When::Settled => self.theatre.clock.next(&self.theatre.stack, runs).await?.is_none(),
            When::Working => {
                let works = |text: &str| text.contains("⚙️");
                self.theatre.stack.has_task() && self.github.comments(&self.repository, THREAD).iter().any(|comment| works(&comment.body))
            }
            When::Waiting => {
                let mut at_work = runs.iter().filter_map(|stored| stored.run.active_step());
                at_work.any(|(_, planned)| matches!(planned.status, StepStatus::Waiting { .. }))
            }
        })
    }

    /// Waits until nothing is at work. An agent is waited for as well, unless it works until it is stopped.
    async fn rest(&self, steps_are_done: bool) -> anyhow::Result<()> {
        let hangs = match self.journey.agent {
            Agent::Ends => false,
            Agent::HangsUntilAllIsDone => !steps_are_done,
            Agent::Hangs => true,
        };
        let stack = &self.theatre.stack;
        let deadline = Instant::now() + PATIENCE;
        let (mut quiet, mut calls) = (0, self.theatre.tap.count());
        loop {
            let (busy, task, count) = (stack.at_work().await, stack.has_task(), self.theatre.tap.count());
            let still = busy.is_empty() && count == calls && (!task || (hangs && !stack.has_stopping_task()));
            quiet = if still { quiet + 1 } else { 0 };
            calls = count;
            if quiet >= if task { QUIET_LOOKS_WITH_TASK } else { QUIET_LOOKS } {
                return Ok(());
            }
            if Instant::now() > deadline {
                let what = if busy.is_empty() { "a task".to_owned() } else { busy.join(", ") };
                anyhow::bail!("at work without rest for {PATIENCE:?}: {what}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Where the runs stand, for people.
fn story(runs: &[StoredRun]) -> String {
    let one = |stored: &StoredRun| {
        let run = &stored.run;
        let pending: Vec<&str> = run.outbox.iter().map(|pending| pending.effect.name()).collect();
        format!("{} is {} in attempt {} with [{}] to do", run.id, run.state.name(), run.attempt, pending.join(", "))
    };
    runs.iter().map(one).collect::<Vec<_>>().join("; ")
}
