//! The pages that a person opens after the demo.

use serde_json::json;

use crate::stage::{REPO, Stage};

#[tokio::test]
async fn a_person_reads_an_issue_and_a_pull_request() {
    let stage = Stage::new().await;
    let issue = stage.github.open_issue(REPO, "ada", "Greet <all>", "Say **hello**", &["bug"]).expect("an issue");
    stage.github.comment(REPO, issue, "bob", "<!-- hidden marker -->\n\nSee <script>alert(1)</script>").expect("a comment");
    let token = stage.token(json!({"permissions": {"contents": "write", "pull_requests": "write"}})).await;
    let head = stage.github.branch_head(REPO, "main").expect("main");
    let tree = json!({"base_tree": head, "tree": [{"path": "src/main.py", "mode": "100644", "content": "print('hi & <b>')\n"}]});
    let tree = stage.post(&token, &format!("/repos/{REPO}/git/trees"), tree).await.json["sha"].clone();
    let commit =
        stage.post(&token, &format!("/repos/{REPO}/git/commits"), json!({"message": "Greet", "tree": tree, "parents": [head]})).await;
    let sha = commit.json["sha"].clone();
    stage.post(&token, &format!("/repos/{REPO}/git/refs"), json!({"ref": "refs/heads/topic", "sha": sha})).await;
    let pull = stage.post(&token, &format!("/repos/{REPO}/pulls"), json!({"title": "Greet", "head": "topic", "base": "main"})).await;

    let head_sha = sha.as_str().expect("a sha");
    stage.github.report_check(REPO, "ada", "ci", "tests <unit>", head_sha, "failure").expect("a check");

    let page = stage.get("", &stage.github.issue(REPO, issue).expect("an issue").url).await;
    assert_eq!(page.status, 200);
    for part in ["Greet &lt;all&gt;", "<strong>hello</strong>", "&lt;script&gt;", ">bug<"] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert!(!page.text.contains("hidden marker") && !page.text.contains("<script>"), "{}", page.text);
    let page = stage.get("", pull.json["html_url"].as_str().expect("a URL")).await;
    for part in [
        "<span class=\"add\">+print(&#39;hi &amp; &lt;b&gt;&#39;)</span>",
        "<span class=\"del\">-print(&#39;hello&#39;)</span>",
        "Verified",
        "<b>tests &lt;unit&gt;</b> failure",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    let web = stage.github.web_url().to_owned();
    assert!(stage.get("", &web).await.text.contains(REPO));
    assert!(stage.get("", &format!("{web}/{REPO}")).await.text.contains("Greet"));
    assert!(stage.get("", &format!("{web}/{REPO}/commit/{}", sha.as_str().expect("a sha"))).await.text.contains("print("));
    assert!(stage.get("", pull.json["diff_url"].as_str().expect("a URL")).await.text.contains("+print('hi & <b>')"));
    assert!(stage.get("", &format!("{web}/{REPO}/blob/topic/src/main.py")).await.text.contains("hi &amp;"));
    assert_eq!(stage.get("", &format!("{web}/{REPO}/issues/99")).await.status, 404);
}
