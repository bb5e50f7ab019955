//! The run: one execution of a workflow for one event, and the state machine that everything serves.
//!
//! `state` says what a run can be, `input` what can happen to it, `effect` what must follow, and `apply` how
//! the three meet; `plan` is a workflow's steps, `steps` how a run goes through them, and `outputs` how much they may leave
//! behind. Saving, leases and performing effects live in the `aws` and `app` crates.

pub mod apply;
pub mod effect;
pub mod input;
mod outbox;
mod outputs;
pub mod plan;
pub mod state;
mod steps;

pub use apply::{Transition, apply};
pub use effect::{Effect, PendingEffect, Place};
pub use input::{CancelReason, Input, SlotScope, TaskEnd};
pub use outputs::MAX_OUTPUTS_BYTES;
pub use plan::Plan;
pub use state::{Outcome, QueuedBecause, Run, State};

#[cfg(test)]
mod tests;
