//! Looks for secrets in everything of a change set that would leave: names, contents, the message (R34).

use super::{Change, ChangeSet, Content};
use crate::redact::{HitKind, Secrets};
use crate::task::{Failure, FailureCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A secret in a change set: what it is, and where, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    pub place: String,
    pub kind: HitKind,
}

impl Leak {
    /// The failure that the run ends with.
    pub fn failure(&self) -> Failure {
        Failure {
            code: FailureCode::Blocked,
            detail: format!("{} holds something that looks like a secret ({})", self.place, self.kind.name()),
        }
    }
}

impl ChangeSet {
    /// The first place that holds one of the given secrets or what looks like a token. A name that does is not told.
    pub fn find_secret(&self, secrets: &Secrets) -> Option<Leak> {
        let leak = |place: String, text: &[u8]| secrets.scan(text).map(|hit| Leak { place, kind: hit.kind });
        let files = self.files.iter().filter_map(|file| match &file.change {
            Change::Write { content, .. } => Some((&file.path, content)),
            Change::Delete => None,
        });
        for (path, content) in files {
            let named = leak("the name of a file".to_owned(), path.as_bytes());
            let place = || path.escape_debug().collect();
            let held = || match content {
                Content::Text(text) => leak(place(), text.as_bytes()),
                Content::Base64(text) => leak(place(), &STANDARD.decode(text).unwrap_or_default()),
            };
            if let Some(found) = named.or_else(held) {
                return Some(found);
            }
        }
        leak("the commit message".to_owned(), self.commit_message.as_bytes())
    }
}
