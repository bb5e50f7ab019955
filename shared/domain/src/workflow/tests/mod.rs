//! Tests of reading, of deciding with whole files, of what is wrong with files, of templates and of what templates see.

mod deciding;
mod documents;
mod problems;
mod reading;
mod rendering;
mod seeing;
mod tables;
