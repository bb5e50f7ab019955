//! GitHub: `webhook` checks signatures, `convert` turns payloads into events (neither touches the network), `client`
//! is the `Forge` over the REST API. octocrab is used in here and nowhere else.

mod access;
mod answers;
mod body;
mod checks;
pub(crate) mod client;
mod code;
mod content;
mod context;
pub mod convert;
mod deliveries;
mod details;
mod moved;
mod pages;
mod payload;
mod pulls;
mod refusal;
mod route;
mod threads;
mod tokens;
mod transport;
pub mod webhook;
