//! The performers, step by step as `Driver::drive` takes them: read, announce under a lease, perform, note, send on.
//! Between any two steps a performer can crash, and everybody else can act.
//!
//! A save is refused if somebody else saved since the read. Instead of counting versions, which would make every state
//! new, every save marks the others' reads as stale: the same condition, and no state twice.

use crate::item::{Item, NOW, much_later, print_of};
use crate::protocol::{Answer, Protocol, Situation};
use jiff::SignedDuration;
use patchbay_domain::run::state::Lease;
use patchbay_domain::run::{Input, PendingEffect, Place, Run, State, TaskEnd, apply};
use std::hash::{Hash, Hasher};

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
    pub(crate) holder: String,
    /// The item as this performer last read or saved it.
    read: Item,
    /// Somebody else saved the item since.
    pub(crate) stale: bool,
    pub(crate) step: Step,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// The item is read; nothing is announced yet.
    Read,
    /// The try is announced; the side effect is not made.
    Announced(PendingEffect),
    /// The side effect is made, and this came of it; it is not noted.
    Performed(Input),
}

impl Hash for Step {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(print_of(self));
    }
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

    pub(crate) fn holds(&self, lease: &Lease) -> bool {
        matches!(self, Performer::Driving(drive) if drive.holder == lease.holder)
    }

    /// Whether the next step is the one that touches the outside.
    pub(crate) fn announced(&self) -> Option<&PendingEffect> {
        match self {
            Performer::Driving(Drive { step: Step::Announced(pending), .. }) => Some(pending),
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
        let holder = self.fresh_holder();
        self.performers[performer] = Performer::Driving(Drive { message, holder, read: self.item.clone(), stale: false, step: Step::Read });
    }

    /// A name that no lease and no performer bears, as random ones do not.
    fn fresh_holder(&self) -> String {
        let taken = |name: &str| {
            self.item.lease.as_ref().is_some_and(|lease| lease.holder == name)
                || self.performers.iter().any(|p| matches!(p, Performer::Driving(drive) if drive.holder == name))
        };
        ["a", "b", "c", "d", "e"].into_iter().find(|name| !taken(name)).expect("more names than performers").to_owned()
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
            Step::Announced(pending) => {
                let answered = self.world.perform(&drive.read, pending, protocol.looks_up);
                let came = match answer {
                    Answer::Arrives => answered,
                    Answer::IsLost => Input::Postponed { effect: pending.effect, retry_at: NOW },
                };
                self.performers[performer] = Performer::Driving(Drive { step: Step::Performed(came), ..drive });
            }
        }
    }

    /// `Driver::begin`: in one write what the last effect came to, the next effect announced, the lease.
    fn begin(&mut self, protocol: &Protocol, performer: usize, drive: &Drive, came: Option<&Input>) {
        let read = if drive.stale && self.saves_by_version { self.item.clone() } else { drive.read.clone() };
        let now = if self.lease_is_over { much_later() } else { NOW };
        let other = read.leased_to_other(&drive.holder, now).is_some();
        if other && came.is_none() {
            self.performers[performer] = Performer::Idle;
            return;
        }
        let mut after = came.map_or_else(|| (*read).clone(), |input| apply(&read, input, NOW).next);
        let pending = if other { None } else { announce(&mut after, protocol.places[performer]) };
        if !other {
            let lease = || Lease { holder: drive.holder.clone(), until: NOW + SignedDuration::from_mins(2) };
            after.lease = pending.is_some().then(lease);
        }
        let saved = self.save(performer, after);
        self.performers[performer] = match pending {
            Some(pending) => {
                let step = Step::Announced(pending);
                Performer::Driving(Drive { read: saved, stale: false, step, ..drive.clone() })
            }
            None if other => Performer::Idle,
            None => Performer::Sending { message: drive.message },
        };
        // Who can no longer crash sends at once.
        if self.left.crashes == 0 && matches!(self.performers[performer], Performer::Sending { .. }) {
            self.step(protocol, performer, Answer::Arrives);
        }
    }

    fn save(&mut self, performer: usize, after: Run) -> Item {
        let after = Item::from(after);
        if after == self.item {
            return after;
        }
        let taken = after.lease.as_ref().map(|lease| &lease.holder) != self.item.lease.as_ref().map(|lease| &lease.holder);
        self.lease_is_over &= !taken;
        self.become_item(after, Some(performer));
        self.item.clone()
    }

    /// `Dispatch::tell`: applied to whatever is saved, whoever holds the lease; what follows is sent on.
    pub(crate) fn tell(&mut self, input: &Input) {
        self.tell_at(input, NOW);
    }

    pub(crate) fn tell_at(&mut self, input: &Input, now: jiff::Timestamp) {
        let transition = apply(&self.item, input, now);
        if transition.changed {
            self.become_item(Item::from(Run { updated_at: NOW, ..transition.next }), None);
            self.forward();
        }
    }

    fn become_item(&mut self, item: Item, saver: Option<usize>) {
        self.unchanged_end &= !self.item.state.is_terminal() || self.item.state == item.state;
        self.item = item;
        for (index, performer) in self.performers.iter_mut().enumerate() {
            if let Performer::Driving(drive) = performer {
                drive.stale |= Some(index) != saver;
                // A refused save is followed by a read: what was read before matters only where it is being acted on.
                if self.saves_by_version && !matches!(drive.step, Step::Announced(_)) {
                    drive.stale = false;
                    drive.read = self.item.clone();
                }
            }
        }
    }

    /// `Dispatch::forward`: wakes every place that has something to do.
    pub(crate) fn forward(&mut self) {
        self.launch_message |= self.has_launcher && self.item.outbox.iter().any(|p| p.place == Place::Launch);
        self.results_message |= self.item.outbox.iter().any(|p| p.place == Place::Results);
    }
}

/// Counts the next effect's try and gives it.
fn announce(run: &mut Run, place: Place) -> Option<PendingEffect> {
    let effect = run.next_effect(place, NOW)?.effect;
    let pending = run.outbox.iter_mut().find(|p| p.effect == effect)?;
    pending.tries += 1;
    Some(pending.clone())
}
