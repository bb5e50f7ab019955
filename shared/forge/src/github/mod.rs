//! GitHub: `webhook` checks signatures, `convert` turns payloads into events (neither touches the network), `client`
//! is the `Forge` over the REST API. octocrab is used in here and nowhere else.

mod body;
pub mod convert;
mod payload;
pub mod webhook;
