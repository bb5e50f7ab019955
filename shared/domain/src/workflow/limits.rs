//! How big what people write in a configuration file may be, and what is made of it.

/// What one output of a step holds at most, characters.
pub const MAX_OUTPUT_CHARS: usize = 32_000;
