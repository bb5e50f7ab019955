//! One queue's behaviour, pure: visibility, delay, receive counts, dead letters, retention and fair groups.
//!
//! Time comes in as an argument. The caller stores what changed.

use super::message::Message;
use crate::aws::spec::QueueSpec;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What became of messages whose time had come.
#[derive(Default)]
pub(super) struct Due {
    /// Received too often: these belong into the dead-letter queue now.
    pub(super) dead: Vec<Message>,
    /// Older than the retention.
    pub(super) expired: Vec<u64>,
}

/// How many messages a queue holds, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Can be received now.
    pub visible: usize,
    /// Received and not yet deleted.
    pub in_flight: usize,
    /// Sent with a delay that has not passed.
    pub delayed: usize,
}

impl Depth {
    /// All messages of the queue.
    pub fn total(&self) -> usize {
        self.visible + self.in_flight + self.delayed
    }
}

#[derive(Default)]
struct Group {
    ready: BTreeSet<u64>,
    in_flight: usize,
    /// The turn in which a message of the group was last handed out.
    served: u64,
}

pub(super) struct Queue {
    pub(super) spec: QueueSpec,
    messages: HashMap<u64, Message>,
    groups: BTreeMap<Option<String>, Group>,
    hidden: BTreeSet<(u64, u64)>,
    by_age: BTreeSet<(u64, u64)>,
    turn: u64,
    /// The order within a group is turned round: a standard queue promises none.
    pub(super) newest_first: bool,
}

impl Queue {
    pub(super) fn new(spec: QueueSpec) -> Self {
        Self {
            spec,
            messages: HashMap::new(),
            groups: BTreeMap::new(),
            hidden: BTreeSet::new(),
            by_age: BTreeSet::new(),
            turn: 0,
            newest_first: false,
        }
    }

    /// Takes a message in, whatever its state.
    pub(super) fn insert(&mut self, message: Message) {
        let seq = message.seq;
        self.by_age.insert((message.content.sent_at, seq));
        self.hidden.insert((message.delivery.visible_at, seq));
        if message.delivery.in_flight {
            self.group_of(&message.content.group).in_flight += 1;
        }
        self.messages.insert(seq, message);
    }

    /// Takes a message out; `None` when there is no such message.
    pub(super) fn remove(&mut self, seq: u64) -> Option<Message> {
        let message = self.messages.remove(&seq)?;
        self.by_age.remove(&(message.content.sent_at, seq));
        self.hidden.remove(&(message.delivery.visible_at, seq));
        let group = self.group_of(&message.content.group);
        group.ready.remove(&seq);
        if message.delivery.in_flight {
            group.in_flight -= 1;
        }
        if group.ready.is_empty() && group.in_flight == 0 {
            self.groups.remove(&message.content.group);
        }
        Some(message)
    }

    /// Makes messages visible whose time has come, gives up those received too often, forgets those too old.
    pub(super) fn advance(&mut self, now: u64) -> Due {
        let mut due = Due::default();
        let retention = u64::try_from(self.spec.retention.as_millis()).unwrap_or(u64::MAX);
        while let Some(&(sent_at, seq)) = self.by_age.first() {
            if sent_at.saturating_add(retention) > now {
                break;
            }
            self.remove(seq);
            due.expired.push(seq);
        }
        while let Some(&(visible_at, seq)) = self.hidden.first() {
            if visible_at > now {
                break;
            }
            self.hidden.remove(&(visible_at, seq));
            if self.is_spent(seq) {
                due.dead.extend(self.remove(seq));
            } else {
                self.make_ready(seq);
            }
        }
        due
    }

    fn is_spent(&self, seq: u64) -> bool {
        let limit = self.spec.redrive.as_ref().map_or(u32::MAX, |redrive| redrive.max_receive_count);
        self.messages.get(&seq).is_some_and(|message| message.delivery.receive_count >= limit)
    }

    fn make_ready(&mut self, seq: u64) {
        let Some(message) = self.messages.get_mut(&seq) else { return };
        let was_in_flight = std::mem::take(&mut message.delivery.in_flight);
        let name = message.content.group.clone();
        let group = self.group_of(&name);
        group.ready.insert(seq);
        if was_in_flight {
            group.in_flight -= 1;
        }
    }

    /// Hands out up to `max` visible messages and hides them for `visibility_ms`.
    pub(super) fn receive(&mut self, max: usize, visibility_ms: u64, now: u64, receipt: impl Fn() -> String) -> Vec<&Message> {
        let mut taken = Vec::new();
        while taken.len() < max {
            let Some(seq) = self.next_fair() else { break };
            taken.push(seq);
            let Some(message) = self.messages.get_mut(&seq) else { break };
            message.delivery.visible_at = now.saturating_add(visibility_ms);
            message.delivery.receive_count += 1;
            message.delivery.first_received_at.get_or_insert(now);
            message.delivery.receipt = Some(receipt());
            message.delivery.in_flight = true;
            self.hidden.insert((message.delivery.visible_at, seq));
        }
        taken.iter().filter_map(|seq| self.messages.get(seq)).collect()
    }

    /// The oldest message of the group with the fewest messages in flight; among equals, of the one that waited
    /// longest for its turn. Messages without a group are tenants of their own: they are never noisy.
    fn next_fair(&mut self) -> Option<u64> {
        self.turn += 1;
        let turn = self.turn;
        let weight = |name: &Option<String>, group: &Group| {
            let in_flight = if name.is_some() { group.in_flight } else { 0 };
            (in_flight, group.served, group.ready.first().copied())
        };
        let ready = self.groups.iter_mut().filter(|(_, group)| !group.ready.is_empty());
        let (_, group) = ready.min_by_key(|(name, group)| weight(name, group))?;
        group.served = turn;
        group.in_flight += 1;
        if self.newest_first { group.ready.pop_last() } else { group.ready.pop_first() }
    }

    /// The message that a receipt's parts name, if that receipt is its last.
    pub(super) fn held(&self, seq: u64, receipt: &str) -> Option<&Message> {
        self.messages.get(&seq).filter(|message| message.delivery.receipt.as_deref() == Some(receipt))
    }

    /// Hides an in-flight message for `visibility_ms` from now on; `None` when it is not in flight.
    pub(super) fn hide(&mut self, seq: u64, visibility_ms: u64, now: u64) -> Option<&Message> {
        let message = self.messages.get_mut(&seq).filter(|message| message.delivery.in_flight)?;
        self.hidden.remove(&(message.delivery.visible_at, seq));
        message.delivery.visible_at = now.saturating_add(visibility_ms);
        self.hidden.insert((message.delivery.visible_at, seq));
        Some(message)
    }

    /// Moves every message's times `by_ms` into the past.
    pub(super) fn pass_time(&mut self, by_ms: u64) {
        let earlier = |times: &BTreeSet<(u64, u64)>| times.iter().map(|&(at, seq)| (at.saturating_sub(by_ms), seq)).collect();
        self.hidden = earlier(&self.hidden);
        self.by_age = earlier(&self.by_age);
        for message in self.messages.values_mut() {
            message.content.sent_at = message.content.sent_at.saturating_sub(by_ms);
            message.delivery.visible_at = message.delivery.visible_at.saturating_sub(by_ms);
            message.delivery.first_received_at = message.delivery.first_received_at.map(|at| at.saturating_sub(by_ms));
        }
    }

    /// Every message, in no order.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// When the next hidden message becomes visible.
    pub(super) fn next_visible_at(&self) -> Option<u64> {
        self.hidden.first().map(|&(visible_at, _)| visible_at)
    }

    /// Counts by state; call `advance` first.
    pub(super) fn depth(&self) -> Depth {
        let visible = self.groups.values().map(|group| group.ready.len()).sum();
        let in_flight = self.groups.values().map(|group| group.in_flight).sum();
        Depth { visible, in_flight, delayed: self.messages.len() - visible - in_flight }
    }

    /// When the oldest message was sent.
    pub(super) fn oldest_sent_at(&self) -> Option<u64> {
        self.by_age.first().map(|&(sent_at, _)| sent_at)
    }

    /// Every message's number, oldest first.
    pub(super) fn seqs(&self) -> Vec<u64> {
        self.by_age.iter().map(|&(_, seq)| seq).collect()
    }

    fn group_of(&mut self, name: &Option<String>) -> &mut Group {
        self.groups.entry(name.clone()).or_default()
    }
}
