//! Workflows tried on events: what a file would start and what not, with the code that decides in a deployment. `payload` makes
//! events of payloads and of words, `knowledge` decides with what somebody says about them, `comparison` holds what would be
//! beside what was. Nothing is read from anywhere here, and nothing printed.

pub mod comparison;
pub mod knowledge;
pub mod payload;
