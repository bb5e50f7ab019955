//! What can go wrong at AWS, by what a caller does about it: look again, wait, give up.
//! How an SDK error becomes one of these lives here; nothing else inspects SDK errors, but for answers that
//! are part of an operation's meaning (a failed condition, a task that already exists).

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// An AWS call that failed. Texts hold the service's code and message, never a request's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// Somebody else changed it first: load again, decide again.
    #[error("changed by somebody else in the meantime")]
    Conflict,
    #[error("not found")]
    NotFound,
    /// Too fast for the service, after the SDK's own retries: come back later.
    #[error("throttled")]
    Throttled,
    /// Over the service's or our own size limit: will never fit.
    #[error("too large")]
    TooLarge,
    /// Worth another try: no answer, a time-out, the service's own fault.
    #[error("transient: {0}")]
    Transient(String),
    /// Trying again will not help: permissions, a missing table, a malformed request, unreadable data.
    #[error("permanent: {0}")]
    Permanent(String),
}

impl AwsError {
    /// Whether the same call may succeed later without anything else changing.
    pub fn is_retryable(&self) -> bool {
        matches!(self, AwsError::Conflict | AwsError::Throttled | AwsError::Transient(_))
    }

    pub(crate) fn unreadable(what: &str) -> Self {
        AwsError::Permanent(format!("stored {what} cannot be read"))
    }
}

impl<E, R> From<SdkError<E, R>> for AwsError
where
    E: ProvideErrorMetadata,
{
    fn from(error: SdkError<E, R>) -> Self {
        match &error {
            SdkError::ServiceError(context) => classify(context.err().code(), context.err().message()),
            SdkError::TimeoutError(_) => AwsError::Transient("timed out".into()),
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(cause) => AwsError::Transient(format!("no connection: {cause}")),
                None => AwsError::Transient("no connection".into()),
            },
            SdkError::ResponseError(_) => AwsError::Transient("unreadable response".into()),
            SdkError::ConstructionFailure(_) => AwsError::Permanent("the request could not be built".into()),
            _ => AwsError::Transient("unknown failure".into()),
        }
    }
}

/// The error for a service's code and message. SQS's codes are those of its query protocol, which the SDK reads from the
/// header `x-amzn-query-error`.
fn classify(code: Option<&str>, message: Option<&str>) -> AwsError {
    let message = message.unwrap_or_default();
    let text = |code: &str| format!("{code}: {message}");
    match code {
        Some("ConditionalCheckFailedException" | "TransactionCanceledException" | "TransactionConflictException") => AwsError::Conflict,
        Some("NoSuchKey" | "NotFound" | "404") => AwsError::NotFound,
        Some(
            "ThrottlingException"
            | "Throttling"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "RequestThrottled"
            | "SlowDown"
            | "TransactionInProgressException"
            | "OverLimit"
            | "KMS.ThrottlingException",
        ) => AwsError::Throttled,
        Some("EntityTooLarge" | "AWS.SimpleQueueService.BatchRequestTooLong") => AwsError::TooLarge,
        Some("ValidationException") if message.contains("size has exceeded") => AwsError::TooLarge,
        Some(
            code @ ("InternalServerError"
            | "InternalFailure"
            | "InternalError"
            | "InternalServiceError"
            | "ServiceUnavailable"
            | "ServiceUnavailableException"
            | "ServerException"
            | "DependencyTimeoutException"
            | "KMSInternalException"
            | "RequestTimeout"
            | "500"
            | "502"
            | "503"
            | "504"),
        ) => AwsError::Transient(text(code)),
        Some(code) => AwsError::Permanent(text(code)),
        None if message.is_empty() => AwsError::Transient("the service failed without saying why".into()),
        None => AwsError::Transient(message.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_to_do_about_it() {
        let check = |code: &str, message: &str, expected: AwsError| assert_eq!(classify(Some(code), Some(message)), expected, "{code}");
        check("ConditionalCheckFailedException", "", AwsError::Conflict);
        check("ProvisionedThroughputExceededException", "", AwsError::Throttled);
        check("KMS.ThrottlingException", "", AwsError::Throttled);
        check("AWS.SimpleQueueService.BatchRequestTooLong", "", AwsError::TooLarge);
        check("NoSuchKey", "", AwsError::NotFound);
        check("ValidationException", "Item size has exceeded the maximum allowed size", AwsError::TooLarge);
        check("ValidationException", "bad key", AwsError::Permanent("ValidationException: bad key".into()));
        check("InternalServerError", "oops", AwsError::Transient("InternalServerError: oops".into()));
        check("ResourceNotFoundException", "no table", AwsError::Permanent("ResourceNotFoundException: no table".into()));
    }

    #[test]
    fn only_what_may_pass_by_itself_is_retryable() {
        assert!(AwsError::Throttled.is_retryable() && AwsError::Conflict.is_retryable());
        assert!(!AwsError::TooLarge.is_retryable() && !AwsError::Permanent(String::new()).is_retryable());
    }
}
