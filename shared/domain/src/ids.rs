//! Newtypes for every identifier, each with its prefix, so that one kind can never be passed for another.
//! How the derived ones are computed lives here too; what they identify does not.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The identifier as text, prefix included.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// The tenant: `ws_<provider>_<account id>`.
    WorkspaceId
}
id! {
    /// An installed link to a provider account: `con_<provider>_<installation id>`.
    ConnectionId
}
id! {
    /// The provider's name for one webhook request, unprefixed because people compare it with the provider's log.
    DeliveryId
}
id! {
    /// One execution of a workflow for one event: `run_<32 hex digits>`.
    RunId
}

impl WorkspaceId {
    /// The workspace that belongs to an account (user or organisation) of a provider.
    pub fn of_account(provider: &str, account_id: u64) -> Self {
        Self(format!("ws_{provider}_{account_id}"))
    }
}

impl ConnectionId {
    /// The connection that an installation of the App creates.
    pub fn of_installation(provider: &str, installation_id: u64) -> Self {
        Self(format!("con_{provider}_{installation_id}"))
    }

    /// The installation's number at the provider, where this connection is an App installation.
    pub fn installation_id(&self) -> Option<u64> {
        self.0.rsplit('_').next()?.parse().ok()
    }
}

impl RunId {
    /// R11: the same event and trigger in the same workspace always give the same run.
    pub fn derive(workspace: &WorkspaceId, trigger: &str, dedupe_key: &str) -> Self {
        Self(format!("run_{}", &digest(&["run", workspace.as_str(), trigger, dedupe_key])[..32]))
    }

    /// The first eight digits behind the prefix: short enough for a branch name or a sentence.
    pub fn short(&self) -> &str {
        let digits = self.0.strip_prefix("run_").unwrap_or(&self.0);
        digits.get(..8).unwrap_or(digits)
    }
}

/// SHA-256 in hex over length-prefixed parts, so that no two different lists of parts collide.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_depends_on_every_part_and_on_nothing_else() {
        let ws = WorkspaceId::of_account("github", 1);
        let id = RunId::derive(&ws, "mention", "d1");
        assert_eq!(id, RunId::derive(&ws, "mention", "d1"));
        assert_ne!(id, RunId::derive(&WorkspaceId::of_account("github", 2), "mention", "d1"));
        assert_ne!(id, RunId::derive(&ws, "label", "d1"));
        assert_ne!(RunId::derive(&ws, "ab", "c"), RunId::derive(&ws, "a", "bc"));
        assert_eq!(id.short().len(), 8);
    }

    #[test]
    fn a_connection_knows_its_installation() {
        assert_eq!(ConnectionId::of_installation("github", 42).installation_id(), Some(42));
        assert_eq!(ConnectionId("con_github_x".into()).installation_id(), None);
    }
}
