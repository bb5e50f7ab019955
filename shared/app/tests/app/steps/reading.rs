//! Steps that read: what becomes of a pull request, a commit and a file in outputs.

use super::{assert_done, commit, failure, issue, outputs, pull};
use crate::stage::{REPO, Stage};

#[tokio::test]
async fn a_pull_request_is_read_part_by_part() {
    let stage = Stage::set().await;
    stage.github.push_commit(REPO, "dana", "feature", "feat: x", &[("x.txt", "one\n")]).unwrap();
    let number = stage.github.open_pull(REPO, "dana", "feature", "main", "A title", "").unwrap();
    stage.github.comment(REPO, number, "dana", "Why so?").unwrap();
    let run = stage.played(&pull(number), "- { id: look, pr_context: { include: [diff, files, comments, commits] } }").await;
    assert_done(&run);
    let read = outputs(&run, 0);
    assert!(read["diff"].contains("+one") && read["files"].contains("x.txt") && read["comments"].contains("Why so?"), "{read:?}");
    assert!(read["commits"].contains("feat: x") && !read.contains_key("reviews") && read["truncated"] == "false", "{read:?}");
    let run = stage.played(&pull(number), "- { id: look, pr_context: { include: [diff], max_chars: 10 } }").await;
    assert_eq!((outputs(&run, 0)["truncated"].as_str(), outputs(&run, 0)["diff"].chars().count() <= 10), ("true", true));
    let run = stage.played(&issue(stage.new_issue()), "- pr_context: {}").await;
    assert!(failure(&run).detail.contains("works on pull requests"), "{}", failure(&run).detail);
}

#[tokio::test]
async fn a_commit_is_read() {
    let stage = Stage::set().await;
    let sha = stage.github.push_commit(REPO, "dana", "main", "docs: Say more", &[("README.md", "# hello\nmore\n")]).unwrap();
    let run = stage.played(&commit(&sha), "- { id: look, commit_context: { include: [diff] } }").await;
    assert_done(&run);
    let read = outputs(&run, 0);
    assert!(read["message"].starts_with("docs: Say more") && read["diff"].contains("+more"), "{read:?}");
    assert!(!read.contains_key("files") && read["truncated"] == "false", "{read:?}");
}

#[tokio::test]
async fn a_file_is_read_cut_and_missed() {
    let stage = Stage::set().await;
    let about = issue(stage.new_issue());
    let run = stage
        .played(
            &about,
            r#"
- { id: whole, file: { path: "/README.md" } }
- { id: short, file: { path: README.md, ref: main, max_chars: 3 } }
- { id: gone, file: { path: nope.md } }
"#,
        )
        .await;
    assert_done(&run);
    let (whole, short, gone) = (outputs(&run, 0), outputs(&run, 1), outputs(&run, 2));
    assert_eq!((whole["content"].as_str(), whole["exists"].as_str(), whole["truncated"].as_str()), ("# hello\n", "true", "false"));
    assert_eq!((short["content"].as_str(), short["truncated"].as_str(), &short["sha"]), ("# h", "true", &whole["sha"]));
    assert_eq!((gone["content"].as_str(), gone["exists"].as_str()), ("", "false"));
}
