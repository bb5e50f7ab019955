//! Tests of reading, of what is wrong with files, of templates and of what templates see.

mod problems;
mod reading;
mod rendering;
