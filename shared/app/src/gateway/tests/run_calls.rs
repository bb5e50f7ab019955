//! Exchange, brief, progress, result: who may, how often, and what is kept of it.

use super::*;
use patchbay_domain::run::CancelReason;
use serde_json::json;

fn stop() -> Input {
    Input::Cancel { reason: CancelReason::Stopped { by: "ada".into() } }
}

fn result_of(run: &Run) -> Vec<u8> {
    let result = json!({ "run": run.id, "attempt": run.attempt, "outcome": { "kind": "answer", "text": "42" }, "summary": null, "agent": "scripted", "isolation": [] });
    result.to_string().into_bytes()
}

#[tokio::test]
async fn a_bootstrap_secret_is_good_once_and_only_for_its_run_and_attempt() {
    let world = World::new().await;
    let other = running("d2");
    world.gateway.dispatch.runs.create(&other).await.unwrap();
    let next_attempt = Run { attempt: 2, ..world.run.clone() };
    for (run, secret) in [(&world.run, "guessed"), (&other, BOOTSTRAP), (&next_attempt, BOOTSTRAP)] {
        assert_eq!(refused(world.gateway.exchange(&world.exchange_body(run, secret)).await), (401, "unauthorized"));
    }
    world.exchange().await;
    assert_eq!(refused(world.gateway.exchange(&world.exchange_body(&world.run, BOOTSTRAP)).await), (401, "unauthorized"));
}

#[tokio::test]
async fn the_brief_is_read_once() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    let brief = json_of(world.gateway.brief(Some(&bearer)).await.unwrap()).await;
    assert_eq!(brief["run"], json!(world.run.id));
    assert_eq!(refused(world.gateway.brief(Some(&bearer)).await), (410, "brief_was_read"));
}

#[tokio::test]
async fn no_forged_capability_opens_anything() {
    let world = World::new().await;
    let other = running("d2");
    world.create(&other).await;
    let bearer = world.exchange().await;
    world.exchange_for(&other).await;
    let (_, random) = bearer.rsplit_once('.').unwrap();
    let forged = [
        None,
        Some(String::new()),
        Some(bearer.trim_start_matches("Bearer ").to_owned()),
        Some(bearer.replace(world.run.id.as_str(), other.id.as_str())),
        Some(bearer.replace(".1.", ".2.")),
        Some(bearer.replace(random, &"0".repeat(64))),
        Some(bearer.replace("ws_github_1", "ws_github_2")),
    ];
    for forged in forged {
        let bearer = forged.as_deref();
        assert_eq!(refused(world.gateway.brief(bearer).await), (401, "unauthorized"), "{bearer:?}");
        assert_eq!(refused(world.gateway.progress(bearer, b"{}").await).0, 401);
        assert_eq!(refused(world.gateway.result(bearer, &result_of(&world.run)).await).0, 401);
        assert_eq!(refused(world.gateway.call_model(bearer, ModelProvider::Openai, b"{}").await).0, 401);
    }
    assert!(world.cloud.seen.lock().unwrap().blobs.is_empty());
}

#[tokio::test]
async fn a_heartbeat_is_noted_and_a_new_stage_is_told() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    let reply = world.gateway.progress(Some(&bearer), br#"{"stage":"Editing files"}"#).await.unwrap();
    assert_eq!(json_of(reply).await, json!({ "go_on": true }));
    let run = world.stored_run().await;
    assert_eq!(run.state, State::Running { stage: Some("Editing files".into()) });
    assert!(run.version > world.run.version);
    assert!(world.cloud.seen.lock().unwrap().messages.iter().all(|(queue, _)| queue == "runs"));
}

#[tokio::test]
async fn a_task_whose_run_is_over_or_has_another_attempt_is_told_to_stop() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    world.tell(Input::TaskEnded { attempt: 1, end: patchbay_domain::run::TaskEnd::Lost }).await;
    let beat = async || json_of(world.gateway.progress(Some(&bearer), b"{}").await.unwrap()).await;
    assert_eq!(beat().await, json!({ "go_on": false }), "attempt 2 is the present one");
    assert_eq!(refused(world.gateway.result(Some(&bearer), &result_of(&world.run)).await), (409, "run_is_over"));
    world.tell(stop()).await;
    assert_eq!(beat().await, json!({ "go_on": false }));
    assert_eq!(refused(world.gateway.call_model(Some(&bearer), ModelProvider::Openai, b"{}").await), (409, "run_is_over"));
}

#[tokio::test]
async fn a_result_is_stored_with_what_was_counted_and_queued_and_may_come_again() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    let (workspace, run) = (&world.run.workspace, &world.run.id);
    let counted = Usage { model_calls: 1, input_tokens: 5, output_tokens: 6, cost_microusd: 65 };
    world.gateway.dispatch.runs.reserve(workspace, run, 100, BUDGET).await.unwrap();
    world.gateway.dispatch.runs.settle(workspace, run, 100, &counted).await.unwrap();
    for _ in 0..2 {
        let reply = world.gateway.result(Some(&bearer), &result_of(&world.run)).await.unwrap();
        assert_eq!(reply.status, 202);
    }
    let key = format!("results/{workspace}/{run}/1.json");
    {
        let seen = world.cloud.seen.lock().unwrap();
        let (path, blob) = seen.blobs.iter().next().unwrap();
        assert!(path.ends_with(&key), "{path}");
        let stored: Value = serde_json::from_slice(blob).unwrap();
        assert_eq!(stored["usage"], serde_json::to_value(counted).unwrap());
        assert_eq!(stored["result"]["outcome"]["text"], "42");
        assert_eq!(seen.messages.last().unwrap(), &("results".to_owned(), json!({ "v": "1", "workspace": workspace, "run": run })));
    }
    world.tell(Input::AnswerStored { key, usage: counted, answer: None }).await;
    let sent = world.cloud.seen.lock().unwrap().messages.len();
    assert_eq!(world.gateway.result(Some(&bearer), &result_of(&world.run)).await.unwrap().status, 202);
    assert_eq!(world.cloud.seen.lock().unwrap().messages.len(), sent, "what was taken is not queued again");
}

#[tokio::test]
async fn a_result_that_is_not_this_runs_or_too_large_or_too_late_is_refused() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    let result = async |body: Vec<u8>| refused(world.gateway.result(Some(&bearer), &body).await);
    assert_eq!(result(result_of(&running("d2"))).await, (409, "another_run"));
    assert_eq!(result(result_of(&Run { attempt: 2, ..world.run.clone() })).await, (409, "another_run"));
    assert_eq!(result(vec![b' '; super::super::MAX_RESULT_BYTES + 1]).await, (413, "too_large"));
    assert_eq!(result(b"{}".to_vec()).await, (400, "bad_request"));
    world.tell(stop()).await;
    assert_eq!(result(result_of(&world.run)).await, (409, "run_is_over"));
    assert!(world.cloud.seen.lock().unwrap().blobs.is_empty());
}
