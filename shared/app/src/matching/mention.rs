//! The built-in workflow: a person who may write mentions the App, uses its command, or labels an issue.
//! `read_request` decides purely whether an event asks for something; permission is asked live (R26).

use super::{BUILT_IN, Matcher, Verdict};
use crate::messages;
use crate::messages::decisions::label_is_taken;
use patchbay_aws::tables::core::{Connection, ConnectionStatus};
use patchbay_aws::tables::runs::Create;
use patchbay_domain::command::{Command, CommandKind, Names, select_command};
use patchbay_domain::event::{Actor, ActorKind, Detail, Event, Subject, SubjectKind};
use patchbay_domain::ids::RunId;
use patchbay_domain::run::Plan;
use patchbay_domain::run::apply::accept;
use patchbay_domain::run::state::{NewRun, Request, ThreadRef};
use patchbay_domain::task::Mode;
use patchbay_domain::text::strip_hidden;
use patchbay_forge::{PermissionLevel, RepoAt};

/// The longest prompt that is kept, characters; what is beyond is cut and the agent is told so.
const MAX_PROMPT: usize = 60_000;

/// Something that somebody asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Asked {
    pub command: Command,
    /// The label that asked, if one did.
    pub label: Option<String>,
    pub url: String,
}

/// What a request needs to be carried out: who, where, in which thread.
pub(super) struct Scene<'a> {
    pub event: &'a Event,
    pub actor: &'a Actor,
    pub subject: &'a Subject,
    pub connection: Connection,
    pub at: RepoAt,
    /// Whether an earlier try may have written already (R33).
    pub retaken: bool,
}

impl Matcher {
    /// `other_starts` says whether a workflow of the repository starts on the event: on a label, it takes the place of this one.
    pub(super) async fn match_builtin(
        &self,
        event: &Event,
        connection: Option<&Connection>,
        other_starts: bool,
        retaken: bool,
    ) -> anyhow::Result<Verdict> {
        if let Some(verdict) = self.end_runs_of_closed_thread(event, connection).await? {
            return Ok(verdict);
        }
        let asked = match read_request(event, &self.names, &self.trigger_label, self.services.app_id) {
            Ok(asked) => asked,
            Err(why) => return Ok(Verdict::ignored(why)),
        };
        let (Some(actor), Some(subject), Some(repository)) = (&event.actor, &event.subject, &event.repository) else {
            return Ok(Verdict::ignored("the event has no person, thread or repository"));
        };
        if asked.label.is_some() && other_starts {
            return Ok(Verdict::ignored(label_is_taken()));
        }
        let connection = match usable(connection) {
            Ok(connection) => connection,
            Err(verdict) => return Ok(verdict),
        };
        let at = RepoAt { connection: connection.connection.clone(), repository: repository.clone() };
        let scene = Scene { event, actor, subject, connection, at, retaken };
        if !self.may_ask(&scene.at, actor).await? {
            return self.refuse_politely(&scene).await;
        }
        self.carry_out(&scene, asked).await
    }

    async fn may_ask(&self, at: &RepoAt, actor: &Actor) -> anyhow::Result<bool> {
        let permission = self.services.forge.permission(at, &actor.login).await?;
        Ok(permission.user_id == actor.id && permission.level >= PermissionLevel::Write)
    }

    async fn refuse_politely(&self, scene: &Scene<'_>) -> anyhow::Result<Verdict> {
        let workspace = &scene.connection.workspace;
        let first = self.threads.claim_once(workspace, scene.at.repository.id, scene.subject.number, "no_permission").await?;
        if first || scene.retaken {
            self.reply_once(scene, "no_permission", &messages::no_permission_message(&scene.actor.login), !first).await?;
        }
        Ok(Verdict::ignored(format!("{} has no write permission", scene.actor.login)))
    }

    async fn carry_out(&self, scene: &Scene<'_>, asked: Asked) -> anyhow::Result<Verdict> {
        match asked.command.kind {
            CommandKind::Ask => self.start(scene, Mode::Ask, asked).await,
            CommandKind::Change => self.start(scene, Mode::Change, asked).await,
            CommandKind::Auto => self.start(scene, Mode::Auto, asked).await,
            CommandKind::Stop => self.stop(scene).await,
            CommandKind::Retry => self.retry(scene, &asked).await,
            CommandKind::Help | CommandKind::Status | CommandKind::Why => self.reply_to(scene, asked.command.kind).await,
        }
    }

    async fn start(&self, scene: &Scene<'_>, mode: Mode, asked: Asked) -> anyhow::Result<Verdict> {
        let prompt = self.prompt_of(scene, &asked).await?;
        let request = Request {
            mode,
            prompt,
            requester: scene.actor.clone(),
            url: asked.url,
            delivery: scene.event.delivery.clone(),
            label: asked.label,
            authority: Default::default(),
            options: Default::default(),
        };
        self.create_run(scene, request, None).await
    }

    /// What the agent is told: the request, and the thread's opening text where its author may be heard (R27).
    async fn prompt_of(&self, scene: &Scene<'_>, asked: &Asked) -> anyhow::Result<String> {
        let subject = scene.subject;
        let request = asked.command.prompt.trim();
        let opening = strip_hidden(&subject.body);
        let from_opening = asked.label.is_some() || scene.event.comment.is_none();
        let prompt = if from_opening {
            format!("{}\n\n{request}", subject.title)
        } else if opening.trim().is_empty() {
            format!("{request}\n\nThe thread's title: {}", subject.title)
        } else if self.may_be_heard(scene).await? {
            format!("{request}\n\nThe thread is titled \"{}\" and opens with:\n\n{opening}", subject.title)
        } else {
            format!(
                "{request}\n\nThe thread's title: {} (its opening text was left out: its author may not write to the repository)",
                subject.title
            )
        };
        let prompt = strip_hidden(prompt.trim());
        Ok(if prompt.chars().count() <= MAX_PROMPT {
            prompt
        } else {
            format!("{}\n\n(cut here: the text was longer)", prompt.chars().take(MAX_PROMPT).collect::<String>())
        })
    }

    async fn may_be_heard(&self, scene: &Scene<'_>) -> anyhow::Result<bool> {
        match &scene.subject.author {
            Some(author) if author.id == scene.actor.id => Ok(true),
            // What Patchbay itself wrote into its pull request is its own words and the requester's.
            Some(author) if author.kind == ActorKind::Person => self.may_ask(&scene.at, author).await,
            _ => Ok(false),
        }
    }

    pub(super) async fn create_run(&self, scene: &Scene<'_>, request: Request, plan: Option<Plan>) -> anyhow::Result<Verdict> {
        let workspace = &scene.connection.workspace;
        let id = RunId::derive(workspace, BUILT_IN, scene.event.delivery.as_str());
        let run = accept(self.new_run(scene, request, plan, id.clone()), jiff::Timestamp::now());
        // First: whoever says "stop" finds every run that there is. That a thread names one that never came to be is no harm.
        self.threads.remember_run(workspace, run.repository.id, scene.subject.number, &id, run.created_at).await?;
        let created = self.services.dispatch.runs.create(&run).await?;
        // A run that exists comes from an earlier try at this delivery, which may have died before it told anyone.
        self.services.dispatch.runs_queue.send_run(workspace, &id, 0).await?;
        // Under the time of the run's creation, so that the second word of a retaken delivery is no second entry (R46).
        let created_at = match created {
            Create::Created => run.created_at,
            Create::Exists => self.services.dispatch.reload(&run).await?.created_at,
        };
        let detail = format!("may write to {}; delivery {}", run.repository.full_name(), run.request.delivery);
        self.services.audit_at(created_at, &run, &run.request.requester.login, "authorised", detail).await?;
        tracing::info!(run = %id, mode = ?run.request.mode, existed = created == Create::Exists, "run accepted");
        Ok(Verdict::done(format!("run {id}")))
    }

    fn new_run(&self, scene: &Scene<'_>, request: Request, plan: Option<Plan>, id: RunId) -> NewRun {
        NewRun {
            id,
            workspace: scene.connection.workspace.clone(),
            connection: scene.connection.connection.clone(),
            repository: scene.at.repository.clone(),
            thread: Some(ThreadRef {
                kind: scene.subject.kind,
                number: scene.subject.number,
                title: strip_hidden(&scene.subject.title),
                url: scene.subject.url.clone(),
            }),
            request,
            plan,
            deadline_seconds: self.limits.deadline_seconds,
            budget_microusd: self.limits.budget_microusd,
        }
    }
}

fn usable(connection: Option<&Connection>) -> Result<Connection, Verdict> {
    match connection {
        None => Err(Verdict::ignored("the event names no installation of the App")),
        Some(connection) => match connection.status {
            ConnectionStatus::Active => Ok(connection.clone()),
            ConnectionStatus::Suspended => Err(Verdict::ignored("the installation is suspended")),
            ConnectionStatus::Deleted => Err(Verdict::ignored("the App is not installed any more")),
        },
    }
}

/// Whether this event asks the App for something, and what; or why it does not.
pub(super) fn read_request(event: &Event, names: &Names, label: &str, app_id: u64) -> Result<Asked, String> {
    let Some(actor) = &event.actor else { return Err("nobody did it".to_owned()) };
    if actor.kind != ActorKind::Person {
        return Err(format!("{} is not a person", actor.login));
    }
    if event.comment.as_ref().is_some_and(|c| c.via_app.is_some()) {
        let own = event.comment.as_ref().and_then(|c| c.via_app) == Some(app_id);
        return Err(if own { "the comment is Patchbay's own".to_owned() } else { "the comment was written by another App".to_owned() });
    }
    let Some(subject) = &event.subject else { return Err(format!("it does not start on {}", event.kind)) };
    if let Detail::Label { name } = &event.detail {
        return read_label(event, subject, name, label);
    }
    let (text, url) = match (event.kind.as_str(), event.action.as_deref(), &event.comment) {
        ("issues" | "pull_request", Some("opened"), _) => (format!("{}\n{}", subject.title, subject.body), subject.url.clone()),
        ("issue_comment" | "pull_request_review_comment", Some("created"), Some(comment))
        | ("pull_request_review", Some("submitted"), Some(comment)) => (comment.body.clone(), comment.url.clone()),
        (kind, action, _) => return Err(format!("it does not start on {kind} {}", action.unwrap_or_default()).trim().to_owned()),
    };
    match select_command(&strip_hidden(&text), names) {
        Some(command) => Ok(Asked { command, label: None, url }),
        None => Err("the App is not mentioned".to_owned()),
    }
}

fn read_label(event: &Event, subject: &Subject, name: &str, trigger: &str) -> Result<Asked, String> {
    if event.action.as_deref() != Some("labeled") || !name.eq_ignore_ascii_case(trigger) {
        return Err(format!("the label {name} starts nothing"));
    }
    if subject.kind != SubjectKind::Issue {
        return Err("the label starts the App on issues only".to_owned());
    }
    let command = Command { kind: CommandKind::Auto, prompt: subject.body.clone() };
    Ok(Asked { command, label: Some(name.to_owned()), url: subject.url.clone() })
}
