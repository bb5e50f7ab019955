//! The run's item in the table: the production `Run`, cheap to copy and to tell apart.
//!
//! Time stands still at `NOW`; what depends on its passing (a lease's end, a deadline) is an action of the model.

use jiff::{SignedDuration, Timestamp};
use patchbay_domain::event::{Actor, ActorKind, Repository, SubjectKind};
use patchbay_domain::ids::{ConnectionId, DeliveryId, RunId, WorkspaceId};
use patchbay_domain::run::Run;
use patchbay_domain::run::apply::accept;
use patchbay_domain::run::state::{NewRun, Request, ThreadRef};
use patchbay_domain::task::Mode;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

pub(crate) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// After every lease's end and every deadline.
pub(crate) fn much_later() -> Timestamp {
    NOW + SignedDuration::from_hours(24)
}

/// One saved state of the run, or any other value of production's, with the fingerprint of everything in it: production
/// types need neither `Hash` nor a cheap copy for this model's sake.
#[derive(Clone)]
pub(crate) struct Printed<T> {
    value: Arc<T>,
    print: u64,
}

/// The run as it is saved.
pub(crate) type Item = Printed<Run>;

impl<T: std::fmt::Debug> From<T> for Printed<T> {
    fn from(value: T) -> Self {
        let print = print_of(&value);
        Self { value: Arc::new(value), print }
    }
}

impl<T> Printed<T> {
    /// Equal exactly if everything that the value shows of itself is.
    pub(crate) fn print(&self) -> u64 {
        self.print
    }
}

impl<T> Deref for Printed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Hash for Printed<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.print);
    }
}

impl<T> PartialEq for Printed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

/// What `apply` makes of an item, and what a save writes besides: the same question comes up in thousands of situations.
pub(crate) fn remembered(item: &Item, question: u64, answer: impl FnOnce(&Run) -> Run) -> Item {
    thread_local! {
        static KNOWN: RefCell<HashMap<(u64, u64), Item>> = RefCell::default();
    }
    let key = (item.print, question);
    if let Some(known) = KNOWN.with_borrow(|known| known.get(&key).cloned()) {
        return known;
    }
    let new = Item::from(answer(item));
    KNOWN.with_borrow_mut(|known| known.insert(key, new.clone()));
    new
}

impl<T: std::fmt::Debug> std::fmt::Debug for Printed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.value.fmt(f)
    }
}

/// Where the run stands, in one line.
pub(crate) fn summary(item: &Item) -> String {
    let outbox: Vec<String> = item.outbox.iter().map(|p| format!("{}×{}", p.effect.name(), p.tries)).collect();
    let lease = if item.lease.is_some() { "leased" } else { "free" };
    format!("{} attempt {} outbox {outbox:?} {lease}", item.state.name(), item.attempt)
}

/// A fingerprint of everything that `value` shows of itself.
pub(crate) fn print_of(value: &impl std::fmt::Debug) -> u64 {
    let mut printer = Printer(DefaultHasher::new());
    write!(printer, "{value:?}").expect("hashing does not fail");
    printer.0.finish()
}

struct Printer(DefaultHasher);

impl Write for Printer {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// What the matcher creates.
pub(crate) fn accepted() -> Run {
    let workspace = WorkspaceId::of_account("github", 1);
    let url = String::from("https://github.com/acme/hello/issues/12");
    let new = NewRun {
        id: RunId::derive(&workspace, "mention", "d1"),
        workspace,
        connection: ConnectionId::of_installation("github", 7),
        repository: Repository { id: 5, owner: "acme".into(), name: "hello".into(), default_branch: Some("main".into()), private: true },
        thread: Some(ThreadRef { kind: SubjectKind::Issue, number: 12, title: "t".into(), url: url.clone() }),
        request: Request {
            mode: Mode::Auto,
            prompt: "p".into(),
            requester: Actor { id: 9, login: "ada".into(), kind: ActorKind::Person },
            url,
            delivery: DeliveryId("d1".into()),
            label: None,
            authority: Default::default(),
            options: Default::default(),
        },
        plan: None,
        deadline_seconds: 1800,
        budget_microusd: 2_000_000,
    };
    accept(new, NOW)
}
