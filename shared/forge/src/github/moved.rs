//! Repositories that got another name or owner: GitHub answers the old one with a redirect, and did nothing. The redirect
//! itself is not followed, as it could lead anywhere; the repository is looked up by its number, which never changes.

use super::answers::RepositoryAnswer;
use super::client::GithubForge;
use super::route::Call;
use super::tokens::Purpose;
use crate::{ForgeError, RepoAt};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Above this number of moved repositories all are forgotten; each is found again with one call.
const MANY: usize = 1000;

/// Where this process found the repositories that had moved: owner and name by number.
#[derive(Default)]
pub(super) struct Whereabouts(Mutex<HashMap<u64, (String, String)>>);

impl Whereabouts {
    /// The place under the name that the repository is known to have now.
    pub(super) fn of(&self, at: &RepoAt) -> RepoAt {
        let mut at = at.clone();
        if let Some((owner, name)) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&at.repository.id) {
            (at.repository.owner, at.repository.name) = (owner.clone(), name.clone());
        }
        at
    }

    fn note(&self, at: &RepoAt) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.clear();
        }
        known.insert(at.repository.id, (at.repository.owner.clone(), at.repository.name.clone()));
    }
}

impl GithubForge {
    /// Where the repository is now. One call.
    pub(super) async fn locate(&self, at: &RepoAt) -> Result<RepoAt, ForgeError> {
        let call = Call::get("/repositories/{repository}", &[&at.repository.id.to_string()]);
        let found = self.call(at, Purpose::Facts, &call).await?.json::<RepositoryAnswer>()?.into_repository();
        if found.id != at.repository.id {
            return Err(ForgeError::NotFound(format!("{} has moved, and its number leads elsewhere", at.repository.full_name())));
        }
        tracing::info!(from = at.repository.full_name(), to = found.full_name(), "the repository has moved");
        let at = RepoAt { connection: at.connection.clone(), repository: found };
        self.whereabouts.note(&at);
        Ok(at)
    }
}

/// Does something at the place `$at`, and once more at the new place if the repository turns out to have moved: what was
/// redirected had no effect.
macro_rules! following {
    ($forge:ident, $at:ident, $act:expr) => {{
        let known = $forge.whereabouts.of($at);
        let $at = &known;
        match $act {
            Err($crate::ForgeError::Moved(_)) => {
                let found = $forge.locate($at).await?;
                let $at = &found;
                $act
            }
            done => done,
        }
    }};
}
pub(super) use following;
