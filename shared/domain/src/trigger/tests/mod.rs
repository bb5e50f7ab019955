//! Triggers, tested: GitHub's own examples and the traps of its patterns as tables, every filter with every kind of event
//! that has it, what holds for all inputs, and the tables in the documentation.

mod cheat_sheet;
mod checks;
mod cron;
mod docs;
mod machinery;
mod origins;
mod paths;
mod patterns;
mod people;
mod properties;
mod refs;
mod samples;
mod texts;
mod types;
