//! The Mermaid diagram in docs/run-states.md, drawn from what `apply` does and never by hand.

use super::samples::{at, inputs, runs};
use crate::run::apply;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const BEGIN: &str = "<!-- generated from shared/domain/src/run: UPDATE_DOCS=1 cargo test -p patchbay-domain -->\n";
const END: &str = "<!-- end of the generated part -->\n";

fn diagram() -> String {
    let mut edges: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    let mut terminal = Vec::new();
    for (_, run) in runs() {
        for (_, input) in inputs() {
            let next = apply(&run, &input, at(100_000)).next;
            if next.state.name() != run.state.name() {
                let labels = edges.entry((run.state.name(), next.state.name())).or_default();
                if !labels.contains(&input.name()) {
                    labels.push(input.name());
                }
            }
        }
        if run.state.is_terminal() && !terminal.contains(&run.state.name()) {
            terminal.push(run.state.name());
        }
    }
    let mut text = String::from("```mermaid\nstateDiagram-v2\n    [*] --> queued\n");
    for ((from, to), labels) in &edges {
        writeln!(text, "    {from} --> {to}: {}", labels.join(", ")).unwrap();
    }
    for state in terminal {
        writeln!(text, "    {state} --> [*]").unwrap();
    }
    text + "```\n"
}

#[test]
fn the_diagram_in_the_docs_shows_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/run-states.md");
    let page = std::fs::read_to_string(&path).expect("docs/run-states.md is part of the repository");
    let (head, rest) = page.split_once(BEGIN).expect("the page has the line that begins the generated part");
    let (present, tail) = rest.split_once(END).expect("the page has the line that ends the generated part");
    let drawn = diagram();
    #[expect(clippy::disallowed_methods, reason = "a switch for people who changed the state machine")]
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    if update {
        std::fs::write(&path, format!("{head}{BEGIN}{drawn}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(
        present, drawn,
        "docs/run-states.md is out of date: run `UPDATE_DOCS=1 cargo test -p patchbay-domain` and look at the change"
    );
}
