//! The capability: `<workspace>.<run>.<attempt>.<random>`, one per attempt. It names the run that it speaks for, so
//! that a call needs no look-up to know whom to check; knowing it is proved by its hash alone.

use patchbay_domain::ids::{RunId, WorkspaceId};

/// 256 bits.
const RANDOM_BYTES: usize = 32;

/// What a capability says about itself: a claim until its hash was compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Capability {
    pub(super) workspace: WorkspaceId,
    pub(super) run: RunId,
    pub(super) attempt: u32,
}

impl Capability {
    /// What a capability for this run and attempt would say; `None` for ids that are none.
    pub(super) fn claim(workspace: &str, run: &str, attempt: u32) -> Option<Self> {
        let ids = is_id(workspace, "ws_") && is_id(run, "run_");
        ids.then(|| Self { workspace: WorkspaceId(workspace.to_owned()), run: RunId(run.to_owned()), attempt })
    }

    /// Reads a token; `None` for anything that could not have been minted.
    pub(super) fn parse(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (workspace, run, attempt, random) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let whole = parts.next().is_none() && random.len() == RANDOM_BYTES * 2 && random.bytes().all(|b| b.is_ascii_hexdigit());
        if !whole || !attempt.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Self::claim(workspace, run, attempt.parse().ok()?)
    }

    /// A new token for this run and attempt.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(super) fn mint(&self) -> Result<String, getrandom::Error> {
        let mut random = [0_u8; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        Ok(format!("{}.{}.{}.{}", self.workspace, self.run, self.attempt, hex::encode(random)))
    }
}

/// Letters, digits and `_` behind the prefix: nothing that could mean something in a key.
fn is_id(text: &str, prefix: &str) -> bool {
    text.len() <= 100
        && text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capability() -> Capability {
        Capability { workspace: WorkspaceId("ws_github_1".into()), run: RunId("run_00ff".into()), attempt: 2 }
    }

    #[test]
    fn a_minted_capability_names_its_run_and_is_never_minted_twice() {
        let (one, two) = (capability().mint().unwrap(), capability().mint().unwrap());
        assert_eq!(Capability::parse(&one), Some(capability()));
        assert_ne!(one, two);
    }

    #[test]
    fn what_was_never_minted_is_no_capability() {
        let random = "0".repeat(64);
        for token in [
            String::new(),
            "x".into(),
            format!("ws_a.run_b.1.{}", &random[1..]),
            format!("ws_a.run_b.1.{random}.x"),
            format!("ws_a.run_b.-1.{random}"),
            format!("ws_a.run_b.+1.{random}"),
            format!("ws_a.run_b.99999999999.{random}"),
            format!("ws_a#b.run_b.1.{random}"),
            format!("ws_.run_b.1.{random}"),
            format!("run_b.ws_a.1.{random}"),
            format!("ws_a.run_b.1.{}", "z".repeat(64)),
        ] {
            assert_eq!(Capability::parse(&token), None, "{token}");
        }
    }
}
