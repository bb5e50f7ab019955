//! Tokens as the server sees them: how narrow, how many, and what happens when they are refused (R37).

use crate::server::{APP_ID, Github, KEY, REPOSITORY, Reply, Seen, at, pem, reply, repository};
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::ids::ConnectionId;
use patchbay_domain::trigger::EventKind;
use patchbay_forge::{ForgeError, GithubConfig, RepoAt, open_github};
use patchbay_testing::github::AppConfig;
use serde_json::{Value, json};

#[tokio::test]
async fn every_token_is_for_one_repository_and_for_the_least_that_the_call_needs() {
    let github = Github::start(|_| reply(404, json!({"message": "Not Found"}))).await;
    let forge = github.forge();
    let at = at();
    let _ = forge.permission(&at, "dana").await;
    let _ = forge.pull_request(&at, 1).await;
    let _ = forge.create_comment(&at, 1, "x").await;
    let _ = forge.create_branch(&at, "x", "sha").await;
    let _ = forge.read_file(&at, "x", None).await;
    let _ = forge.pull_request_paths(&at, 1).await;
    let _ = forge.request_reviewers(&at, 1, &["dana".to_owned()], &[]).await;
    let _ = forge.find_check_run(&at, "sha", "x", "y").await;
    let _ = forge.is_team_member(&at, "acme", "docs", "dana").await;
    forge.clone_access(&at).await.unwrap();
    let bodies: Vec<Value> = github.mints().into_iter().map(|mint| mint.body).collect();
    let narrow = |permissions: Value| json!({"repository_ids": [REPOSITORY], "permissions": permissions});
    assert_eq!(
        bodies,
        [
            narrow(json!({"metadata": "read"})),
            narrow(json!({"contents": "read", "pull_requests": "read"})),
            narrow(json!({"issues": "write", "pull_requests": "write"})),
            narrow(json!({"contents": "write", "pull_requests": "write"})),
            narrow(json!({"contents": "read"})),
            narrow(json!({"pull_requests": "read"})),
            narrow(json!({"pull_requests": "write"})),
            narrow(json!({"checks": "write"})),
            narrow(json!({"members": "read"})),
            narrow(json!({"contents": "read"})),
        ]
    );
    let used: Vec<String> = (1..=9).map(|token| format!("ghs_{token}")).collect();
    assert_eq!(github.calls().iter().map(Seen::token).collect::<Vec<_>>(), used);
    let manifest: Value = serde_json::from_str(include_str!("../../../../infra/manifests/github-app.json")).unwrap();
    for (name, access) in bodies.iter().flat_map(|body| body["permissions"].as_object().unwrap()) {
        let asked = &manifest["default_permissions"][name];
        assert!(asked == access || asked == "write", "the App is to ask for {name}: {access}, not {asked}");
    }
}

#[test]
fn the_app_subscribes_to_every_event_that_can_start_a_workflow() {
    let manifest: Value = serde_json::from_str(include_str!("../../../../infra/manifests/github-app.json")).unwrap();
    let events = manifest["default_events"].as_array().unwrap();
    let from_github = EventKind::ALL.into_iter().filter(|kind| !matches!(kind, EventKind::Schedule | EventKind::Manual));
    let missing: Vec<&str> = from_github.map(EventKind::as_str).filter(|kind| !events.contains(&json!(kind))).collect();
    assert_eq!(missing, Vec::<&str>::new());
    let local = AppConfig::new(APP_ID, "patchbay", "");
    assert_eq!(&json!(local.events), &manifest["default_events"], "the local GitHub's App is the same");
    assert_eq!(&json!(local.permissions), &manifest["default_permissions"]);
}

#[tokio::test]
async fn tokens_are_minted_with_the_apps_own_signature() {
    let github = Github::start(|_| reply(200, repository())).await;
    github.forge().repository(&at()).await.unwrap();
    let mint = github.mints().remove(0);
    let (signed, signature) = mint.token().rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, KEY.public_key().as_ref());
    key.verify(signed.as_bytes(), &BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let part = |index: usize| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(signed.split('.').nth(index).unwrap()).unwrap()).unwrap()
    };
    assert_eq!(part(0)["alg"], "RS256");
    assert_eq!(part(1)["iss"].to_string().trim_matches('"'), APP_ID.to_string());
    let now = Timestamp::now().as_second();
    assert!(part(1)["iat"].as_i64().unwrap() < now && part(1)["exp"].as_i64().unwrap() <= now + 600);
}

#[tokio::test]
async fn five_concurrent_cold_calls_mint_one_token() {
    let github = Github::start(|_| reply(200, repository())).await;
    let forge = github.forge();
    let at = at();
    let call = || forge.repository(&at);
    let (a, b, c, d, e) = tokio::join!(call(), call(), call(), call(), call());
    assert!([a, b, c, d, e].iter().all(Result::is_ok));
    assert_eq!((github.mints().len(), github.calls().len()), (1, 5));
}

#[tokio::test]
async fn repositories_and_installations_never_share_a_token() {
    let github = Github::start(|_| reply(404, json!({}))).await;
    let forge = github.forge();
    let (first, mut second) = (at(), at());
    second.repository.id += 1;
    let _ = forge.permission(&first, "dana").await;
    let _ = forge.permission(&second, "dana").await;
    let _ = forge.permission(&first, "dana").await;
    assert_eq!(github.calls().iter().map(Seen::token).collect::<Vec<_>>(), ["ghs_1", "ghs_2", "ghs_1"]);
    assert_eq!(github.mints()[1].body["repository_ids"], json!([REPOSITORY + 1]));
}

#[tokio::test]
async fn a_token_that_soon_expires_is_replaced_before_it_is_used_again() {
    let life = SignedDuration::from_secs(299);
    let github = Github::start_with_token_life(life, |_| reply(200, repository())).await;
    let forge = github.forge();
    forge.repository(&at()).await.unwrap();
    forge.repository(&at()).await.unwrap();
    assert_eq!(github.calls().iter().map(Seen::token).collect::<Vec<_>>(), ["ghs_1", "ghs_2"]);
}

fn refuse_first_token(seen: &Seen) -> Reply {
    if seen.token() == "ghs_1" { reply(401, json!({"message": "Bad credentials"})) } else { reply(200, repository()) }
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_however_many_calls_it_was_refused_for() {
    let github = Github::start(refuse_first_token).await;
    let forge = github.forge();
    let at = at();
    let call = || forge.repository(&at);
    let (a, b, c) = tokio::join!(call(), call(), call());
    assert!([a, b, c].iter().all(Result::is_ok));
    assert_eq!(github.mints().len(), 2);
}

#[tokio::test]
async fn a_second_refusal_is_final() {
    let github = Github::start(|_| reply(401, json!({"message": "Bad credentials"}))).await;
    let error = github.forge().create_comment(&at(), 1, "x").await.unwrap_err();
    assert!(matches!(error, ForgeError::Unauthorized(_)), "{error}");
    assert_eq!((github.mints().len(), github.calls().len()), (2, 2));
}

#[tokio::test]
async fn what_minting_is_refused_with_says_what_is_wrong() {
    let inaccessible = "There is at least one repository that does not exist or is not accessible to the parent installation.";
    for (status, message, is_expected) in [
        (401, "A JSON web token could not be decoded", (|e| matches!(e, ForgeError::Unauthorized(_))) as fn(&ForgeError) -> bool),
        (404, "Not Found", |e| matches!(e, ForgeError::Unauthorized(_))),
        (403, "This installation has been suspended", |e| matches!(e, ForgeError::Unauthorized(_))),
        (422, inaccessible, |e| matches!(e, ForgeError::NotFound(_))),
        (422, "The permissions requested are not granted to this installation.", |e| matches!(e, ForgeError::Permanent(_))),
        (500, "", |e| matches!(e, ForgeError::Transient(_))),
    ] {
        let github = Github::start_without_tokens(status, message).await;
        let error = github.forge().repository(&at()).await.unwrap_err();
        assert!(is_expected(&error), "{status} {message}: {error}");
        assert_eq!((github.mints().len(), github.calls().len()), (1, 0));
    }
}

#[tokio::test]
async fn a_connection_that_is_no_installation_is_refused_without_a_call() {
    let github = Github::start(|_| reply(200, repository())).await;
    let at = RepoAt { connection: ConnectionId("con_github_".into()), ..at() };
    assert!(matches!(github.forge().repository(&at).await, Err(ForgeError::Permanent(_))));
    assert!(github.seen().is_empty());
}

#[tokio::test]
async fn no_error_repeats_a_secret() {
    let github = Github::start(|seen| reply(400, json!({"message": format!("cannot read {}", seen.token())}))).await;
    let error = github.forge().identity().await.unwrap_err().to_string();
    assert!(error.contains("cannot read [secret]"), "{error}");
    let key = pem();
    let config = |key: &str| GithubConfig {
        api_url: github.url.clone(),
        web_url: "https://github.example".to_owned(),
        app_id: APP_ID,
        slug: "patchbay".to_owned(),
        private_key: key.into(),
    };
    let broken = key.replacen("\nMII", "\nAAA", 1);
    let error = open_github(config(&broken)).map(|_| ()).unwrap_err();
    let shown = format!("{error} {error:?} {:?}", config(&key));
    assert!(key.lines().skip(1).chain(broken.lines().skip(1)).all(|line| !shown.contains(line)), "{shown}");
}
