//! The state machine, tested: every state with every input as one reviewed table, the rules that hold whatever
//! happens, and the cases that somebody once got wrong.

mod cases;
mod diagram;
mod matrix;
mod properties;
mod samples;
mod steps;
