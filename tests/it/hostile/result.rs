//! Change sets that no agent made: somebody who took over a task's supervisor hands in whatever they like, with the run's own
//! capability (R29, R30, R31, R34). The last check before GitHub has to stand alone.

use super::case::{Attack, Case, Content, HandedIn};
use super::door::Door;
use super::seen::Seen;
use super::stage::{check, report, runs_of};
use crate::world::World;
use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

const AT_ONCE: usize = 4;

/// The cases of handed-in change sets.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = paths();
    cases.extend(protected());
    cases.extend(kinds());
    cases
}

fn text(path: &str) -> HandedIn {
    (path.to_owned(), Some("100644"), Content::Text("x\n".to_owned()))
}

/// What one run's change set holds of them.
const RUNS: [&str; 3] = ["result-names-1", "result-names-2", "result-names-3"];
const PER_RUN: usize = 8;

fn paths() -> Vec<Case> {
    let cases = [
        ("result-absolute", "`/etc/cron.d/x`", "/etc/cron.d/x", "`/etc/cron.d/x` is an absolute path"),
        ("result-drive", "`C:/x`", "C:/x", "`C:/x` is an absolute path"),
        ("result-traversal", "`a/../../x`", "a/../../x", "`a/../../x` has a `.` or `..` part"),
        ("result-backslashes", "`..\\x`", "..\\x", "`..\\\\x` has a backslash"),
        ("result-empty-part", "`a//b`", "a//b", "`a//b` has an empty part"),
        ("result-git", "`.git/config`", ".git/config", "`.git/config` is git's own directory to some system"),
        ("result-git-case", "`sub/.GiT/hooks/x`", "sub/.GiT/hooks/x", "`sub/.GiT/hooks/x` is git's own directory to some system"),
        ("result-git-short", "`GIT~1/config` (NTFS)", "GIT~1/config", "`GIT~1/config` is git's own directory to some system"),
        (
            "result-git-hashed",
            "`GI7EBA~1/config` (NTFS's other short name)",
            "GI7EBA~1/config",
            "`GI7EBA~1/config` is git's own directory to some system",
        ),
        (
            "result-git-hfs",
            "`.g‹U+200D›it/config` (HFS+)",
            ".g\u{200d}it/config",
            "`.g\\u{200d}it/config` has a control character or one that does not show",
        ),
        ("result-git-dots", "`.git. ./config` (Windows)", ".git. ./config", "`.git. ./config` is git's own directory to some system"),
        (
            "result-git-stream",
            "`.git::$INDEX_ALLOCATION/config` (NTFS)",
            ".git::$INDEX_ALLOCATION/config",
            "`.git::$INDEX_ALLOCATION/config` is git's own directory to some system",
        ),
        ("result-stream", "`file.txt:stream` (NTFS)", "file.txt:stream", "`file.txt:stream` names an alternate data stream"),
        ("result-line-end", "a name with a line end", "a\nb", "`a\\nb` has a control character or one that does not show"),
        (
            "result-escape",
            "a name with an escape sequence",
            "\u{1b}[2Ja",
            "`\\u{1b}[2Ja` has a control character or one that does not show",
        ),
        (
            "result-bidi",
            "a name that reads backwards (`‹U+202E›`)",
            "a\u{202e}fdp.exe",
            "`a\\u{202e}fdp.exe` has a control character or one that does not show",
        ),
        ("result-device", "`src/NUL.txt` (Windows)", "src/NUL.txt", "`src/NUL.txt` is a reserved name on Windows"),
        ("result-trailing-dot", "`dir./x` (Windows)", "dir./x", "`dir./x` has a part that ends with a dot or space"),
    ];
    let named = cases.into_iter().enumerate().map(|(i, (name, attacker, path, said))| {
        Case::handed_in(name, "R30", attacker, move || vec![text(path)], said).together(RUNS[i / PER_RUN])
    });
    let pair = |name, attacker, one: &'static str, other: &'static str, said| {
        Case::handed_in(name, "R30", attacker, move || vec![text(one), text(other)], said).together(RUNS[2])
    };
    let pairs = [
        pair(
            "result-case-collision",
            "`Read.md` and `READ.MD`",
            "Read.md",
            "READ.MD",
            "`READ.MD` differs from another path only in letter case",
        ),
        pair(
            "result-twice",
            "the same path twice",
            "again",
            "again",
            "`again` differs from another path only in letter case, or is there twice",
        ),
        pair(
            "result-file-and-folder",
            "`folder` and `Folder/b`",
            "folder",
            "Folder/b",
            "`folder` is a file where another path needs a folder",
        ),
        Case::handed_in("result-long-name", "R30", "a name of 300 letters", || vec![text(&"a".repeat(300))], "aaa` is empty or too long")
            .together(RUNS[2]),
    ];
    named.chain(pairs).collect()
}

fn protected() -> Vec<Case> {
    const RUNS: [&str; 2] = ["result-protected-1", "result-protected-2"];
    let cases = [
        ("result-workflow", "a workflow", ".github/workflows/x.yml", "`.github/workflows/x.yml` is protected (`.github/workflows/`)"),
        (
            "result-workflow-action",
            "an action",
            ".github/actions/x/action.yml",
            "`.github/actions/x/action.yml` is protected (`.github/actions/`)",
        ),
        (
            "result-own-configuration",
            "Patchbay's own configuration",
            ".github/patchbay.yml",
            "`.github/patchbay.yml` is protected (`.github/patchbay.yml`)",
        ),
        ("result-gitlab-ci", "another forge's CI", ".gitlab-ci.yml", "`.gitlab-ci.yml` is protected (`.gitlab-ci.yml`)"),
        ("result-owners", "CODEOWNERS", "docs/CODEOWNERS", "`docs/CODEOWNERS` is protected (`docs/CODEOWNERS`)"),
        ("result-modules", "`.gitmodules`", ".gitmodules", "`.gitmodules` is protected (`**/.gitmodules`)"),
        ("result-attributes", "`.gitattributes`", "a/.gitattributes", "`a/.gitattributes` is protected (`**/.gitattributes`)"),
        ("result-env", "`.env`", "app/.env", "`app/.env` is protected (`**/.env/`)"),
        ("result-direnv", "`.envrc`, which direnv runs", ".envrc", "`.envrc` is protected (`**/.envrc/`)"),
        ("result-aider", "`.aider.conf.yml`", ".aider.conf.yml", "`.aider.conf.yml` is protected (`**/.aider*/`)"),
        ("result-claude", "another agent's hooks", ".claude/settings.json", "`.claude/settings.json` is protected (`**/.claude/`)"),
        ("result-opencode", "another agent's commands", "opencode.json", "`opencode.json` is protected (`**/opencode.json/`)"),
    ];
    let written = cases.into_iter().enumerate().map(|(i, (name, attacker, path, said))| {
        Case::handed_in(name, "R31", attacker, move || vec![text(path)], said).together(RUNS[i / PER_RUN])
    });
    let deleted = || vec![(".github/workflows/ci.yml".to_owned(), None, Content::Text(String::new()))];
    let said = "`.github/workflows/ci.yml` is protected (`.github/workflows/`)";
    written.chain([Case::handed_in("result-deletes-ci", "R31", "the deletion of a workflow", deleted, said).together(RUNS[1])]).collect()
}

fn kinds() -> Vec<Case> {
    let kind = |name, attacker, path: &'static str, mode: &'static str, content: fn() -> Content, said| {
        Case::handed_in(name, "R30", attacker, move || vec![(path.to_owned(), Some(mode), content())], said).together("result-kinds")
    };
    let link = || Content::Text("/etc/passwd".to_owned());
    let gitlink = || Content::Text("0123456789012345678901234567890123456789".to_owned());
    vec![
        kind(
            "result-symlink",
            "mode 120000, a symlink",
            "link",
            "120000",
            link,
            "`link` is no plain file (links and submodules are not written)",
        ),
        kind(
            "result-gitlink",
            "mode 160000, a submodule",
            "module",
            "160000",
            gitlink,
            "`module` is no plain file (links and submodules are not written)",
        ),
        kind("result-set-uid", "mode 104755", "suid", "104755", link, "`suid` is no plain file (links and submodules are not written)"),
        kind(
            "result-binary",
            "a binary file",
            "blob",
            "100644",
            || Content::Base64(STANDARD.encode([0, 159, 146])),
            "`blob` is a binary file",
        ),
        kind(
            "result-no-base64",
            "content that is no base64",
            "noise",
            "100644",
            || Content::Base64("%".to_owned()),
            "`noise` has content that is not valid base64",
        ),
        Case::handed_in(
            "result-big-file",
            "R30",
            "a file of 2 MB",
            || vec![("x".to_owned(), Some("100644"), Content::Text("x".repeat(2_000_000)))],
            "`x` holds 2000000 bytes, 1048576 are allowed in one file",
        ),
        Case::handed_in(
            "result-many-files",
            "R30",
            "200 files",
            || (0..200).map(|i| text(&format!("f{i}"))).collect(),
            "the change set changes 200 files, 100 are allowed",
        ),
        Case::handed_in(
            "result-much",
            "R30",
            "5 MB in ten files",
            || (0..10).map(|i| (format!("f{i}"), Some("100644"), Content::Text("x".repeat(500_000)))).collect(),
            "the change set holds 5000000 bytes in all, 4194304 are allowed",
        ),
        Case::handed_in(
            "result-token",
            "R34",
            "a file with a token",
            || vec![("x".to_owned(), Some("100644"), Content::Text(format!("{}{}", "ghp_", "a1B2".repeat(9))))],
            "x holds something that looks like a secret (a GitHub token)",
        ),
    ]
}

/// Hands all of them in, and in the end something harmless: without that, nothing would be proved.
pub(crate) async fn play(world: &World) -> Result<()> {
    let cases = cases();
    let runs = runs_of(&cases);
    let played = stream::iter(&runs).map(|cases| play_run(world, cases)).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    report(played)?;
    let seen = hand_in(world, "result-harmless", &[text("docs/new.md")]).await?;
    ensure!(seen.files == ["docs/new.md"], "{:?} {}", seen.files, seen.comment);
    Ok(())
}

async fn play_run(world: &World, cases: &[&Case]) -> Result<()> {
    let Some(first) = cases.first() else { return Ok(()) };
    let mut all = Vec::new();
    for case in cases {
        let Attack::Result { files } = &case.attack else { bail!("case {} hands nothing in", case.name) };
        all.extend(files());
    }
    let seen = hand_in(world, first.run_name(), &all).await?;
    report(cases.iter().map(|case| check(case, &seen).with_context(|| format!("case {}", case.name))).collect())
}

/// Hands files in as the result of a run, and waits for what comes of it.
async fn hand_in(world: &World, name: &str, files: &[HandedIn]) -> Result<Seen> {
    let door = Door::open(world, name).await?;
    let (status, answer) = door.hand_in(&door.capability().await?, outcome_of(world, name, files)).await?;
    ensure!(status == 202, "case {name}: the gateway answered {status} {answer}");
    Seen::wait(world, name, door.thread).await
}

fn outcome_of(world: &World, name: &str, files: &[HandedIn]) -> Value {
    let files: Vec<Value> = files.iter().map(file_of).collect();
    let base = world.github.branch_head(&format!("acme/{name}"), "main");
    json!({ "kind": "changes", "change_set": { "base_sha": base, "files": files, "commit_message": "feat: change it", "message_by_model": false } })
}

fn file_of((path, mode, content): &HandedIn) -> Value {
    let content = match content {
        Content::Text(text) => json!({ "text": text }),
        Content::Base64(text) => json!({ "base64": text }),
    };
    match mode {
        Some(mode) => json!({ "path": path, "change": { "kind": "write", "mode": mode, "content": content, "added": true } }),
        None => json!({ "path": path, "change": { "kind": "delete" } }),
    }
}
