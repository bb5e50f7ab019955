//! Journeys through the real binaries, and checks of the repository itself.

mod architecture;
mod chaos;
mod cloud_answers;
mod command_line;
mod counts;
mod emulator;
mod endings;
mod hostile;
mod images;
mod intake;
mod issue_to_pr;
mod least_privilege;
mod operate;
mod question;
mod recipes;
mod secrets;
mod sweep;
mod template;
mod verified;
mod workflows;
mod workspace;
mod world;
