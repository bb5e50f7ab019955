//! A workflow: triggers that say when, steps that say what. `read` makes one from a repository's file or says everything that is wrong
//! with it, `compiled` decides about events with all of a file's workflows, `template` renders what steps say, over the names that
//! `context` gives. Where a workflow comes from (a repository's file, the organisation's default, the workspace, the built-in one) and how it is
//! kept is `app`'s; which events start it is `trigger`'s.

mod amounts;
mod code;
mod compiled;
pub mod context;
mod keys;
pub mod limits;
pub mod model;
mod names;
pub mod problem;
mod read;
mod schema;
pub mod template;
mod workspace;
mod yaml;

pub use amounts::{duration_text, money_text, parse_duration, parse_money};
pub use compiled::{CompiledConfiguration, CompiledWorkflow, WorkflowDecision};
pub use context::{Outcome, StepOutputs, commit_of, context, event_context};
pub use model::{Concurrency, Configuration, Step, StepAction, Workflow};
pub use problem::{FILE_PATH, Problem, Problems};
pub use read::{is_name, read};
pub use schema::schema;
pub use template::{TemplateError, check_condition, check_template, holds, literal_mentions, render};
pub use workspace::not_for_workspace;

use crate::text::is_invisible;

#[cfg(test)]
mod tests;
