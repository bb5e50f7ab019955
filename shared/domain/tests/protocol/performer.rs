//! The performers, step by step as `Driver::drive` takes them: read, announce under a lease, perform, note, send on.
//! Between any two steps a performer can crash, and everybody else can act.
//!
//! A save is refused if somebody else saved since the read, and what follows is done with what is saved now. So a performer
//! need not remember what it read, except where saves overwrite, and for the side effect that it is making.

use crate::item::{Item, NOW, Printed, much_later, print_of, remembered};
use crate::protocol::{Answer, Protocol, Situation};
use jiff::SignedDuration;
use patchbay_domain::run::state::Lease;
use patchbay_domain::run::{Input, PendingEffect, Place, Run, State, TaskEnd, apply};

/// The holder of the lease in the item, whoever it is: who it is, the performers know.
const HOLDER: &str = "holder";
/// Whoever does not hold it.
const NOT_THE_HOLDER: &str = "other";

/// What woke a performer; it goes back to the queue when the performer crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    Run,
    /// ECS's word that an attempt's task stopped.
    Stopped {
        attempt: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) enum Performer {
    Idle,
    /// Has seen that this attempt, the run's present one when it was read, left no result.
    TellingEnd {
        attempt: u32,
    },
    Driving(Drive),
    /// Nothing is left to do here; whoever is next is to be woken.
    Sending {
        message: Message,
    },
}

/// One invocation of `drive`.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Drive {
    pub(crate) message: Message,
    /// The lease in the item is this one's.
    pub(crate) holds: bool,
    /// The item as this performer last read or saved it, where saves overwrite: else the one that is saved now.
    read: Option<Item>,
    pub(crate) step: Step,
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) enum Step {
    /// The item is read; nothing is announced yet.
    Read,
    /// The try of this run's effect is announced; the side effect is not made.
    Announced { run: Item, pending: Printed<PendingEffect> },
    /// The side effect is made, and this came of it; it is not noted.
    Performed(Printed<Input>),
}

impl Performer {
    /// The message that a crash gives back to the queue.
    pub(crate) fn message(&self) -> Option<Message> {
        match self {
            Performer::Idle => None,
            Performer::TellingEnd { attempt } => Some(Message::Stopped { attempt: *attempt }),
            Performer::Sending { message } => Some(*message),
            Performer::Driving(drive) => Some(drive.message),
        }
    }

    pub(crate) fn holds(&self) -> bool {
        matches!(self, Performer::Driving(Drive { holds: true, .. }))
    }

    /// Whether the next step is the one that touches the outside.
    pub(crate) fn announced(&self) -> Option<&PendingEffect> {
        match self {
            Performer::Driving(Drive { step: Step::Announced { pending, .. }, .. }) => Some(pending),
            _ => None,
        }
    }
}

impl Situation {
    /// A performer takes a message: `Results::handle_message`, `Results::task_ended` or `Launcher::handle_message`.
    pub(crate) fn take(&mut self, performer: usize, place: Place, message: Message) {
        if place == Place::Results {
            let at_work = matches!(self.item.state, State::Starting | State::Running { .. });
            match (message, self.world.result_of(self.item.attempt)) {
                (Message::Stopped { attempt }, _) if self.item.attempt != attempt => {}
                (_, Some(stored)) if at_work => self.tell(&stored),
                (Message::Stopped { attempt }, _) => {
                    self.performers[performer] = Performer::TellingEnd { attempt };
                    return;
                }
                (Message::Run, _) => {}
            }
        }
        self.start_driving(performer, message);
    }

    fn start_driving(&mut self, performer: usize, message: Message) {
        let read = self.read_by_hand();
        self.performers[performer] = Performer::Driving(Drive { message, holds: false, read, step: Step::Read });
    }

    /// What a performer remembers of a read.
    fn read_by_hand(&self) -> Option<Item> {
        (!self.saves_by_version).then(|| self.item.clone())
    }

    /// The next step of a performer that is at work. `answer` matters only where the outside is touched.
    pub(crate) fn step(&mut self, protocol: &Protocol, performer: usize, answer: Answer) {
        let drive = match &self.performers[performer] {
            Performer::Idle => return,
            Performer::TellingEnd { attempt } => {
                let (attempt, end) = (*attempt, TaskEnd::Infrastructure { detail: "host gone".into() });
                let message = Message::Stopped { attempt };
                self.performers[performer] = Performer::Idle;
                self.tell(&Input::TaskEnded { attempt, end });
                return self.start_driving(performer, message);
            }
            Performer::Sending { .. } => {
                self.forward();
                self.performers[performer] = Performer::Idle;
                return;
            }
            Performer::Driving(drive) => drive.clone(),
        };
        match &drive.step {
            Step::Read => self.begin(protocol, performer, &drive, None),
            Step::Performed(input) => self.begin(protocol, performer, &drive, Some(input)),
            Step::Announced { run, pending } => {
                let answered = self.world.perform(run, pending, protocol.looks_up);
                let came = match answer {
                    Answer::Arrives => answered,
                    Answer::IsLost => Input::Postponed { effect: pending.effect, retry_at: NOW },
                };
                self.performers[performer] = Performer::Driving(Drive { step: Step::Performed(came.into()), ..drive });
            }
        }
    }

    /// `Driver::begin`: in one write what the last effect came to, the next effect announced, the lease.
    fn begin(&mut self, protocol: &Protocol, performer: usize, drive: &Drive, came: Option<&Printed<Input>>) {
        let read = drive.read.as_ref().unwrap_or(&self.item).clone();
        let now = if self.lease_is_over { much_later() } else { NOW };
        let other = read.leased_to_other(if drive.holds { HOLDER } else { NOT_THE_HOLDER }, now).is_some();
        if other && came.is_none() {
            self.performers[performer] = Performer::Idle;
            return;
        }
        let place = protocol.places[performer];
        let question = print_of(&("begin", place, other, came.map(Printed::print)));
        let after = remembered(&read, question, |read| {
            let mut after = came.map_or_else(|| read.clone(), |input| apply(read, input, NOW).next);
            let announced = !other && announce(&mut after, place);
            if !other {
                after.lease = announced.then(|| Lease { holder: HOLDER.into(), until: NOW + SignedDuration::from_mins(2) });
            }
            after
        });
        // What is announced is the first of what could be done, counted once more.
        let pending = if other { None } else { after.next_effect(place, NOW).cloned() };
        self.save(performer, after.clone(), !other);
        let holds = pending.is_some();
        self.performers[performer] = match pending {
            Some(pending) => {
                let step = Step::Announced { run: seen_by_effects(&after), pending: seen_of(pending).into() };
                Performer::Driving(Drive { message: drive.message, holds, read: self.read_by_hand(), step })
            }
            None if other => Performer::Idle,
            None => Performer::Sending { message: drive.message },
        };
        // Who can no longer crash sends at once.
        if self.left.crashes == 0 && matches!(self.performers[performer], Performer::Sending { .. }) {
            self.step(protocol, performer, Answer::Arrives);
        }
    }

    /// Saves what a performer made of the item. One that writes the lease takes it from whoever had it.
    fn save(&mut self, performer: usize, after: Item, writes_lease: bool) {
        if writes_lease {
            let takes = after.lease.is_none() || !self.performers[performer].holds();
            self.lease_is_over &= !takes;
            for (index, other) in self.performers.iter_mut().enumerate() {
                if let Performer::Driving(drive) = other {
                    drive.holds &= index == performer;
                }
            }
        }
        self.become_item(after);
    }

    /// `Dispatch::tell`: applied to whatever is saved, whoever holds the lease; what follows is sent on.
    pub(crate) fn tell(&mut self, input: &Input) {
        self.tell_at(input, NOW);
    }

    pub(crate) fn tell_at(&mut self, input: &Input, now: jiff::Timestamp) {
        let after = remembered(&self.item, print_of(&("tell", input, now)), |run| {
            let transition = apply(run, input, now);
            if transition.changed { Run { updated_at: NOW, ..transition.next } } else { run.clone() }
        });
        if after != self.item {
            self.become_item(after);
            self.forward();
        }
    }

    fn become_item(&mut self, item: Item) {
        self.unchanged_end &= !self.item.state.is_terminal() || self.item.state == item.state;
        self.item = item;
    }

    /// `Dispatch::forward`: wakes every place that has something to do.
    pub(crate) fn forward(&mut self) {
        self.launch_message |= self.item.outbox.iter().any(|p| p.place == Place::Launch);
        self.results_message |= self.item.outbox.iter().any(|p| p.place == Place::Results);
    }
}

/// Of the run as it was at the announcement, what side effects depend on here: situations that differ in the rest are one.
fn seen_by_effects(item: &Item) -> Item {
    remembered(item, print_of(&"effects"), |run| Run {
        state: State::Starting,
        outbox: Vec::new(),
        lease: None,
        task: None,
        deadline_at: None,
        status_at: None,
        result_key: None,
        ..run.clone()
    })
}

/// Of an announced effect: which it is, and whether it is the first try.
fn seen_of(pending: PendingEffect) -> PendingEffect {
    PendingEffect { tries: pending.tries.min(2), decided_after: 0, not_before: None, ..pending }
}

/// Counts the try of the next effect, if there is one.
fn announce(run: &mut Run, place: Place) -> bool {
    let Some(effect) = run.next_effect(place, NOW).map(|pending| pending.effect) else { return false };
    let pending = run.outbox.iter_mut().find(|pending| pending.effect == effect);
    pending.map(|pending| pending.tries += 1).is_some()
}
