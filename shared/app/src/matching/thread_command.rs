//! Commands that start no agent: stop, retry, help, status, why; and replies that are posted once, however often
//! their delivery is taken up.

use super::mention::{Asked, Scene};
use super::{Matcher, Verdict};
use crate::messages;
use crate::messages::decisions::decisions_message;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::tables::deliveries::Decision;
use patchbay_domain::command::CommandKind;
use patchbay_domain::ids::WorkspaceId;
use patchbay_domain::run::{CancelReason, Run};

/// `why` looks so many days back, at so many of each day's deliveries, and tells so many decisions.
const WHY_DAYS: i64 = 3;
const WHY_DELIVERIES: usize = 10;
const WHY_DECISIONS: usize = 5;

impl Matcher {
    pub(super) async fn stop(&self, scene: &Scene<'_>) -> anyhow::Result<Verdict> {
        let workspace = &scene.connection.workspace;
        let reason = CancelReason::Stopped { by: scene.actor.login.clone() };
        let thread = (&scene.at.repository, scene.subject.number);
        let stopped = self.cancel_runs_of(workspace, thread, &scene.event.delivery, &reason).await?;
        if stopped == 0 && !scene.retaken {
            // Otherwise the status comments of the stopped runs say it.
            self.reply_once(scene, scene.event.delivery.as_str(), &messages::stop_message(0), false).await?;
        }
        Ok(Verdict::done(format!("stop: {stopped} runs ended")))
    }

    pub(super) async fn retry(&self, scene: &Scene<'_>, asked: &Asked) -> anyhow::Result<Verdict> {
        let workspace = &scene.connection.workspace;
        let runs = self.runs_of_thread(workspace, scene.at.repository.id, scene.subject.number).await?;
        // The run that an earlier try at this very delivery made is not what is to be retried.
        let earlier = runs.into_iter().find(|run| run.request.delivery != scene.event.delivery);
        match earlier {
            Some(run) if run.state.is_terminal() => {
                let mut request = run.request;
                request.requester = scene.actor.clone();
                request.url = asked.url.clone();
                request.delivery = scene.event.delivery.clone();
                request.label = None;
                self.create_run(scene, request, run.plan.map(super::start::again)).await
            }
            other => {
                let text = messages::nothing_to_retry_message(other.is_some());
                self.reply_once(scene, scene.event.delivery.as_str(), &text, scene.retaken).await?;
                Ok(Verdict::done("retry: nothing to try again"))
            }
        }
    }

    pub(super) async fn reply_to(&self, scene: &Scene<'_>, kind: CommandKind) -> anyhow::Result<Verdict> {
        let runs = match kind {
            CommandKind::Help => Vec::new(),
            _ => self.runs_of_thread(&scene.connection.workspace, scene.at.repository.id, scene.subject.number).await?,
        };
        let text = match kind {
            CommandKind::Status => messages::status_reply_message(&runs),
            CommandKind::Why => messages::why_message(runs.first()) + &decisions_message(&self.decisions_of_thread(scene).await?),
            _ => messages::help_message(&self.names.mention, &self.trigger_label),
        };
        self.reply_once(scene, scene.event.delivery.as_str(), &text, scene.retaken).await?;
        Ok(Verdict::done("replied"))
    }

    /// What was decided about workflows in the thread in the last days, newest first.
    async fn decisions_of_thread(&self, scene: &Scene<'_>) -> anyhow::Result<Vec<Decision>> {
        let (provider, repository) = (scene.event.provider.as_str(), scene.at.repository.full_name());
        let (now, mut found) = (Timestamp::now(), Vec::new());
        for ago in 0..WHY_DAYS {
            let day = now - SignedDuration::from_hours(24 * ago);
            let deliveries = self.deliveries.list_of_thread(provider, &repository, scene.subject.number, day, WHY_DELIVERIES).await?;
            for (endpoint, delivery) in deliveries {
                let decisions = self.deliveries.load_decisions(provider, &endpoint, &delivery, now).await?;
                found.extend(decisions.into_iter().filter(|decision| decision.source.is_some()));
                if found.len() >= WHY_DECISIONS {
                    found.truncate(WHY_DECISIONS);
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Posts a comment that carries the key's marker, unless an earlier try already did (R33).
    pub(super) async fn reply_once(&self, scene: &Scene<'_>, key: &str, text: &str, look_first: bool) -> anyhow::Result<()> {
        let marker = messages::reply_marker(key);
        let number = scene.subject.number;
        if look_first && self.services.forge.find_comment(&scene.at, number, &marker).await?.is_some() {
            return Ok(());
        }
        self.services.forge.create_comment(&scene.at, number, &format!("{marker}\n{text}")).await?;
        Ok(())
    }

    /// The latest runs of a thread, newest first.
    pub(super) async fn runs_of_thread(&self, workspace: &WorkspaceId, repository: u64, number: u64) -> anyhow::Result<Vec<Run>> {
        let mut runs = Vec::new();
        for id in self.threads.runs_of(workspace, repository, number).await? {
            runs.extend(self.services.dispatch.runs.load(workspace, &id).await?);
        }
        Ok(runs)
    }
}
