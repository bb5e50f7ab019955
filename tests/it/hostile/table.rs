//! The table of hostile cases in SECURITY.md: made of the cases themselves, never by hand.

use super::case::{Case, Needs};
use super::{aider, engine, gateway, leaks, repository, result, thief, tree, words};
use crate::world::project;
use std::fmt::Write;

const BEGIN: &str = "<!-- generated from tests/it/hostile: UPDATE_DOCS=1 cargo test -p patchbay-tests hostile::table -->\n";
const END: &str = "<!-- end of the generated part -->\n";

type Group = (&'static str, fn() -> Vec<Case>);

const GROUPS: [Group; 9] = [
    ("A repository that configures, redirects and misleads", repository::cases),
    ("The same for the real Aider", aider::cases),
    ("What the agent leaves in its working copy", tree::cases),
    ("A change set from whoever has taken over a task's supervisor: the file that it holds", result::cases),
    ("Words that act on people and on GitHub, and words hidden from people", words::cases),
    ("Secrets that the agent was told and passes on", leaks::cases),
    ("An agent that hunts for secrets", thief::cases),
    ("The task gateway, asked by whoever can reach it", gateway::cases),
    ("External workflow engines, and steps that call them", engine::cases),
];

fn table() -> String {
    let mut text = String::new();
    for (title, cases) in GROUPS {
        let _ = write!(text, "\n### {title}\n\n| case | | the attacker | Patchbay |\n|---|---|---|---|\n");
        for case in cases() {
            let needs = if case.needs == Needs::Apart { " ¹" } else { "" };
            let _ =
                writeln!(text, "| {}{needs} | {} | {} | {} |", case.name, case.requirement, cell(case.attacker), cell(&case.end.told()));
        }
    }
    text + "\n"
}

fn cell(text: &str) -> String {
    text.replace('\n', " ").replace("\\|", "|").replace('|', "\\|")
}

#[test]
fn security_md_tells_of_exactly_the_cases_that_are_tried() {
    let path = project().join("SECURITY.md");
    let page = std::fs::read_to_string(&path).expect("SECURITY.md is part of the repository");
    let (head, rest) = page.split_once(BEGIN).expect("the page has the line that begins the generated part");
    let (present, tail) = rest.split_once(END).expect("the page has the line that ends the generated part");
    let made = table();
    #[expect(clippy::disallowed_methods, reason = "a switch for people who changed the cases")]
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    if update {
        std::fs::write(&path, format!("{head}{BEGIN}{made}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(
        present, made,
        "SECURITY.md is out of date: run `UPDATE_DOCS=1 cargo test -p patchbay-tests hostile::table` and look at the change"
    );
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let mut names: Vec<&str> = GROUPS.iter().flat_map(|(_, cases)| cases()).map(|case| case.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
