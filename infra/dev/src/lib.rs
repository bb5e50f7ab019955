//! The local stack: everything of AWS that `template.yaml` asks for, on one machine.
//!
//! `aws` is the emulated AWS behind AWS's own HTTP protocols. The rooms beside it read the template, run the
//! functions and connect queues, routes and schedules. Nothing here knows Patchbay's own code: only binaries and endpoints.

pub mod aws;
