//! Journeys through the real binaries, and checks of the repository itself.

mod architecture;
mod template;
