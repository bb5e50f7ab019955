//! What the two halves say to each other over the Unix socket: the jobs, one after the other, their reports, the routes.
//! Nothing in here is secret: whatever `work` can read, the agent can read.

use patchbay_domain::task::{Mode, ModelSettings};
use serde::{Deserialize, Serialize};

/// The socket's name in the work folder.
pub(crate) const SOCKET: &str = "relay.sock";
/// The working copy's name in the work folder.
pub(crate) const TREE: &str = "tree";
/// `GET ?after=N`: answers with the next [`Job`] after number N, as soon as there is one.
pub(crate) const JOB_ROUTE: &str = "/job";
/// `GET`: stays open while both live. An answer means: stop the agent; a broken connection: the other is gone.
pub(crate) const HOLD_ROUTE: &str = "/hold";
/// `POST`: the [`Report`] of the present job.
pub(crate) const DONE_ROUTE: &str = "/done";

/// One step of the work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    /// From 1.
    pub(crate) number: u32,
    /// The id that ties the logs together (R46).
    pub(crate) correlation: String,
    pub(crate) work: Work,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Work {
    Agent(AgentJob),
    /// A command of the workflow's, for `/bin/sh -c` in the working copy.
    Shell {
        command: String,
    },
}

/// What the agent is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgentJob {
    pub(crate) mode: Mode,
    pub(crate) prompt: String,
    pub(crate) model: ModelSettings,
    /// Files of the base commit that the agent is shown read-only; kept outside of the working copy.
    pub(crate) read: Vec<ReadFile>,
    /// Files of the working copy that it has at hand from the start.
    pub(crate) files: Vec<String>,
    /// Whether this is the round in which it repairs what the workflow's check found.
    pub(crate) repair: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadFile {
    /// Safe below any folder: `check_path` has seen it.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// How a job's process ended. Believed only where the tree and the gateway have nothing to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The job's number.
    pub(crate) number: u32,
    /// The agent's name and version.
    pub(crate) agent: String,
    pub(crate) end: ProcessEnd,
    /// What the agent declares to be its answer; beats the model's last words.
    pub(crate) answer: Option<String>,
    /// What it printed, without the noise: stands in where the relay saw no words of the model.
    pub(crate) said: String,
    /// The last lines of its output, noise included.
    pub(crate) tail: String,
    /// How it was kept apart, one sentence each.
    pub(crate) isolation: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum ProcessEnd {
    Exited {
        code: i32,
    },
    Killed {
        signal: i32,
    },
    /// The kernel killed a process of this container for want of memory.
    OutOfMemory,
    /// The agent's program is not there.
    Missing {
        program: String,
    },
    /// Something before the agent's start failed.
    NotStarted {
        detail: String,
    },
}
