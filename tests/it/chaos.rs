//! Patchbay among hostile services: each kind of fault alone, all of them at once, and what people do to a repository
//! meanwhile. Whatever happens, the invariants I1–I7 hold, and whoever asked reads how it ended.

mod aws_faults;
mod everything;
mod forge_faults;
mod kills;
mod meanwhile;

use crate::world::{World, script};
use anyhow::{Context, Result, bail};
use patchbay::chaos::{Chaos, Evidence, Rules, Shot, violations};
use patchbay::clock::{Clock, stored_runs};
use patchbay::stack::StackConfig;
use patchbay::stack::forge::{ORGANISATION, PERSON};
use patchbay::stack::logs::LogLine;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::Instant;

/// How long it may take until nothing is left to happen.
const REST: Duration = Duration::from_secs(600);

/// How often a stack is looked at, and how many looks in a row must see nothing at work before time may pass: more of them
/// while a task runs, which may only think.
const LOOK_EVERY: Duration = Duration::from_millis(25);
const QUIET_LOOKS: u32 = 4;
const QUIET_LOOKS_WITH_TASK: u32 = 120;

/// A stack whose services fail when they are told to.
struct Trial {
    world: World,
    chaos: Arc<Chaos>,
    clock: Clock,
    /// Whether somebody sends dead letters again.
    operated: bool,
}

impl Trial {
    async fn start(chaos: Arc<Chaos>) -> Result<Self> {
        let install = |config: &mut StackConfig| {
            // The faults of queues and tables are this emulation's own.
            config.aws_elsewhere.clear();
            chaos.install(config);
        };
        let world = World::with(install).await?;
        Ok(Self { world, chaos, clock: Clock::default(), operated: false })
    }

    /// A repository of its own for one case: `owner/name`.
    fn repository(&self, name: &str) -> Result<String> {
        self.world.github.create_repository(ORGANISATION, name, &[("README.md", "# Hello\n")])?;
        Ok(format!("{ORGANISATION}/{name}"))
    }

    /// Somebody asks for a change in a repository; the agent plays the script.
    fn ask(&self, repository: &str, lines: &[&str]) -> Result<u64> {
        self.world.github.open_issue(repository, PERSON, "Add a file", &script("add it", lines), &[])
    }

    /// What the App says in the thread now, oldest first.
    fn said(&self, repository: &str, number: u64) -> Vec<String> {
        let comments = self.world.github.comments(repository, number).into_iter();
        comments.filter(|comment| comment.author == "patchbay[bot]").map(|comment| comment.body).collect()
    }

    /// Waits until a comment of the App's reads like this.
    async fn wait_for(&self, repository: &str, number: u64, needle: &str) -> Result<()> {
        let reads = || self.said(repository, number).iter().any(|body| body.contains(needle)).then_some(());
        self.world.github.wait_for(needle, crate::world::PATIENCE, |_| reads()).await
    }

    /// Waits until a supervisor has cloned and lets its agent work.
    async fn works(&self, lines: &mut broadcast::Receiver<Arc<LogLine>>) -> Result<()> {
        let wait = async {
            loop {
                let line = lines.recv().await?;
                if line.source == "agent-task/supervisor" && line.text.contains("\"working\"") {
                    return anyhow::Ok(());
                }
            }
        };
        tokio::time::timeout(crate::world::PATIENCE, wait).await.context("waited for an agent at work")?
    }

    /// Lets everything happen that is left to happen. What waits for its time (a message that a dead process left behind,
    /// the reaper's next look) is not waited for: that time passes at once.
    async fn rest(&self) -> Result<Evidence> {
        let deadline = Instant::now() + REST;
        let stack = &self.world.stack;
        loop {
            self.quiet(deadline).await?;
            let evidence = Evidence::collect(stack).await?;
            if evidence.is_at_rest() {
                return Ok(evidence);
            }
            if Instant::now() > deadline {
                bail!("not at rest after {REST:?}: {:#?}", broken(&evidence, &Rules::at_rest()));
            }
            match self.clock.next(stack, &stored_runs(stack).await?).await? {
                Some(next) => self.clock.pass_until(stack, next).await?,
                // A task's event that is late is nowhere to be seen.
                None if !self.operated || self.redrive().await == 0 => tokio::time::sleep(LOOK_EVERY).await,
                None => {}
            }
        }
    }

    /// Sends dead letters to their queues again, as whoever the alarm wakes does (R15); how many. What met five faults in its
    /// five receives is one, and lost only if nobody does.
    async fn redrive(&self) -> u64 {
        let Ok(operations) = self.world.operations().await else { return 0 };
        let mut moved = 0;
        for queue in ["events", "runs", "results"] {
            // The operator's calls may fail as well; the next look is near.
            moved += operations.redrive(queue).await.map_or(0, |redriven| redriven.moved);
        }
        moved
    }

    /// Waits until nothing is at work.
    async fn quiet(&self, deadline: Instant) -> Result<()> {
        let mut quiet = 0;
        loop {
            let busy = self.world.stack.at_work().await;
            quiet = if busy.is_empty() { quiet + 1 } else { 0 };
            if quiet >= if self.world.stack.has_task() { QUIET_LOOKS_WITH_TASK } else { QUIET_LOOKS } {
                return Ok(());
            }
            if Instant::now() > deadline {
                // What is still missing says more than that it is quiet now and then.
                anyhow::ensure!(busy.is_empty(), "at work without rest: {}", busy.join(", "));
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Comes to rest and finds nothing broken.
    async fn judge(&self, rules: &Rules) -> Result<()> {
        let evidence = self.rest().await.with_context(|| self.chaos.summary().to_string())?;
        let broken = broken(&evidence, rules);
        anyhow::ensure!(broken.is_empty(), "{broken:#?}\n{}", self.chaos.summary());
        Ok(())
    }

    /// One case after the other, each alone with its faults: somebody asks, and reads `ending` in the end.
    async fn one_by_one(&self, cases: &[Case<'_>]) -> Result<()> {
        let mut wrong = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            self.chaos.aim(case.shots.clone());
            if let Err(error) = self.play(&format!("case-{index}"), case).await {
                wrong.push(format!("{}: {error:#}", case.name));
            }
        }
        anyhow::ensure!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
        Ok(())
    }

    async fn play(&self, repository: &str, case: &Case<'_>) -> Result<()> {
        let repository = self.repository(repository)?;
        let number = self.ask(&repository, case.script)?;
        self.judge(&Rules::at_rest()).await?;
        self.ended(&repository, number, case.ending)?;
        anyhow::ensure!(self.chaos.is_spent(), "the faults did not strike: {}", self.chaos.summary());
        Ok(())
    }

    /// The thread's one comment says so.
    fn ended(&self, repository: &str, number: u64, ending: &str) -> Result<()> {
        let said = self.said(repository, number);
        anyhow::ensure!(said.len() == 1 && said[0].contains(ending), "{repository}#{number} should say {ending}: {said:#?}");
        Ok(())
    }

    async fn end(self) {
        self.world.end().await;
    }
}

/// One kind of fault at the place where it hurts most.
struct Case<'a> {
    name: &'a str,
    shots: Vec<Shot>,
    script: &'a [&'a str],
    /// What the thread says at the end.
    ending: &'a str,
}

/// The ordinary request: a change that succeeds.
const CHANGE: &[&str] = &["write new.txt x\\n"];
/// An agent that dies without a word.
const DEATH: &[&str] = &["crash"];

fn broken(evidence: &Evidence, rules: &Rules) -> Vec<String> {
    violations(evidence, rules, jiff::Timestamp::now()).iter().map(ToString::to_string).collect()
}
