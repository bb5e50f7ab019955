//! A client written for the real GitHub understands the answers.

use octocrab::Octocrab;
use octocrab::models::{AppId, InstallationId};
use octocrab::params::State;

use crate::stage::{REPO, Stage};

fn app(stage: &Stage) -> Octocrab {
    let key = jsonwebtoken_key(&stage.key);
    Octocrab::builder().base_uri(stage.github.api_url()).expect("a URL").app(AppId(4_242), key).build().expect("a client")
}

fn jsonwebtoken_key(pem: &str) -> octocrab::auth::EncodingKey {
    octocrab::auth::EncodingKey::from_rsa_pem(pem.as_bytes()).expect("an RSA key")
}

#[tokio::test]
async fn octocrab_finds_its_installation_and_works_as_it() {
    let stage = Stage::new().await;
    let number = stage.github.open_issue(REPO, "ada", "Greet", "please", &["bug"]).expect("an issue");
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1\n")]).expect("a commit");
    let app = app(&stage);
    let installation = app.apps().get_repository_installation("acme", "hello").await.expect("an installation");
    assert_eq!(installation.id, InstallationId(stage.installation));
    let client = app.installation(installation.id).expect("a client");
    let issue = client.issues("acme", "hello").get(number).await.expect("an issue");
    assert_eq!((issue.title.as_str(), issue.user.login.as_str(), issue.labels[0].name.as_str()), ("Greet", "ada", "bug"));
    let comment = client.issues("acme", "hello").create_comment(number, "queued").await.expect("a comment");
    client.issues("acme", "hello").update_comment(comment.id, "done").await.expect("an edit");
    assert_eq!(stage.github.comments(REPO, number)[0].body, "done");
    let pull = client.pulls("acme", "hello").create("Add", "topic", "main").body("text").send().await.expect("a pull request");
    let page = client.pulls("acme", "hello").list().head("acme:topic").state(State::All).send().await.expect("a list");
    assert_eq!(page.items.iter().map(|pull| pull.number).collect::<Vec<_>>(), [pull.number]);
    let repository = client.repos("acme", "hello").get().await.expect("a repository");
    assert_eq!((repository.full_name.as_deref(), repository.private), (Some(REPO), Some(true)));
    let files = client.repos("acme", "hello").get_content().path("README.md").send().await.expect("a file");
    assert_eq!(files.items[0].decoded_content().as_deref(), Some("# hello\n"));
}
