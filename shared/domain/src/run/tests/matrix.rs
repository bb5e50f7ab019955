//! Every state with every input: what it becomes and which effects come and go.

use super::samples::{at, inputs, runs};
use crate::run::{Place, Run, apply};
use std::fmt::Write;

/// Late enough for every deadline to have passed.
const LATE: i64 = 100_000;

fn effects(run: &Run) -> Vec<String> {
    let place = |place| if place == Place::Launch { "launch" } else { "results" };
    run.outbox.iter().map(|p| format!("{}@{}", p.effect.name(), place(p.place))).collect()
}

#[test]
fn every_state_with_every_input() {
    let mut table = String::new();
    for (state, run) in runs() {
        writeln!(table, "## {state}  [{}]", effects(&run).join(", ")).unwrap();
        for (name, input) in inputs() {
            let transition = apply(&run, &input, at(LATE));
            if !transition.changed {
                assert_eq!(transition.next, run, "{state} × {name} changes something and says that it did not");
                continue;
            }
            let (before, after) = (effects(&run), effects(&transition.next));
            let gone = before.iter().filter(|e| !after.contains(e)).map(|e| format!("-{e}"));
            let come = after.iter().filter(|e| !before.contains(e)).map(|e| format!("+{e}"));
            let change: Vec<String> = gone.chain(come).collect();
            writeln!(table, "{name} → {} {}", transition.next.state.name(), change.join(" ")).unwrap();
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}
