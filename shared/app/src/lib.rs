//! The use cases: what each function does, over the forge's contract and the AWS structs. The state machine and every
//! pure decision live in `domain`; reading environments and events off the wire is the functions' own.

pub mod callback;
pub mod config;
pub mod dispatch;
pub mod drive;
mod enqueue;
mod forge_outcome;
pub mod gateway;
pub mod intake;
pub mod launch;
pub mod matching;
pub mod messages;
pub mod open;
pub mod reap;
pub mod redelivery;
pub mod results;
mod schedules;
pub mod services;
pub mod signing;
mod status;
pub mod steps;
