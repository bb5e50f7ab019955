//! The real `agent-task` processes, both halves, against a gateway and a git server that live in the test. The agent
//! is the scripted one; `aider.rs` says how the real one is tried.

mod bench;
mod failures;
mod gateway;
mod git_server;
mod journeys;
mod rounds;
mod sandbox;
