//! The local GitHub through its own doors: real HTTP, real git, real webhooks.

mod app_tokens;
mod checks;
mod contents;
mod faults;
mod forks;
mod git_data;
mod git_wire;
mod hooks;
mod moves;
mod octocrab_client;
mod pages;
mod people;
mod pulls;
mod restart;
mod shapes;
mod stage;
mod threads;
mod told;
