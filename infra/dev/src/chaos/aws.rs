//! The hostile AWS: what each kind of fault is at AWS's endpoint, in queues and on the way of a task's events.

use super::{Chaos, Kind, kill};
use crate::aws::{AwsError, Call, Moment, QueueFault, QueueMoment};
use crate::stack::TaskEventFault;
use serde_json::{Value, json};
use std::time::Duration;

/// How late a late message or event is.
const LATE: Duration = Duration::from_secs(2);
/// After what time a message that is shown too early is shown again.
const EARLY: Duration = Duration::from_millis(200);
/// How long RunTask's answer takes when it is slow: longer than a small task lives.
const SLOW_START: Duration = Duration::from_secs(3);

/// What happens to a call, at this moment; `None`: nothing.
pub(super) fn at_call(chaos: &Chaos, call: &Call, moment: Moment) -> Option<AwsError> {
    let action = call.action();
    let resource = call.resources.first().map_or("", String::as_str);
    let place = format!("{} {action} {}", call.caller, if call.service == "s3" { "" } else { resource });
    let dies = match moment {
        Moment::Before => kill::before(chaos, &place, "", call.peer),
        Moment::After => kill::after(chaos, &place, "", call.peer),
    };
    if dies {
        cut("the caller is dead");
    }
    match (call.service, call.operation.as_str(), moment) {
        ("dynamodb", operation, Moment::Before) => before_table(chaos, operation, &place),
        ("dynamodb", operation, Moment::After) if is_write(operation) => lose(chaos, Kind::TableUnanswered, &place),
        ("sqs", "SendMessage", Moment::Before) => chaos
            .strikes(Kind::SendRefused, &place)
            .then(|| AwsError::with_status(503, "ServiceUnavailable", "The service is unavailable. Please try again.")),
        ("sqs", "SendMessage", Moment::After) => lose(chaos, Kind::SendUnanswered, &place),
        ("ecs", "RunTask", Moment::Before) => before_start(chaos, &place),
        ("ecs", "RunTask", Moment::After) => {
            if chaos.strikes(Kind::StartSlow, &place) {
                // The hook cannot wait: another thread takes over this one's tasks meanwhile.
                tokio::task::block_in_place(|| std::thread::sleep(SLOW_START));
            }
            lose(chaos, Kind::StartUnanswered, &place)
        }
        ("s3" | "kms" | "secretsmanager", _, Moment::Before) => chaos
            .strikes(Kind::ServiceDown, &place)
            .then(|| AwsError::with_status(500, "InternalError", "An internal error occurred. Please try again.")),
        _ => None,
    }
}

fn is_write(operation: &str) -> bool {
    matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems")
}

/// The connection ends without an answer.
fn lose(chaos: &Chaos, kind: Kind, place: &str) -> Option<AwsError> {
    if chaos.strikes(kind, place) {
        cut("the answer is lost");
    }
    None
}

/// Ends the connection's task by unwinding, without a panic's message: the socket closes, nothing is sent.
fn cut(why: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(why))
}

fn before_table(chaos: &Chaos, operation: &str, place: &str) -> Option<AwsError> {
    if chaos.strikes(Kind::TableThrottled, place) {
        return Some(AwsError::refused("ThrottlingException", "Throughput exceeds the current capacity of your table or index."));
    }
    // Puts and deletes here never meet a transaction's rows.
    if !matches!(operation, "UpdateItem" | "TransactWriteItems") || !chaos.strikes(Kind::TableConflict, place) {
        return None;
    }
    if operation == "UpdateItem" {
        return Some(AwsError::refused("TransactionConflictException", "Transaction is ongoing for the item"));
    }
    let message = "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict, None]";
    let mut error = AwsError::refused("TransactionCanceledException", message);
    let reasons = json!([{ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" }, { "Code": "None" }]);
    error.extra.insert("CancellationReasons".into(), reasons);
    Some(error)
}

fn before_start(chaos: &Chaos, place: &str) -> Option<AwsError> {
    if chaos.strikes(Kind::StartThrottled, place) {
        return Some(AwsError::refused("ThrottlingException", "Rate exceeded"));
    }
    chaos.strikes(Kind::StartRefused, place).then(|| {
        // No error to AWS: an answer with nothing in it but the reason.
        let mut answer = AwsError::with_status(200, "", "");
        let reason = "Capacity is unavailable at this time. Please try again later or in a different availability zone";
        answer.extra.insert("tasks".into(), json!([]));
        answer.extra.insert("failures".into(), json!([{ "reason": reason }]));
        answer
    })
}

/// What happens to a message when it is sent or received.
pub(super) fn at_queue(chaos: &Chaos, queue: &str, moment: QueueMoment) -> Option<QueueFault> {
    // Nobody reads dead letters but people.
    if queue.ends_with("Dlq") {
        return None;
    }
    let strikes = |kind| chaos.strikes(kind, queue);
    match moment {
        QueueMoment::Send if strikes(Kind::MessageTwice) => Some(QueueFault::Twice),
        QueueMoment::Send if strikes(Kind::MessageLate) => Some(QueueFault::Late(LATE)),
        QueueMoment::Receive if strikes(Kind::MessageEarly) => Some(QueueFault::Early(EARLY)),
        QueueMoment::Receive if strikes(Kind::MessageOutOfOrder) => Some(QueueFault::OutOfOrder),
        _ => None,
    }
}

/// What happens to a task's event.
pub(super) fn at_task_event(chaos: &Chaos, event: &Value) -> Option<TaskEventFault> {
    let place = event["detail"]["lastStatus"].as_str().unwrap_or_default();
    if chaos.strikes(Kind::TaskEventLost, place) {
        Some(TaskEventFault::Lost)
    } else if chaos.strikes(Kind::TaskEventTwice, place) {
        Some(TaskEventFault::Twice)
    } else if chaos.strikes(Kind::TaskEventLate, place) {
        Some(TaskEventFault::Late(LATE))
    } else {
        None
    }
}
