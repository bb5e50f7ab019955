use super::*;
use crate::policy::Policy;
use crate::redact::Secrets;
use crate::task::FailureCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

fn write(path: &str, content: Content) -> FileChange {
    FileChange { path: path.into(), change: Change::Write { mode: "100644".into(), content, added: true } }
}

fn text(path: &str) -> FileChange {
    write(path, Content::Text("x\n".into()))
}

fn delete(path: &str) -> FileChange {
    FileChange { path: path.into(), change: Change::Delete }
}

fn change_set(files: Vec<FileChange>) -> ChangeSet {
    ChangeSet {
        base_sha: "0123456789012345678901234567890123456789".into(),
        files,
        commit_message: "feat: x".into(),
        message_by_model: true,
    }
}

fn refusals(files: Vec<FileChange>, policy: &Policy) -> Vec<(String, Why)> {
    validate(&change_set(files), policy).err().unwrap_or_default().into_iter().map(|r| (r.path, r.why)).collect()
}

fn check(path: &str, expected: Option<Why>) {
    let expected: Vec<_> = expected.into_iter().map(|why| (path.to_owned(), why)).collect();
    assert_eq!(refusals(vec![text(path)], &Policy::default()), expected, "{path:?}");
}

#[test]
fn ordinary_paths_are_written() {
    for path in [
        "README.md",
        "src/main.rs",
        "a/b/c/d.txt",
        ".gitignore",
        ".github/ISSUE_TEMPLATE.md",
        "docs/[id].tsx",
        "ünïcode/日本.md",
        "git/x",
        ".env.example",
        "con-fig.rs",
        "console.log",
    ] {
        check(path, None);
    }
}

#[test]
fn a_workflow_may_narrow_what_is_touched() {
    let policy = |paths: &[&str]| Policy { allowed_paths: paths.iter().map(|p| (*p).to_owned()).collect(), ..Policy::default() };
    let docs = policy(&["docs/**", "!docs/drafts/**", "docs/drafts/ok.md"]);
    let got = refusals(vec![text("docs/a.md"), text("docs/drafts/x.md"), text("docs/drafts/ok.md"), delete("src/main.rs")], &docs);
    let taken_out = Why::TakenOut { pattern: "!docs/drafts/**".into() };
    assert_eq!(got, [("docs/drafts/x.md".to_owned(), taken_out), ("src/main.rs".to_owned(), Why::OutsidePaths)]);
    let everything = policy(&["**"]);
    assert!(
        matches!(&refusals(vec![text(".github/workflows/x.yml")], &everything)[..], [(_, Why::Protected { .. })]),
        "never more than the policy"
    );
    let wrong = refusals(vec![text("docs/a.md")], &policy(&["!docs/**"]));
    assert!(matches!(&wrong[..], [(path, Why::BadPaths(_))] if path.is_empty()), "{wrong:?}");
}

#[test]
fn paths_that_mean_something_else_somewhere_are_refused() {
    for (path, why) in [
        ("", Why::BadLength),
        ("/etc/passwd", Why::Absolute),
        ("C:/x", Why::Absolute),
        ("../x", Why::OutsideTree),
        ("a/../../x", Why::OutsideTree),
        ("./x", Why::OutsideTree),
        ("a//b", Why::EmptyName),
        ("a/", Why::EmptyName),
        ("a\\..\\b", Why::Backslash),
        ("a\nb", Why::HiddenCharacter),
        ("a\u{0}b", Why::HiddenCharacter),
        (".g\u{200c}it/config", Why::HiddenCharacter),
        (".git/config", Why::GitDirectory),
        ("sub/.GIT/hooks/pre-commit", Why::GitDirectory),
        (".git./x", Why::GitDirectory),
        (".git /x", Why::GitDirectory),
        (".git::$INDEX_ALLOCATION/x", Why::GitDirectory),
        ("git~1/config", Why::GitDirectory),
        ("GIT~2", Why::GitDirectory),
        ("gi7eba~1", Why::GitDirectory),
        ("file.txt:stream", Why::AlternateStream),
        ("dir./x", Why::TrailingDotOrSpace),
        ("x ", Why::TrailingDotOrSpace),
        ("aux", Why::ReservedName),
        ("src/NUL.txt", Why::ReservedName),
        ("com1.log", Why::ReservedName),
        ("lpt³", Why::ReservedName),
    ] {
        check(path, Some(why));
    }
    check(&"a/".repeat(600), Some(Why::BadLength));
    check(&"a".repeat(256), Some(Why::BadLength));
}

#[test]
fn what_configures_ci_owners_git_or_agents_is_protected_also_from_deletion() {
    for path in [
        ".github/workflows/ci.yml",
        ".github/actions/x/action.yml",
        ".gitlab-ci.yml",
        ".circleci/config.yml",
        "Jenkinsfile",
        "azure-pipelines.yml",
        "CODEOWNERS",
        ".github/CODEOWNERS",
        "docs/CODEOWNERS",
        ".gitmodules",
        "sub/.gitattributes",
        ".aider.conf.yml",
        ".env",
        ".mcp.json",
        ".claude/settings.json",
        ".cursor/rules/x.mdc",
        ".github/patchbay.yml",
        ".GITHUB/Workflows/x.yml",
    ] {
        for file in [text(path), delete(path)] {
            let found = refusals(vec![file], &Policy::default());
            assert!(matches!(&found[..], [(_, Why::Protected { .. })]), "{path}: {found:?}");
        }
    }
    let policy = Policy { allow_protected: vec![".github/workflows/".into()], ..Policy::default() };
    assert_eq!(refusals(vec![text(".github/workflows/ci.yml")], &policy), []);
}

#[test]
fn paths_that_cannot_stand_beside_each_other_are_refused() {
    let check = |files, expected: &[(&str, Why)]| {
        let expected: Vec<_> = expected.iter().map(|(path, why)| ((*path).to_owned(), why.clone())).collect();
        assert_eq!(refusals(files, &Policy::default()), expected);
    };
    check(vec![text("Readme.md"), text("README.md")], &[("README.md", Why::Collision)]);
    check(vec![text("straſse"), text("STRASSE")], &[("STRASSE", Why::Collision)]);
    check(vec![text("a"), delete("a")], &[("a", Why::Collision)]);
    check(vec![text("a"), text("A/b")], &[("a", Why::FileAndFolder)]);
    check(vec![delete("readme.md"), text("README.md")], &[]);
    check(vec![delete("a"), text("a/b")], &[]);
}

#[test]
fn only_plain_files_of_text_are_written() {
    let mode = |mode: &str| {
        let change = Change::Write { mode: mode.into(), content: Content::Text("/etc/passwd".into()), added: true };
        refusals(vec![FileChange { path: "x".into(), change }], &Policy::default())
    };
    assert_eq!(mode("100755"), []);
    for refused in ["120000", "160000", "040000", "100600", "0100644", ""] {
        assert_eq!(mode(refused), [("x".to_owned(), Why::BadMode)], "{refused}");
    }
    let content = |content| refusals(vec![write("x", content)], &Policy::default()).pop().map(|(_, why)| why);
    assert_eq!(content(Content::Base64("not base64".into())), Some(Why::BadEncoding));
    assert_eq!(content(Content::Base64(STANDARD.encode([0, 159, 146, 150]))), Some(Why::Binary));
    assert_eq!(content(Content::Base64(STANDARD.encode("text"))), None);
    assert_eq!(content(Content::Text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n".into())), Some(Why::LfsPointer));
    assert_eq!(content(Content::Text("a\0b".into())), Some(Why::Binary));
    let policy = Policy { allow_binary: true, ..Policy::default() };
    assert_eq!(refusals(vec![write("x", Content::Base64(STANDARD.encode([0, 255])))], &policy), []);
}

#[test]
fn a_change_set_has_limits() {
    let policy = Policy { max_files: 2, max_file_bytes: 10, max_total_bytes: 15, ..Policy::default() };
    let sized = |path: &str, bytes: usize| write(path, Content::Text("x".repeat(bytes)));
    assert_eq!(refusals(vec![sized("a", 10), sized("b", 5)], &policy), []);
    assert_eq!(refusals(vec![sized("a", 10), sized("b", 6)], &policy), [(String::new(), Why::TooBig { bytes: 16, max: 15 })]);
    assert_eq!(refusals(vec![sized("a", 11)], &policy), [("a".to_owned(), Why::FileTooBig { bytes: 11, max: 10 })]);
    assert_eq!(refusals(vec![text("a"), text("b"), text("c")], &policy), [(String::new(), Why::TooManyFiles { count: 3, max: 2 })]);
    let huge = write("a", Content::Base64("A".repeat(4000)));
    let found = validate(&change_set(vec![huge]), &policy).unwrap_err();
    assert_eq!(found[0].code(), FailureCode::TooLarge);
}

#[test]
fn a_base_is_a_commit() {
    for base in ["", "main", "0123", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let set = ChangeSet { base_sha: base.into(), ..change_set(vec![text("a")]) };
        assert_eq!(validate(&set, &Policy::default()).unwrap_err()[0].why, Why::BadBase);
    }
}

#[test]
fn a_refusal_names_the_path_and_never_the_content() {
    let file = write("a`\n@ada", Content::Text("canary".into()));
    let found = validate(&change_set(vec![file]), &Policy::default()).unwrap_err();
    let message = found[0].to_string();
    assert_eq!(message, "`a'\\n@ada` has a control character or one that does not show");
    assert_eq!(found[0].code(), FailureCode::Blocked);
}

#[test]
fn a_secret_is_found_in_names_contents_and_message() {
    let secrets = Secrets::new(["canary-of-the-run"]);
    let found = |set: ChangeSet| set.find_secret(&secrets).map(|leak| leak.failure().detail);
    assert_eq!(found(change_set(vec![text("a"), delete("canary-of-the-run")])), None, "what goes is in the base already");
    let holds = |place: &str| Some(format!("{place} holds something that looks like a secret (one of Patchbay's own secrets)"));
    assert_eq!(found(change_set(vec![text("x/canary-of-the-run")])), holds("the name of a file"));
    let encoded = STANDARD.encode("canary-of-the-run");
    assert_eq!(found(change_set(vec![write("a", Content::Text(format!("see {encoded}")))])), holds("a"));
    assert_eq!(found(change_set(vec![write("b", Content::Base64(STANDARD.encode("\0canary-of-the-run")))])), holds("b"));
    let message = ChangeSet { commit_message: "feat: canary-of-the-run".into(), ..change_set(vec![text("a")]) };
    assert_eq!(found(message), holds("the commit message"));
    let token = format!("AKIA{}", "ABCDEFGH12345678");
    assert_eq!(
        found(change_set(vec![write("a", Content::Text(token))])).unwrap(),
        "a holds something that looks like a secret (an AWS access key)"
    );
}

proptest! {
    #[test]
    fn no_change_set_panics(path in "(?s).{0,40}", mode in ".{0,8}", content in "(?s).{0,60}", base64 in any::<bool>()) {
        let content = if base64 { Content::Base64(content) } else { Content::Text(content) };
        let change = Change::Write { mode, content, added: false };
        let set = change_set(vec![FileChange { path, change }]);
        for refusal in validate(&set, &Policy::default()).err().unwrap_or_default() {
            let _ = refusal.to_string();
        }
    }

    #[test]
    fn no_accepted_path_leads_out_of_the_tree(parts in prop::collection::vec(prop::sample::select(vec![
        "..", ".", "", "a", ".git", ".GIT", "git~1", ".git.", "b ", "\\", ":", "aux", ".g\u{200d}it", "x.txt",
    ]), 1..5)) {
        let path = parts.join("/");
        if validate(&change_set(vec![text(&path)]), &Policy::default()).is_ok() {
            let safe = path.split('/').all(|name| ["a", "x.txt"].contains(&name));
            prop_assert!(safe, "{}", path);
        }
    }
}
