//! The tables in docs/reference/events.md and docs/reference/filters.md, made of the table of kinds and never by hand; and
//! that the prose beside them names everything there is.

use crate::trigger::EventKind;
use crate::trigger::kinds::{FILTERS, rules};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- generated from shared/domain/src/trigger/kinds.rs: UPDATE_DOCS=1 cargo test -p patchbay-domain trigger -->\n";
const END: &str = "<!-- end of the generated part -->\n";

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name)
}

fn codes<'a>(words: impl IntoIterator<Item = &'a &'a str>) -> String {
    words.into_iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Every kind with its actions, defaults and filters.
fn events() -> String {
    let mut text = String::new();
    for kind in EventKind::ALL {
        let rules = rules(kind);
        let _ = write!(text, "\n### `{}`\n\n", kind.as_str());
        if rules.actions.is_empty() {
            let _ = writeln!(text, "- It has no `types`.");
        } else if rules.default_actions == rules.actions {
            let _ = writeln!(text, "- `types`: {}; without `types` all of them count.", codes(rules.actions));
        } else {
            let _ = writeln!(text, "- `types`: {}; without `types` these count: {}.", codes(rules.actions), codes(rules.default_actions));
        }
        let _ = writeln!(text, "- Filters: {}.", codes(rules.filters));
        if !rules.conclusions.is_empty() {
            let _ = writeln!(text, "- `conclusions`: {}.", codes(rules.conclusions));
        }
        if rules.needs_permission {
            let _ = writeln!(text, "- Without `authors`, whoever did it needs write permission.");
        }
        if rules.from_forks {
            let _ = writeln!(text, "- Commits from another repository start nothing without `forks: true`.");
        }
    }
    text + "\n"
}

/// Every filter with the kinds that have it.
fn filters() -> String {
    let mut text = String::from("\n| filter | events |\n|---|---|\n");
    for filter in FILTERS {
        let kinds: Vec<&str> =
            EventKind::ALL.into_iter().filter(|kind| rules(*kind).filters.contains(&filter)).map(EventKind::as_str).collect();
        let _ = writeln!(text, "| `{filter}` | {} |", codes(&kinds));
    }
    text + "\n"
}

#[track_caller]
fn check(name: &str, made: &str) {
    let path = page(name);
    let present = std::fs::read_to_string(&path).expect("the page is part of the repository");
    let (head, rest) = present.split_once(BEGIN).expect("the page has the line that begins the generated part");
    let (table, tail) = rest.split_once(END).expect("the page has the line that ends the generated part");
    #[expect(clippy::disallowed_methods, reason = "a switch for people who changed the table")]
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    if update {
        std::fs::write(&path, format!("{head}{BEGIN}{made}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(
        table, made,
        "docs/reference/{name} is out of date: run `UPDATE_DOCS=1 cargo test -p patchbay-domain trigger` and look at the change"
    );
}

#[test]
fn the_page_of_events_tells_what_the_table_of_kinds_holds() {
    check("events.md", &events());
}

#[test]
fn the_page_of_filters_tells_which_events_have_which() {
    check("filters.md", &filters());
}

#[test]
fn every_filter_has_a_heading_of_its_own() {
    let text = std::fs::read_to_string(page("filters.md")).unwrap();
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("### ")).collect();
    for filter in FILTERS {
        assert!(headings.iter().any(|heading| heading.contains(&format!("`{filter}`"))), "docs/reference/filters.md explains `{filter}`");
    }
}
