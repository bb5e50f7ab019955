//! The GitHub client against the stateful local GitHub, which checks JWTs, permissions and git for itself.

use crate::server::{APP_ID, pem};
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::change_set::{Change, Content, FileChange};
use patchbay_domain::event::{Detail, Repository};
use patchbay_domain::ids::{ConnectionId, DeliveryId};
use patchbay_forge::github::convert::parse_event;
use patchbay_forge::{Forge, ForgeError, GithubConfig, NewCommit, NewPullRequest, PermissionLevel, RepoAt, open_github};
use patchbay_testing::github::{AppConfig, Level, LocalGithub, LocalGithubConfig};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const REPO: &str = "acme/hello";
pub(crate) const BRANCH: &str = "patchbay/1-0f1e2d3c";

/// The organisation acme with one repository, the App installed, dana who may write and robin who may not.
pub(crate) struct World {
    pub(crate) github: LocalGithub,
    pub(crate) forge: Arc<dyn Forge>,
    pub(crate) at: RepoAt,
    installation: u64,
    _folder: TempDir,
}

pub(crate) async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let github = LocalGithub::start(LocalGithubConfig::new(folder.path(), AppConfig::new(APP_ID, "patchbay", &pem()))).await.unwrap();
    github.create_user("dana").unwrap();
    github.create_user("robin").unwrap();
    github.create_org("acme", "dana").unwrap();
    let installation = github.install_app("acme").unwrap();
    let files = [("README.md", "# hello\n"), ("old.txt", "old\n"), ("src/main.py", "print('helo')\n")];
    let id = github.create_repository("acme", "hello", &files).unwrap();
    let repository = Repository { id, owner: "acme".into(), name: "hello".into(), default_branch: None, private: false };
    let at = RepoAt { connection: ConnectionId::of_installation("github", installation), repository };
    World { forge: forge_of(&github), github, at, installation, _folder: folder }
}

/// A client that has no tokens yet.
pub(crate) fn forge_of(github: &LocalGithub) -> Arc<dyn Forge> {
    let config = GithubConfig {
        api_url: github.api_url().to_owned(),
        web_url: github.web_url().to_owned(),
        app_id: APP_ID,
        slug: "patchbay".to_owned(),
        private_key: pem().into(),
    };
    open_github(config).unwrap()
}

impl World {
    /// Writes a commit on top of `base`, with one file.
    pub(crate) async fn commit(&self, base: &str, path: &str, text: &str) -> String {
        let files = [write(path, "100644", Content::Text(text.into()))];
        self.forge.write_commit(&self.at, &NewCommit { base_sha: base, message: "feat: x", files: &files }).await.unwrap()
    }

    pub(crate) async fn main(&self) -> String {
        self.forge.branch_head(&self.at, "main").await.unwrap().unwrap()
    }
}

pub(crate) fn write(path: &str, mode: &str, content: Content) -> FileChange {
    FileChange { path: path.into(), change: Change::Write { mode: mode.into(), content, added: true } }
}

#[tokio::test]
async fn a_change_becomes_a_verified_commit_a_branch_and_one_pull_request() {
    let World { github, forge, at, .. } = &world().await;
    let base = forge.branch_head(at, "main").await.unwrap().unwrap();
    let files = [
        write("src/main.py", "100644", Content::Text("print('hello')\n".into())),
        write("run.sh", "100755", Content::Text("#!/bin/sh\n".into())),
        write("logo.bin", "100644", Content::Base64("AP8A/w==".into())),
        write("empty", "100644", Content::Text(String::new())),
        FileChange { path: "old.txt".into(), change: Change::Delete },
    ];
    let sha = forge.write_commit(at, &NewCommit { base_sha: &base, message: "fix: spell\n\nCloses #1", files: &files }).await.unwrap();
    forge.create_branch(at, BRANCH, &sha).await.unwrap();
    assert!(matches!(forge.create_branch(at, BRANCH, &sha).await, Err(ForgeError::Conflict(_))));
    assert_eq!(forge.branch_head(at, BRANCH).await.unwrap(), Some(sha.clone()));
    assert_eq!(forge.commit_message(at, &sha).await.unwrap(), "fix: spell\n\nCloses #1");
    assert!(github.is_verified(REPO, &sha));
    assert_eq!(github.file(REPO, BRANCH, "src/main.py").unwrap(), b"print('hello')\n");
    assert_eq!(github.file(REPO, BRANCH, "logo.bin").unwrap(), [0, 255, 0, 255]);
    assert_eq!(github.file(REPO, BRANCH, "empty").unwrap(), b"");
    assert_eq!(github.file(REPO, BRANCH, "old.txt"), None);
    assert_eq!(github.file(REPO, BRANCH, "README.md").unwrap(), b"# hello\n");

    assert_eq!(forge.find_pull_request(at, BRANCH).await.unwrap(), None);
    let new = NewPullRequest { head: BRANCH, base: "main", title: "fix: spell", body: "Closes #1", draft: false };
    let opened = forge.open_pull_request(at, &new).await.unwrap();
    assert_eq!((opened.open, opened.merged, opened.refs.head_sha.as_str()), (true, false, sha.as_str()));
    assert_eq!(opened.refs.head_repository_id, Some(at.repository.id));
    assert_eq!(forge.open_pull_request(at, &new).await.unwrap().number, opened.number);
    assert_eq!(github.pulls(REPO).len(), 1);
    forge.close_pull_request(at, opened.number).await.unwrap();
    forge.close_pull_request(at, opened.number).await.unwrap();
    let closed = forge.find_pull_request(at, BRANCH).await.unwrap().unwrap();
    assert_eq!((closed.number, closed.open, closed.merged), (opened.number, false, false));
    assert_eq!(forge.pull_request(at, opened.number).await.unwrap(), closed);
}

#[tokio::test]
async fn branches_only_move_forward_and_go_once() {
    let world = world().await;
    let (forge, at) = (&world.forge, &world.at);
    let base = world.main().await;
    let one = world.commit(&base, "a", "1\n").await;
    let two = world.commit(&one, "b", "2\n").await;
    let aside = world.commit(&base, "c", "3\n").await;
    forge.create_branch(at, BRANCH, &one).await.unwrap();
    forge.advance_branch(at, BRANCH, &two).await.unwrap();
    let diverged = forge.advance_branch(at, BRANCH, &aside).await;
    assert!(matches!(diverged, Err(ForgeError::Conflict(_))), "{diverged:?}");
    assert_eq!(forge.branch_head(at, BRANCH).await.unwrap(), Some(two));
    let missing = forge.advance_branch(at, "nowhere", &one).await;
    assert!(matches!(missing, Err(ForgeError::NotFound(_))), "{missing:?}");
    forge.delete_branch(at, BRANCH).await.unwrap();
    forge.delete_branch(at, BRANCH).await.unwrap();
    assert_eq!(forge.branch_head(at, BRANCH).await.unwrap(), None);
    assert_eq!(world.main().await, base);
}

#[tokio::test]
async fn the_status_comment_is_found_again_among_many_and_edited() {
    let World { github, forge, at, .. } = &world().await;
    let number = github.open_issue(REPO, "dana", "t", "b", &["patchbay"]).unwrap();
    let marker = "<!-- patchbay:run_1 -->";
    for _ in 0..130 {
        github.comment(REPO, number, "dana", &format!("me too {marker}")).unwrap();
    }
    assert_eq!(forge.find_comment(at, number, marker).await.unwrap(), None);
    let created = forge.create_comment(at, number, &format!("Queued {marker}")).await.unwrap();
    assert_eq!(forge.find_comment(at, number, marker).await.unwrap().as_ref(), Some(&created));
    forge.update_comment(at, created.id, &format!("Done {marker}")).await.unwrap();
    let last = github.comments(REPO, number).pop().unwrap();
    assert_eq!((last.id, last.author.as_str(), last.body), (created.id, "patchbay[bot]", format!("Done {marker}")));
    github.delete_comment(REPO, created.id, "dana").unwrap();
    assert!(matches!(forge.update_comment(at, created.id, "x").await, Err(ForgeError::NotFound(_))));
    forge.remove_label(at, number, "patchbay").await.unwrap();
    forge.remove_label(at, number, "patchbay").await.unwrap();
    assert!(github.issue(REPO, number).unwrap().labels.is_empty());
}

#[tokio::test]
async fn who_may_do_what_is_the_forges_answer_of_this_moment() {
    let World { github, forge, at, .. } = &world().await;
    let level = async |login: &str| forge.permission(at, login).await.unwrap();
    assert_eq!(level("dana").await.level, PermissionLevel::Admin);
    assert!(level("robin").await.level < PermissionLevel::Write);
    github.set_permission(REPO, "robin", Level::Write).unwrap();
    let robin = level("robin").await;
    assert_eq!(robin.level, PermissionLevel::Write);
    assert!(robin.user_id > 0 && robin.user_id != level("dana").await.user_id);
    assert_eq!((level("nobody-at-all").await.level, level("nobody-at-all").await.user_id), (PermissionLevel::None, 0));
    let identity = forge.identity().await.unwrap();
    assert_eq!((identity.app_id, identity.slug.as_str()), (APP_ID, "patchbay"));
    assert!(identity.bot_user_id.is_some());
    let repository = forge.repository(at).await.unwrap();
    assert_eq!((repository.id, repository.default_branch.as_deref()), (at.repository.id, Some("main")));
    github.set_archived(REPO, true).unwrap();
    assert!(matches!(forge.repository(at).await, Err(ForgeError::Permanent(_))));
}

#[tokio::test]
async fn the_clone_token_clones_and_does_nothing_else() {
    let World { github, forge, at, .. } = &world().await;
    let access = forge.clone_access(at).await.unwrap();
    assert_eq!(access.url, format!("{}/acme/hello.git", github.web_url()));
    let folder = tempfile::tempdir().unwrap();
    let token = access.token.expose_secret();
    let url = access.url.replace("http://", &format!("http://x-access-token:{token}@"));
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.args(args).current_dir(folder.path()).env("GIT_TERMINAL_PROMPT", "0").env("GIT_CONFIG_GLOBAL", "/dev/null");
        git
    };
    let run = |args: Vec<String>| {
        let mut command = git(&args.iter().map(String::as_str).collect::<Vec<_>>());
        tokio::task::spawn_blocking(move || command.output().unwrap().status.success())
    };
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert!(run(words(&format!("clone -q --depth 1 {url} copy"))).await.unwrap());
    assert!(!run(words(&format!("-C copy push -q {url} HEAD:refs/heads/stolen"))).await.unwrap());
    assert_eq!(github.branch_head(REPO, "stolen"), None);
}

#[tokio::test]
async fn expired_tokens_are_replaced_and_an_uninstalled_app_is_told_so() {
    let World { github, forge, at, installation, .. } = &world().await;
    forge.repository(at).await.unwrap();
    github.expire_tokens();
    forge.repository(at).await.unwrap();
    github.suspend_app(*installation).unwrap();
    let suspended = forge.create_comment(at, 1, "x").await;
    assert!(matches!(suspended, Err(ForgeError::Unauthorized(_))), "{suspended:?}");
    github.unsuspend_app(*installation).unwrap();
    forge.repository(at).await.unwrap();
    github.uninstall_app(*installation).unwrap();
    let gone = forge.repository(at).await;
    assert!(matches!(gone, Err(ForgeError::Unauthorized(_))), "{gone:?}");
}

#[tokio::test]
async fn what_never_arrived_is_found_in_the_log_read_and_sent_again() {
    let World { github, forge, at, .. } = &world().await;
    let since = Timestamp::now() - SignedDuration::from_secs(60);
    let closed_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    github.set_webhook(&format!("http://{closed_port}/"), "secret");
    let number = github.open_issue(REPO, "dana", "Spelling", "@patchbay fix it", &[]).unwrap();
    github.label(REPO, number, "dana", "patchbay").unwrap();
    let patience = Duration::from_secs(20);
    let attempted = |github: &LocalGithub, attempts: usize| {
        let log = github.deliveries();
        (log.len() >= attempts && log.iter().all(|delivery| delivery.status_code.is_some())).then_some(())
    };
    github.wait_for("two attempts", patience, |github| attempted(github, 2)).await.unwrap();
    let failed = forge.failed_deliveries(since).await.unwrap();
    let named: Vec<_> = failed.iter().map(|d| (d.event.as_str(), d.action.as_deref())).collect();
    assert_eq!(named, [("issues", Some("opened")), ("issues", Some("labeled"))]);
    let request = forge.delivery_request(failed[1].id).await.unwrap();
    assert_eq!((request.guid.as_str(), request.event.as_str()), (failed[1].guid.as_str(), "issues"));
    let event = parse_event(&request.event, &DeliveryId(request.guid), request.payload.to_string().as_bytes()).unwrap();
    assert_eq!(event.connection.as_ref(), Some(&at.connection));
    assert_eq!(event.repository.unwrap().id, at.repository.id);
    assert_eq!(event.subject.unwrap().body, "@patchbay fix it");
    assert_eq!(event.detail, Detail::Label { name: "patchbay".into() });
    forge.redeliver(failed[0].id).await.unwrap();
    github.wait_for("a third attempt", patience, |github| attempted(github, 3)).await.unwrap();
    let again = forge.failed_deliveries(since).await.unwrap();
    assert_eq!(again.len(), 2);
    let opened = again.iter().find(|delivery| delivery.guid == failed[0].guid).unwrap();
    assert!(opened.redelivery && opened.id != failed[0].id);
}

#[tokio::test]
async fn an_installation_tells_its_account_until_it_is_gone() {
    let World { github, forge, at, installation, .. } = &world().await;
    let found = forge.installation(&at.connection).await.unwrap();
    assert_eq!((found.account_login.as_str(), found.suspended, found.all_repositories), ("acme", false, true));
    assert_eq!(found.permissions["contents"], "write");
    github.suspend_app(*installation).unwrap();
    assert!(forge.installation(&at.connection).await.unwrap().suspended);
    github.uninstall_app(*installation).unwrap();
    assert!(matches!(forge.installation(&at.connection).await, Err(ForgeError::NotFound(_))));
    assert!(matches!(forge.installation(&ConnectionId("con_github_".into())).await, Err(ForgeError::NotFound(_))));
}
