//! Who gets in: JWTs of the App, installation tokens and their limits, people's levels.

use patchbay_testing::github::{Level, generate_app_key};
use serde_json::json;

use crate::stage::{REPO, Stage, sign_jwt};

#[tokio::test]
async fn only_a_sound_jwt_of_the_app_is_let_in() {
    let stage = Stage::new().await;
    let now = jiff::Timestamp::now().as_second();
    let rs256 = json!({"alg": "RS256", "typ": "JWT"});
    let claims = |iat: i64, exp: i64, iss: &str| json!({"iat": now + iat, "exp": now + exp, "iss": iss});
    let other_key = generate_app_key().expect("a key");
    let good = sign_jwt(&stage.key, &rs256, &claims(-60, 540, "4242"));
    let none = format!("{}.", sign_jwt(&stage.key, &json!({"alg": "none"}), &claims(-60, 540, "4242")).rsplit_once('.').expect("a dot").0);
    for (case, jwt, status, message) in [
        ("good", good, 200, ""),
        ("client id", sign_jwt(&stage.key, &rs256, &claims(-60, 540, "Iv23li00000000004242")), 200, ""),
        ("numeric issuer", sign_jwt(&stage.key, &rs256, &json!({"iat": now, "exp": now + 60, "iss": 4242})), 200, ""),
        ("other key", sign_jwt(&other_key, &rs256, &claims(-60, 540, "4242")), 401, "could not be decoded"),
        ("none", none, 401, "could not be decoded"),
        ("HS256", sign_jwt(&stage.key, &json!({"alg": "HS256"}), &claims(-60, 540, "4242")), 401, "could not be decoded"),
        ("expired", sign_jwt(&stage.key, &rs256, &claims(-700, -1, "4242")), 401, "('exp')"),
        ("too long", sign_jwt(&stage.key, &rs256, &claims(0, 3_600, "4242")), 401, "too far in the future"),
        ("from the future", sign_jwt(&stage.key, &rs256, &claims(300, 540, "4242")), 401, "('iat')"),
        ("other App", sign_jwt(&stage.key, &rs256, &claims(-60, 540, "7")), 404, "Integration not found"),
    ] {
        let answer = stage.get(&jwt, "/app").await;
        assert_eq!(answer.status, status, "{case}: {}", answer.text);
        assert!(answer.message().contains(message), "{case}: {}", answer.text);
    }
    assert_eq!(stage.get(&stage.ada, "/app").await.message(), "A JSON web token could not be decoded");
    assert_eq!(stage.get(&stage.jwt(), &format!("/repos/{REPO}")).await.status, 401);
}

#[tokio::test]
async fn a_narrowed_token_reaches_its_repository_and_its_permissions_only() {
    let stage = Stage::new().await;
    let hello = stage.get(&stage.ada, &format!("/repos/{REPO}")).await.json["id"].as_u64().expect("an id");
    stage.github.create_repository("acme", "other", &[("a", "b")]).expect("acme/other");
    let token = stage.token(json!({"repository_ids": [hello], "permissions": {"issues": "read"}})).await;
    assert_eq!(stage.get(&token, &format!("/repos/{REPO}/issues")).await.status, 200);
    assert_eq!(stage.get(&token, "/repos/acme/other/issues").await.status, 404, "outside its repositories nothing exists");
    let refused = stage.post(&token, &format!("/repos/{REPO}/issues"), json!({"title": "x"})).await;
    assert_eq!((refused.status, refused.message()), (403, "Resource not accessible by integration"));
    assert_eq!(stage.get(&token, &format!("/repos/{REPO}/contents/README.md")).await.status, 403);
    assert_eq!(stage.get(&token, "/user").await.status, 403);
    let listed = stage.get(&token, "/installation/repositories").await;
    assert_eq!((&listed.json["total_count"], &listed.json["repositories"][0]["full_name"]), (&json!(1), &json!(REPO)));
}

#[tokio::test]
async fn permission_for_pull_requests_opens_no_issue() {
    let stage = Stage::new().await;
    let issue = stage.github.open_issue(REPO, "ada", "Talk", "", &[]).expect("an issue");
    stage.github.push_commit(REPO, "ada", "topic", "Add", &[("new.txt", "1")]).expect("a commit");
    let pull = stage.github.open_pull(REPO, "ada", "topic", "main", "Add", "").expect("a pull request");
    let token = stage.token(json!({"permissions": {"pull_requests": "write"}})).await;
    for (number, status) in [(issue, 403), (pull, 201)] {
        let answer = stage.post(&token, &format!("/repos/{REPO}/issues/{number}/comments"), json!({"body": "x"})).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_token_cannot_ask_for_more_than_was_granted() {
    let stage = Stage::new().await;
    let path = format!("/app/installations/{}/access_tokens", stage.installation);
    for body in [json!({"permissions": {"administration": "write"}}), json!({"permissions": {"metadata": "write"}})] {
        let answer = stage.post(&stage.jwt(), &path, body).await;
        assert_eq!((answer.status, answer.message()), (422, "The permissions requested are not granted to this installation."));
    }
    let answer = stage.post(&stage.jwt(), &path, json!({"repository_ids": [1]})).await;
    assert_eq!(answer.status, 422);
    assert!(answer.message().contains("not accessible to the parent installation"), "{}", answer.text);
    assert_eq!(stage.post(&stage.jwt(), "/app/installations/1/access_tokens", json!({})).await.status, 404);
}

#[tokio::test]
async fn tokens_die_with_expiry_suspension_and_removal() {
    let stage = Stage::new().await;
    let issues = format!("/repos/{REPO}/issues");
    let token = stage.token(json!({})).await;
    assert!(token.starts_with("ghs_") && token.len() > 300, "{token}");
    stage.github.expire_tokens();
    assert_eq!(stage.get(&token, &issues).await.message(), "Bad credentials");
    let token = stage.token(json!({})).await;
    stage.github.suspend_app(stage.installation).expect("suspended");
    assert_eq!(stage.get(&token, &issues).await.status, 403);
    assert_eq!(stage.post(&stage.jwt(), &format!("/app/installations/{}/access_tokens", stage.installation), json!({})).await.status, 403);
    stage.github.unsuspend_app(stage.installation).expect("resumed");
    assert_eq!(stage.get(&token, &issues).await.status, 200);
    stage.github.uninstall_app(stage.installation).expect("removed");
    assert_eq!(stage.get(&token, &issues).await.status, 401);
    assert_eq!(stage.get(&stage.jwt(), &format!("/repos/{REPO}/installation")).await.status, 404);
}

#[tokio::test]
async fn levels_of_people_are_told_and_an_app_has_none() {
    let stage = Stage::new().await;
    let token = stage.token(json!({})).await;
    stage.github.create_user("mia").expect("mia");
    stage.github.set_permission(REPO, "mia", Level::Maintain).expect("mia maintains");
    for (login, permission, role) in
        [("ada", "admin", "admin"), ("mia", "write", "maintain"), ("bob", "read", "read"), ("eve", "none", "none")]
    {
        let answer = stage.get(&token, &format!("/repos/{REPO}/collaborators/{login}/permission")).await;
        assert_eq!((answer.json["permission"].as_str(), answer.json["role_name"].as_str()), (Some(permission), Some(role)), "{login}");
        assert_eq!(answer.json["user"]["login"], login);
    }
    for stranger in ["nobody", "patchbay[bot]"] {
        let answer = stage.get(&token, &format!("/repos/{REPO}/collaborators/{stranger}/permission")).await;
        assert_eq!((answer.status, answer.message()), (404, format!("{stranger} is not a user").as_str()));
    }
    let bot = stage.get(&token, "/users/patchbay%5Bbot%5D").await;
    assert_eq!((&bot.json["type"], &bot.json["login"]), (&json!("Bot"), &json!("patchbay[bot]")));
}

#[tokio::test]
async fn people_see_and_change_what_their_level_allows() {
    let stage = Stage::new().await;
    let (bob, eve) = (stage.github.create_user("bob").expect("bob"), stage.github.create_user("eve").expect("eve"));
    assert_eq!(stage.get(&eve, &format!("/repos/{REPO}")).await.status, 404, "a private repository is hidden");
    assert_eq!(stage.get("", &format!("/repos/{REPO}")).await.status, 404);
    assert_eq!(stage.get("ghp_wrong", &format!("/repos/{REPO}")).await.message(), "Bad credentials");
    assert_eq!(stage.post(&bob, &format!("/repos/{REPO}/issues"), json!({"title": "t"})).await.status, 201);
    let refused = stage.post(&bob, &format!("/repos/{REPO}/git/blobs"), json!({"content": "x"})).await;
    assert_eq!(refused.status, 403);
    stage.github.set_private(REPO, false).expect("public");
    assert_eq!(stage.get("", &format!("/repos/{REPO}")).await.status, 200);
    assert_eq!(stage.post("", &format!("/repos/{REPO}/issues"), json!({"title": "t"})).await.message(), "Requires authentication");
}

#[tokio::test]
async fn a_person_creates_repositories_and_the_installation_on_all_gains_them() {
    let stage = Stage::new().await;
    let answer = stage.post(&stage.ada, "/orgs/acme/repos", json!({"name": "new", "private": true, "auto_init": true})).await;
    assert_eq!((answer.status, &answer.json["full_name"]), (201, &json!("acme/new")), "{}", answer.text);
    assert_eq!(stage.github.file("acme/new", "main", "README.md").as_deref(), Some(b"# new\n".as_slice()));
    let again = stage.post(&stage.ada, "/orgs/acme/repos", json!({"name": "new"})).await;
    assert_eq!((again.status, &again.json["errors"][0]["message"]), (422, &json!("name already exists on this account")));
    let token = stage.token(json!({"repositories": ["new"]})).await;
    assert_eq!(stage.get(&token, "/repos/acme/new").await.status, 200);
    let eve = stage.github.create_user("eve").expect("eve");
    assert_eq!(stage.post(&eve, "/orgs/acme/repos", json!({"name": "x"})).await.status, 403);
    assert_eq!(stage.post(&eve, "/user/repos", json!({"name": "own"})).await.json["full_name"], "eve/own");
}

#[tokio::test]
async fn the_rate_limit_is_told_and_enforced() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = crate::stage::config(folder.path(), &crate::stage::app_key());
    config.hourly_limit = 2;
    let github = patchbay_testing::github::LocalGithub::start(config).await.expect("it starts");
    let ada = github.create_user("ada").expect("ada");
    let stage = Stage { github, key: String::new(), installation: 0, ada: ada.clone(), folder };
    assert_eq!(stage.get(&ada, "/user").await.header("x-ratelimit-remaining"), "1");
    assert_eq!(stage.get(&ada, "/user").await.header("x-ratelimit-remaining"), "0");
    let refused = stage.get(&ada, "/user").await;
    assert_eq!((refused.status, refused.header("x-ratelimit-remaining")), (403, "0"));
    assert!(refused.message().starts_with("API rate limit exceeded"), "{}", refused.text);
    assert_eq!(stage.github.calls()["GET /user"], 3);
    stage.github.reset_calls();
    assert!(stage.github.calls().is_empty());
}
