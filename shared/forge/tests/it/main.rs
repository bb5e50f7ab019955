//! The forge crate from outside: payload samples become events and start recipes, and the GitHub client against a scripted server (what
//! it sends) and against the local GitHub (whether that does what it should).

mod access;
mod code;
mod content;
mod deliveries;
mod events;
mod local;
mod moved;
mod recipes;
mod server;
mod steps;
mod templates;
mod threads;
mod tokens;
mod told;
