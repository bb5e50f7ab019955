//! A workflow: triggers that say when, steps that say what. Where one comes from (a repository's file, the
//! organisation's default, the built-in one) and how it is kept is `app`'s; which events start it is `trigger`'s.

pub mod limits;
pub mod model;

pub use model::{Concurrency, Configuration, Step, StepAction, Workflow};
