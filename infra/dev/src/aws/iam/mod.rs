//! IAM: every call of a function is held against its role's policies, as they are in the template, and refused with
//! AccessDenied where AWS would. What was allowed and by which words of a policy is counted, what was refused is kept.
//!
//! `policy` evaluates statements, `requests` knows which permissions a call needs. Callers without a role here (people,
//! tests) may do everything. Resource policies are not evaluated: the queues' and the bucket's only refuse plain HTTP,
//! which is all that a loopback endpoint speaks, and the key's leaves everything to the roles.

mod policy;
mod requests;

pub use policy::{Condition as PolicyCondition, Operator, Statement};

use super::calls::Call;
use super::error::AwsError;
use requests::Request;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A role of the template, resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// The logical id.
    pub id: String,
    pub statements: Vec<Statement>,
}

/// Who may do what, and what AWS does on a caller's behalf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Roles by caller: the function's package.
    pub roles: BTreeMap<String, Role>,
    /// The key's ARN by the ARN of the bucket or secret that it seals.
    pub sealed_by: BTreeMap<String, String>,
    /// The execution role's ARN by the task definition's family.
    pub execution_roles: BTreeMap<String, String>,
}

/// Words of a policy: one action on one resource, as they are written in a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The role's logical id.
    pub role: String,
    pub action: String,
    pub resource: String,
    /// The statement's conditions, if any: the same words may stand under several.
    pub condition: String,
}

impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, action, resource, condition } = self;
        write!(formatter, "{role} allows {action} on {resource}{}{condition}", if condition.is_empty() { "" } else { " if " })
    }
}

/// A call that was refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    pub caller: String,
    /// The role's logical id.
    pub role: String,
    pub action: String,
    pub resource: String,
    /// What was known of the call: `key=value` each.
    pub context: String,
}

impl fmt::Display for Denial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { caller, role, action, resource, context } = self;
        write!(
            formatter,
            "{caller} used {action} on {resource} ({context}), which {role} does not allow: allow exactly that in template.yaml, or do not call it"
        )
    }
}

/// The judge of all calls.
#[derive(Default)]
pub(super) struct Iam {
    access: OnceLock<Access>,
    used: Mutex<BTreeMap<Grant, u64>>,
    denied: Mutex<Vec<Denial>>,
}

impl Iam {
    /// From now on calls are held against these roles; only the first ones count.
    pub(super) fn enforce(&self, access: Access) {
        _ = self.access.set(access);
    }

    /// Whether the call may happen.
    ///
    /// # Errors
    /// AccessDenied, as the call's service says it.
    pub(super) fn check(&self, call: &Call, input: &Value) -> Result<(), AwsError> {
        let Some(access) = self.access.get() else { return Ok(()) };
        let Some(role) = access.roles.get(&call.caller) else { return Ok(()) };
        requests::of_call(call, input, access).iter().try_for_each(|request| self.decide(&call.caller, role, request))
    }

    /// S3 tells only those of a missing object who may list its bucket.
    ///
    /// # Errors
    /// AccessDenied, in place of the 404.
    pub(super) fn check_missing_object(&self, call: &Call) -> Result<(), AwsError> {
        let bucket = call.resources.first().and_then(|resource| resource.split('/').next()).unwrap_or_default();
        self.check_action(&call.caller, "s3:ListBucket", &format!("arn:aws:s3:::{bucket}"))
    }

    /// Whether a caller may do something that AWS does with its role, such as polling a queue.
    ///
    /// # Errors
    /// AccessDenied.
    pub(super) fn check_action(&self, caller: &str, action: &str, resource: &str) -> Result<(), AwsError> {
        let role = self.access.get().and_then(|access| access.roles.get(caller));
        role.map_or(Ok(()), |role| self.decide(caller, role, &Request::new(action, resource)))
    }

    pub(super) fn used(&self) -> BTreeMap<Grant, u64> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn denied(&self) -> Vec<Denial> {
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn decide(&self, caller: &str, role: &Role, request: &Request) -> Result<(), AwsError> {
        let fitting: Vec<_> = role.statements.iter().filter_map(|statement| Some((statement, statement.fits(request)?))).collect();
        if fitting.is_empty() || fitting.iter().any(|(statement, _)| !statement.allows) {
            return Err(self.deny(caller, role, request));
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for (statement, (action, resource)) in fitting {
            let (action, resource) = (action.to_owned(), resource.to_owned());
            *used.entry(Grant { role: role.id.clone(), action, resource, condition: statement.condition() }).or_default() += 1;
        }
        Ok(())
    }

    fn deny(&self, caller: &str, role: &Role, request: &Request) -> AwsError {
        let context: Vec<String> = request.context.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let denial = Denial {
            caller: caller.to_owned(),
            role: role.id.clone(),
            action: request.action.clone(),
            resource: request.resource.clone(),
            context: context.join(", "),
        };
        tracing::error!("{denial}");
        let (action, resource) = (&request.action, &request.resource);
        let who = format!("arn:aws:sts::{}:assumed-role/{}/{caller}", super::ACCOUNT, role.id);
        let message = format!(
            "User: {who} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"
        );
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).push(denial);
        match request.action.starts_with("s3:") {
            true => AwsError::with_status(403, "AccessDenied", message),
            false => AwsError::refused("AccessDeniedException", message),
        }
    }
}
