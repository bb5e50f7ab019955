//! The forge crate from outside: payload samples become events, and the GitHub client against a scripted server.

mod access;
mod code;
mod deliveries;
mod events;
mod server;
mod threads;
mod tokens;
