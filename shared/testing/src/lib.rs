//! What tests, the demo and the local stack stand on: forges and chats that run on this machine.
//!
//! `github` is a stateful GitHub over HTTP. Nothing here depends on the crates under test: it is a second opinion on how
//! the providers behave.

pub mod github;
