//! The sweep: every journey is played again for every call that leaves a process in it, with that process killed right
//! before the call or right after it, or with the answer lost; then the invariants are checked.
//!
//! `journey` says what is played, `scene` plays it, `engine` is what `http` steps call, `tap` records calls and strikes,
//! `verdict` judges, `campaign` goes through all of it, `table` shows what came of it. The time between passes without waiting
//! (`crate::clock`).

mod campaign;
mod engine;
pub mod journey;
mod point;
mod scene;
mod table;
mod tap;
mod verdict;

pub use campaign::{Options, sweep};
pub use point::{Fault, Kind, Point};
pub use table::{JourneyResult, Report, Violation};
