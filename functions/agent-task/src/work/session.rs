//! The jobs, one after the other, from the socket to their reports.

use super::agent::{Agent, Workplace, folders_of, open_agent, shell};
use super::namespaces::{NOT_POSSIBLE, end_with_lifeline};
use super::process::{self, Finished};
use super::relay_client::RelayClient;
use super::{filesystem, forward, limits, loopback};
use crate::config::WorkConfig;
use crate::git::agent_repository::make_agent_repository;
use crate::job::{Job, ProcessEnd, Report, SOCKET, TREE, Work};
use anyhow::{Context, Result};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::sync::watch;
use tracing::Instrument;

/// Gets each job, runs the agent or the command, reports. `isolated`: this is the first process of namespaces made for it.
///
/// # Errors
/// When there is no supervisor to work for. That the namespaces are of no use is exit code 75, before any contact.
pub(crate) async fn inside(config: &WorkConfig, isolated: bool) -> Result<ExitCode> {
    let mut isolation = vec![isolation_sentence(isolated).to_owned()];
    let agent = open_agent(config);
    if isolated {
        end_with_lifeline();
        if let Err(error) = loopback::bring_loopback_up().and_then(|()| narrow(config, agent.as_ref())) {
            tracing::warn!(error = format!("{error:#}"), "namespaces can be made here, but not furnished");
            return Ok(ExitCode::from(NOT_POSSIBLE));
        }
    }
    isolation.extend(limits::limit_self()?);
    let socket = config.work_dir.join(SOCKET);
    let Some(relay) = RelayClient::connect(&socket).await? else {
        tracing::info!("the supervisor has ended: there is no work");
        return Ok(ExitCode::SUCCESS);
    };
    let port = forward::open_door(socket).await?;
    let stop = watch::Sender::new(false);
    tokio::spawn({
        let (relay, stop) = (relay.clone(), stop.clone());
        async move {
            relay.stopped().await;
            stop.send_replace(true);
        }
    });
    let mut session = Session { config, agent, isolated, isolation, furnished: false };
    session.run_all(&relay, port, &stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Returns when the agent is to stop.
async fn told(stop: &watch::Sender<bool>) {
    // The sender is at hand: this cannot fail.
    let _ = stop.subscribe().wait_for(|stop| *stop).await;
}

struct Session<'a> {
    config: &'a WorkConfig,
    agent: Box<dyn Agent>,
    isolated: bool,
    isolation: Vec<String>,
    /// Home and repository are made.
    furnished: bool,
}

impl Session<'_> {
    /// One job after the other, until there is no more work.
    async fn run_all(&mut self, relay: &RelayClient, model_port: u16, stop: &watch::Sender<bool>) -> Result<()> {
        let mut done = 0;
        loop {
            let job = tokio::select! {
                job = relay.job(done) => job,
                () = told(stop) => return Ok(()),
            };
            let job = match job {
                Ok(job) => job,
                Err(error) => {
                    tracing::info!(error = format!("{error:#}"), "no job: the supervisor has ended");
                    return Ok(());
                }
            };
            let span = tracing::info_span!("work", correlation = job.correlation);
            let Some(report) = self.run(&job, model_port, told(stop)).instrument(span).await else { return Ok(()) };
            relay.report(&report).await.context("reporting")?;
            done = job.number;
        }
    }

    /// The report; `None` when the agent was told to stop and nobody wants one.
    async fn run(&mut self, job: &Job, model_port: u16, stop: impl Future<Output = ()>) -> Option<Report> {
        let place = Workplace { tree: self.config.work_dir.join(TREE), home: self.config.work_dir.join("home"), model_port };
        let finished = match self.run_process(&job.work, &place, stop).await {
            Ok(finished) => finished?,
            Err(detail) => Finished { end: detail, stdout: String::new(), tail: String::new() },
        };
        if let Err(error) = open_to_group(&place.tree) {
            tracing::warn!(%error, "some files of the agent's may stay closed to the supervisor");
        }
        let by_agent = matches!(job.work, Work::Agent(_));
        Some(Report {
            number: job.number,
            agent: self.agent.name(),
            end: finished.end,
            answer: self.agent.answer(&finished.stdout).filter(|_| by_agent),
            said: if by_agent { self.agent.said(&finished.stdout) } else { String::new() },
            tail: finished.tail,
            isolation: self.isolation.clone(),
        })
    }

    async fn run_process(
        &mut self,
        work: &Work,
        place: &Workplace,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Finished>, ProcessEnd> {
        let not_started = |what: &str, e: &dyn std::fmt::Display| ProcessEnd::NotStarted { detail: format!("{what}: {e}") };
        if !self.furnished {
            make_home(&place.home).map_err(|e| not_started("its home", &e))?;
            make_agent_repository(&place.tree, &self.config.path).await.map_err(|e| not_started("its repository", &e))?;
            self.furnished = true;
        }
        let invocation = match work {
            Work::Agent(job) => self.agent.prepare(job, place).map_err(|e| not_started("its files", &e))?,
            Work::Shell { command } => shell(command),
        };
        if !invocation.program.exists() {
            return Err(ProcessEnd::Missing { program: invocation.program.display().to_string() });
        }
        match work {
            Work::Agent(_) => tracing::info!(agent = self.agent.name(), "the agent starts"),
            Work::Shell { .. } => tracing::info!("a command of the workflow starts"),
        }
        let run = process::run(&invocation, &place.tree, &place.home, &self.config.path, self.isolated, stop);
        run.await.map_err(|e| not_started("its program", &e))
    }
}

fn isolation_sentence(isolated: bool) -> &'static str {
    match (isolated, limits::alone()) {
        (true, _) => {
            "The agent ran in namespaces of its own: no network but the model relay, no files but its work folder and the system's programs."
        }
        (false, true) => "The agent ran in a container of its own, with the task's network.",
        (false, false) => "This system allows no namespaces: the agent ran with the network and the files of the user who started it.",
    }
}

fn narrow(config: &WorkConfig, agent: &dyn Agent) -> Result<()> {
    let git = config.path.split(':').map(|folder| Path::new(folder).join("git")).find(|git| git.exists());
    let folders: Vec<PathBuf> = agent.programs().iter().chain(&git).flat_map(|program| folders_of(program)).collect();
    filesystem::narrow_view(&config.work_dir, &folders)
}

/// The agent's git must accept a folder that belongs to the supervisor's user.
fn make_home(home: &Path) -> io::Result<()> {
    fs::create_dir_all(home)?;
    fs::set_permissions(home, fs::Permissions::from_mode(0o700))?;
    fs::write(
        home.join(".gitconfig"),
        "[safe]\n\tdirectory = *\n[core]\n\thooksPath = /dev/null\n[user]\n\tname = Agent\n\temail = agent@localhost\n",
    )
}

/// Lets the supervisor, who shares only the group, read and remove what the agent made.
fn open_to_group(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_symlink() {
            continue;
        }
        let wanted = if meta.is_dir() { 0o770 } else { 0o660 };
        if meta.uid() == nix::unistd::geteuid().as_raw() && meta.mode() & wanted != wanted {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(meta.mode() & 0o777 | wanted))?;
        }
        if meta.is_dir() {
            open_to_group(&entry.path())?;
        }
    }
    Ok(())
}
