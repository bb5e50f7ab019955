//! What a decision needs to know beyond its event, asked of the forge when it is needed and once per event: what was
//! changed, what the actor may do now, which teams they belong to (R26).

use super::Matcher;
use super::configuration::is_passing;
use patchbay_domain::event::{Detail, Event, Push};
use patchbay_domain::trigger::{ChangedPaths, Facts, Need, Permission, team_key};
use patchbay_forge::{ForgeError, PathList, PermissionLevel, RepoAt};

/// What Actions does not look at, either: a push of more commits passes every filter by path.
const MAX_COMMITS: u64 = 1_000;

impl Matcher {
    /// What is known at once: who Patchbay itself is.
    pub(super) async fn first_facts(&self) -> anyhow::Result<Facts> {
        let own = self.services.forge.identity().await?;
        Ok(Facts { own_bot_user_id: own.bot_user_id, own_app_id: Some(self.services.app_id), ..Facts::default() })
    }

    /// Finds out what is needed, and adds it to the facts.
    pub(super) async fn find_out(&self, event: &Event, at: &RepoAt, need: &Need, facts: &mut Facts) -> anyhow::Result<()> {
        match need {
            Need::ChangedPaths => facts.changed_paths = Some(self.changed_paths(event, at).await?),
            Need::Permission => _ = self.permission_of(event, at, facts).await?,
            Need::Team { organisation, team } => {
                let member = self.is_member(event, at, organisation, team, facts).await?;
                facts.teams.insert(team_key(organisation, team), member);
            }
        }
        Ok(())
    }

    pub(super) async fn changed_paths(&self, event: &Event, at: &RepoAt) -> anyhow::Result<ChangedPaths> {
        let forge = &self.services.forge;
        let found = match (&event.detail, &event.subject) {
            (Detail::Push(push), _) if cannot_be_compared(push, at) => return Ok(ChangedPaths::Unknown),
            (Detail::Push(push), _) => forge.changed_paths(at, &push.before, &push.after).await,
            (_, Some(subject)) => forge.pull_request_paths(at, subject.number).await,
            (_, None) => return Ok(ChangedPaths::Unknown),
        };
        match found {
            Ok(PathList { paths, complete: true }) => Ok(ChangedPaths::Known(paths)),
            Ok(PathList { complete: false, .. }) => Ok(ChangedPaths::Unknown),
            Err(error) if is_passing(&error) || matches!(error, ForgeError::Unauthorized(_)) => Err(error.into()),
            Err(error) => {
                tracing::info!(%error, "what was changed cannot be found out");
                Ok(ChangedPaths::Unknown)
            }
        }
    }

    /// The permission of the very account that acted: somebody else may have its name by now.
    async fn permission_of(&self, event: &Event, at: &RepoAt, facts: &mut Facts) -> anyhow::Result<Option<u64>> {
        let Some(actor) = &event.actor else {
            facts.permission = Some(Permission::None);
            return Ok(None);
        };
        let found = self.services.forge.permission(at, &actor.login).await?;
        let is_same = found.user_id == actor.id;
        facts.permission = Some(if is_same { permission(found.level) } else { Permission::None });
        Ok(is_same.then_some(found.user_id))
    }

    async fn is_member(&self, event: &Event, at: &RepoAt, organisation: &str, team: &str, facts: &mut Facts) -> anyhow::Result<bool> {
        let Some(actor) = &event.actor else { return Ok(false) };
        if self.permission_of(event, at, facts).await?.is_none() {
            return Ok(false);
        }
        match self.services.forge.is_team_member(at, organisation, team, &actor.login).await {
            Ok(member) => Ok(member),
            Err(error) if is_passing(&error) || matches!(error, ForgeError::Unauthorized(_)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, team = team_key(organisation, team), "whether somebody belongs to a team cannot be found out");
                Ok(false)
            }
        }
    }
}

/// The default branch's first push has nothing to be compared with.
fn cannot_be_compared(push: &Push, at: &RepoAt) -> bool {
    let is_new = push.before.bytes().all(|byte| byte == b'0');
    let is_default = push.full_ref.strip_prefix("refs/heads/") == at.repository.default_branch.as_deref();
    push.commit_count > MAX_COMMITS || (is_new && is_default)
}

fn permission(level: PermissionLevel) -> Permission {
    match level {
        PermissionLevel::None => Permission::None,
        PermissionLevel::Read => Permission::Read,
        PermissionLevel::Triage => Permission::Triage,
        PermissionLevel::Write => Permission::Write,
        PermissionLevel::Maintain => Permission::Maintain,
        PermissionLevel::Admin => Permission::Admin,
    }
}
