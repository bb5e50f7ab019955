use super::*;
use patchbay_domain::change_set::Content;

#[test]
fn a_proposal_is_taken_only_with_a_conventional_first_line() {
    let check = |proposal: &str, expected: Option<&str>| assert_eq!(accept(proposal).as_deref(), expected, "{proposal:?}");
    check("feat: add a greeting", Some("feat: add a greeting"));
    check("fix(parser)!: refuse empty input\n\nBecause.", Some("fix(parser)!: refuse empty input\n\nBecause."));
    check("docs: say why\nno empty line between", Some("docs: say why\n\nno empty line between"));
    check("```\nfeat: add x\n\nbody\n```", Some("feat: add x\n\nbody"));
    check("\"chore: tidy up\"", Some("chore: tidy up"));
    check("feat: add a\u{200b} greeting\u{202e}", Some("feat: add a greeting"));
    for nonsense in ["", "   ", "Add a greeting", "feature: add", "feat:add", "feat: ", "feat(: x", "feat(): x", "Feat: x", "feat: \u{7}"] {
        check(nonsense, None);
    }
    check(&format!("feat: {}", "x".repeat(66)), Some(&format!("feat: {}", "x".repeat(66))));
    check(&format!("feat: {}", "x".repeat(67)), None);
    check("feat: thank @octocat", None);
    check("fix: x, fixes #12", None);
    check("feat: x [skip ci]", None);
    check("Here is the message:\n\nfeat: add", None);
}

#[test]
fn lines_that_act_when_a_forge_reads_them_go() {
    let body = "feat: x\n\nKept.\nCloses #1\nfixes: acme/x#2\nresolved https://github.com/a/b/issues/3\nThanks @octocat\n[skip ci]\n\
                Co-authored-by: A <a@b.c>\nMail a@b.c is kept, so is `@dataclass`.\nFixed the #1 complaint";
    assert_eq!(accept(body).unwrap(), "feat: x\n\nKept.\nMail a@b.c is kept, so is `@dataclass`.\nFixed the #1 complaint");
    assert_eq!(accept(&format!("feat: x\n\n{}", "y".repeat(5000))).unwrap(), "feat: x", "a body without measure goes whole");
}

fn file(path: &str, added: bool) -> FileChange {
    FileChange { path: path.into(), change: Change::Write { mode: "100644".into(), content: Content::Text(String::new()), added } }
}

#[test]
fn the_fall_back_is_always_a_conventional_first_line() {
    let check = |title: &str, files: &[FileChange], expected: &str| {
        let message = fall_back(title, files);
        assert_eq!(message, expected);
        assert!(is_subject(&message), "{message}");
    };
    check("Greet the world.", &[file("src/a.rs", true)], "feat: greet the world");
    check("App crashes on start", &[file("src/a.rs", false)], "fix: app crashes on start");
    check("README is wrong", &[file("README.md", false)], "docs: README is wrong");
    check("More cases", &[file("tests/a.rs", true)], "test: more cases");
    check("Rename things", &[file("src/a.rs", false)], "chore: rename things");
    check("@octocat: please\nadd\u{202e} x", &[file("a", true)], "feat: octocat: please add x");
    check("", &[file("a", false)], "chore: change one file");
    check("fixes #12", &[file("a", false), file("b", false)], "fix: change 2 files");
    let long = "word ".repeat(40);
    check(&long, &[file("a", false)], &format!("chore: {}", "word ".repeat(13).trim_end()));
}

#[test]
fn prose_is_what_remains_without_code_and_its_file_names() {
    let reply = "I did it.\n\nsrc/main.py\n```python\nprint(1)\n```\n\nAnd then:\n\n```\nx\n```\n\n\nDone.";
    assert_eq!(prose(reply), "I did it.\n\nAnd then:\n\nDone.");
    assert_eq!(prose("````md\n```\ninner\n```\n````\nleft"), "left");
    assert_eq!(prose("only words"), "only words");
    assert_eq!(prose("`README.md`\n```\nunclosed"), "");
}
