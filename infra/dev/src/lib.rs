//! The local stack: everything of AWS that `template.yaml` asks for, on one machine.
//!
//! `aws` is the emulated AWS behind AWS's own HTTP protocols, `template` what is deployed, `stack` runs the functions
//! and connects queues, routes and schedules, `model` is a scripted model for the demo, `clock` lets a stack's time pass,
//! `chaos` holds the faults and the invariants they must not break, `sweep` the search for calls that break them, `bench` what it
//! all costs, `operations` what an operator does with a deployment here or in AWS, `trial` workflows tried on events,
//! `cli` the commands. Nothing that plays AWS or a forge knows Patchbay's own code but the
//! domain's words: only binaries and endpoints.

pub mod aws;
pub mod bench;
pub mod chaos;
pub mod cli;
pub mod clock;
pub mod model;
pub mod operations;
pub mod stack;
pub mod sweep;
pub mod template;
pub mod trial;
