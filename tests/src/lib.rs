//! The journeys are in `it/`.
