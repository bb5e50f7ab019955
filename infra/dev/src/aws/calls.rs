//! Every call that reached the emulated AWS, counted by caller, operation and resource; and the one place
//! where a call can be made to fail.
//!
//! The front asks `CallLedger` twice per call, before and after the operation. What to inject is the hook's business.

use super::error::AwsError;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// One call as the front understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service in IAM's spelling: `dynamodb`, `sqs`, `s3`, `secretsmanager`, `kms`, `ecs`.
    pub service: &'static str,
    /// The operation's name, such as `SendMessage`.
    pub operation: String,
    /// What it addresses: table, queue, `bucket/key`, secret, key or task definition names.
    pub resources: Vec<String>,
    /// The function's name, or the access key id of anybody else.
    pub caller: String,
    /// The caller's end of the connection: through `/proc/net/tcp` it leads to the process.
    pub peer: Option<SocketAddr>,
}

impl Call {
    /// `service:Operation`, as IAM writes it.
    pub fn action(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

/// When the hook is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing happened yet; an error means that nothing will.
    Before,
    /// The operation took effect; an error means that the caller does not learn of it.
    After,
}

/// Asked at every call and moment; an error is answered in place of the operation's own answer. A hook that unwinds
/// closes the connection without an answer.
pub type FaultHook = Arc<dyn Fn(&Call, Moment) -> Option<AwsError> + Send + Sync>;

/// An action and the resource it addressed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// `service:Operation`.
    pub action: String,
    pub resource: String,
}

/// The counters.
#[derive(Default)]
pub(super) struct CallLedger {
    actions: Mutex<BTreeMap<String, u64>>,
    uses: Mutex<BTreeMap<String, BTreeMap<Use, u64>>>,
    faults: Option<FaultHook>,
}

impl CallLedger {
    pub(super) fn new(faults: Option<FaultHook>) -> Self {
        Self { faults, ..Self::default() }
    }

    /// Counts a call and asks the hook whether it may happen.
    pub(super) fn before(&self, call: &Call) -> Result<(), AwsError> {
        let action = call.action();
        *self.actions.lock().unwrap_or_else(PoisonError::into_inner).entry(action.clone()).or_default() += 1;
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let of_caller = uses.entry(call.caller.clone()).or_default();
        for resource in &call.resources {
            *of_caller.entry(Use { action: action.clone(), resource: resource.clone() }).or_default() += 1;
        }
        drop(uses);
        self.ask(call, Moment::Before)
    }

    /// Asks the hook whether the caller may learn of what happened.
    pub(super) fn after(&self, call: &Call) -> Result<(), AwsError> {
        self.ask(call, Moment::After)
    }

    fn ask(&self, call: &Call, moment: Moment) -> Result<(), AwsError> {
        match self.faults.as_ref().and_then(|hook| hook(call, moment)) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    pub(super) fn actions(&self) -> BTreeMap<String, u64> {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn uses(&self) -> BTreeMap<String, BTreeMap<Use, u64>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
