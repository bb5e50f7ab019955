//! RunTask, and the many ways in which it says no (R17).

use super::Tasks;
use super::config::StartConfig;
use crate::error::AwsError;
use aws_sdk_ecs::error::SdkError;
use aws_sdk_ecs::operation::run_task::{RunTaskError, RunTaskOutput};
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, ContainerOverride, Failure, KeyValuePair, LaunchType, NetworkConfiguration, PropagateTags, TaskOverride,
};

/// The container that gets the environment; the agent's gets nothing (R22).
const SUPERVISOR: &str = "supervisor";
/// RunTask refuses longer overrides.
const MAX_OVERRIDE_CHARS: usize = 8_192;
const MAX_TOKEN_CHARS: usize = 64;
const MAX_STARTED_BY_CHARS: usize = 128;

/// A task to be started. The same token must always come with the same rest.
#[derive(Clone)]
pub struct TaskRequest {
    /// Names run and attempt; at most 64 characters.
    pub client_token: String,
    /// By which the task is found again; at most 128 characters.
    pub started_by: String,
    /// The name of the image that the agent runs in, one of [`Tasks::image_names`]; the configured one if absent.
    pub image: Option<String>,
    /// The supervisor's environment.
    pub environment: Vec<(String, String)>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskStart {
    /// The task is on its way, by this call or by an earlier one with the same token.
    Started { arn: String },
    /// There is no room now: try the same request later.
    NoCapacity { detail: String },
    /// The request can never work as it is.
    Refused { detail: String },
}

impl Tasks {
    /// The names of the images that a task can be asked for, besides the one that has no name.
    pub fn image_names(&self) -> impl Iterator<Item = &str> {
        self.config.start.iter().flat_map(|start| start.images.keys()).map(String::as_str)
    }

    /// Starts a task. An error (`Transient`, `Throttled`) leaves it open whether it was started: try the same request
    /// again. One call.
    pub async fn run(&self, request: &TaskRequest) -> Result<TaskStart, AwsError> {
        let Some(start) = &self.config.start else {
            return Err(AwsError::Permanent("this function is not configured to start tasks".into()));
        };
        if let Some(detail) = too_long(request) {
            return Ok(TaskStart::Refused { detail });
        }
        let Some(task_definition) = start.definition_for(request.image.as_deref()) else {
            return Ok(TaskStart::Refused { detail: "there is no image of that name".to_owned() });
        };
        let call = self.client.run_task().cluster(&self.config.cluster).task_definition(task_definition);
        let answer = call
            .launch_type(LaunchType::Fargate)
            .count(1)
            .client_token(&request.client_token)
            .started_by(&request.started_by)
            .enable_ecs_managed_tags(true)
            .propagate_tags(PropagateTags::TaskDefinition)
            .network_configuration(network(start)?)
            .overrides(overrides(request))
            .send()
            .await;
        match answer {
            Ok(output) => started(&output),
            Err(error) => refused(error),
        }
    }
}

impl StartConfig {
    fn definition_for(&self, image: Option<&str>) -> Option<&str> {
        image.map_or(Some(&self.task_definition), |name| self.images.get(name)).map(String::as_str)
    }
}

fn network(start: &StartConfig) -> Result<NetworkConfiguration, AwsError> {
    let vpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(start.subnets.clone()))
        .set_security_groups(Some(start.security_groups.clone()))
        .assign_public_ip(start.assign_public_ip.clone())
        .build()
        .map_err(|e| AwsError::Permanent(e.to_string()))?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(vpc).build())
}

fn overrides(request: &TaskRequest) -> TaskOverride {
    let pairs = request.environment.iter().map(|(name, value)| KeyValuePair::builder().name(name).value(value).build());
    let supervisor = ContainerOverride::builder().name(SUPERVISOR).set_environment(Some(pairs.collect())).build();
    TaskOverride::builder().container_overrides(supervisor).build()
}

fn too_long(request: &TaskRequest) -> Option<String> {
    // As JSON: {"name":"…","value":"…"}, and the wrapping.
    let overrides: usize = 100 + request.environment.iter().map(|(name, value)| name.len() + value.len() + 24).sum::<usize>();
    let check =
        |what: &str, length: usize, most: usize| (length > most).then(|| format!("{what} is {length} characters long, {most} are allowed"));
    check("the override", overrides, MAX_OVERRIDE_CHARS)
        .or_else(|| check("the client token", request.client_token.len(), MAX_TOKEN_CHARS))
        .or_else(|| check("startedBy", request.started_by.len(), MAX_STARTED_BY_CHARS))
}

/// A 200: a task, or the reason why there is none.
fn started(output: &RunTaskOutput) -> Result<TaskStart, AwsError> {
    if let Some(arn) = output.tasks().first().and_then(|task| task.task_arn()) {
        return Ok(TaskStart::Started { arn: arn.to_owned() });
    }
    match output.failures().first() {
        Some(failure) => Ok(by_failure(failure)),
        None => Err(AwsError::Transient("RunTask answered neither a task nor a failure".into())),
    }
}

fn by_failure(failure: &Failure) -> TaskStart {
    let (reason, detail) = (failure.reason().unwrap_or_default(), failure.detail().unwrap_or_default());
    let text = [reason, detail].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    if reason.starts_with("RESOURCE") || reason == "AGENT" || is_about_capacity(&text) {
        TaskStart::NoCapacity { detail: text }
    } else {
        TaskStart::Refused { detail: text }
    }
}

fn refused(error: SdkError<RunTaskError>) -> Result<TaskStart, AwsError> {
    let SdkError::ServiceError(context) = &error else { return Err(error.into()) };
    let text = context.err().meta().message().unwrap_or_default().to_owned();
    let code = context.err().meta().code().unwrap_or_default().to_owned();
    match context.err() {
        // The token is known: the task it started is the one that was asked for.
        RunTaskError::ConflictException(conflict) => match conflict.resource_ids().first() {
            Some(arn) => Ok(TaskStart::Started { arn: arn.clone() }),
            None => Err(AwsError::Transient("RunTask: the client token is in use".into())),
        },
        _ if code == "ThrottlingException" || is_about_capacity(&text) => Ok(TaskStart::NoCapacity { detail: text }),
        RunTaskError::AccessDeniedException(_)
        | RunTaskError::BlockedException(_)
        | RunTaskError::ClientException(_)
        | RunTaskError::ClusterNotFoundException(_)
        | RunTaskError::InvalidParameterException(_)
        | RunTaskError::PlatformTaskDefinitionIncompatibilityException(_)
        | RunTaskError::PlatformUnknownException(_)
        | RunTaskError::UnsupportedFeatureException(_) => Ok(TaskStart::Refused { detail: format!("{code}: {text}") }),
        _ => Err(error.into()),
    }
}

/// Fargate says in words that there is no room or that the account's quota is used up.
fn is_about_capacity(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["capacity", "limit on the number", "rate exceeded", "too many concurrent"].iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_a_successful_answer_is_told_apart_by_its_reason() {
        let check = |reason: &str, waits: bool| {
            let start = by_failure(&Failure::builder().reason(reason).build());
            assert_eq!(matches!(start, TaskStart::NoCapacity { .. }), waits, "{reason}");
        };
        check("RESOURCE:MEMORY", true);
        check("AGENT", true);
        check("Capacity is unavailable at this time. Please try again later or in a different availability zone", true);
        check("You've reached the limit on the number of vCPUs you can run concurrently", true);
        check("MISSING", false);
        check("ATTRIBUTE", false);
    }

    #[test]
    fn what_run_task_would_refuse_for_its_length_is_not_sent() {
        let request = |token: usize, value: usize| TaskRequest {
            client_token: "t".repeat(token),
            started_by: "s".into(),
            image: None,
            environment: vec![("NAME".into(), "v".repeat(value))],
        };
        assert_eq!(too_long(&request(64, 8_000)), None);
        assert!(too_long(&request(65, 1)).unwrap().contains("client token"));
        assert!(too_long(&request(1, 8_192)).unwrap().contains("override"));
    }
}
