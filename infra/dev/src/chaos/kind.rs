//! Everything that chaos can do to Patchbay, one word each, with how often it strikes when a seed decides.

use std::fmt;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SQS delivers a message twice.
    MessageTwice,
    /// SQS shows a message again while it is still being worked on.
    MessageEarly,
    /// SQS gives a newer message before an older one.
    MessageOutOfOrder,
    /// SQS shows a message seconds after it was sent.
    MessageLate,
    /// SendMessage fails; nothing is stored.
    SendRefused,
    /// SendMessage stores the message, and the answer is lost.
    SendUnanswered,
    /// DynamoDB throttles a call.
    TableThrottled,
    /// DynamoDB refuses a write because of a transaction under way, or cancels a transaction for the same reason.
    TableConflict,
    /// DynamoDB writes, and the answer is lost.
    TableUnanswered,
    /// S3, KMS or Secrets Manager fail.
    ServiceDown,
    /// RunTask answers 200 with `failures[]`: no capacity.
    StartRefused,
    /// RunTask is throttled.
    StartThrottled,
    /// RunTask starts a task, and the answer is lost.
    StartUnanswered,
    /// RunTask's answer comes late: the task's events may overtake it.
    StartSlow,
    /// EventBridge loses a task's event.
    TaskEventLost,
    /// EventBridge delivers a task's event twice.
    TaskEventTwice,
    /// EventBridge delivers a task's event seconds late.
    TaskEventLate,
    /// GitHub does what it is asked for, and the answer is lost.
    ForgeUnanswered,
    /// GitHub answers 500.
    ForgeDown,
    /// GitHub's proxy answers 502.
    ForgeBadGateway,
    /// GitHub answers 429 with `Retry-After`.
    ForgeLimited,
    /// GitHub's secondary limit: 403 with `Retry-After`.
    ForgeSecondaryLimit,
    /// GitHub refuses the token: 401.
    ForgeRevoked,
    /// GitHub takes seconds to answer.
    ForgeSlow,
    /// A webhook arrives twice.
    PostTwice,
    /// A webhook is overtaken by the next one.
    PostLate,
    /// A webhook arrives, and GitHub never hears our answer.
    PostUnanswered,
    /// kill -9 of a function's process when its call has arrived and nothing happened yet.
    KilledBefore,
    /// kill -9 of a function's process when its call took effect, before the answer.
    KilledAfter,
    /// kill -9 of a function's process while the answer to its call is under way, or has just been heard.
    KilledAnswered,
}

impl Kind {
    /// Every kind with its word and how often it strikes, in thousandths of the calls that it can strike.
    const TABLE: [(Kind, &'static str, u64); 30] = [
        (Kind::MessageTwice, "message-twice", 60),
        (Kind::MessageEarly, "message-early", 40),
        (Kind::MessageOutOfOrder, "message-out-of-order", 200),
        (Kind::MessageLate, "message-late", 80),
        (Kind::SendRefused, "send-refused", 30),
        (Kind::SendUnanswered, "send-unanswered", 30),
        (Kind::TableThrottled, "table-throttled", 20),
        (Kind::TableConflict, "table-conflict", 20),
        (Kind::TableUnanswered, "table-unanswered", 20),
        (Kind::ServiceDown, "service-down", 20),
        (Kind::StartRefused, "start-refused", 150),
        (Kind::StartThrottled, "start-throttled", 100),
        (Kind::StartUnanswered, "start-unanswered", 150),
        (Kind::StartSlow, "start-slow", 150),
        (Kind::TaskEventLost, "task-event-lost", 200),
        (Kind::TaskEventTwice, "task-event-twice", 200),
        (Kind::TaskEventLate, "task-event-late", 200),
        (Kind::ForgeUnanswered, "forge-unanswered", 40),
        (Kind::ForgeDown, "forge-down", 30),
        (Kind::ForgeBadGateway, "forge-bad-gateway", 20),
        (Kind::ForgeLimited, "forge-limited", 15),
        (Kind::ForgeSecondaryLimit, "forge-secondary-limit", 15),
        (Kind::ForgeRevoked, "forge-revoked", 15),
        (Kind::ForgeSlow, "forge-slow", 30),
        (Kind::PostTwice, "post-twice", 150),
        (Kind::PostLate, "post-late", 150),
        (Kind::PostUnanswered, "post-unanswered", 80),
        (Kind::KilledBefore, "killed-before", 6),
        (Kind::KilledAfter, "killed-after", 6),
        (Kind::KilledAnswered, "killed-answered", 6),
    ];

    /// Every kind.
    pub fn all() -> impl Iterator<Item = Kind> {
        Self::TABLE.iter().map(|(kind, ..)| *kind)
    }

    /// The kind's word.
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(kind, ..)| *kind == self).map_or("", |(_, name, _)| name)
    }

    /// How often it strikes when a seed decides, in thousandths.
    pub fn rate(self) -> u64 {
        Self::TABLE.iter().find(|(kind, ..)| *kind == self).map_or(0, |(.., rate)| *rate)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_has_a_word_of_its_own_and_can_strike() {
        // The last kind's number is the count: one that is missing from the table shows here.
        assert_eq!(Kind::all().count(), Kind::KilledAnswered as usize + 1);
        let names: BTreeSet<&str> = Kind::all().map(Kind::name).collect();
        assert_eq!(names.len(), Kind::all().count());
        assert!(Kind::all().all(|kind| (1..=500).contains(&kind.rate()) && !kind.name().is_empty()));
    }
}
