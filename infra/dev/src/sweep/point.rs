//! Where a fault strikes: one call that leaves a process, and what happens to it.
//!
//! Points are named so that a rerun finds them again: by caller, call, and how many of its kind came before.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Calls that look the same from outside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Kind {
    /// The function's package, or `agent-task`.
    pub caller: String,
    /// `dynamodb:PutItem runs`, `POST /repos/{owner}/{repo}/pulls`, `task-gateway POST /v1/result`.
    pub call: String,
}

/// One call of a journey.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Point {
    #[serde(flatten)]
    pub kind: Kind,
    /// From 1, among the calls of its kind.
    pub nth: u32,
}

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} #{}", self.kind.caller, self.kind.call, self.nth)
    }
}

/// What happens at a point. A killed function process is replaced as Lambda does it; a killed task is one whose
/// machine failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// kill -9 when the call has arrived and nothing happened yet.
    KillBefore,
    /// kill -9 when the call took effect, before its answer.
    KillAfter,
    /// The call takes effect and the connection closes without an answer.
    DropResponse,
}

impl Fault {
    /// All, in the table's order.
    pub const ALL: [Self; 3] = [Self::KillBefore, Self::KillAfter, Self::DropResponse];

    /// Its name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
            Self::DropResponse => "drop-response",
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(|| format!("`{name}` is none of {known}"))
    }
}
