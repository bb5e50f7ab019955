//! The rules of ARCHITECTURE.md that a machine can check: who may depend on whom, how long a file may get, how it
//! opens, what it may be called.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which rooms a room may use in production code; Lambda functions are `FUNCTION`.
const ROOMS: [(&str, &[&str]); 8] = [
    ("patchbay-domain", &[]),
    ("patchbay-forge", &["patchbay-domain"]),
    ("patchbay-aws", &["patchbay-domain"]),
    ("patchbay-app", &["patchbay-domain", "patchbay-forge", "patchbay-aws"]),
    ("patchbay-testing", &["patchbay-domain"]),
    // The task holds no AWS and no forge client at all: it has one door.
    ("agent-task", &["patchbay-domain"]),
    // What explains a decision reads payloads as a deployment does; `one_module_of_the_local_stack_reads_payloads` says where.
    ("patchbay", &["patchbay-domain", "patchbay-testing", "patchbay-forge"]),
    ("patchbay-fuzz", &["patchbay-domain", "patchbay-forge"]),
];
const FUNCTION: [&str; 4] = ["patchbay-domain", "patchbay-forge", "patchbay-aws", "patchbay-app"];

/// Foreign crates that only some rooms may use in production code: how the crate's name starts, rooms.
const FOREIGN: [(&str, &[&str]); 9] = [
    // The operator's commands speak to AWS as a person does: with other rights, other services, the SDK's own credentials.
    ("aws-sdk-", &["patchbay-aws", "patchbay"]),
    ("aws-config", &["patchbay-aws", "patchbay"]),
    ("aws-smithy", &["patchbay-aws"]),
    ("serde_dynamo", &["patchbay-aws"]),
    ("octocrab", &["patchbay-forge", "patchbay-testing"]),
    ("dynoxide", &["patchbay"]),
    // Two readers of YAML: the template keeps tags, a workflow file keeps places.
    ("saphyr-parser", &["patchbay-domain"]),
    ("saphyr", &["patchbay"]),
    ("minijinja", &["patchbay-domain"]),
];

/// What the pure room must not even be able to name.
const IMPURE: [&str; 7] = ["tokio", "futures", "async-", "reqwest", "tracing", "metrics", "lambda"];

struct Package {
    name: String,
    /// Relative to the root, for example `functions/run-reaper`.
    folder: String,
    /// Name and whether it is only for tests.
    dependencies: Vec<(String, bool)>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository is there")
}

fn packages() -> Vec<Package> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(root());
    let output = cargo.output().expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("packages").iter().map(package).collect()
}

fn package(value: &Value) -> Package {
    let text = |v: &Value| v.as_str().expect("text").to_owned();
    let manifest = PathBuf::from(text(&value["manifest_path"]));
    let folder = manifest.parent().and_then(|f| f.strip_prefix(root()).ok()).expect("packages are below the root");
    let dependencies = value["dependencies"].as_array().expect("dependencies").iter().map(|d| (text(&d["name"]), d["kind"] == "dev"));
    Package { name: text(&value["name"]), folder: folder.display().to_string(), dependencies: dependencies.collect() }
}

/// Every source file of the repository, relative to the root.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["functions", "shared", "infra", "tests"].iter().map(|f| root().join(f)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                found.push((path.strip_prefix(root()).expect("below the root").display().to_string(), text));
            }
        }
    }
    assert!(found.len() > 50, "only {} source files found: the search is broken", found.len());
    found
}

#[track_caller]
fn none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "\n  {}", breaches.join("\n  "));
}

fn forbidden_edges(packages: &[Package]) -> Vec<String> {
    let ours: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let rooms = BTreeMap::from(ROOMS);
    let mut breaches = Vec::new();
    for package in packages.iter().filter(|p| p.name != "patchbay-tests") {
        let fallback = if package.folder.starts_with("functions/") { &FUNCTION[..] } else { &[] };
        let allowed = rooms.get(package.name.as_str()).copied().unwrap_or(fallback);
        for (dependency, for_tests) in package.dependencies.iter().filter(|(d, _)| ours.contains(d.as_str())) {
            let fine = allowed.contains(&dependency.as_str()) || (*for_tests && dependency == "patchbay-testing");
            if !fine {
                breaches.push(format!("{} must not depend on {dependency}", package.name));
            }
        }
    }
    breaches
}

fn foreign_edges(packages: &[Package]) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in packages {
        for (dependency, _) in package.dependencies.iter().filter(|(_, for_tests)| !for_tests) {
            let rule = FOREIGN.iter().find(|(start, _)| dependency.starts_with(start));
            if rule.is_some_and(|(_, rooms)| !rooms.contains(&package.name.as_str())) {
                breaches.push(format!("{} must not depend on {dependency}", package.name));
            }
            if package.name == "patchbay-domain" && IMPURE.iter().any(|i| dependency.starts_with(i)) {
                breaches.push(format!("patchbay-domain is pure: no {dependency}"));
            }
        }
    }
    breaches
}

#[test]
fn rooms_depend_on_each_other_in_one_direction() {
    none(forbidden_edges(&packages()));
}

#[test]
fn one_module_of_the_local_stack_reads_payloads() {
    let uses = sources().into_iter().filter(|(path, text)| path.starts_with("infra/dev/") && text.contains("patchbay_forge"));
    let modules: Vec<String> = uses.map(|(path, _)| path).collect();
    assert_eq!(modules, ["infra/dev/src/trial/payload.rs"], "what plays AWS and GitHub is a second opinion: it knows no code of ours");
}

#[test]
fn foreign_crates_stay_in_their_rooms() {
    none(foreign_edges(&packages()));
}

#[test]
fn a_forbidden_edge_is_noticed() {
    let one = |name: &str, folder: &str, dependency: &str, for_tests| {
        let other = |n: &str| Package { name: n.to_owned(), folder: String::new(), dependencies: Vec::new() };
        let guilty = Package { name: name.to_owned(), folder: folder.to_owned(), dependencies: vec![(dependency.to_owned(), for_tests)] };
        vec![guilty, other("patchbay-app"), other("patchbay-aws"), other("patchbay-testing")]
    };
    assert_eq!(forbidden_edges(&one("patchbay-forge", "shared/forge", "patchbay-aws", false)).len(), 1);
    assert_eq!(forbidden_edges(&one("patchbay", "infra/dev", "patchbay-app", false)).len(), 1);
    assert_eq!(forbidden_edges(&one("run-reaper", "functions/run-reaper", "patchbay-testing", false)).len(), 1);
    assert_eq!(forbidden_edges(&one("run-reaper", "functions/run-reaper", "patchbay-testing", true)).len(), 0);
    assert_eq!(forbidden_edges(&one("run-reaper", "functions/run-reaper", "patchbay-app", false)).len(), 0);
    assert_eq!(foreign_edges(&one("patchbay-app", "shared/app", "aws-sdk-sqs", false)).len(), 1);
    assert_eq!(foreign_edges(&one("patchbay-app", "shared/app", "aws-sdk-sqs", true)).len(), 0);
    assert_eq!(foreign_edges(&one("patchbay-domain", "shared/domain", "tokio", false)).len(), 1);
}

#[test]
fn a_function_is_a_folder_a_package_and_a_binary_of_one_name() {
    let wrong = packages().into_iter().filter(|p| p.folder.starts_with("functions/") && p.folder != format!("functions/{}", p.name));
    none(wrong.map(|p| format!("{} is called {}", p.folder, p.name)).collect());
}

#[test]
fn every_version_and_lint_is_inherited_from_the_workspace() {
    let mut breaches = Vec::new();
    for package in packages() {
        let manifest = std::fs::read_to_string(root().join(&package.folder).join("Cargo.toml")).expect("a package has a manifest");
        if !manifest.contains("[lints]\nworkspace = true") {
            breaches.push(format!("{} does not inherit the lints", package.folder));
        }
        let mut in_dependencies = false;
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                in_dependencies = line.ends_with("dependencies]");
            } else if in_dependencies && !line.is_empty() && !line.starts_with('#') && !line.contains("workspace = true") {
                breaches.push(format!("{}: {line}", package.folder));
            }
        }
    }
    none(breaches);
}

#[test]
fn files_stay_within_400_lines() {
    let long = sources().into_iter().filter(|(_, text)| text.lines().count() > 400);
    none(long.map(|(path, text)| format!("{path} has {} lines", text.lines().count())).collect());
}

#[test]
fn every_module_says_first_what_lives_in_it() {
    // A module called `tests` has said it.
    let mute = sources().into_iter().filter(|(path, text)| !path.ends_with("/tests.rs") && !text.starts_with("//! "));
    none(mute.map(|(path, _)| format!("{path} does not open with //!")).collect());
}

#[test]
fn no_module_is_called_by_a_word_that_says_nothing() {
    let empty = ["utils", "util", "common", "manager", "helper", "helpers", "misc"];
    let named = |path: &str| Path::new(path).with_extension("").iter().any(|part| empty.iter().any(|e| part == *e));
    none(sources().into_iter().map(|(path, _)| path).filter(|p| named(p)).collect());
}

#[test]
fn a_lambda_functions_main_only_wires() {
    let mains = sources().into_iter().filter(|(path, _)| path.starts_with("functions/") && path.ends_with("src/main.rs"));
    let mut breaches = Vec::new();
    for (path, text) in mains.filter(|(path, _)| !path.contains("agent-task")) {
        if text.lines().count() > 25 || text.contains(" if ") {
            breaches.push(format!("{path} has {} lines or an if", text.lines().count()));
        }
    }
    none(breaches);
}

/// The first argument of every macro that counts, in production code.
fn counted_under(text: &str) -> Vec<&str> {
    let starts = ["counter!(", "gauge!(", "histogram!("];
    let rests = starts.iter().flat_map(|start| text.split(start).skip(1));
    rests.map(|rest| rest.split([',', ')']).next().unwrap_or_default().trim()).collect()
}

#[test]
fn metrics_are_counted_under_listed_names_and_every_listed_name_is_counted() {
    let production = |path: &str| (path.starts_with("functions/") || path.starts_with("shared/")) && !path.contains("/tests/");
    let sources: Vec<(String, String)> = sources().into_iter().filter(|(path, _)| production(path)).collect();
    let metrics = std::fs::read_to_string(root().join("shared/domain/src/metric.rs")).expect("the list of metrics is there");
    let constants =
        metrics.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once(": &str").map(|(name, _)| name.to_owned()));
    let mut uncounted: BTreeSet<String> = constants.map(|name| format!("metric::{name}")).collect();
    assert_eq!(uncounted.len(), patchbay_domain::metric::ALL.len(), "every name is in ALL once");
    let mut breaches = Vec::new();
    for (path, text) in &sources {
        for name in counted_under(text) {
            uncounted.remove(name);
            if !name.starts_with("metric::") {
                breaches.push(format!("{path} counts under {name}, not under a name of patchbay_domain::metric"));
            }
        }
    }
    breaches.extend(uncounted.into_iter().map(|name| format!("nobody counts under {name}")));
    none(breaches);
}

#[test]
fn no_test_is_skipped() {
    let mark = concat!("#[", "ignore");
    none(sources().into_iter().filter(|(_, text)| text.contains(mark)).map(|(path, _)| path).collect());
}

#[test]
fn the_domain_neither_waits_nor_reads_the_world() {
    let words = ["async fn", ".await", "std::env", "std::fs", "std::net", "std::process", "std::thread", "::now()"];
    let mut breaches = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| path.starts_with("shared/domain/src/")) {
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let tests = path.contains("/tests") || path.ends_with("_test.rs");
        breaches.extend(words.iter().filter(|w| !tests && code.contains(**w)).map(|w| format!("{path}: {w}")));
    }
    none(breaches);
}
