//! The reference pages and the JSON Schema say what the tables say, and every file that the documentation shows is right.

use super::super::keys::{ACTIONS, AGENT_DEFAULTS, CONCURRENCY, FILE, Key, Presence, STEP, WORKFLOW};
use super::super::limits::*;
use super::super::names::{EVENT, Holds};
use super::super::problem::Found;
use super::super::template::FILTERS;
use super::super::yaml::{self, Node};
use super::super::{duration_text, read, schema};
use saphyr_parser::ScalarStyle;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const END: &str = "<!-- end of the generated part -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn update() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a switch for people who changed the tables")]
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    update
}

/// Compares the part of a page called `name` with what it should be, or writes it.
fn check_part(page: &str, name: &str, right: &str) {
    let path = root().join("docs/reference").join(page);
    let text = std::fs::read_to_string(&path).expect("the page is part of the repository");
    let begin = format!("<!-- generated ({name}): UPDATE_DOCS=1 cargo test -p patchbay-domain -->\n");
    let (head, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{page} has no part {name}"));
    let (present, tail) = rest.split_once(END).expect("the generated part ends");
    if update() {
        std::fs::write(&path, format!("{head}{begin}{right}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(present, right, "{page} is out of date: run `UPDATE_DOCS=1 cargo test -p patchbay-domain` and look at the change");
}

/// Text in a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn keys(keys: &[Key]) -> String {
    let row = |key: &Key| {
        let presence = match key.presence {
            Presence::Required => "required".to_owned(),
            Presence::Optional => "—".to_owned(),
            Presence::Default(value) => format!("`{value}`"),
        };
        format!("| `{}` | {} | {presence} | {} |\n", key.name, cell(&key.kind.expected()), cell(key.about))
    };
    format!("| key | value | default | |\n|---|---|---|---|\n{}", keys.iter().map(row).collect::<String>())
}

#[test]
fn the_page_about_the_file_lists_its_keys() {
    check_part("file.md", "file", &keys(FILE.keys));
    check_part("file.md", "workflow", &keys(WORKFLOW.keys));
    check_part("file.md", "concurrency", &keys(CONCURRENCY.keys));
    check_part("file.md", "agent", &keys(AGENT_DEFAULTS.keys));
    let limits = [
        ("bytes of the file", MAX_FILE_BYTES.to_string()),
        ("workflows", MAX_WORKFLOWS.to_string()),
        ("steps of a workflow", MAX_STEPS.to_string()),
        ("patterns of a filter", MAX_PATTERNS.to_string()),
        ("characters of a pattern", MAX_PATTERN_CHARS.to_string()),
        ("characters of a regular expression", MAX_REGEX_CHARS.to_string()),
        ("regular expressions of the file", MAX_REGEXES.to_string()),
        ("keys of a mapping", MAX_KEYS.to_string()),
        ("entries of any other list, of `inputs` and of `headers`", MAX_ENTRIES.to_string()),
        ("characters of a name", MAX_NAME_CHARS.to_string()),
        ("characters of text that is no template", MAX_TEXT_CHARS.to_string()),
        ("characters of a template", MAX_TEMPLATE_CHARS.to_string()),
        ("bytes in one `{{ }}` or `{% %}`", MAX_CODE_CHARS.to_string()),
        ("`{{ }}` and `{% %}` of a template", MAX_CODE_PARTS.to_string()),
        ("brackets that a template's code opens", MAX_BRACKETS.to_string()),
        ("characters of a condition", MAX_CONDITION_CHARS.to_string()),
        ("characters that a template renders to", MAX_RENDERED_CHARS.to_string()),
        ("characters of an output, and of a text of an event", MAX_OUTPUT_CHARS.to_string()),
        ("work of rendering a template (MiniJinja's fuel)", TEMPLATE_FUEL.to_string()),
        ("a step's `timeout`", duration_text(MAX_TIMEOUT_SECONDS)),
        ("a `cooldown`", duration_text(MAX_COOLDOWN_SECONDS)),
    ];
    let rows: String = limits.iter().map(|(what, most)| format!("| {what} | {most} |\n")).collect();
    check_part("file.md", "limits", &format!("| | at most |\n|---|---|\n{rows}"));
}

#[test]
fn the_page_about_steps_lists_their_keys_and_outputs() {
    check_part("steps.md", "step", &keys(STEP.keys));
    for action in &ACTIONS {
        let outputs: Vec<String> = action.outputs.iter().map(|(name, about)| format!("`{name}` ({about})")).collect();
        let outputs = if outputs.is_empty() { "none".to_owned() } else { outputs.join(", ") };
        let text = format!("{}\n\n{}\nOutputs: {outputs}.\n", action.about, keys(action.mapping.keys));
        check_part("steps.md", action.word, &text);
    }
}

fn holds(holds: Holds) -> &'static str {
    match holds {
        Holds::Text => "text",
        Holds::Number => "number",
        Holds::Flag => "true or false",
        Holds::List => "list",
        Holds::Open => "mapping",
    }
}

#[test]
fn the_page_about_templates_lists_names_and_filters() {
    let row = |name: &super::super::names::Name| format!("| `event.{}` | {} | {} |\n", name.path, holds(name.holds), cell(name.about));
    let rows: String = EVENT.iter().map(row).collect();
    check_part("templates.md", "event", &format!("| name | holds | |\n|---|---|---|\n{rows}"));
    let filters: Vec<String> = FILTERS.iter().map(|filter| format!("`{filter}`")).collect();
    check_part("templates.md", "filters", &format!("{}.\n", filters.join(", ")));
}

#[test]
fn the_schema_that_is_published_is_that_of_the_tables() {
    let path = root().join("schema/patchbay.schema.json");
    let right = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if update() {
        std::fs::write(&path, right).unwrap();
        return;
    }
    let present = std::fs::read_to_string(&path).expect("schema/patchbay.schema.json is part of the repository");
    assert_eq!(present, right, "the schema is out of date: run `UPDATE_DOCS=1 cargo test -p patchbay-domain` and look at the change");
}

/// All files below `docs` and the README, with what they show as workflow files.
fn examples() -> Vec<(String, String)> {
    let mut pages = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let mut examples = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in text.split("```yaml\n").skip(1) {
            let file = block.split("```").next().unwrap_or_default();
            if file.lines().any(|line| line == "workflows:") {
                examples.push((page.display().to_string(), file.to_owned()));
            }
        }
    }
    examples
}

/// A file as an editor's schema checker sees it.
fn json_of(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Null => Value::Null,
        yaml::Value::List(items) => items.iter().map(json_of).collect(),
        yaml::Value::Map(entries) => Value::Object(entries.iter().map(|entry| (entry.key.clone(), json_of(&entry.node))).collect()),
        yaml::Value::Scalar(scalar) => match (scalar.style, scalar.text.as_str()) {
            (ScalarStyle::Plain, "true") => json!(true),
            (ScalarStyle::Plain, "false") => json!(false),
            (ScalarStyle::Plain, text) => text.parse::<u32>().map_or_else(|_| json!(text), |number| json!(number)),
            (_, text) => json!(text),
        },
    }
}

fn schema_problems(file: &str) -> Vec<String> {
    let validator = jsonschema::validator_for(&schema()).expect("the schema is one");
    let json = json_of(&yaml::parse(&mut Found::nothing(file)).expect("the file is YAML"));
    validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn every_file_that_the_documentation_shows_is_right() {
    if update() {
        // The pages are being written.
        return;
    }
    let examples = examples();
    assert!(examples.len() >= 5, "the documentation shows files: {}", examples.len());
    for (page, file) in examples {
        if let Err(problems) = read(&file) {
            panic!("{page} shows a file that is wrong:\n{problems}");
        }
        assert_eq!(schema_problems(&file), Vec::<String>::new(), "{page}:\n{file}");
    }
}

#[test]
fn the_schema_finds_what_is_wrong_with_a_file() {
    let good = "workflows:\n  w:\n    on: { push: { branches: main } }\n    steps: [agent: { prompt: x }]\n";
    assert_eq!(schema_problems(good), Vec::<String>::new());
    for (right, wrong) in [
        ("workflows:", "workflow:"),
        ("push", "pushed"),
        ("branches: main", "types: opened"),
        ("branches: main", "branches: []"),
        ("{ push: { branches: main } }", "[push, push]"),
        ("agent: { prompt: x }", "agent: {}"),
        ("agent: { prompt: x }", "{ agent: { prompt: x }, close: }"),
        ("agent: { prompt: x }", "{ id: a }"),
        ("agent: { prompt: x }", "label: { number: '1' }"),
        ("prompt: x", "prompt: x, mode: aks"),
        ("prompt: x", "prompt: x, budget: 5 EUR"),
        ("prompt: x", "prompt: x, deadline: soon"),
    ] {
        let file = good.replace(right, wrong);
        assert!(!schema_problems(&file).is_empty(), "{file}");
        assert!(read(&file).is_err(), "{file}");
    }
}

#[test]
fn the_schema_lets_through_what_the_reader_takes_as_text() {
    let file =
        "workflows:\n  w:\n    on: { push: { branches: [1.10, true, 5] } }\n    steps: [{ if: true, comment: { body: 5, number: 12 } }]\n";
    assert!(read(file).is_ok());
    assert_eq!(schema_problems(file), Vec::<String>::new());
}
