//! Configurations made ready for decisions, and a bounded memory of them: a version never changes, so that an event in a
//! repository whose file did not change reads and compiles nothing. Where versions come from is `configuration`'s.

use lru::LruCache;
use patchbay_aws::tables::core::Scope;
use patchbay_domain::ids::ConnectionId;
use patchbay_domain::trigger::{CompiledTrigger, EventKind};
use patchbay_domain::workflow::{CompiledWorkflow, Configuration, Workflow};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

/// How many versions one process remembers. The largest file is 64 KiB, and most are far smaller.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// A workflow with its triggers compiled.
#[derive(Debug)]
pub(crate) struct ReadyWorkflow {
    pub(crate) workflow: Workflow,
    pub(crate) compiled: CompiledWorkflow,
}

/// A whole configuration, by the kinds of event that its workflows start on.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    workflows: Vec<ReadyWorkflow>,
    by_kind: BTreeMap<EventKind, Vec<usize>>,
}

impl Compiled {
    /// Compiles every trigger, or says which cannot be.
    pub(crate) fn of(configuration: Configuration) -> Result<Self, String> {
        let mut all = Self::default();
        for (place, workflow) in configuration.workflows.into_iter().enumerate() {
            let compiled = CompiledWorkflow::compile(&workflow).map_err(|problems| {
                let first = problems.first().map(|problem| format!("{}: {}", problem.filter, problem.message)).unwrap_or_default();
                format!("workflow `{}`: {first}", workflow.name)
            })?;
            for kind in compiled.triggers.iter().map(CompiledTrigger::event) {
                all.by_kind.entry(kind).or_default().push(place);
            }
            all.workflows.push(ReadyWorkflow { workflow, compiled });
        }
        Ok(all)
    }

    /// The workflows that have a trigger of this kind, in the file's order.
    pub(crate) fn listening(&self, kind: EventKind) -> impl Iterator<Item = &ReadyWorkflow> {
        let places = self.by_kind.get(&kind).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.workflows.get(*place))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.workflows.iter().map(|ready| ready.workflow.name.clone()).collect()
    }

    pub(crate) fn kinds(&self) -> BTreeSet<EventKind> {
        self.by_kind.keys().copied().collect()
    }

    /// All times of all schedules, each once.
    pub(crate) fn crons(&self) -> Vec<String> {
        let triggers = self.workflows.iter().flat_map(|ready| &ready.compiled.triggers);
        let crons: BTreeSet<&str> = triggers.flat_map(CompiledTrigger::crons).map(|cron| cron.text()).collect();
        crons.into_iter().map(str::to_owned).collect()
    }
}

type Key = (ConnectionId, Scope, String);

/// The versions used last.
#[derive(Debug)]
pub struct Configurations(Mutex<LruCache<Key, Arc<Compiled>>>);

impl Default for Configurations {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Configurations {
    pub(super) fn find(&self, connection: &ConnectionId, scope: Scope, version: &str) -> Option<Arc<Compiled>> {
        let key = (connection.clone(), scope, version.to_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    pub(super) fn remember(&self, connection: &ConnectionId, scope: Scope, version: &str, compiled: &Arc<Compiled>) {
        let key = (connection.clone(), scope, version.to_owned());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, Arc::clone(compiled));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use patchbay_domain::workflow::read;

    #[test]
    fn workflows_are_found_by_their_kind_of_event_only() {
        let text = "workflows:\n  a:\n    on:\n      push: {}\n    steps:\n      - file: { path: x }\n  b:\n    on:\n      push: {}\n      schedule: { cron: ['0 4 * * *'] }\n    steps:\n      - file: { path: x }\n";
        let compiled = Compiled::of(read(text).unwrap()).unwrap();
        let names = |kind| compiled.listening(kind).map(|found| found.workflow.name.as_str()).collect::<Vec<_>>();
        assert_eq!(names(EventKind::Push), ["a", "b"]);
        assert_eq!(names(EventKind::Schedule), ["b"]);
        assert_eq!(names(EventKind::Issues), [""; 0]);
        assert_eq!(compiled.crons(), ["0 4 * * *"]);
    }
}
