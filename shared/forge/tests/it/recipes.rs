//! The recipes of `docs/recipes`: every file is right, starts for the event it is meant for and for no near miss, and stands
//! in `docs/recipes.md` as it is; and the files of the tutorial.

use jiff::Timestamp;
use patchbay_domain::event::{Actor, ActorKind, Detail, Event, Manual, Provider};
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::trigger::{ChangedPaths, Decision, Facts, Permission, Reason};
use patchbay_domain::workflow::{CompiledConfiguration, read};
use patchbay_forge::github::convert::parse_event;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn recipes() -> BTreeMap<String, String> {
    files("recipes")
}

/// Name and text of every file in a folder of `docs`, by name.
fn files(folder: &str) -> BTreeMap<String, String> {
    let paths = std::fs::read_dir(root().join("docs").join(folder)).expect("the folder is there").map(|entry| entry.unwrap().path());
    paths.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap())).collect()
}

fn compiled(name: &str, text: &str) -> CompiledConfiguration {
    let configuration = read(text).unwrap_or_else(|problems| panic!("{}", problems.text(&format!("{name}.yml"))));
    CompiledConfiguration::compile(&configuration).unwrap_or_else(|problems| panic!("{name}: {problems:?}"))
}

/// What happens, and what is known about it.
struct Scene {
    event: Event,
    facts: Facts,
}

impl Scene {
    /// A sample payload of `events/github`, done by somebody who may write.
    fn sample(name: &str) -> Self {
        Self::changed(name, &[])
    }

    /// A sample with other values at these JSON pointers.
    fn changed(name: &str, changes: &[(&str, Value)]) -> Self {
        let path = root().join(format!("events/github/{name}.json"));
        let mut payload: Value = serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|e| panic!("{name}: {e}"))).unwrap();
        for (pointer, value) in changes {
            *payload.pointer_mut(pointer).unwrap_or_else(|| panic!("{name} has no {pointer}")) = value.clone();
        }
        let kind = name.split('.').next().unwrap();
        Self::of(parse_event(kind, &DeliveryId("d".into()), payload.to_string().as_bytes()).unwrap())
    }

    fn of(event: Event) -> Self {
        Self { event, facts: Facts { permission: Some(Permission::Write), ..Facts::default() } }
    }

    fn scheduled(cron: &str) -> Self {
        Self::of(own_event("schedule", None, Detail::Schedule { cron: cron.into(), at: Timestamp::UNIX_EPOCH }))
    }

    fn started_by_hand(workflow: &str) -> Self {
        let manual = Manual { workflow: workflow.into(), inputs: BTreeMap::new(), depth: 0 };
        let actor = Actor { id: 1, login: "dana".into(), kind: ActorKind::Person };
        Self::of(own_event("manual", Some(actor), Detail::Manual(manual)))
    }

    fn files(mut self, paths: &[&str]) -> Self {
        self.facts.changed_paths = Some(ChangedPaths::Known(paths.iter().map(|path| (*path).to_owned()).collect()));
        self
    }

    fn permission(mut self, permission: Permission) -> Self {
        self.facts.permission = Some(permission);
        self
    }
}

fn own_event(kind: &str, actor: Option<Actor>, detail: Detail) -> Event {
    Event {
        provider: Provider::Github,
        delivery: DeliveryId("d".into()),
        kind: kind.into(),
        action: None,
        connection: None,
        actor,
        repository: None,
        subject: None,
        comment: None,
        detail,
    }
}

/// What is expected of a workflow: that it starts, or which filter keeps it from starting.
#[derive(Clone, Copy)]
enum Expected {
    Starts,
    SkippedBy(&'static str),
}
use Expected::{SkippedBy, Starts};

/// Recipe, workflow, what happens, what is expected.
fn table() -> Vec<(&'static str, &'static str, Scene, Expected)> {
    let title = |text: &str| Scene::changed("pull_request.opened", &[("/pull_request/title", json!(text))]);
    let failed = |branch: &str| {
        let changes = [("/workflow_run/conclusion", json!("failure")), ("/workflow_run/head_branch", json!(branch))];
        Scene::changed("workflow_run.completed", &changes)
    };
    let pull = |files: &[&str]| Scene::sample("pull_request.opened").files(files);
    vec![
        ("triage-issues", "triage-issues", Scene::sample("issues.opened").permission(Permission::None), Starts),
        ("triage-issues", "triage-issues", Scene::sample("issues.edited"), SkippedBy("types")),
        ("fix-on-label", "fix-on-label", Scene::sample("issues.labeled"), Starts),
        ("fix-on-label", "fix-on-label", Scene::changed("issues.labeled", &[("/label/name", json!("bug"))]), SkippedBy("labels")),
        ("fix-on-label", "fix-on-label", Scene::sample("issues.labeled").permission(Permission::Triage), SkippedBy("authors")),
        ("fix-on-label", "fix-on-label", Scene::sample("pull_request.labeled"), SkippedBy("event")),
        ("review-docs", "review-docs", pull(&["src/main.rs", "docs/install.md"]), Starts),
        ("review-docs", "review-docs", pull(&["README.md"]), Starts),
        ("review-docs", "review-docs", pull(&["docs/drafts/idea.md"]), SkippedBy("paths")),
        ("review-docs", "review-docs", Scene::sample("pull_request.opened.fork").files(&["README.md"]), SkippedBy("forks")),
        ("changelog-on-release", "changelog-on-release", Scene::sample("release.published"), Starts),
        (
            "changelog-on-release",
            "changelog-on-release",
            Scene::changed("release.published", &[("/release/tag_name", json!("v1.4.0-rc.1"))]),
            SkippedBy("tags"),
        ),
        ("fix-failing-tests", "fix-failing-tests", failed("main"), Starts),
        ("fix-failing-tests", "fix-failing-tests", failed("more-languages"), SkippedBy("branches")),
        ("fix-failing-tests", "fix-failing-tests", Scene::sample("workflow_run.completed"), SkippedBy("conclusions")),
        ("stale-answers", "stale-answers", Scene::scheduled("0 5 * * MON"), Starts),
        ("stale-answers", "stale-answers", Scene::scheduled("0 5 * * TUE"), SkippedBy("cron")),
        ("nightly", "nightly", Scene::scheduled("30 2 * * MON-FRI"), Starts),
        ("nightly", "nightly", Scene::started_by_hand("nightly"), Starts),
        ("nightly", "nightly", Scene::started_by_hand("weekly"), SkippedBy("event")),
        ("nightly", "nightly", Scene::started_by_hand("nightly").permission(Permission::Read), SkippedBy("authors")),
        ("external-engine", "external-engine", Scene::sample("push").files(&["hello/main.py"]), Starts),
        ("external-engine", "external-engine", Scene::sample("push").files(&["docs/install.md"]), SkippedBy("paths-ignore")),
        ("external-engine", "external-engine", Scene::sample("push.tag"), SkippedBy("branches")),
        ("request-review", "review-api", pull(&["src/api/users.ts"]), Starts),
        ("request-review", "review-infrastructure", pull(&["src/api/users.ts"]), SkippedBy("paths")),
        ("request-review", "review-infrastructure", pull(&["Dockerfile"]), Starts),
        ("request-review", "review-api", Scene::sample("pull_request.synchronize").files(&["openapi.yml"]), SkippedBy("types")),
        ("label-by-title", "label-fix", title("fix(api)!: Answer with 404"), Starts),
        ("label-by-title", "label-feature", title("fix: Answer with 404"), SkippedBy("title")),
        ("label-by-title", "label-feature", title("Feat: Greet in more languages"), Starts),
        ("label-by-title", "label-fix", title("Fixtures for the tests"), SkippedBy("title")),
    ]
}

/// The filters that say no; `None` if the workflow starts.
fn refused_by(recipe: &CompiledConfiguration, workflow: &str, scene: &Scene) -> Option<Vec<Reason>> {
    let decided = recipe.decide_all(&scene.event, &scene.facts);
    let found = decided.into_iter().find(|decided| decided.workflow == workflow);
    match found.unwrap_or_else(|| panic!("there is no workflow {workflow}")).decision {
        Decision::Starts { .. } => None,
        Decision::Skipped { reasons } => Some(reasons),
        Decision::Needs(need) => panic!("{workflow} needs {need:?}"),
    }
}

#[test]
fn a_recipe_starts_for_its_event_and_for_no_near_miss() {
    let recipes: BTreeMap<String, CompiledConfiguration> =
        recipes().into_iter().map(|(name, text)| (name.clone(), compiled(&name, &text))).collect();
    for (recipe, workflow, scene, expected) in table() {
        let what = format!("{recipe}/{workflow} and {} {:?}", scene.event.kind, scene.event.action);
        let refused = refused_by(recipes.get(recipe).unwrap_or_else(|| panic!("no recipe {recipe}")), workflow, &scene);
        match (expected, refused) {
            (Starts, None) => {}
            (Starts, Some(reasons)) => panic!("{what} is skipped: {reasons:?}"),
            (SkippedBy(filter), None) => panic!("{what} starts, and `{filter}` should say no"),
            (SkippedBy(filter), Some(reasons)) => assert!(reasons.iter().any(|reason| reason.filter == filter), "{what}: {reasons:?}"),
        }
    }
}

#[test]
fn every_workflow_of_every_recipe_is_tried_both_ways() {
    let tried = |starts: bool| -> BTreeSet<(String, String)> {
        let rows = table().into_iter().filter(|(.., expected)| matches!(expected, Starts) == starts);
        rows.map(|(recipe, workflow, ..)| (recipe.to_owned(), workflow.to_owned())).collect()
    };
    let names = |(recipe, text): (String, String)| {
        let compiled = compiled(&recipe, &text);
        compiled.workflows().iter().map(|workflow| (recipe.clone(), workflow.name.clone())).collect::<Vec<_>>()
    };
    let all: BTreeSet<(String, String)> = recipes().into_iter().flat_map(names).collect();
    assert!(recipes().len() >= 10, "there are ten recipes");
    assert_eq!((tried(true), tried(false)), (all.clone(), all));
}

/// Compares a page with what it should be, every file of the folder in its place, or writes it.
fn check_page(page: &str, folder: &str) {
    let path = root().join("docs").join(page);
    let present = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{page}: {e}"));
    let mut right = present.clone();
    for (name, text) in files(folder) {
        let begin = format!("<!-- docs/{folder}/{name}.yml: UPDATE_DOCS=1 cargo test -p patchbay-forge recipes -->\n");
        let (head, rest) = right.split_once(&begin).unwrap_or_else(|| panic!("{page} does not show {name}: it has no line\n{begin}"));
        let (_, tail) = rest.split_once("<!-- end of the file -->\n").expect("a file's part ends");
        right = format!("{head}{begin}```yaml\n{text}```\n<!-- end of the file -->\n{tail}");
    }
    #[expect(clippy::disallowed_methods, reason = "a switch for people who changed a file")]
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    if update {
        std::fs::write(&path, right).unwrap();
    } else {
        assert!(present == right, "{page} is out of date: run `UPDATE_DOCS=1 cargo test -p patchbay-forge recipes`");
    }
}

#[test]
fn the_page_shows_every_recipe_as_it_is() {
    check_page("recipes.md", "recipes");
}

#[test]
fn the_tutorial_shows_its_files_as_they_are_and_they_are_right() {
    check_page("workflows.md", "tutorial");
    for (name, text) in files("tutorial") {
        compiled(&name, &text);
    }
}
