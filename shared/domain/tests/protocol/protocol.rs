//! The protocol as a model: who can do what in which situation, which faults may come, and what must hold throughout.

use crate::item::{Item, accepted, much_later};
use crate::performer::{Message, Performer};
use crate::world::{Task, World, arn};
use patchbay_domain::run::{CancelReason, Effect, Input, Outcome, Place, State, TaskEnd};
use stateright::{Model, Property};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The protocol with its faults. The booleans are true in production; a test makes each false in turn.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    /// Who performs where.
    pub(crate) places: Vec<Place>,
    /// From the second try on, performers look before they write (R33).
    pub(crate) looks_up: bool,
    /// A lease ends only after its holder has (R13).
    pub(crate) lease_outlives_holder: bool,
    /// A save is refused if somebody else saved meanwhile (R12).
    pub(crate) saves_by_version: bool,
    /// The reaper looks at runs that are due (R16, R18).
    pub(crate) reaps: bool,
    pub(crate) faults: Faults,
}

/// How often what may happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Faults {
    pub(crate) crashes: u8,
    /// Messages that the queue delivers once more.
    pub(crate) duplicates: u8,
    /// Side effects that are made while their answer is lost.
    pub(crate) lost_answers: u8,
    /// Tasks that the platform ends.
    pub(crate) host_failures: u8,
    /// Somebody says "stop".
    pub(crate) stops: u8,
    /// The run's deadline passes.
    pub(crate) deadlines: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Arrives,
    IsLost,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Situation {
    pub(crate) item: Item,
    pub(crate) world: World,
    pub(crate) performers: Vec<Performer>,
    /// Time has passed the end of the lease in the item.
    pub(crate) lease_is_over: bool,
    pub(crate) launch_message: bool,
    pub(crate) results_message: bool,
    /// Stop events that are under way.
    pub(crate) stop_events: BTreeSet<u32>,
    /// The faults that may still come.
    pub(crate) left: Faults,
    /// No terminal state has ever become another.
    pub(crate) unchanged_end: bool,
    /// The protocol's, which never change.
    pub(crate) saves_by_version: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Take { performer: usize, message: Message, again_later: bool },
    Step { performer: usize, answer: Answer },
    Crash { performer: usize },
    LeaseEnds,
    Reap,
    TaskReports { attempt: u32 },
    HostFails { attempt: u32 },
    SomebodyStops,
    DeadlinePasses,
}

impl Protocol {
    /// What production does, with these faults: a launcher and two writers, from the accepted run on.
    pub(crate) fn with(faults: Faults) -> Self {
        let places = vec![Place::Launch, Place::Results, Place::Results];
        Self { places, looks_up: true, lease_outlives_holder: true, saves_by_version: true, reaps: true, faults }
    }

    fn messages(&self, situation: &Situation, place: Place) -> Vec<Message> {
        let waiting = if place == Place::Launch { situation.launch_message } else { situation.results_message };
        let stops = situation.stop_events.iter().filter(|_| place == Place::Results);
        waiting.then_some(Message::Run).into_iter().chain(stops.map(|&attempt| Message::Stopped { attempt })).collect()
    }

    /// Performers of one place are all alike: situations that differ only in who is who are one.
    fn fold(&self, now: &mut Situation) {
        for (first, place) in self.places.iter().enumerate() {
            let alike = self.places[first..].iter().take_while(|other| *other == place).count();
            now.performers[first..first + alike].sort_by_cached_key(hash_of);
        }
    }

    fn reap(&self, now: &mut Situation) {
        match now.world.result_of(now.item.attempt) {
            Some(stored) if matches!(now.item.state, State::Starting | State::Running { .. }) => now.tell(&stored),
            _ if now.task_is_silent() => now.tell(&Input::TaskEnded { attempt: now.item.attempt, end: TaskEnd::Lost }),
            _ => now.forward(),
        }
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Situation {
    /// The run is over, and nothing is left to do for it.
    pub(crate) fn is_settled(&self) -> bool {
        self.item.state.is_terminal() && self.item.outbox.is_empty() && !self.world.slots_held
    }

    /// A running run's task is gone, and nobody said so.
    fn task_is_silent(&self) -> bool {
        let Some(task) = self.item.task.as_ref().filter(|task| !task.ended) else { return false };
        let alive = self.world.tasks.iter().any(|(attempt, state)| *state == Task::Alive && arn(*attempt) == task.arn);
        matches!(self.item.state, State::Running { .. }) && !alive
    }

    /// Whether the reaper's sweep finds the run due and has something to say. It comes when nothing else is under way.
    fn is_due(&self) -> bool {
        let quiet = !self.launch_message && !self.results_message && self.stop_events.is_empty();
        let leased = self.item.lease.is_some() && !self.lease_is_over;
        let at_work = matches!(self.item.state, State::Starting | State::Running { .. });
        let stored = at_work && self.world.results.contains(&self.item.attempt);
        let sends = !self.item.outbox.is_empty();
        let idle = self.performers.iter().all(|performer| performer.message().is_none());
        quiet && idle && !leased && self.item.due_at().is_some() && (sends || stored || self.task_is_silent())
    }

    fn give_back(&mut self, place: Place, message: Message) {
        match (message, place) {
            (Message::Stopped { attempt }, _) => drop(self.stop_events.insert(attempt)),
            (Message::Run, Place::Launch) => self.launch_message = true,
            (Message::Run, Place::Results) => self.results_message = true,
        }
    }
}

impl Model for Protocol {
    type State = Situation;
    type Action = Action;

    fn init_states(&self) -> Vec<Situation> {
        vec![Situation {
            item: Item::from(accepted()),
            world: World::default(),
            performers: vec![Performer::Idle; self.places.len()],
            lease_is_over: false,
            launch_message: true,
            results_message: false,
            stop_events: BTreeSet::new(),
            left: self.faults,
            unchanged_end: true,
            saves_by_version: self.saves_by_version,
        }]
    }

    fn actions(&self, now: &Situation, actions: &mut Vec<Action>) {
        for place in [Place::Launch, Place::Results] {
            // Performers who do nothing are all alike: one of them takes the message.
            let idle = |&i: &usize| self.places[i] == place && matches!(now.performers[i], Performer::Idle);
            let Some(performer) = (0..self.places.len()).find(idle) else { continue };
            for message in self.messages(now, place) {
                actions.push(Action::Take { performer, message, again_later: false });
                if now.left.duplicates > 0 {
                    actions.push(Action::Take { performer, message, again_later: true });
                }
            }
        }
        for (performer, doing) in now.performers.iter().enumerate() {
            if matches!(doing, Performer::Idle) {
                continue;
            }
            actions.push(Action::Step { performer, answer: Answer::Arrives });
            if now.left.crashes > 0 {
                actions.push(Action::Crash { performer });
            }
            let writes = |effect| matches!(effect, Effect::UpdateStatus | Effect::PushBranch | Effect::OpenPullRequest | Effect::StartTask);
            if now.left.lost_answers > 0 && doing.announced().is_some_and(|pending| writes(pending.effect)) {
                actions.push(Action::Step { performer, answer: Answer::IsLost });
            }
        }
        if now.item.lease.is_some() && !now.lease_is_over && (!self.lease_outlives_holder || !now.performers.iter().any(Performer::holds)) {
            actions.push(Action::LeaseEnds);
        }
        if self.reaps && now.is_due() {
            actions.push(Action::Reap);
        }
        for (&attempt, _) in now.world.tasks.iter().filter(|(_, task)| **task == Task::Alive) {
            actions.push(Action::TaskReports { attempt });
            if now.left.host_failures > 0 {
                actions.push(Action::HostFails { attempt });
            }
        }
        if !now.item.state.is_terminal() {
            if now.left.stops > 0 {
                actions.push(Action::SomebodyStops);
            }
            if now.left.deadlines > 0 && now.item.deadline_at.is_some() {
                actions.push(Action::DeadlinePasses);
            }
        }
    }

    fn next_state(&self, last: &Situation, action: Action) -> Option<Situation> {
        let mut now = last.clone();
        match action {
            Action::Take { performer, message, again_later } => {
                let place = self.places[performer];
                match (message, place) {
                    _ if again_later => now.left.duplicates -= 1,
                    (Message::Stopped { attempt }, _) => drop(now.stop_events.remove(&attempt)),
                    (Message::Run, Place::Launch) => now.launch_message = false,
                    (Message::Run, Place::Results) => now.results_message = false,
                }
                now.take(performer, place, message);
            }
            Action::Step { performer, answer } => {
                now.left.lost_answers -= u8::from(answer == Answer::IsLost);
                now.step(self, performer, answer);
            }
            Action::Crash { performer } => {
                now.left.crashes -= 1;
                if let Some(message) = now.performers[performer].message() {
                    now.give_back(self.places[performer], message);
                }
                now.performers[performer] = Performer::Idle;
            }
            Action::LeaseEnds => now.lease_is_over = true,
            Action::Reap => self.reap(&mut now),
            Action::TaskReports { attempt } => {
                now.world.results.insert(attempt);
                now.world.end_task(attempt);
                now.results_message = true;
                now.stop_events.insert(attempt);
            }
            Action::HostFails { attempt } => {
                now.left.host_failures -= 1;
                now.world.end_task(attempt);
                now.stop_events.insert(attempt);
            }
            Action::SomebodyStops => {
                now.left.stops -= 1;
                now.tell(&Input::Cancel { reason: CancelReason::Stopped { by: "ada".into() } });
            }
            Action::DeadlinePasses => {
                now.left.deadlines -= 1;
                now.tell_at(&Input::DeadlinePassed, much_later());
            }
        }
        self.fold(&mut now);
        Some(now)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(AT_MOST_ONE_PULL_REQUEST, |_, now: &Situation| now.world.pull_requests.len() <= 1),
            Property::always(SUCCESS_HAS_ITS_PULL_REQUEST, |_, now: &Situation| match &now.item.state {
                State::Succeeded { outcome: Outcome::PullRequest { .. } } => {
                    now.world.pull_requests.iter().filter(|pull| pull.open).count() == 1
                }
                _ => true,
            }),
            Property::always(AT_MOST_ONE_COMMENT, |_, now: &Situation| now.world.comments.len() <= 1),
            Property::always(AN_END_IS_AN_END, |_, now: &Situation| now.unchanged_end),
            Property::always(A_RUN_WITHOUT_SUCCESS_LEAVES_NO_PULL_REQUEST, |_, now: &Situation| {
                let quiet = now.is_settled() && now.performers.iter().all(|performer| matches!(performer, Performer::Idle));
                let failed = quiet && !matches!(now.item.state, State::Succeeded { .. });
                !failed || now.world.pull_requests.iter().all(|pull| !pull.open) && now.world.branches.is_empty()
            }),
            Property::sometimes(A_RUN_SUCCEEDS, |_, now: &Situation| now.is_settled() && matches!(now.item.state, State::Succeeded { .. })),
        ]
    }
}

pub(crate) const AT_MOST_ONE_PULL_REQUEST: &str = "I2: at most one pull request";
pub(crate) const SUCCESS_HAS_ITS_PULL_REQUEST: &str = "I2: a run that succeeded has exactly one open pull request";
pub(crate) const AT_MOST_ONE_COMMENT: &str = "I3: at most one status comment";
pub(crate) const AN_END_IS_AN_END: &str = "R12: a terminal state never changes";
pub(crate) const A_RUN_WITHOUT_SUCCESS_LEAVES_NO_PULL_REQUEST: &str = "R21: a run that ends otherwise leaves no pull request";
pub(crate) const A_RUN_SUCCEEDS: &str = "a run can succeed";
