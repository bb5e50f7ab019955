//! Where the workflows of a repository come from, and when its file is read from the forge: at the repository's first
//! event, at a push to the default branch that touches the file, when another branch becomes the default, when the
//! repository moves; to be checked only, at pushes to other branches and at pull requests from forks. Never else, and never
//! for all repositories of an installation at once.
//!
//! In force are, in this order: the workflows of the repository's own `.github/patchbay.yml`; those of the same file in the
//! account's `.github` repository (their schedules only in `.github` itself); the workspace's, which the operator put into
//! the table (`workspace`); and always the built-in one. Of two with one name the earlier is. A file that cannot be read
//! leaves what was in force before.

use super::Matcher;
use super::compiled::{Compiled, Configurations, ReadyWorkflow};
use super::report::Reading;
use jiff::Timestamp;
use patchbay_aws::tables::core::{Connection, ConnectionStatus, Ground, NO_FILE, Scope, WorkflowsRow};
use patchbay_domain::event::{Detail, Event, Push, Repository};
use patchbay_domain::run::plan::WorkflowSource;
use patchbay_domain::run::state::OWN_BRANCHES;
use patchbay_domain::trigger::{ChangedPaths, Cron, EventKind, kind_of};
use patchbay_domain::workflow::{FILE_PATH, read};
use patchbay_forge::{ForgeError, RepoAt};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The repository whose file counts for the whole account.
const DEFAULTS_REPOSITORY: &str = ".github";

/// The workflows in force that start on events of one kind.
#[derive(Debug, Default)]
pub(super) struct InForce {
    parts: Vec<Part>,
    /// Whether anything is configured at all.
    pub(super) any: bool,
    /// What is wrong with the file that should be in force.
    pub(super) problem: Option<String>,
    /// All names so far, listening or not.
    earlier: BTreeSet<String>,
}

#[derive(Debug)]
struct Part {
    source: WorkflowSource,
    version: String,
    compiled: Arc<Compiled>,
    /// The names that all parts before it have, listening or not.
    hidden: BTreeSet<String>,
}

/// One workflow in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listening<'a> {
    pub(super) source: WorkflowSource,
    pub(super) version: &'a str,
    pub(super) ready: &'a ReadyWorkflow,
}

impl InForce {
    /// What is in force for an event, if the books and what this process remembers say so for certain: nothing need be read.
    pub(super) fn at_hand(event: &Event, ground: &Ground, remembered: &Configurations) -> Option<Self> {
        let connection = ground.connection.as_ref()?;
        if connection.status != ConnectionStatus::Active {
            return Some(Self::default());
        }
        let repository = event.repository.as_ref()?;
        let own = ground.own.as_ref().filter(|_| look(event, ground.own.as_ref()) == Look::No)?;
        let default = if repository.name == DEFAULTS_REPOSITORY { None } else { Some(ground.default.as_ref()?) };
        let mut force = Self { problem: own.problem.clone(), ..Self::default() };
        for (source, scope, row) in sources(repository, own, default, ground) {
            let compiled = match listens(row, event) {
                true => Some(remembered.find(&connection.connection, scope, &row.version)?),
                false => None,
            };
            force.add(source, row, compiled);
        }
        Some(force)
    }

    /// Adds what comes after all that is there; `compiled` if it listens to the event.
    fn add(&mut self, source: WorkflowSource, row: &WorkflowsRow, compiled: Option<Arc<Compiled>>) {
        self.any |= !row.names.is_empty();
        if let Some(compiled) = compiled {
            self.parts.push(Part { source, version: row.version.clone(), compiled, hidden: self.earlier.clone() });
        }
        self.earlier.extend(row.names.iter().cloned());
    }

    /// Each name once: the earlier part's wins.
    pub(super) fn listening(&self, kind: EventKind) -> impl Iterator<Item = Listening<'_>> {
        self.parts.iter().flat_map(move |part| {
            let listening = part.compiled.listening(kind).filter(|ready| !part.hidden.contains(&ready.workflow.name));
            listening.map(|ready| Listening { source: part.source, version: &part.version, ready })
        })
    }
}

/// Where workflows come from, each with its row, the first first.
fn sources<'r>(
    repository: &Repository,
    own: &'r WorkflowsRow,
    default: Option<&'r WorkflowsRow>,
    ground: &'r Ground,
) -> impl Iterator<Item = (WorkflowSource, Scope, &'r WorkflowsRow)> {
    let own = Some((WorkflowSource::Repository, Scope::Repository(repository.id), own));
    let default = default.map(|row| (WorkflowSource::Organization, Scope::Default, row));
    let workspace = ground.workspace.as_ref().map(|row| (WorkflowSource::Workspace, Scope::Workspace, row));
    [own, default, workspace].into_iter().flatten()
}

fn listens(row: &WorkflowsRow, event: &Event) -> bool {
    kind_of(event).is_some_and(|kind| row.kinds.contains(&kind))
}

/// Why the repository's file is looked at for an event.
#[derive(Debug, PartialEq)]
enum Look<'a> {
    No,
    /// What is on the default branch now.
    Head,
    /// The default branch was pushed to, and the file may have changed.
    Pushed(&'a Push),
    /// Another branch was, or a pull request brings this commit from a fork: the file is checked, and does not count.
    Elsewhere(&'a str),
}

fn look<'a>(event: &'a Event, known: Option<&WorkflowsRow>) -> Look<'a> {
    if let Detail::Push(push) = &event.detail
        && let Some(branch) = push.full_ref.strip_prefix("refs/heads/")
        && !push.deleted
    {
        let touched = push.forced || push.paths.as_ref().is_none_or(|paths| paths.iter().any(|path| path == FILE_PATH));
        let default = event.repository.as_ref().and_then(|repository| repository.default_branch.as_deref());
        match (touched, default == Some(branch)) {
            (true, true) => return Look::Pushed(push),
            // What a run writes never touches the file: its policy protects it.
            (true, false) if known.is_some() && !branch.starts_with(OWN_BRANCHES) => return Look::Elsewhere(&push.after),
            _ => {}
        }
    }
    if known.is_some()
        && let Some(commit) = brought_from_a_fork(event)
    {
        return Look::Elsewhere(commit);
    }
    let moved = event.kind == "repository" && matches!(event.action.as_deref(), Some("renamed" | "transferred"));
    let default_changed = matches!(event.detail, Detail::DefaultBranch { .. });
    if known.is_none() || moved || default_changed { Look::Head } else { Look::No }
}

/// The newest commit of a pull request from another repository: no push of this one tells of it.
fn brought_from_a_fork(event: &Event) -> Option<&str> {
    let is_new = event.kind == "pull_request" && matches!(event.action.as_deref(), Some("opened" | "reopened" | "synchronize"));
    let refs = event.subject.as_ref().filter(|_| is_new)?.refs.as_ref()?;
    (refs.head_repository_id != event.repository.as_ref().map(|repository| repository.id)).then_some(&refs.head_sha)
}

impl Matcher {
    /// What the event's repository stands on, as far as the books say; `None` for events that no workflow and no
    /// configuration is about. One read.
    pub(super) async fn ground_of(&self, event: &Event) -> anyhow::Result<Option<Ground>> {
        let (Some(id), Some(repository)) = (&event.connection, &event.repository) else { return Ok(None) };
        if kind_of(event).is_none() && event.kind != "repository" {
            return Ok(None);
        }
        Ok(Some(self.services.core.load_ground(id, repository.id).await?))
    }

    /// The same with its connection: one that is not in the books is asked for at the forge.
    pub(super) async fn connected(&self, event: &Event, ground: Option<Ground>) -> anyhow::Result<Option<Ground>> {
        let (Some(mut ground), Some(id)) = (ground, &event.connection) else { return Ok(None) };
        if ground.connection.is_none() {
            ground.connection = Some(self.adopt_connection(event, id).await?);
        }
        Ok(Some(ground))
    }

    /// The workflows that may start on the event, after the file was read where the event says that it may have changed.
    pub(super) async fn workflows_in_force(&self, event: &Event, ground: &Ground, retaken: bool) -> anyhow::Result<InForce> {
        let (Some(connection), Some(repository)) = (&ground.connection, &event.repository) else { return Ok(InForce::default()) };
        if connection.status != ConnectionStatus::Active {
            return Ok(InForce::default());
        }
        let at = RepoAt { connection: connection.connection.clone(), repository: repository.clone() };
        let own = self.own_row(event, &at, ground, retaken).await?;
        let default = match &ground.default {
            _ if repository.name == DEFAULTS_REPOSITORY => None,
            Some(row) => Some(row.clone()),
            None => Some(self.find_defaults(connection, repository).await?),
        };
        let mut force = InForce { problem: own.problem.clone(), ..InForce::default() };
        for (source, scope, row) in sources(repository, &own, default.as_ref(), ground) {
            let compiled = if listens(row, event) { Some(self.compiled(connection, scope, row, &at).await?) } else { None };
            force.add(source, row, compiled);
        }
        Ok(force)
    }

    /// The repository's own row, brought up to date.
    async fn own_row(&self, event: &Event, at: &RepoAt, ground: &Ground, retaken: bool) -> anyhow::Result<WorkflowsRow> {
        let fetched_at = Timestamp::now();
        let known = ground.own.as_ref();
        let (reading, commit) = match look(event, known) {
            Look::No => return Ok(known.cloned().unwrap_or_else(|| WorkflowsRow::nothing(None, fetched_at))),
            Look::Elsewhere(commit) => {
                self.check_elsewhere(event, at, commit, known, retaken).await?;
                return Ok(known.cloned().unwrap_or_else(|| WorkflowsRow::nothing(None, fetched_at)));
            }
            Look::Head => (self.read_configuration(at, None).await?, None),
            Look::Pushed(push) => {
                let head = self.head_after(at, push).await?;
                let reading = self.read_configuration(at, Some(&head)).await?;
                let pushed = if head == push.after { None } else { Some(self.read_configuration(at, Some(&push.after)).await?) };
                self.report(at, &push.after, pushed.as_ref().unwrap_or(&reading), known, retaken).await?;
                (reading, Some(push.after.clone()))
            }
        };
        if commit.is_none() && matches!(reading, Reading::Broken { .. }) {
            self.report_on_head(at, &reading, retaken).await?;
        }
        let row = self.keep(at, Scope::Repository(at.repository.id), known, &reading, fetched_at).await?;
        if at.repository.name == DEFAULTS_REPOSITORY {
            self.keep(at, Scope::Default, ground.default.as_ref(), &reading, fetched_at).await?;
        }
        Ok(row)
    }

    /// The default branch's commit now; the pushed one where the forge does not know of it yet.
    async fn head_after(&self, at: &RepoAt, push: &Push) -> anyhow::Result<String> {
        let branch = push.full_ref.strip_prefix("refs/heads/").unwrap_or(&push.full_ref);
        let head = match self.services.forge.branch_head(at, branch).await {
            Err(error) if is_passing(&error) => return Err(error.into()),
            found => found.unwrap_or_default(),
        };
        Ok(head.filter(|head| *head != push.before).unwrap_or_else(|| push.after.clone()))
    }

    async fn check_elsewhere(
        &self,
        event: &Event,
        at: &RepoAt,
        commit: &str,
        known: Option<&WorkflowsRow>,
        retaken: bool,
    ) -> anyhow::Result<()> {
        let reading = self.read_configuration(at, Some(commit)).await?;
        let in_force = known.is_some_and(|row| row.problem.is_none() && Some(row.version.as_str()) == reading.sha());
        if in_force || matches!(reading, Reading::Nothing) {
            return Ok(());
        }
        // A fork's file may only be an older one.
        if !matches!(event.detail, Detail::Push(_))
            && let ChangedPaths::Known(paths) = self.changed_paths(event, at).await?
            && !paths.iter().any(|path| path == FILE_PATH)
        {
            return Ok(());
        }
        self.report(at, commit, &reading, known, retaken).await
    }

    /// The account's default, which nobody has looked for yet.
    async fn find_defaults(&self, connection: &Connection, repository: &Repository) -> anyhow::Result<WorkflowsRow> {
        let fetched_at = Timestamp::now();
        let found = self.services.forge.repository_by_name(&connection.connection, &repository.owner, DEFAULTS_REPOSITORY).await;
        let repository = match found {
            Ok(found) => found,
            Err(error) if is_passing(&error) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the account's default configuration cannot be looked for");
                None
            }
        };
        let Some(repository) = repository else {
            let row = WorkflowsRow::nothing(None, fetched_at);
            self.services.core.save_workflows(&connection.connection, Scope::Default, &row, None, None).await?;
            return Ok(row);
        };
        let at = RepoAt { connection: connection.connection.clone(), repository };
        let reading = self.read_configuration(&at, None).await?;
        self.keep(&at, Scope::Default, None, &reading, fetched_at).await
    }

    /// The file at a commit, or on the default branch.
    async fn read_configuration(&self, at: &RepoAt, git_ref: Option<&str>) -> anyhow::Result<Reading> {
        let file = match self.services.forge.read_file(at, FILE_PATH, git_ref).await {
            Ok(Some(file)) => file,
            Ok(None) | Err(ForgeError::NotFound(_)) => return Ok(Reading::Nothing),
            Err(ForgeError::Permanent(why) | ForgeError::Unsupported(why)) => return Ok(Reading::unreadable(why)),
            Err(error) => return Err(error.into()),
        };
        tracing::info!(repository = at.repository.full_name(), version = file.sha, bytes = file.size, "configuration read");
        Ok(match read(&file.text).map_err(Ok).and_then(|configuration| Compiled::of(configuration).map_err(Err)) {
            Ok(compiled) => Reading::Good { text: file.text, sha: file.sha, compiled: Arc::new(compiled) },
            Err(Ok(problems)) => Reading::Broken { sha: Some(file.sha), problems: Some(problems), why: String::new() },
            Err(Err(why)) => Reading::unreadable(why),
        })
    }

    /// Saves what was read, and answers what is in force then.
    async fn keep(
        &self,
        at: &RepoAt,
        scope: Scope,
        known: Option<&WorkflowsRow>,
        reading: &Reading,
        fetched_at: Timestamp,
    ) -> anyhow::Result<WorkflowsRow> {
        let core = &self.services.core;
        let nothing = WorkflowsRow::nothing(Some(at.repository.clone()), fetched_at);
        match reading {
            Reading::Nothing => {
                core.save_workflows(&at.connection, scope, &nothing, None, None).await?;
                Ok(nothing)
            }
            Reading::Broken { .. } => {
                let problem = reading.first_problem();
                core.note_workflow_problem(&at.connection, scope, &nothing, &problem).await?;
                Ok(WorkflowsRow { problem: Some(problem), ..known.cloned().unwrap_or(nothing) })
            }
            Reading::Good { text, sha, compiled } => {
                let crons = compiled.crons();
                let (schedule, due) = match known.filter(|row| row.crons == crons).and_then(|row| row.schedule.clone()) {
                    // The row of its next time is there already; another one would start counting anew.
                    Some(mark) => (Some(mark), None),
                    None => (Some(uuid::Uuid::new_v4().simple().to_string()), next_of(&crons, fetched_at)),
                };
                let schedule = schedule.filter(|_| !crons.is_empty() && matches!(scope, Scope::Repository(_)));
                let (names, kinds) = (compiled.names(), compiled.kinds());
                let row = WorkflowsRow { version: sha.clone(), names, kinds, crons, schedule, ..nothing };
                core.save_workflows(&at.connection, scope, &row, Some(text), due).await?;
                self.configurations.remember(&at.connection, scope, sha, compiled);
                Ok(row)
            }
        }
    }

    /// The compiled text of a version: from memory, the table, or, if it is kept no more, the forge; the workspace's, which
    /// no forge has, is nothing then.
    async fn compiled(&self, connection: &Connection, scope: Scope, row: &WorkflowsRow, at: &RepoAt) -> anyhow::Result<Arc<Compiled>> {
        let id = &connection.connection;
        if row.version == NO_FILE {
            return Ok(Arc::default());
        }
        if let Some(found) = self.configurations.find(id, scope, &row.version) {
            return Ok(found);
        }
        let stored = self.services.core.load_workflow_text(id, scope, &row.version).await?;
        if let Some(compiled) = stored.and_then(|text| Compiled::of(read(&text).ok()?).ok()).map(Arc::new) {
            self.configurations.remember(id, scope, &row.version, &compiled);
            return Ok(compiled);
        }
        if scope == Scope::Workspace {
            tracing::error!(connection = %id, version = row.version, "the workspace's workflows are gone or unreadable: set them again");
            return Ok(Arc::default());
        }
        let repository = row.repository.clone().unwrap_or_else(|| at.repository.clone());
        let at = RepoAt { connection: id.clone(), repository };
        let reading = self.read_configuration(&at, None).await?;
        self.keep(&at, scope, Some(row), &reading, Timestamp::now()).await?;
        let compiled = match reading {
            Reading::Good { compiled, .. } => compiled,
            Reading::Nothing | Reading::Broken { .. } => Arc::default(),
        };
        // Also what cannot be read: else every event would ask the forge.
        self.configurations.remember(id, scope, &row.version, &compiled);
        Ok(compiled)
    }
}

/// The first time of any of the crons after `at`.
pub(crate) fn next_of(crons: &[String], at: Timestamp) -> Option<Timestamp> {
    crons.iter().filter_map(|cron| Cron::parse(cron).ok()?.next_after(at)).min()
}

/// Whether the same call may succeed soon.
pub(super) fn is_passing(error: &ForgeError) -> bool {
    matches!(error, ForgeError::RateLimited { .. } | ForgeError::Transient(_) | ForgeError::Moved(_) | ForgeError::Conflict(_))
}
