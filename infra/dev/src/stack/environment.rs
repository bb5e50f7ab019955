//! What the stack's own environment means to its children: almost nothing.

#![expect(clippy::disallowed_methods, reason = "the one place where the stack looks at its own environment")]

/// Basics that a process needs to run at all.
const BASICS: [&str; 4] = ["PATH", "LANG", "TZ", "LD_LIBRARY_PATH"];

/// What a function's process inherits.
pub(super) fn inherited() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| is_basic(name))
}

/// The variables by which cargo tells a child about the package that it runs: a nested cargo must not take them for its own.
pub(super) fn of_the_running_package() -> impl Iterator<Item = String> {
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR")
}

fn is_basic(name: &str) -> bool {
    BASICS.contains(&name)
}
