//! The hostile side of the local stack, and the judge of what it left behind.
//!
//! `kind` lists what can go wrong, `plan` says when, `aws` and `forge` make it happen at the two ends of Patchbay's calls,
//! and `kill` ends the process that makes one.
//! `evidence` collects what tables, queues, tasks, logs and the local GitHub hold afterwards; `invariants` says what of it
//! must not be. Nothing here knows how Patchbay defends itself.

mod aws;
pub mod evidence;
mod forge;
pub mod invariants;
mod kill;
mod kind;
mod plan;

pub use evidence::Evidence;
pub use invariants::{Invariant, Rules, Violation, violations};
pub use kind::Kind;
pub use plan::{Plan, Shot};

use crate::stack::StackConfig;
use crate::stack::callers::Callers;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A place that a test's seed has struck this often at most is left in peace, so that everything comes to rest.
const CALM_AFTER: u64 = 40;

/// Faults for one stack: asks the plan at every place, and remembers what it injected.
pub struct Chaos {
    plan: Mutex<Plan>,
    /// How often each kind could have struck at each place; with a script, under the shot's own number.
    reached: Mutex<BTreeMap<(Kind, String), u64>>,
    injected: Mutex<Vec<(Kind, String)>>,
    calm: AtomicBool,
    callers: Arc<Callers>,
}

/// What was injected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The seed, if one decided.
    pub seed: Option<u64>,
    /// Each kind with the places where it struck, in order.
    pub injected: BTreeMap<Kind, Vec<String>>,
}

impl Chaos {
    /// Faults by a seed, which stop at each place after a while.
    pub fn from_seed(seed: u64) -> Arc<Self> {
        Self::new(Plan::Seeded { seed, calm_after: Some(CALM_AFTER) })
    }

    /// Faults by a seed, for as long as the stack runs.
    pub fn forever(seed: u64) -> Arc<Self> {
        Self::new(Plan::Seeded { seed, calm_after: None })
    }

    /// These faults and no others.
    pub fn scripted(shots: impl IntoIterator<Item = Shot>) -> Arc<Self> {
        Self::new(Plan::Scripted(shots.into_iter().collect()))
    }

    fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Self {
            plan: Mutex::new(plan),
            reached: Mutex::default(),
            injected: Mutex::default(),
            calm: AtomicBool::new(false),
            callers: Arc::default(),
        })
    }

    /// Puts itself into every hook of a stack that is to be started; of one stack only.
    pub fn install(self: &Arc<Self>, config: &mut StackConfig) {
        config.callers = Some(Arc::clone(&self.callers));
        let chaos = Arc::clone(self);
        config.faults = Some(Arc::new(move |call, moment| aws::at_call(&chaos, call, moment)));
        let chaos = Arc::clone(self);
        config.queue_faults = Some(Arc::new(move |queue, moment| aws::at_queue(&chaos, queue, moment)));
        let chaos = Arc::clone(self);
        config.task_event_faults = Some(Arc::new(move |event| aws::at_task_event(&chaos, event)));
        let chaos = Arc::clone(self);
        config.forge_faults = Some(Arc::new(move |call, moment| forge::at_request(&chaos, call, moment)));
        let chaos = Arc::clone(self);
        config.post_faults = Some(Arc::new(move |post| forge::at_post(&chaos, post)));
    }

    /// From now on these faults and no others; what was injected before is forgotten.
    pub fn aim(&self, shots: impl IntoIterator<Item = Shot>) {
        *locked(&self.plan) = Plan::Scripted(shots.into_iter().collect());
        locked(&self.reached).clear();
        locked(&self.injected).clear();
    }

    /// From now on nothing is injected.
    pub fn calm(&self) {
        self.calm.store(true, Ordering::Release);
    }

    /// What was injected until now.
    pub fn summary(&self) -> Summary {
        let seed = match &*locked(&self.plan) {
            Plan::Seeded { seed, .. } => Some(*seed),
            Plan::Scripted(_) => None,
        };
        let mut injected: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
        for (kind, place) in locked(&self.injected).iter() {
            injected.entry(*kind).or_default().push(place.clone());
        }
        Summary { seed, injected }
    }

    /// Whether every certain fault has struck as often as it should.
    pub fn is_spent(&self) -> bool {
        let wanted = match &*locked(&self.plan) {
            Plan::Seeded { .. } => 0,
            Plan::Scripted(shots) => shots.iter().map(|shot| shot.times).sum(),
        };
        locked(&self.injected).len() as u64 >= wanted
    }

    /// Whether this kind strikes here, now that the place is reached once more.
    fn strikes(&self, kind: Kind, place: &str) -> bool {
        self.strikes_at(kind, place, "")
    }

    /// The same for a request with a path, which only scripts look at.
    fn strikes_at(&self, kind: Kind, place: &str, path: &str) -> bool {
        let struck = self.draws(kind, place, path);
        if struck {
            self.note(kind, place);
        }
        struck
    }

    /// Whether this kind is to strike here, now that the place is reached once more; `note` says that it did.
    fn draws(&self, kind: Kind, place: &str, path: &str) -> bool {
        if self.calm.load(Ordering::Acquire) {
            return false;
        }
        match &*locked(&self.plan) {
            Plan::Seeded { seed, calm_after } => plan::seed_strikes(*seed, *calm_after, kind, place, self.reach(kind, place)),
            Plan::Scripted(shots) => {
                let aimed = shots.iter().enumerate().filter(|(_, shot)| shot.aims_at(kind, place, path));
                // Every shot counts, also when another one strikes.
                aimed.map(|(number, shot)| shot.strikes(self.reach(kind, &number.to_string()))).fold(false, |any, one| any | one)
            }
        }
    }

    fn note(&self, kind: Kind, place: &str) {
        tracing::info!(%kind, place, "chaos strikes");
        locked(&self.injected).push((kind, place.to_owned()));
    }

    /// How often this kind has struck.
    fn times(&self, kind: Kind) -> u64 {
        locked(&self.injected).iter().filter(|(injected, _)| *injected == kind).count() as u64
    }

    fn reach(&self, kind: Kind, place: &str) -> u64 {
        let mut reached = locked(&self.reached);
        let count = reached.entry((kind, place.to_owned())).or_default();
        *count += 1;
        *count
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seed) = self.seed {
            writeln!(formatter, "Chaos with seed {seed}:")?;
        }
        if self.injected.is_empty() {
            return writeln!(formatter, "  nothing was injected");
        }
        for (kind, places) in &self.injected {
            writeln!(formatter, "  {kind:<22} {:>4}", places.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_strikes_the_same_whatever_else_happens_in_between() {
        let draw = |other: bool| {
            let chaos = Chaos::from_seed(11);
            let strikes = (0..40).map(|_| {
                if other {
                    chaos.strikes(Kind::MessageTwice, "elsewhere");
                }
                chaos.strikes(Kind::MessageOutOfOrder, "events")
            });
            strikes.collect::<Vec<_>>()
        };
        assert_eq!(draw(false), draw(true));
        assert!(draw(false).contains(&true));
    }

    #[test]
    fn a_script_strikes_as_told_and_says_what_it_did() {
        let chaos = Chaos::scripted([Shot::at(Kind::StartRefused, "RunTask").times(2), Shot::at(Kind::ForgeDown, "/pulls")]);
        let starts: Vec<bool> = (0..4).map(|_| chaos.strikes(Kind::StartRefused, "run-launcher ecs:RunTask")).collect();
        assert_eq!(starts, [true, true, false, false]);
        assert!(!chaos.is_spent() && !chaos.strikes(Kind::ForgeDown, "GET /issues") && chaos.strikes(Kind::ForgeDown, "GET /pulls"));
        assert!(chaos.is_spent());
        let said = chaos.summary().to_string();
        assert!(said.contains("start-refused") && said.contains("   2") && said.contains("forge-down"), "{said}");
    }

    #[test]
    fn after_a_word_of_peace_nothing_strikes() {
        let chaos = Chaos::scripted([Shot::at(Kind::ForgeDown, "")]);
        chaos.calm();
        assert!(!chaos.strikes(Kind::ForgeDown, "GET /x"));
    }
}
