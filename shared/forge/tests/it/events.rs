//! Every payload sample becomes the event it should, and nothing that arrives makes the conversion fail or panic.

use patchbay_domain::event::{ActorKind, Check, Detail, Event, InstallationChangeKind as Kind, Push};
use patchbay_domain::ids::{ConnectionId, DeliveryId};
use patchbay_domain::trigger::EventKind;
use patchbay_forge::github::convert::{MAX_JSON_DEPTH, ParseError, parse_event};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::LazyLock;

/// `(file name without .json, bytes)`.
pub(super) static SAMPLES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events/github");
    let mut samples: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect();
    samples.sort();
    samples
});

pub(super) fn event_name(sample: &str) -> &str {
    sample.split('.').next().unwrap()
}

pub(super) fn parse(name: &str, body: &[u8]) -> Result<Event, ParseError> {
    parse_event(name, &DeliveryId("d-1".into()), body)
}

pub(super) fn sample(name: &str) -> Event {
    let (_, body) = SAMPLES.iter().find(|(sample, _)| sample == name).unwrap_or_else(|| panic!("no sample {name}"));
    parse(event_name(name), body).unwrap()
}

/// One line that says what an event is about.
fn summary(event: &Event) -> String {
    let actor = event.actor.as_ref().map_or("nobody".to_owned(), |actor| format!("{}/{:?}", actor.login, actor.kind));
    let subject = event.subject.as_ref().map_or("-".to_owned(), |s| {
        let words = [(!s.open, " closed"), (s.draft, " draft"), (s.refs.is_some(), " refs")];
        let words: String = words.into_iter().filter_map(|(holds, word)| holds.then_some(word)).collect();
        format!("{:?}#{}{words}", s.kind, s.number)
    });
    let comment = event.comment.as_ref().map_or("-".to_owned(), |comment| {
        format!("comment by {}{}", comment.author.as_ref().unwrap().login, if comment.via_app.is_some() { " via app" } else { "" })
    });
    let detail = match &event.detail {
        Detail::None => "-".to_owned(),
        Detail::Label { name } => format!("label {name}"),
        Detail::Push(push) => format!("push {} {} by {}", push.full_ref, push.commit_count, push.pusher),
        Detail::Installation(i) => format!("{:?} +{} -{} {}", i.change, i.added.len(), i.removed.len(), i.account_login),
        Detail::Review { state } => format!("review {state}"),
        Detail::Release(release) => format!("release {} of {}", release.tag, release.target),
        Detail::Deployment(d) => format!("deployment of {} to {} {}", d.git_ref, d.environment, d.state.as_deref().unwrap_or("-")),
        Detail::Check(check) => {
            let conclusion = check.conclusion.as_deref().unwrap_or("-");
            format!("check {} {conclusion} on {}", check.name, check.head_branch.as_deref().unwrap_or("-"))
        }
        Detail::Ref(change) => format!("{:?} {}", change.kind, change.name),
        Detail::DefaultBranch { before, after } => format!("{before} becomes {after}"),
        Detail::Schedule { .. } | Detail::Manual(_) => unreachable!("not from a payload"),
    };
    let repository = event.repository.as_ref().map_or("-".to_owned(), patchbay_domain::event::Repository::full_name);
    format!("{} | {actor} | {repository} | {subject} | {comment} | {detail}", event.action.as_deref().unwrap_or("-"))
}

const EXPECTED: &[(&str, &str)] = &[
    ("check_run.completed", "completed | robin/Person | acme/hello | - | - | check test failure on more-languages"),
    ("check_run.completed.fork", "completed | robin/Person | acme/hello | - | - | check test failure on -"),
    ("check_run.completed.own", "completed | patchbay[bot]/App | acme/hello | - | - | check docs success on more-languages"),
    ("check_run.created", "created | robin/Person | acme/hello | - | - | check test - on more-languages"),
    ("check_suite.completed", "completed | robin/Person | acme/hello | - | - | check Acme CI failure on more-languages"),
    ("create.branch", "- | robin/Person | acme/hello | - | - | Branch more-languages"),
    ("create.tag", "- | robin/Person | acme/hello | - | - | Tag v1.4.0"),
    ("delete.branch", "- | dana/Person | acme/hello | - | - | Branch more-languages"),
    ("deployment.created", "created | robin/Person | acme/hello | - | - | deployment of v1.4.0 to production -"),
    ("deployment_status.created", "created | robin/Person | acme/hello | - | - | deployment of v1.4.0 to production failure"),
    ("discussion.created", "created | robin/Person | acme/hello | Discussion#21 | - | -"),
    ("discussion.labeled", "labeled | dana/Person | acme/hello | Discussion#21 | - | label idea"),
    ("discussion_comment.created", "created | dana/Person | acme/hello | Discussion#21 | comment by dana | -"),
    ("installation.created", "created | dana/Person | - | - | - | Created +2 -0 acme"),
    ("installation.deleted", "deleted | dana/Person | - | - | - | Deleted +0 -2 acme"),
    ("installation.new_permissions_accepted", "new_permissions_accepted | dana/Person | - | - | - | NewPermissions +0 -0 acme"),
    ("installation.suspend", "suspend | dana/Person | - | - | - | Suspended +1 -0 acme"),
    ("installation.unsuspend", "unsuspend | dana/Person | - | - | - | Unsuspended +1 -0 acme"),
    ("installation_repositories.added", "added | dana/Person | - | - | - | RepositoriesAdded +1 -0 acme"),
    ("installation_repositories.removed", "removed | dana/Person | - | - | - | RepositoriesRemoved +0 -1 acme"),
    ("issue_comment.created", "created | robin/Person | acme/hello | Issue#12 | comment by robin | -"),
    ("issue_comment.created.own", "created | patchbay[bot]/App | acme/hello | Issue#12 | comment by patchbay[bot] via app | -"),
    ("issue_comment.created.pull_request", "created | dana/Person | acme/hello | PullRequest#14 | comment by dana | -"),
    ("issue_comment.edited", "edited | robin/Person | acme/hello | Issue#12 | comment by robin | -"),
    ("issues.closed", "closed | dana/Person | acme/hello | Issue#12 closed | - | -"),
    ("issues.deleted", "deleted | dana/Person | acme/hello | Issue#12 | - | -"),
    ("issues.edited", "edited | dana/Person | acme/hello | Issue#12 | - | -"),
    ("issues.enchanted", "enchanted | dana/Person | acme/hello | Issue#12 | - | -"),
    ("issues.labeled", "labeled | robin/Person | acme/hello | Issue#12 | - | label patchbay"),
    ("issues.opened", "opened | dana/Person | acme/hello | Issue#12 | - | -"),
    ("ping", "- | nobody | - | - | - | -"),
    ("pull_request.closed", "closed | dana/Person | acme/hello | PullRequest#14 closed refs | - | -"),
    ("pull_request.labeled", "labeled | dana/Person | acme/hello | PullRequest#14 refs | - | label patchbay"),
    ("pull_request.opened", "opened | robin/Person | acme/hello | PullRequest#14 refs | - | -"),
    ("pull_request.opened.fork", "opened | stranger/Person | acme/hello | PullRequest#14 draft refs | - | -"),
    ("pull_request.synchronize", "synchronize | robin/Person | acme/hello | PullRequest#14 refs | - | -"),
    ("pull_request_review.dismissed", "dismissed | dana/Person | acme/hello | PullRequest#14 refs | comment by dana | review dismissed"),
    (
        "pull_request_review.submitted",
        "submitted | dana/Person | acme/hello | PullRequest#14 refs | comment by dana | review changes_requested",
    ),
    ("pull_request_review_comment.created", "created | dana/Person | acme/hello | PullRequest#14 refs | comment by dana | -"),
    ("push", "- | robin/Person | acme/hello | - | - | push refs/heads/main 2 by robin"),
    ("push.deleted", "- | dana/Person | acme/hello | - | - | push refs/heads/more-languages 0 by dana"),
    ("push.forced", "- | robin/Person | acme/hello | - | - | push refs/heads/more-languages 2 by robin"),
    ("push.new_branch", "- | robin/Person | acme/hello | - | - | push refs/heads/more-languages 2 by robin"),
    ("push.tag", "- | robin/Person | acme/hello | - | - | push refs/tags/v1.4.0 0 by robin"),
    ("release.published", "published | robin/Person | acme/hello | - | - | release v1.4.0 of main"),
    ("repository.edited", "edited | dana/Person | acme/hello | - | - | main becomes trunk"),
    ("star.created", "created | dana/Person | acme/hello | - | - | -"),
    ("weather_report.issued", "issued | dana/Person | acme/hello | - | - | -"),
    ("workflow_run.completed", "completed | robin/Person | acme/hello | - | - | check test success on more-languages"),
    ("workflow_run.requested", "requested | robin/Person | acme/hello | - | - | check test - on more-languages"),
];

#[test]
fn every_sample_becomes_the_event_it_should() {
    let found: Vec<(&str, String)> =
        SAMPLES.iter().map(|(name, body)| (name.as_str(), summary(&parse(event_name(name), body).unwrap()))).collect();
    let expected: Vec<(&str, String)> = EXPECTED.iter().map(|(name, line)| (*name, (*line).to_owned())).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_sample_but_ping_names_its_connection() {
    let connection = Some(ConnectionId::of_installation("github", 71_204_538));
    for (name, body) in SAMPLES.iter() {
        let event = parse(event_name(name), body).unwrap();
        assert_eq!(event.connection == connection, name != "ping", "{name}");
        assert_eq!((event.kind.as_str(), event.delivery.as_str()), (event_name(name), "d-1"));
    }
}

#[test]
fn the_text_of_issues_comments_and_reviews_comes_along() {
    let opened = sample("issues.opened").subject.unwrap();
    assert!(opened.body.contains("@patchbay please fix the spelling"));
    assert_eq!((opened.title.as_str(), opened.url.as_str()), ("Spelling error in the greeting", "https://github.com/acme/hello/issues/12"));
    assert_eq!((opened.author.unwrap().id, opened.labels), (58_210_034, vec![]));
    assert_eq!(sample("issues.labeled").subject.unwrap().labels, ["bug", "patchbay"]);
    assert_eq!(sample("issue_comment.created").comment.unwrap().body, "@patchbay ask where is the greeting's language chosen?");
    assert_eq!(sample("issue_comment.created.own").comment.unwrap().via_app, Some(1_180_226));
    let review = sample("pull_request_review.submitted");
    assert!(review.comment.unwrap().url.ends_with("/acme/hello/pull/14#pullrequestreview-3471120982"));
    assert_eq!(sample("pull_request_review_comment.created").comment.unwrap().body, "/patchbay change use \"Ahoj\" here");
}

#[test]
fn a_pull_request_tells_head_and_base_and_a_deleted_fork_has_no_repository() {
    let refs = sample("pull_request.opened").subject.unwrap().refs.unwrap();
    assert_eq!((refs.head_branch.as_str(), refs.base_branch.as_str()), ("more-languages", "main"));
    assert_eq!((refs.head_sha.len(), refs.head_repository_id), (40, Some(1_107_394_821)));
    let (_, body) = SAMPLES.iter().find(|(name, _)| name == "pull_request.opened").unwrap();
    let mut value: Value = serde_json::from_slice(body).unwrap();
    value["pull_request"]["head"]["repo"] = Value::Null;
    let event = parse("pull_request", value.to_string().as_bytes()).unwrap();
    assert_eq!(event.subject.unwrap().refs.unwrap().head_repository_id, None);
}

#[test]
fn pushes_tell_what_moved() {
    let Detail::Push(push) = sample("push.deleted").detail else { panic!() };
    let expected = Push {
        full_ref: "refs/heads/more-languages".into(),
        before: "9b1f0c2f6b4fb1f5c1f6a58a6a5e3d0c4d7e8f90".into(),
        after: "0".repeat(40),
        commit_count: 0,
        pusher: "dana".into(),
        forced: false,
        deleted: true,
        paths: None,
    };
    assert_eq!(push, expected);
    let repository = sample("push").repository.unwrap();
    assert_eq!((repository.owner.as_str(), repository.default_branch.as_deref()), ("acme", Some("main")));
}

fn pushed_paths(change: impl FnOnce(&mut Value)) -> Option<Vec<String>> {
    let (_, body) = SAMPLES.iter().find(|(name, _)| name == "push").unwrap();
    let mut payload: Value = serde_json::from_slice(body).unwrap();
    change(&mut payload);
    let Detail::Push(push) = parse("push", payload.to_string().as_bytes()).unwrap().detail else { panic!() };
    push.paths
}

#[test]
fn a_push_tells_its_paths_only_if_its_payload_lists_every_commit_and_file() {
    let both = Some(vec!["hello/languages.py".to_owned(), "hello/main.py".to_owned()]);
    assert_eq!(pushed_paths(|_| {}), both);
    assert_eq!(pushed_paths(|push| push["commits"][1]["removed"] = json!(["a"])).unwrap(), ["a", "hello/languages.py", "hello/main.py"]);
    assert_eq!(pushed_paths(|push| push["forced"] = json!(true)), None, "what was thrown away is not listed");
    assert_eq!(pushed_paths(|push| push["deleted"] = json!(true)), None);
    assert_eq!(pushed_paths(|push| push["before"] = json!("0".repeat(40))), None, "a new branch");
    assert_eq!(pushed_paths(|push| push["ref"] = json!("refs/tags/v1")), None);
    assert_eq!(pushed_paths(|push| push["after"] = json!("f".repeat(40))), None, "the head is not among the commits");
    assert_eq!(pushed_paths(|push| push["commits"] = json!([])), None);
    assert_eq!(pushed_paths(|push| push["commits"][0]["modified"] = Value::Null), None);
    let many: Vec<String> = (0..3000).map(|file| file.to_string()).collect();
    assert_eq!(pushed_paths(|push| push["commits"][0]["added"] = json!(many)), None, "GitHub lists 3,000 files at most");
    let repeat = |push: &mut Value, times: usize| push["commits"] = json!(vec![push["commits"][1].clone(); times]);
    assert_eq!(pushed_paths(|push| repeat(push, 2047)).unwrap(), ["hello/languages.py"]);
    assert_eq!(pushed_paths(|push| repeat(push, 2048)), None, "GitHub lists 2,048 commits at most");
}

fn check_of(name: &str) -> Check {
    let Detail::Check(check) = sample(name).detail else { panic!("{name}") };
    check
}

#[test]
fn checks_tell_app_page_and_pull_requests_and_whether_a_fork_is_behind_them() {
    let run = check_of("check_run.completed");
    assert_eq!((run.app_id, run.head_repository_id, run.pull_requests), (Some(15_368), Some(1_107_394_821), vec![14]));
    assert_eq!((run.id, run.url.as_str()), (55_120_938_811, "https://github.com/acme/hello/runs/55120938811"));
    let fork = check_of("check_run.completed.fork");
    assert_eq!((fork.head_branch, fork.head_repository_id, fork.pull_requests), (None, None, vec![]));
    assert_eq!(check_of("check_run.completed.own").app_id, Some(1_180_226));
    let suite = check_of("check_suite.completed");
    assert!(suite.url.ends_with(&format!("/acme/hello/commit/{}/checks", suite.head_sha)), "{}", suite.url);
    let run = check_of("workflow_run.completed");
    assert_eq!((run.app_id, run.head_repository_id, run.pull_requests), (None, Some(1_107_394_821), vec![14]));
    let (_, body) = SAMPLES.iter().find(|(name, _)| name == "workflow_run.completed").unwrap();
    let mut payload: Value = serde_json::from_slice(body).unwrap();
    payload["workflow_run"]["head_repository"] = Value::Null;
    payload["workflow_run"]["pull_requests"][0]["base"]["repo"]["id"] = json!(5);
    let Detail::Check(check) = parse("workflow_run", payload.to_string().as_bytes()).unwrap().detail else { panic!() };
    assert_eq!((check.head_repository_id, check.pull_requests), (None, vec![]), "a deleted fork; another repository's pull request");
}

#[test]
fn releases_and_deployments_tell_texts_and_places() {
    let Detail::Release(release) = sample("release.published").detail else { panic!() };
    assert_eq!((release.name.as_str(), release.body.as_str(), release.draft), ("More languages", "- Czech\n- French", false));
    let Detail::Deployment(deployment) = sample("deployment_status.created").detail else { panic!() };
    assert_eq!(deployment.url.as_deref(), Some("https://ci.acme.example/deploys/71/log"));
    assert_eq!((deployment.id, deployment.sha.len()), (1_904_437_751, 40));
    let Detail::Deployment(deployment) = sample("deployment.created").detail else { panic!() };
    assert_eq!((deployment.url, deployment.state), (None, None));
}

#[test]
fn every_kind_that_can_start_a_workflow_has_a_sample() {
    let missing: Vec<&str> = EventKind::ALL
        .into_iter()
        .filter(|kind| !matches!(kind, EventKind::Schedule | EventKind::Manual))
        .map(EventKind::as_str)
        .filter(|kind| !SAMPLES.iter().any(|(name, _)| event_name(name) == *kind))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn installations_tell_account_repositories_and_permissions() {
    let Detail::Installation(created) = sample("installation.created").detail else { panic!() };
    assert_eq!((created.installation_id, created.account_id, created.all_repositories), (71_204_538, 184_205_117, false));
    let names: Vec<(String, bool)> = created.added.iter().map(|repo| (repo.full_name(), repo.private)).collect();
    assert_eq!(names, [("acme/hello".to_owned(), false), ("acme/notes".to_owned(), true)]);
    assert_eq!(created.permissions["contents"], "write");
    let Detail::Installation(unsuspended) = sample("installation.unsuspend").detail else { panic!() };
    assert_eq!((unsuspended.change, unsuspended.all_repositories), (Kind::Unsuspended, true));
    let Detail::Installation(removed) = sample("installation_repositories.removed").detail else { panic!() };
    assert_eq!(removed.removed[0].name, "notes");
}

#[test]
fn only_githubs_own_word_user_makes_a_person() {
    for (kind, expected) in [
        (json!("User"), ActorKind::Person),
        (json!("Bot"), ActorKind::App),
        (json!("Organization"), ActorKind::Organization),
        (json!("user"), ActorKind::App),
        (json!("Mannequin"), ActorKind::App),
        (json!(7), ActorKind::App),
        (Value::Null, ActorKind::App),
    ] {
        let body = json!({"sender": {"id": 1, "login": "x", "type": kind}}).to_string();
        assert_eq!(parse("issues", body.as_bytes()).unwrap().actor.unwrap().kind, expected, "{kind}");
    }
}

#[test]
fn the_same_payload_as_a_form_is_the_same_event() {
    for (name, body) in SAMPLES.iter() {
        let form = format!("payload={}", percent_encode(body, NON_ALPHANUMERIC));
        assert_eq!(parse(event_name(name), form.as_bytes()), parse(event_name(name), body), "{name}");
    }
}

#[test]
fn depth_bombs_are_refused_and_what_is_just_deep_enough_is_not() {
    let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(parse("issues", nested(MAX_JSON_DEPTH).as_bytes()).is_ok());
    assert_eq!(parse("issues", nested(MAX_JSON_DEPTH + 1).as_bytes()), Err(ParseError::TooDeep(MAX_JSON_DEPTH)));
    let bomb = format!("{{\"issue\":{}", "{\"issue\":[".repeat(2_000_000));
    assert_eq!(parse("issues", bomb.as_bytes()), Err(ParseError::TooDeep(MAX_JSON_DEPTH)));
    let form = format!("payload={}", percent_encode(nested(65).as_bytes(), NON_ALPHANUMERIC));
    assert_eq!(parse("issues", form.as_bytes()), Err(ParseError::TooDeep(MAX_JSON_DEPTH)));
}

#[test]
fn what_is_no_json_object_is_refused() {
    for body in ["", " ", "null", "[]", "\"x\"", "payload=", "a=b", "\u{feff}{}"] {
        assert_eq!(parse("issues", body.as_bytes()), Err(ParseError::NoPayload), "{body:?}");
    }
    for body in [&b"{"[..], b"{}x", b"{\"a\":}", b"{\"action\":\"\xff\"}", b"{\"a\":1,}", b"payload=%7B"] {
        assert!(matches!(parse("issues", body), Err(ParseError::NotJson(_))), "{body:?}");
    }
}

/// Every path to a member of an object, as JSON pointers.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut below = |key: &str, child: &Value| {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        pointers(child, &pointer, found);
        found.push(pointer);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, child)| below(key, child)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, child)| below(&index.to_string(), child)),
        _ => {}
    }
}

#[test]
fn no_single_field_of_another_type_makes_a_sample_an_error() {
    let shapes = [
        "check_run.completed",
        "deployment_status.created",
        "discussion_comment.created",
        "installation.created",
        "installation_repositories.added",
        "issue_comment.created.own",
        "issues.labeled",
        "pull_request_review.submitted",
        "push",
        "release.published",
        "repository.edited",
        "workflow_run.requested",
    ];
    for (name, body) in SAMPLES.iter().filter(|(name, _)| shapes.contains(&name.as_str())) {
        let mut payload: Value = serde_json::from_slice(body).unwrap();
        let mut all = Vec::new();
        pointers(&payload, "", &mut all);
        // URLs are most of a payload, and only one of them is read.
        for pointer in all.iter().filter(|pointer| !pointer.ends_with("s_url")) {
            for strange in [Value::Null, json!({"x": []}), json!(-1.5)] {
                let original = std::mem::replace(payload.pointer_mut(pointer).unwrap(), strange);
                let parsed = parse(event_name(name), payload.to_string().as_bytes());
                assert!(parsed.is_ok(), "{name} {pointer}: {parsed:?}");
                *payload.pointer_mut(pointer).unwrap() = original;
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>, name: String) {
        let _ = parse(&name, &body);
    }

    #[test]
    fn no_cut_or_changed_sample_makes_it_panic(index: prop::sample::Index, at: prop::sample::Index, byte: u8, cut: bool) {
        let (name, body) = index.get(&SAMPLES);
        let mut body = body.clone();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = byte }
        let _ = parse(event_name(name), &body);
    }
}
