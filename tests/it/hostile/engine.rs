//! Workflow engines and their callers: whoever knows the address of step-callback, whoever answers a call, and a file whose
//! author wants Patchbay to call what only Patchbay's own network reaches (R40).

use super::case::{Attack, Case, End, Needs};
use crate::workflows::receiver::{Call, Receiver};
use crate::world::{HELLO, PATIENCE, World};
use anyhow::{Context, Result, ensure};
use futures_util::future::BoxFuture;
use patchbay::stack::forge::PERSON;
use patchbay_testing::github::LocalGithub;
use reqwest::Client;
use serde_json::json;
use std::sync::Arc;

/// Addresses of no public network, each a workflow's of its own.
const INNER: [&str; 6] = [
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/v2/credentials",
    "https://10.0.0.1/",
    "https://[::ffff:10.0.0.1]/",
    "https://167772161/",
    "http://93.184.216.34/",
];

/// Two runs that wait for their engine, and what the tests may look at.
pub(crate) struct Engine {
    github: Arc<LocalGithub>,
    client: Client,
    /// Callback addresses, and the threads that the runs belong to.
    one: (String, u64),
    other: (String, u64),
}

impl Engine {
    async fn open(world: &World, receiver: &Receiver) -> Result<Self> {
        let mut file = format!(
            r#"
workflows:
  wait:
    on: {{ issues: {{ types: [labeled], labels: [wait] }} }}
    steps:
      - id: engine
        http: {{ url: "{}", wait: true }}
      - comment: {{ body: "It says: {{{{ steps.engine.outputs.note }}}}" }}
"#,
            receiver.url()
        );
        for (index, url) in INNER.iter().enumerate() {
            file.push_str(&format!(
                "  inner-{index}:\n    on: {{ issues: {{ types: [labeled], labels: [inner-{index}] }} }}\n    steps: [http: {{ url: \"{url}\" }}]\n"
            ));
        }
        world.in_force(&file).await?;
        let wait = async || {
            let number = world.issue("A thread", "Nobody is asked.")?;
            world.github.label(HELLO, number, PERSON, "wait")?;
            let call: Call = receiver.call().await?;
            anyhow::Ok((call.callback_url()?.to_owned(), number))
        };
        Ok(Self { github: Arc::clone(&world.github), client: Client::new(), one: wait().await?, other: wait().await? })
    }

    async fn call(&self, url: &str, body: impl Into<reqwest::Body>) -> Result<u16> {
        let request = self.client.post(url).header("content-type", "application/json").body(body);
        Ok(request.send().await?.status().as_u16())
    }

    /// What the App says in a thread, once it says this.
    async fn said(&self, number: u64, needle: &str) -> Result<String> {
        let says = |github: &LocalGithub| {
            let comments = github.comments(HELLO, number).into_iter();
            comments.filter(|comment| comment.author == "patchbay[bot]").map(|comment| comment.body).find(|body| body.contains(needle))
        };
        self.github.wait_for(needle, PATIENCE, says).await
    }

    fn silent(&self, number: u64) -> bool {
        self.github.comments(HELLO, number).iter().all(|comment| !comment.body.contains("It says"))
    }
}

/// The address with another last part, or another step before it.
fn with_token(url: &str, token: &str) -> String {
    format!("{}/{token}", url.rsplit_once('/').map_or(url, |(front, _)| front))
}

fn parts(url: &str) -> Result<(String, String, String)> {
    let mut parts = url.rsplitn(3, '/').map(str::to_owned);
    let (token, step, front) = (parts.next(), parts.next(), parts.next());
    Ok((front.context("an address")?, step.context("a step")?, token.context("a token")?))
}

type Attempt = for<'a> fn(&'a Engine) -> BoxFuture<'a, Result<()>>;

fn case(name: &'static str, requirement: &'static str, attacker: &'static str, attempt: Attempt, told: &'static str) -> Case {
    Case { name, requirement, attacker, attack: Attack::Engine(attempt), end: End::Shown(told), needs: Needs::Nothing, together: None }
}

/// In an order in which each finds what it needs.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "callback-forged",
            "R41",
            "calls back for a run that waits, with a token that it made up, or with none",
            |engine| {
                Box::pin(async {
                    let (url, number) = &engine.one;
                    for token in ["0".repeat(64), "x".to_owned(), "..".to_owned(), "%00".to_owned()] {
                        let status = engine.call(&with_token(url, &token), "{\"note\":\"forged\"}").await?;
                        ensure!(matches!(status, 401 | 404), "{token}: {status}");
                    }
                    ensure!(engine.silent(*number), "the run went on");
                    Ok(())
                })
            },
            "401, and nothing is looked up: a token is an HMAC of workspace, run and step",
        ),
        case(
            "callback-anothers",
            "R41",
            "answers another run, or another step of its own run, with the token that it was given",
            |engine| {
                Box::pin(async {
                    let (_, _, token) = parts(&engine.other.0)?;
                    let (front, _, own) = parts(&engine.one.0)?;
                    for url in [with_token(&engine.one.0, &token), format!("{front}/1/{own}"), format!("{front}/-1/{own}")] {
                        ensure!(engine.call(&url, "{\"note\":\"forged\"}").await? == 401, "{url}");
                    }
                    ensure!(engine.silent(engine.one.1), "the run went on");
                    Ok(())
                })
            },
            "401",
        ),
        case(
            "callback-too-much",
            "R9",
            "calls back with 300 KB, with what is no JSON, and with JSON nested 100 levels deep",
            |engine| {
                Box::pin(async {
                    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
                    for (body, refused) in [("x".repeat(300_000), 413), ("{".to_owned(), 400), (deep, 400)] {
                        let status = engine.call(&engine.one.0, body).await?;
                        ensure!(status == refused, "{status} and not {refused}");
                    }
                    ensure!(engine.silent(engine.one.1), "the run went on");
                    Ok(())
                })
            },
            "413 and 400; the run goes on waiting",
        ),
        case(
            "callback-template",
            "R34",
            "answers with a template, a mention of everybody in a team, and a hidden comment",
            |engine| {
                Box::pin(async {
                    let note = "{{ event.actor.login }} @acme/everybody <!-- hidden -->";
                    ensure!(engine.call(&engine.one.0, json!({ "note": note }).to_string()).await? == 202, "the run waits");
                    let said = engine.said(engine.one.1, "It says").await?;
                    ensure!(said.contains("event.actor.login"), "a value was a template: {said}");
                    ensure!(!said.contains(" @acme/everybody") && !said.contains("<!-- hidden"), "it acts: {said}");
                    Ok(())
                })
            },
            "an answer is data: no template is filled, no mention acts, nothing is hidden",
        ),
        case(
            "callback-again",
            "R41",
            "uses a token a second time",
            |engine| {
                Box::pin(async {
                    let status = engine.call(&engine.one.0, "{\"note\":\"again\"}").await?;
                    ensure!(status == 409, "{status}");
                    Ok(())
                })
            },
            "409: it works once",
        ),
        case(
            "http-inner-addresses",
            "R40",
            "has a workflow call the metadata service, a task's credentials, a private network (also as IPv6 and as one number), and a public address without TLS",
            |engine| {
                Box::pin(async {
                    for (index, url) in INNER.iter().enumerate() {
                        let number = engine.github.open_issue(HELLO, PERSON, "A thread", "Nobody is asked.", &[])?;
                        engine.github.label(HELLO, number, PERSON, &format!("inner-{index}"))?;
                        let said = engine.said(number, "❌").await?;
                        ensure!(said.contains("not a public address") || said.contains("has to be an https address"), "{url}: {said}");
                    }
                    Ok(())
                })
            },
            "refuses at connect time, whatever the name says: “… is not a public address; Patchbay calls no other”",
        ),
    ]
}

/// Tries all of them, one after the other.
pub(crate) async fn play(world: &World) -> Result<()> {
    let receiver = Receiver::start().await?;
    let engine = Engine::open(world, &receiver).await?;
    let mut played = Vec::new();
    for case in cases() {
        if let Attack::Engine(attempt) = case.attack {
            played.push(attempt(&engine).await.with_context(|| format!("case {}", case.name)));
        }
    }
    super::stage::report(played)
}
