//! Lambda on this machine: the real function binaries as processes, driven through Lambda's own Runtime API.
//!
//! `runtime_api` speaks to one process, `process` starts and ends it, `pool` keeps a function's processes.
//! Who invokes and why is the business of the rooms beside this one.

mod pool;
mod process;
mod runtime_api;

pub use pool::{Failure, Outcome, Pool};
pub(crate) use process::Launch;
pub(crate) use runtime_api::{Invocation, Reply, Seat, router as runtime_api};

#[cfg(test)]
pub(super) mod tests;
