//! The header in which SQS's JSON protocol names an error as its older query protocol did. SDKs know errors by that name.

use crate::aws::error::AwsError;

/// `x-amzn-query-error`: the older name and whose fault it is.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-json-api-responses.html>
pub(in crate::aws) fn query_error(error: &AwsError) -> String {
    let fault = if error.status < 500 { "Sender" } else { "Receiver" };
    format!("{};{fault}", older_name(&error.code))
}

/// The names that differ, as the SDKs' service model lists them.
fn older_name(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "QueueNameExists" => "QueueAlreadyExists".to_owned(),
        "UnsupportedOperation"
        | "MessageNotInflight"
        | "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "PurgeQueueInProgress"
        | "QueueDeletedRecently"
        | "TooManyEntriesInBatchRequest" => {
            format!("AWS.SimpleQueueService.{code}")
        }
        "KmsThrottled" => "KMS.ThrottlingException".to_owned(),
        "KmsAccessDenied" => "KMS.AccessDeniedException".to_owned(),
        "KmsDisabled" => "KMS.DisabledException".to_owned(),
        "KmsInvalidKeyUsage" => "KMS.InvalidKeyUsageException".to_owned(),
        "KmsInvalidState" => "KMS.InvalidStateException".to_owned(),
        "KmsNotFound" => "KMS.NotFoundException".to_owned(),
        same => same.to_owned(),
    }
}
