//! The git parts against the real git: a base commit, an agent's doings, the change set.

use super::Git;
use super::aside::{SetAside, set_aside};
use super::changes::{ChangesError, collect_changes, diff_text};
use super::clone::prepare;
use super::leftovers::Leftovers;
use jiff::Timestamp;
use patchbay_domain::change_set::{Change, Content, FileChange};
use patchbay_domain::task::Limits;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const LIMITS: Limits = Limits { deadline_at: Timestamp::UNIX_EPOCH, max_files: 20, max_file_bytes: 1000, max_total_bytes: 2000 };

/// A supervisor's repository with a base commit.
struct Bench {
    folder: TempDir,
    git: Git,
    base: String,
}

impl Bench {
    async fn new(write: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut environment = BTreeMap::from([("PATH".to_owned(), path())]);
        for name in ["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"] {
            environment.insert(name.to_owned(), "test".to_owned());
        }
        fs::create_dir(folder.path().join("private")).unwrap();
        let git = Git::new(folder.path().join("private/git"), folder.path().join("tree"), environment);
        prepare(&git).await.unwrap();
        write(&git.work_tree);
        git.run(&["add", "--all", "--force"]).await.unwrap();
        git.run(&["commit", "--quiet", "--allow-empty", "--message", "base"]).await.unwrap();
        let base = String::from_utf8(git.run(&["rev-parse", "HEAD"]).await.unwrap()).unwrap().trim().to_owned();
        Self { folder, git, base }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.git.work_tree.join(name)
    }

    async fn changes(&self) -> Result<Vec<FileChange>, ChangesError> {
        self.changes_without(&SetAside::default()).await
    }

    async fn changes_beside(&self, aside: &SetAside, left: &Leftovers) -> Result<Vec<FileChange>, ChangesError> {
        collect_changes(&self.git, &self.base, aside, left, &LIMITS).await
    }

    async fn changes_without(&self, aside: &SetAside) -> Result<Vec<FileChange>, ChangesError> {
        self.changes_beside(aside, &Leftovers::default()).await
    }
}

#[expect(clippy::disallowed_methods, reason = "git is wherever the tester has it")]
fn path() -> String {
    std::env::var("PATH").unwrap()
}

fn written(path: &str, mode: &str, text: &str, added: bool) -> FileChange {
    FileChange { path: path.into(), change: Change::Write { mode: mode.into(), content: Content::Text(text.into()), added } }
}

fn deleted(path: &str) -> FileChange {
    FileChange { path: path.into(), change: Change::Delete }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn every_kind_of_change_arrives_as_it_is() {
    let bench = Bench::new(|tree| {
        for name in ["edited", "gone", "moved", "run", "same"] {
            fs::write(tree.join(name), format!("{name}\n")).unwrap();
        }
    })
    .await;
    fs::write(bench.at("edited"), "new\r\n").unwrap();
    fs::remove_file(bench.at("gone")).unwrap();
    fs::rename(bench.at("moved"), bench.at("to")).unwrap();
    set_mode(&bench.at("run"), 0o755);
    fs::write(bench.at("binary"), [0xff, 0, 1]).unwrap();
    fs::write(bench.at("with nul"), "a\0b").unwrap();
    fs::write(bench.at("empty"), "").unwrap();
    symlink("/etc/passwd", bench.at("link")).unwrap();
    let base64 = |path: &str, text: &str| FileChange {
        path: path.into(),
        change: Change::Write { mode: "100644".into(), content: Content::Base64(text.into()), added: true },
    };
    let expected = [
        base64("binary", "/wAB"),
        written("edited", "100644", "new\r\n", false),
        written("empty", "100644", "", true),
        deleted("gone"),
        written("link", "120000", "/etc/passwd", true),
        deleted("moved"),
        written("run", "100755", "run\n", false),
        written("to", "100644", "moved\n", true),
        base64("with nul", "YQBi"),
    ];
    assert_eq!(bench.changes().await.unwrap(), expected);
    let diff = diff_text(&bench.git, &bench.base, &expected, 100_000).await.unwrap();
    assert!(diff.contains("+new") && diff.contains("deleted file mode"), "{diff}");
    let one = diff_text(&bench.git, &bench.base, &expected[..1], 100_000).await.unwrap();
    assert!(one.contains("binary") && !one.contains("+new"), "{one}");
    assert!(diff_text(&bench.git, &bench.base, &expected, 20).await.unwrap().contains("[the diff goes on:"));
}

#[tokio::test]
async fn any_file_name_that_can_be_written_survives() {
    let names = ["a b", "\"quoted\"", "'single'", "grün/ñ", "-flag", "(top)x", "*", "[a-z]"];
    let bench = Bench::new(|_| ()).await;
    for name in names {
        fs::create_dir_all(bench.at(name).parent().unwrap()).unwrap();
        fs::write(bench.at(name), "x").unwrap();
    }
    let mut got: Vec<String> = bench.changes().await.unwrap().into_iter().map(|f| f.path).collect();
    got.sort();
    let mut expected = names.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(got, expected);
    fs::write(bench.git.work_tree.join(OsStr::from_bytes(b"bad\xff")), "x").unwrap();
    assert!(matches!(bench.changes().await, Err(ChangesError::BadName(name)) if name.starts_with("bad")));
}

/// The trap is proven first: a plain git in the same folder does run what the agent configured.
#[tokio::test]
async fn nothing_that_the_agent_or_the_repository_configures_is_executed() {
    let bench = Bench::new(|tree| {
        fs::write(tree.join(".gitattributes"), "* filter=evil diff=evil merge=evil text eol=crlf\n").unwrap();
        fs::write(tree.join("a"), "a\n").unwrap();
    })
    .await;
    let marker = bench.folder.path().join("marker");
    let trap = bench.folder.path().join("trap");
    fs::write(&trap, format!("#!/bin/sh\ntouch {}\n", marker.display())).unwrap();
    set_mode(&trap, 0o755);
    let plain = |args: &[&str]| Command::new("git").args(args).current_dir(&bench.git.work_tree).output().unwrap();
    plain(&["init", "--quiet"]);
    let settings =
        ["filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.command", "diff.evil.textconv", "core.fsmonitor"];
    for setting in settings {
        plain(&["config", setting, trap.to_str().unwrap()]);
    }
    let hook = bench.at(".git/hooks/post-index-change");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::copy(&trap, &hook).unwrap();
    fs::write(bench.at("a"), "b\n").unwrap();
    plain(&["add", "--all"]);
    assert!(marker.exists(), "the trap does not work, so this test proves nothing");
    fs::remove_file(&marker).unwrap();
    assert_eq!(bench.changes().await.unwrap(), [written("a", "100644", "b\n", false)]);
    diff_text(&bench.git, &bench.base, &bench.changes().await.unwrap(), 1000).await.unwrap();
    assert!(!marker.exists(), "something of the agent's was executed");
}

#[tokio::test]
async fn what_was_set_aside_is_no_change_unless_the_agent_made_it_one() {
    let bench = Bench::new(|tree| {
        fs::write(tree.join(".env"), "A=1\n").unwrap();
        fs::write(tree.join(".aider.conf.yml"), "test-cmd: x\n").unwrap();
        symlink("/etc", tree.join("out")).unwrap();
        symlink("/etc/passwd", tree.join("replaced")).unwrap();
        symlink("kept", tree.join("inside")).unwrap();
        fs::write(tree.join("kept"), "k\n").unwrap();
    })
    .await;
    let aside = set_aside(&bench.git).await.unwrap();
    assert!(!bench.at(".env").exists() && !bench.at(".aider.conf.yml").exists());
    assert_eq!(fs::read_to_string(bench.at("out")).unwrap(), "/etc");
    assert!(!fs::symlink_metadata(bench.at("out")).unwrap().is_symlink());
    assert_eq!(fs::read_link(bench.at("inside")).unwrap(), Path::new("kept"));
    assert_eq!(bench.changes_without(&aside).await.unwrap(), [], "put back, nothing has changed");
    fs::write(bench.at(".env"), "A=2\n").unwrap();
    fs::write(bench.at("replaced"), "text\n").unwrap();
    let expected = [written(".env", "100644", "A=2\n", false), written("replaced", "100644", "text\n", false)];
    assert_eq!(bench.changes_without(&aside).await.unwrap(), expected);
    let diff = diff_text(&bench.git, &bench.base, &expected, 100_000).await.unwrap();
    assert!(diff.contains("+A=2") && !diff.contains("test-cmd") && !diff.contains("b/out"), "{diff}");
}

#[tokio::test]
async fn ignored_files_are_left_out_and_nested_repositories_are_folders() {
    let bench = Bench::new(|tree| {
        fs::write(tree.join(".gitignore"), "target\n*.log\n").unwrap();
        fs::write(tree.join("tracked.log"), "1\n").unwrap();
    })
    .await;
    fs::create_dir_all(bench.at("target")).unwrap();
    fs::write(bench.at("target/big"), "x".repeat(5000)).unwrap();
    fs::write(bench.at("tracked.log"), "2\n").unwrap();
    fs::create_dir_all(bench.at("nested")).unwrap();
    fs::write(bench.at("nested/file"), "f\n").unwrap();
    Command::new("git").args(["init", "--quiet"]).current_dir(bench.at("nested")).output().unwrap();
    let expected = [written("nested/file", "100644", "f\n", true), written("tracked.log", "100644", "2\n", false)];
    assert_eq!(bench.changes().await.unwrap(), expected);
}

#[tokio::test]
async fn a_submodule_of_the_base_stays_and_a_new_one_is_told_by_its_mode() {
    let bench = Bench::new(|_| ()).await;
    let commit = bench.base.clone();
    let entry = |path: &str| format!("160000,{commit},{path}");
    bench.git.run(&["update-index", "--add", "--cacheinfo", &entry("module")]).await.unwrap();
    bench.git.run(&["commit", "--quiet", "--message", "with a submodule"]).await.unwrap();
    fs::create_dir(bench.at("module")).unwrap();
    let base = String::from_utf8(bench.git.run(&["rev-parse", "HEAD"]).await.unwrap()).unwrap().trim().to_owned();
    let bench = Bench { base, ..bench };
    assert_eq!(bench.changes().await.unwrap(), []);
    bench.git.run(&["update-index", "--add", "--cacheinfo", &entry("another")]).await.unwrap();
    fs::create_dir(bench.at("another")).unwrap();
    assert_eq!(bench.changes().await.unwrap(), [written("another", "160000", &commit, true)]);
}

#[tokio::test]
async fn each_limit_is_named_when_it_is_passed() {
    let check = async |write: fn(&Path), said: &str| {
        let bench = Bench::new(|_| ()).await;
        write(&bench.git.work_tree);
        match bench.changes().await {
            Err(ChangesError::TooLarge(detail)) => assert!(detail.contains(said), "{detail}"),
            other => panic!("{said}: {other:?}"),
        }
    };
    check(|tree| (0..21).for_each(|i| fs::write(tree.join(i.to_string()), "x").unwrap()), "21 files changed; 20 are allowed").await;
    check(|tree| fs::write(tree.join("big"), "x".repeat(1001)).unwrap(), "`big` has 1001 bytes; 1000 are allowed").await;
    check(|tree| (0..3).for_each(|i| fs::write(tree.join(i.to_string()), "x".repeat(900)).unwrap()), "2700 bytes together; 2000").await;
}

#[tokio::test]
async fn names_that_cannot_be_written_are_told_with_their_reasons() {
    let bench = Bench::new(|tree| {
        fs::create_dir(tree.join("docs")).unwrap();
        fs::write(tree.join("docs/Guide.md"), "g\n").unwrap();
        fs::write(tree.join("aux.c"), "in the base\n").unwrap();
        symlink("/etc", tree.join("odd:link")).unwrap();
    })
    .await;
    let aside = set_aside(&bench.git).await.unwrap();
    let refused = async |aside: &SetAside| match bench.changes_without(aside).await {
        Err(ChangesError::Refused(detail)) => detail,
        other => panic!("not refused: {other:?}"),
    };
    fs::write(bench.at("new"), "x\n").unwrap();
    assert_eq!(
        bench.changes_without(&aside).await.unwrap(),
        [written("new", "100644", "x\n", true)],
        "the base's odd names are not the agent's"
    );
    fs::write(bench.at("docs/guide.md"), "x\n").unwrap();
    assert_eq!(refused(&aside).await, "`docs/guide.md` differs from another path only in letter case, or is there twice");
    fs::rename(bench.at("docs/guide.md"), bench.at("docs/Guide.md")).unwrap();
    fs::create_dir(bench.at("git~1")).unwrap();
    fs::write(bench.at("git~1/config"), "x\n").unwrap();
    fs::write(bench.at("a\nb"), "x\n").unwrap();
    let said = refused(&aside).await;
    assert_eq!(said, "`a\\nb` has a control character or one that does not show; `git~1/config` is git's own directory to some system");
}

#[tokio::test]
async fn a_file_may_change_the_case_of_its_name() {
    let bench = Bench::new(|tree| fs::write(tree.join("readme.md"), "x\n").unwrap()).await;
    fs::rename(bench.at("readme.md"), bench.at("README.md")).unwrap();
    assert_eq!(bench.changes().await.unwrap(), [written("README.md", "100644", "x\n", true), deleted("readme.md")]);
}

#[tokio::test]
async fn a_working_copy_that_became_a_link_is_not_followed() {
    let bench = Bench::new(|_| ()).await;
    fs::remove_dir_all(&bench.git.work_tree).unwrap();
    symlink("/etc", &bench.git.work_tree).unwrap();
    assert!(matches!(bench.changes().await, Err(ChangesError::Io(_))));
}

#[tokio::test]
async fn what_git_says_when_it_fails_holds_no_setting() {
    let bench = Bench::new(|_| ()).await;
    let git = bench.git.with_setting("http.http://127.0.0.1:1/.extraHeader", "Authorization: Basic canary".to_owned());
    let error = git.run(&["fetch", "http://127.0.0.1:1/x.git", "main"]).await.unwrap_err().to_string();
    assert!(error.contains("git fetch failed") && !error.contains("canary"), "{error}");
    let refused = git.run(&["fetch", "ext::touch /tmp/x", "main"]).await.unwrap_err().to_string();
    assert!(refused.contains("not allowed"), "{refused}");
}

#[tokio::test]
async fn what_a_command_left_counts_only_once_the_agent_touches_it() {
    let bench = Bench::new(|tree| {
        fs::create_dir(tree.join("dir")).unwrap();
        for name in ["dir/a", "dir/b", "lock", "file", "run"] {
            fs::write(tree.join(name), format!("{name}\n")).unwrap();
        }
    })
    .await;
    fs::write(bench.at("lock"), "2\n").unwrap();
    fs::write(bench.at("made"), "made\n").unwrap();
    fs::write(bench.at("large"), "x".repeat(5000)).unwrap();
    set_mode(&bench.at("run"), 0o755);
    symlink("lock", bench.at("link")).unwrap();
    let left = Leftovers::note(&bench.git, &LIMITS).await.unwrap();
    let changes = async || bench.changes_beside(&SetAside::default(), &left).await.unwrap();
    assert_eq!(changes().await, []);

    // The same again is no touch; and a folder gives way to a link, a file to a folder.
    fs::write(bench.at("made"), "made\n").unwrap();
    fs::remove_dir_all(bench.at("dir")).unwrap();
    symlink(".", bench.at("dir")).unwrap();
    fs::remove_file(bench.at("file")).unwrap();
    fs::create_dir(bench.at("file")).unwrap();
    fs::write(bench.at("file/*"), "new\n").unwrap();
    fs::remove_file(bench.at("link")).unwrap();
    symlink("made", bench.at("link")).unwrap();
    let expected = [
        written("dir", "120000", ".", true),
        deleted("dir/a"),
        deleted("dir/b"),
        deleted("file"),
        written("file/*", "100644", "new\n", true),
        written("link", "120000", "made", true),
    ];
    assert_eq!(changes().await, expected);
    set_mode(&bench.at("run"), 0o700);
    fs::write(bench.at("lock"), "3\n").unwrap();
    assert_eq!(changes().await[6..], [written("lock", "100644", "3\n", false)], "before: the same bits for git");
}

#[tokio::test]
async fn what_was_staged_before_a_command_stays_where_only_the_command_wrote() {
    let bench = Bench::new(|_| ()).await;
    fs::write(bench.at("a"), "agent\n").unwrap();
    fs::write(bench.at("b"), "agent\n").unwrap();
    assert_eq!(bench.changes().await.unwrap().len(), 2);
    fs::write(bench.at("a"), "command\n").unwrap();
    fs::remove_file(bench.at("b")).unwrap();
    let left = Leftovers::note(&bench.git, &LIMITS).await.unwrap();
    let changes = bench.changes_beside(&SetAside::default(), &left).await.unwrap();
    assert_eq!(changes, [written("a", "100644", "agent\n", true), written("b", "100644", "agent\n", true)]);
}
