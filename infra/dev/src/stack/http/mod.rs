//! The HTTP faces of functions: API Gateway's HTTP API and function URLs, both in payload format 2.0.
//!
//! `event` makes an event of a request, `reply` a response of what the function returned, `api` matches routes,
//! `function_url` streams.

pub mod api;
pub mod event;
pub mod function_url;
pub mod reply;
