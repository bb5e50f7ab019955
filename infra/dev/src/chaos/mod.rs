//! The hostile side of the local stack, and the judge of what it left behind.
//!
//! `evidence` collects what tables, queues, tasks, logs and the local GitHub hold; `invariants` says what of it must not be.

pub mod evidence;
pub mod invariants;

pub use evidence::Evidence;
pub use invariants::{Invariant, Rules, Violation, violations};
