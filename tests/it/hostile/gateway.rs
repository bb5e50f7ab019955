//! The task gateway, asked by whoever can reach it: with nothing, with something made up, with what was used before, and with
//! the real capability of another run (R22, R23). At Fargate an agent can get this far.

use super::case::{Attack, Case, End, Needs};
use super::door::Door;
use crate::world::{PATIENCE, World};
use anyhow::{Context, Result, ensure};
use futures_util::future::BoxFuture;
use patchbay::stack::forge::{ORGANISATION, PERSON};
use reqwest::Method;
use serde_json::{Value, json};

/// Three runs whose tasks are the test's: two under way, one over.
pub(crate) struct Doors {
    one: (Door, String),
    other: (Door, String),
    over: (Door, String),
}

/// Everything that a supervisor may ask for, with a body that would do.
const ROUTES: [(&str, &str); 4] =
    [("GET", "/v1/brief"), ("POST", "/v1/progress"), ("POST", "/v1/model/chat/completions"), ("POST", "/v1/result")];

impl Doors {
    /// Opens them; the third run is stopped by a person.
    pub(crate) async fn open(world: &World) -> Result<Self> {
        let with = async |name| {
            let door = Door::open(world, name).await?;
            let capability = door.capability().await?;
            anyhow::Ok((door, capability))
        };
        let (one, other, over) = (with("gateway-one").await?, with("gateway-other").await?, with("gateway-over").await?);
        let repository = format!("{ORGANISATION}/gateway-over");
        world.github.comment(&repository, over.0.thread, PERSON, "@patchbay stop")?;
        let stopped = world.github.wait_for("the stop", PATIENCE, |github| {
            github.comments(&repository, over.0.thread).into_iter().find(|comment| comment.body.contains("⏹️"))
        });
        stopped.await?;
        Ok(Self { one, other, over })
    }

    /// Asks for everything with this capability, and wants each refused.
    async fn all_refused(&self, capability: Option<&str>) -> Result<()> {
        for (method, route) in ROUTES {
            let body = match route {
                "/v1/result" => Some(self.one.0.result(answer())),
                "/v1/brief" => None,
                _ => Some(json!({ "messages": [{ "role": "user", "content": "x" }] })),
            };
            let (status, said) = self.one.0.call(method.parse::<Method>()?, route, capability, body).await?;
            ensure!(status == 401, "{method} {route} was answered with {status} {said}");
            ensure!(!said.to_string().contains("run_"), "the refusal tells something: {said}");
        }
        Ok(())
    }
}

fn answer() -> Value {
    json!({ "kind": "answer", "text": "forged" })
}

type Attempt = for<'a> fn(&'a Doors) -> BoxFuture<'a, Result<()>>;

fn case(name: &'static str, requirement: &'static str, attacker: &'static str, attempt: Attempt, told: &'static str) -> Case {
    Case { name, requirement, attacker, attack: Attack::Door(attempt), end: End::Shown(told), needs: Needs::Nothing, together: None }
}

/// The cases of the gateway, in an order in which each finds what it needs.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "gateway-no-capability",
            "R22",
            "asks for brief, model, progress and result without a capability",
            |doors| Box::pin(doors.all_refused(None)),
            "401",
        ),
        case(
            "gateway-nonsense",
            "R22",
            "the same with words that are no capability",
            |doors| {
                Box::pin(async {
                    for nonsense in ["x", "ws_a.run_b.1", "../../etc/passwd", "ws_a.run_b.1.zz", "null"] {
                        doors.all_refused(Some(nonsense)).await?;
                    }
                    Ok(())
                })
            },
            "401, before any look-up",
        ),
        case(
            "gateway-forged",
            "R22",
            "makes a capability up, for a run that exists, with 256 bits of its own",
            |doors| {
                Box::pin(async {
                    let forged = format!("{}.{}.1.{}", doors.one.0.workspace, doors.one.0.run, "0123456789abcdef".repeat(4));
                    doors.all_refused(Some(&forged)).await
                })
            },
            "401: only the hash of the right one is known, compared in constant time",
        ),
        case(
            "gateway-anothers",
            "R22",
            "puts another run's name on its own capability, or another attempt's number",
            |doors| {
                Box::pin(async {
                    let random = doors.one.1.rsplit('.').next().context("four parts")?;
                    let (workspace, run, other) = (&doors.one.0.workspace, &doors.one.0.run, &doors.other.0.run);
                    doors.all_refused(Some(&format!("{workspace}.{other}.1.{random}"))).await?;
                    doors.all_refused(Some(&format!("{workspace}.{run}.2.{random}"))).await
                })
            },
            "401",
        ),
        case(
            "gateway-secret-of-another",
            "R22",
            "exchanges its own bootstrap secret for another run's capability, or guesses one",
            |doors| {
                Box::pin(async {
                    for secret in [doors.one.0.secret.clone(), "0".repeat(64), String::new()] {
                        let (status, said) = doors.other.0.exchange_with(&doors.other.0.run, &secret).await?;
                        ensure!(status == 401 && said["capability"].is_null(), "{status} {said}");
                    }
                    Ok(())
                })
            },
            "401",
        ),
        case(
            "gateway-secret-again",
            "R22",
            "exchanges the right bootstrap secret a second time",
            |doors| {
                Box::pin(async {
                    let (status, said) = doors.one.0.exchange_with(&doors.one.0.run, &doors.one.0.secret).await?;
                    ensure!(status == 401 && said["capability"].is_null(), "{status} {said}");
                    Ok(())
                })
            },
            "401: it works once",
        ),
        case(
            "gateway-brief-again",
            "R23",
            "reads the brief, with the clone token, a second time",
            |doors| {
                Box::pin(async {
                    let (door, capability) = &doors.one;
                    let (first, brief) = door.call(Method::GET, "/v1/brief", Some(capability), None).await?;
                    ensure!(first == 200 && brief["clone_token"].is_string(), "the supervisor itself reads it: {first} {brief}");
                    let (second, said) = door.call(Method::GET, "/v1/brief", Some(capability), None).await?;
                    ensure!(second == 410 && said["clone_token"].is_null(), "{second} {said}");
                    Ok(())
                })
            },
            "410: it can be read once",
        ),
        case(
            "gateway-result-for-another",
            "R22",
            "hands in a result in another run's name, with its own real capability",
            |doors| {
                Box::pin(async {
                    let forged = doors.other.0.result(answer());
                    let (status, said) = doors.one.0.call(Method::POST, "/v1/result", Some(&doors.one.1), Some(forged)).await?;
                    ensure!(status == 409, "{status} {said}");
                    Ok(())
                })
            },
            "409: “the result is not this run's”",
        ),
        case(
            "gateway-other-places",
            "R22",
            "asks the model's route for other places: another API, other paths, addresses",
            |doors| {
                Box::pin(async {
                    let body =
                        json!({ "model": "dearer", "base_url": "https://evil.test", "messages": [{ "role": "user", "content": "x" }] });
                    for route in ["/v1/model/messages", "/v1/model/../../secrets", "/v1/model/https://evil.test", "/v1/secrets", "/"] {
                        let (status, said) = doors.one.0.call(Method::POST, route, Some(&doors.one.1), Some(body.clone())).await?;
                        ensure!(status == 404, "{route}: {status} {said}");
                    }
                    Ok(())
                })
            },
            "404: there are five routes, and the model is the configured one",
        ),
        case(
            "gateway-too-much",
            "R23",
            "hands in a result of 7 MB",
            |doors| {
                Box::pin(async {
                    let big = json!({ "kind": "answer", "text": "x".repeat(7_000_000) });
                    let (status, said) = doors.one.0.hand_in(&doors.one.1, big).await?;
                    ensure!(status == 413, "{status} {said}");
                    Ok(())
                })
            },
            "413",
        ),
        case(
            "gateway-after-the-end",
            "R22",
            "goes on with a real capability when its run was stopped",
            |doors| {
                Box::pin(async {
                    let (door, capability) = &doors.over;
                    let (status, said) = door.hand_in(capability, answer()).await?;
                    ensure!(status == 409, "a result: {status} {said}");
                    let ask = json!({ "messages": [{ "role": "user", "content": "x" }] });
                    let (status, said) = door.call(Method::POST, "/v1/model/chat/completions", Some(capability), Some(ask)).await?;
                    ensure!(status == 409, "the model: {status} {said}");
                    let (status, said) =
                        door.call(Method::POST, "/v1/progress", Some(capability), Some(json!({ "stage": "still here" }))).await?;
                    ensure!(status == 200 && said["go_on"] == false, "progress: {status} {said}");
                    Ok(())
                })
            },
            "409 for result and model; the heartbeat is told to stop",
        ),
    ]
}

/// Tries all of them, one after the other.
pub(crate) async fn play(world: &World) -> Result<()> {
    let doors = Doors::open(world).await?;
    let mut played = Vec::new();
    for case in cases() {
        if let Attack::Door(attempt) = case.attack {
            played.push(attempt(&doors).await.with_context(|| format!("case {}", case.name)));
        }
    }
    super::stage::report(played)
}
