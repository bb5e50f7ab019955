//! Who the App is, what a repository is now, who may do what in it, and how to clone it.

use super::answers::{AppAnswer, InstallationAnswer, MembershipAnswer, PermissionAnswer, RepositoryAnswer, UserAnswer};
use super::client::GithubForge;
use super::route::Call;
use super::tokens::Purpose;
use super::transport::Credential;
use crate::{AppIdentity, CloneAccess, ForgeError, Installation, PermissionLevel, RepoAt, UserPermission};
use patchbay_domain::event::Repository;
use patchbay_domain::ids::ConnectionId;

impl GithubForge {
    /// The App's own words about itself. The bot account is a public fact that no App token can be asked for, so that it
    /// is looked up without one; failing that (private GHES, used-up anonymous budget), it stays unknown.
    pub(super) async fn load_identity(&self) -> Result<AppIdentity, ForgeError> {
        let app: AppAnswer = self.call_as_app(&Call::get("/app", &[])).await?.json()?;
        if app.id != self.app_id {
            return Err(ForgeError::Permanent(format!("the key belongs to App {}, not {}", app.id, self.app_id)));
        }
        let call = Call::get("/users/{login}", &[&format!("{}[bot]", app.slug)]);
        let bot = self.transport.send(&call, Credential::Anonymous).await.and_then(|answer| answer.json::<UserAnswer>());
        Ok(AppIdentity { app_id: app.id, slug: app.slug, bot_user_id: bot.ok().map(|user| user.id) })
    }

    pub(super) async fn load_installation(&self, connection: &ConnectionId) -> Result<Installation, ForgeError> {
        let Some(id) = connection.installation_id() else {
            return Err(ForgeError::NotFound(format!("{connection} is no installation of an App")));
        };
        let call = Call::get("/app/installations/{installation}", &[&id.to_string()]);
        let answer: InstallationAnswer = self.call_as_app(&call).await?.json()?;
        Ok(Installation {
            account_id: answer.account.id,
            account_login: answer.account.login,
            suspended: answer.suspended_at.is_some(),
            all_repositories: answer.repository_selection == "all",
            permissions: answer.permissions,
        })
    }

    /// GitHub redirects renamed repositories; another repository that took over the name is not the one that was meant.
    pub(super) async fn load_repository(&self, at: &RepoAt) -> Result<Repository, ForgeError> {
        let call = Call::get("/repos/{owner}/{repo}", &[&at.repository.owner, &at.repository.name]);
        let answer: RepositoryAnswer = self.call(at, Purpose::Facts, &call).await?.json()?;
        if answer.id != at.repository.id {
            return Err(ForgeError::NotFound(format!("{} is another repository now", at.repository.full_name())));
        }
        if answer.archived || answer.disabled {
            return Err(ForgeError::Permanent(format!("{} is archived or disabled", at.repository.full_name())));
        }
        Ok(answer.into_repository())
    }

    pub(super) async fn load_permission(&self, at: &RepoAt, login: &str) -> Result<UserPermission, ForgeError> {
        let template = "/repos/{owner}/{repo}/collaborators/{login}/permission";
        let call = Call::get(template, &[&at.repository.owner, &at.repository.name, login]);
        match self.call(at, Purpose::Facts, &call).await {
            Ok(answer) => {
                let answer: PermissionAnswer = answer.json()?;
                let level = answer.level();
                Ok(answer.user.map_or(NOBODY, |user| UserPermission { user_id: user.id, level }))
            }
            Err(ForgeError::NotFound(_)) => Ok(NOBODY),
            Err(error) => Err(error),
        }
    }

    /// GitHub answers 404 for somebody who is not in the team, and for a team that is not there.
    pub(super) async fn load_membership(&self, at: &RepoAt, organisation: &str, team: &str, login: &str) -> Result<bool, ForgeError> {
        let may_not = |error| match error {
            ForgeError::Permanent(text) => ForgeError::Permanent(format!(
                "whether {login} belongs to @{organisation}/{team} could not be asked: the App may not read the members of {organisation}. \
                 An owner of {organisation} has to grant it the organization permission \"Members: read\" ({text})"
            )),
            other => other,
        };
        self.tokens.get(&self.transport, at, Purpose::Members).await.map_err(may_not)?;
        let call = Call::get("/orgs/{org}/teams/{team}/memberships/{login}", &[organisation, team, login]);
        match self.call(at, Purpose::Members, &call).await {
            Ok(answer) => Ok(answer.json::<MembershipAnswer>()?.state == "active"),
            Err(ForgeError::NotFound(_)) => Ok(false),
            Err(error) => Err(may_not(error)),
        }
    }

    /// Minted for this caller alone: the token leaves our hands, so nobody else's work may depend on it. Whoever clones
    /// follows no redirects: the URL has the name that came with the token.
    pub(super) async fn mint_clone_access(&self, at: &RepoAt) -> Result<CloneAccess, ForgeError> {
        let token = self.tokens.mint(&self.transport, at, Purpose::Clone).await?;
        let named = token.repository.as_ref().unwrap_or(&at.repository);
        let url = format!("{}/{}.git", self.web_url, named.full_name());
        Ok(CloneAccess { url, token: token.secret, expires_at: token.expires_at })
    }
}

/// The answer about an account that the repository does not know.
const NOBODY: UserPermission = UserPermission { user_id: 0, level: PermissionLevel::None };
