//! The local GitHub through its own doors: real HTTP, real git, real webhooks.

mod app_tokens;
mod faults;
mod git_data;
mod git_wire;
mod hooks;
mod moves;
mod octocrab_client;
mod pages;
mod pulls;
mod restart;
mod shapes;
mod stage;
mod threads;
