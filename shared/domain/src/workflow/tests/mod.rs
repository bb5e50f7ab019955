//! Tests of reading, of what is wrong with files, of templates and of what templates see.

mod documents;
mod problems;
mod reading;
mod rendering;
mod seeing;
mod tables;
