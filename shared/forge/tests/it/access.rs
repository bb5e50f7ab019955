//! What every call has in common on the wire, and the calls about the App, the repository and who may do what.

use crate::server::{APP_ID, Github, REPOSITORY, at, reply, repository};
use jiff::{SignedDuration, Timestamp};
use patchbay_forge::{AppIdentity, ForgeError, PermissionLevel, UserPermission};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

#[tokio::test]
async fn every_call_names_the_api_version_once_and_is_authorised() {
    let github = Github::start(|_| reply(200, repository())).await;
    let found = github.forge().repository(&at()).await.unwrap();
    assert_eq!((found.full_name().as_str(), found.default_branch.as_deref(), found.private), ("acme/hello", Some("trunk"), true));
    for seen in github.seen() {
        let values = |name: &str| seen.headers.get_all(name).iter().map(|v| v.to_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(values("x-github-api-version"), ["2022-11-28"]);
        assert_eq!(values("accept"), ["application/vnd.github+json"]);
        assert_eq!(values("user-agent").len(), 1);
        assert_eq!(values("authorization").len(), 1);
    }
}

#[tokio::test]
async fn the_path_prefix_of_an_enterprise_server_is_kept() {
    for prefix in ["/api/v3", "/api/v3/", "/r"] {
        let github = Github::start(|_| reply(200, repository())).await;
        github.forge_below(prefix).repository(&at()).await.unwrap();
        let prefix = prefix.trim_end_matches('/');
        assert_eq!(github.lines(), [format!("GET {prefix}/repos/acme/hello")]);
        assert_eq!(github.mints().len(), 1);
    }
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back_and_nothing_is_tried_again() {
    let github = Github::start(|seen| match seen.method.as_str() {
        "GET" => reply(429, json!({})).with("retry-after", 90),
        _ => reply(403, json!({"message": "You have exceeded a secondary rate limit"})),
    })
    .await;
    let forge = github.forge();
    for (answered, seconds) in [(forge.repository(&at()).await.map(drop), 90), (forge.create_comment(&at(), 1, "x").await.map(drop), 60)] {
        let Err(ForgeError::RateLimited { retry_at }) = answered else { panic!("{answered:?}") };
        let wait = retry_at.duration_since(Timestamp::now());
        assert!(wait <= SignedDuration::from_secs(seconds) && wait > SignedDuration::from_secs(seconds - 10), "{wait}");
    }
    assert_eq!(github.calls().len(), 2);
}

#[tokio::test]
async fn a_failing_server_is_transient_and_a_write_is_sent_once() {
    let github = Github::start(|_| reply(502, json!("<html>"))).await;
    let error = github.forge().create_comment(&at(), 7, "x").await.unwrap_err();
    assert_eq!(error, ForgeError::Transient("POST /repos/{owner}/{repo}/issues/{number}/comments: 502 ".into()));
    assert_eq!(github.lines(), ["POST /repos/acme/hello/issues/7/comments"]);
}

#[tokio::test]
async fn another_repository_under_the_same_name_and_an_archived_one_are_refused() {
    let with = |field: &'static str, value: Value| async move {
        let mut answer = repository();
        answer[field] = value;
        let github = Github::start(move |_| reply(200, answer.clone())).await;
        github.forge().repository(&at()).await.unwrap_err()
    };
    assert!(matches!(with("id", json!(REPOSITORY + 1)).await, ForgeError::NotFound(_)));
    assert!(matches!(with("archived", json!(true)).await, ForgeError::Permanent(_)));
    assert!(matches!(with("disabled", json!(true)).await, ForgeError::Permanent(_)));
}

#[tokio::test]
async fn the_identity_is_asked_once_with_the_jwt_and_the_bot_without_any_credential() {
    let github = Github::start(|seen| match seen.path.as_str() {
        "/app" => reply(200, json!({"id": APP_ID, "slug": "patchbay"})),
        "/users/patchbay%5Bbot%5D" => reply(200, json!({"id": 212_904_771, "login": "patchbay[bot]", "type": "Bot"})),
        _ => reply(404, json!({})),
    })
    .await;
    let forge = github.forge();
    let identity = forge.identity().await.unwrap();
    assert_eq!(identity, AppIdentity { app_id: APP_ID, slug: "patchbay".into(), bot_user_id: Some(212_904_771) });
    assert_eq!(forge.identity().await.unwrap(), identity);
    assert_eq!(github.lines(), ["GET /app", "GET /users/patchbay%5Bbot%5D"]);
    assert!(github.seen()[0].token().starts_with("ey") && github.seen()[1].token().is_empty());
}

#[tokio::test]
async fn an_unknown_bot_account_is_none_and_a_foreign_key_is_refused() {
    let unknown = Github::start(|seen| match seen.path.as_str() {
        "/app" => reply(200, json!({"id": APP_ID, "slug": "patchbay"})),
        _ => reply(403, json!({"message": "API rate limit exceeded"})),
    })
    .await;
    assert_eq!(unknown.forge().identity().await.unwrap().bot_user_id, None);
    let foreign = Github::start(|_| reply(200, json!({"id": 5, "slug": "other"}))).await;
    assert!(matches!(foreign.forge().identity().await, Err(ForgeError::Permanent(_))));
}

#[tokio::test]
async fn permission_is_the_role_of_the_account_with_its_id() {
    let check = |permission: &'static str, role: Value, expected: PermissionLevel| async move {
        let body = json!({"permission": permission, "role_name": role, "user": {"id": 58_210_034, "login": "dana"}});
        let github = Github::start(move |_| reply(200, body.clone())).await;
        let found = github.forge().permission(&at(), "dana").await.unwrap();
        assert_eq!(found, UserPermission { user_id: 58_210_034, level: expected }, "{permission} {role}");
        assert_eq!(github.lines(), ["GET /repos/acme/hello/collaborators/dana/permission"]);
    };
    check("admin", json!("admin"), PermissionLevel::Admin).await;
    check("write", json!("maintain"), PermissionLevel::Maintain).await;
    check("write", json!("write"), PermissionLevel::Write).await;
    check("read", json!("triage"), PermissionLevel::Triage).await;
    check("write", json!("security-engineer"), PermissionLevel::Write).await;
    check("read", Value::Null, PermissionLevel::Read).await;
    check("none", json!("none"), PermissionLevel::None).await;
    check("emperor", json!("emperor"), PermissionLevel::None).await;
}

#[tokio::test]
async fn somebody_unknown_may_do_nothing_and_no_login_leaves_its_place_in_the_path() {
    let github = Github::start(|_| reply(404, json!({"message": "dependabot[bot] is not a user"}))).await;
    let nobody = UserPermission { user_id: 0, level: PermissionLevel::None };
    assert_eq!(github.forge().permission(&at(), "../../x?y").await.unwrap(), nobody);
    assert_eq!(github.lines(), ["GET /repos/acme/hello/collaborators/..%2F..%2Fx%3Fy/permission"]);
    assert!(PermissionLevel::Triage < PermissionLevel::Write && PermissionLevel::Write < PermissionLevel::Maintain);
}

#[tokio::test]
async fn each_clone_gets_a_token_of_its_own() {
    let github = Github::start(|_| reply(201, json!({}))).await;
    let forge = github.forge();
    let (first, second) = (forge.clone_access(&at()).await.unwrap(), forge.clone_access(&at()).await.unwrap());
    assert_eq!(first.url, "https://github.example/acme/hello.git");
    assert_eq!((first.token.expose_secret(), second.token.expose_secret()), ("ghs_1", "ghs_2"));
    assert!(first.expires_at > Timestamp::now());
    assert!(!format!("{first:?}").contains("ghs_1"));
}
