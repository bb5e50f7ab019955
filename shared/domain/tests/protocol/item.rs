//! The run's item in the table: the production `Run`, cheap to copy and to tell apart.
//!
//! Time stands still at `NOW`; what depends on its passing (a lease's end, a deadline) is an action of the model.

use jiff::{SignedDuration, Timestamp};
use patchbay_domain::event::{Actor, ActorKind, Repository, SubjectKind};
use patchbay_domain::ids::{ConnectionId, DeliveryId, RunId, WorkspaceId};
use patchbay_domain::run::apply::accept;
use patchbay_domain::run::state::{NewRun, Request, ThreadRef};
use patchbay_domain::run::{Input, Run, apply};
use patchbay_domain::task::Mode;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

pub(crate) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// After every lease's end and every deadline.
pub(crate) fn much_later() -> Timestamp {
    NOW + SignedDuration::from_hours(24)
}

/// One saved state of the run, with the fingerprint of everything in it.
#[derive(Clone)]
pub(crate) struct Item {
    run: Arc<Run>,
    print: u64,
}

impl From<Run> for Item {
    fn from(run: Run) -> Self {
        let print = print_of(&run);
        Self { run: Arc::new(run), print }
    }
}

impl Deref for Item {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.run
    }
}

impl Hash for Item {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.print);
    }
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let outbox: Vec<String> = self.outbox.iter().map(|p| format!("{}×{}", p.effect.name(), p.tries)).collect();
        let holder = self.lease.as_ref().map(|lease| lease.holder.as_str());
        write!(f, "{} attempt {} outbox {outbox:?} lease {holder:?}", self.state.name(), self.attempt)
    }
}

/// A fingerprint of everything that `value` shows of itself: production types need no `Hash` for this model's sake.
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

/// The run once its task has started; its status comment is still to be written.
pub(crate) fn running() -> Run {
    let started = Input::TaskStarted { attempt: 1, arn: "arn:task/1".into() };
    [Input::SlotsClaimed, started].iter().fold(accepted(), |run, input| apply(&run, input, NOW).next)
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
        thread: ThreadRef { kind: SubjectKind::Issue, number: 12, title: "t".into(), url: url.clone() },
        request: Request {
            mode: Mode::Auto,
            prompt: "p".into(),
            requester: Actor { id: 9, login: "ada".into(), kind: ActorKind::Person },
            url,
            delivery: DeliveryId("d1".into()),
            label: None,
            options: Default::default(),
        },
        deadline_seconds: 1800,
        budget_microusd: 2_000_000,
    };
    accept(new, NOW)
}
