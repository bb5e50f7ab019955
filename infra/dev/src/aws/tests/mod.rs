//! Tests through the real SDK clients.
