//! The model relay: what the provider gets, what the agent gets back, and what the run pays.

use super::cloud::MODEL_KEY;
use super::*;
use serde_json::json;

const OPENAI: ModelProvider = ModelProvider::Openai;

fn ask(max_tokens: u64) -> Vec<u8> {
    json!({ "model": "gpt-expensive", "messages": [{ "role": "user", "content": "hi" }], "max_tokens": max_tokens })
        .to_string()
        .into_bytes()
}

fn completion(input: u64, output: u64) -> Value {
    json!({ "choices": [{ "message": { "content": "hello" } }], "usage": { "prompt_tokens": input, "completion_tokens": output } })
}

#[tokio::test]
async fn the_provider_gets_our_key_and_our_model_and_the_run_pays() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    world.cloud.script_json(200, completion(100, 20));
    let reply = world.gateway.call_model(Some(&bearer), OPENAI, &ask(1000)).await.unwrap();
    assert_eq!((reply.status, reply.content_type.as_str()), (200, "application/json"));
    assert_eq!(json_of(reply).await, completion(100, 20));
    let (path, headers, body) = world.cloud.model_call(0);
    assert_eq!(path, "/model/v1/chat/completions");
    assert_eq!(headers["authorization"], format!("Bearer {MODEL_KEY}"));
    assert_eq!(body["model"], "the-model");
    assert_eq!(world.usage().await, Usage { model_calls: 1, input_tokens: 100, output_tokens: 20, cost_microusd: 300 });
}

#[tokio::test]
async fn an_anthropic_model_is_asked_in_its_own_way() {
    let world = World::with_config(|config| config.provider = ModelProvider::Anthropic).await;
    let bearer = world.exchange().await;
    assert_eq!(refused(world.gateway.call_model(Some(&bearer), OPENAI, &ask(10)).await), (404, "model_refused"));
    world.cloud.script_json(200, json!({ "content": [], "usage": { "input_tokens": 7, "output_tokens": 3 } }));
    let reply = world.gateway.call_model(Some(&bearer), ModelProvider::Anthropic, &ask(10)).await.unwrap();
    bytes_of(reply).await;
    let (path, headers, _) = world.cloud.model_call(0);
    assert_eq!((path.as_str(), headers["x-api-key"].to_str().unwrap()), ("/model/v1/messages", MODEL_KEY));
    assert!(headers.contains_key("anthropic-version") && !headers.contains_key("authorization"));
    assert_eq!(world.usage().await.input_tokens, 7);
}

#[tokio::test]
async fn a_stream_is_passed_on_as_it_comes_and_settled_at_its_end() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    let model = world.cloud.script_stream();
    let body = json!({ "messages": [], "stream": true }).to_string();
    let reply = world.gateway.call_model(Some(&bearer), OPENAI, body.as_bytes()).await.unwrap();
    assert_eq!(reply.content_type, "text/event-stream");
    let ReplyBody::Stream(mut chunks) = reply.body else { panic!("the answer is a stream") };
    let first = "data: {\"choices\":[{\"delta\":{\"content\":\"hel\"}}]}\n\n";
    model.send(first.to_owned()).await.unwrap();
    assert_eq!(chunks.recv().await.unwrap(), first, "the first chunk comes before the second was made");
    model
        .send("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\ndata: [DONE]\n\n".to_owned())
        .await
        .unwrap();
    drop(model);
    while chunks.recv().await.is_some() {}
    assert_eq!(world.usage().await, Usage { model_calls: 1, input_tokens: 9, output_tokens: 4, cost_microusd: 49 });
}

#[tokio::test]
async fn a_call_that_breaks_off_costs_what_was_set_aside() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    let model = world.cloud.script_stream();
    let body = json!({ "messages": [], "stream": true, "max_tokens": 2000 }).to_string();
    let reply = world.gateway.call_model(Some(&bearer), OPENAI, body.as_bytes()).await.unwrap();
    drop(reply);
    // The relay notices at the next chunk, and hangs up.
    while model.send("data: {\"choices\":[]}\n\n".to_owned()).await.is_ok() {}
    let usage = loop {
        let usage = world.usage().await;
        if usage.model_calls > 0 {
            break usage;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(usage.output_tokens, 2000);
    assert!(usage.cost_microusd >= 20_000, "{usage:?}");
}

#[tokio::test]
async fn a_spent_budget_ends_the_calls_before_the_provider_is_asked() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    // Ten dollars a million: 99,000 tokens leave a cent of the dollar.
    world.cloud.script_json(200, completion(0, 99_000));
    bytes_of(world.gateway.call_model(Some(&bearer), OPENAI, &ask(32_000)).await.unwrap()).await;
    let error = world.gateway.call_model(Some(&bearer), OPENAI, &ask(32_000)).await.err().unwrap();
    assert_eq!((error.status, error.code), (402, "budget"));
    assert!(error.message.contains("$1.00"), "{error}");
    assert_eq!(world.cloud.model_calls(), 1);
    world.cloud.script_json(200, completion(1, 1));
    let small = world.gateway.call_model(Some(&bearer), OPENAI, &ask(500)).await.unwrap();
    assert_eq!(small.status, 200, "what is left still buys a short answer");
}

#[tokio::test]
async fn a_nearly_spent_budget_shortens_the_answer() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    world.cloud.script_json(200, completion(0, 90_000));
    bytes_of(world.gateway.call_model(Some(&bearer), OPENAI, &ask(32_000)).await.unwrap()).await;
    world.cloud.script_json(200, completion(1, 1));
    bytes_of(world.gateway.call_model(Some(&bearer), OPENAI, &ask(32_000)).await.unwrap()).await;
    assert_eq!(world.cloud.seen.lock().unwrap().model_calls[1].2["max_tokens"], json!(4096));
}

#[tokio::test]
async fn what_the_provider_refuses_costs_nothing_and_tells_nothing_of_our_account() {
    let world = World::new().await;
    let bearer = world.exchange().await;
    for (status, expected) in
        [(429, (429, "model_unavailable")), (529, (529, "model_unavailable")), (400, (400, "model_refused")), (401, (502, "model_refused"))]
    {
        world.cloud.script_json(status, json!({ "error": { "message": format!("key {MODEL_KEY} of org-17 is bad") } }));
        let error = world.gateway.call_model(Some(&bearer), OPENAI, &ask(1000)).await.err().unwrap();
        assert_eq!((error.status, error.code), expected);
        assert!(!error.message.contains(MODEL_KEY), "{error}");
        assert_eq!(error.retry_after.is_some(), status == 429 || status == 529);
        assert!(status != 401 || !error.message.contains("org-17"), "{error}");
    }
    // All of the budget is still there.
    assert_eq!(world.usage().await.cost_microusd, 0);
    world.cloud.script_json(200, completion(1, 1));
    assert!(world.gateway.call_model(Some(&bearer), OPENAI, &ask(32_000)).await.is_ok());
}

#[tokio::test]
async fn an_unreachable_provider_costs_nothing() {
    let world = World::new().await;
    world.cloud.set_secret(json!({ "base_url": "http://127.0.0.1:1/v1" }));
    let bearer = world.exchange().await;
    assert_eq!(refused(world.gateway.call_model(Some(&bearer), OPENAI, &ask(1000)).await), (502, "model_unavailable"));
    assert_eq!(world.usage().await.cost_microusd, 0);
}

#[tokio::test]
async fn without_a_model_the_answer_says_so() {
    let world = World::with_config(|config| config.model.clear()).await;
    let bearer = world.exchange().await;
    assert_eq!(refused(world.gateway.call_model(Some(&bearer), OPENAI, &ask(10)).await), (503, "no_model"));
    let world = World::new().await;
    world.cloud.set_secret(json!({ "base_url": "https://api.openai.com/v1", "api_key": "" }));
    let bearer = world.exchange().await;
    assert_eq!(refused(world.gateway.call_model(Some(&bearer), OPENAI, &ask(10)).await), (503, "no_model"));
}

#[tokio::test]
async fn a_free_model_is_counted_all_the_same() {
    let world = World::with_config(|config| config.prices = Prices::per_million(0.0, 0.0)).await;
    let bearer = world.exchange().await;
    world.cloud.script_json(200, completion(100, 20));
    bytes_of(world.gateway.call_model(Some(&bearer), OPENAI, &ask(1000)).await.unwrap()).await;
    assert_eq!(world.usage().await, Usage { model_calls: 1, input_tokens: 100, output_tokens: 20, cost_microusd: 0 });
}

#[tokio::test]
async fn a_run_may_name_another_model_that_the_operator_allows() {
    let world = World::with_config(|config| config.allowed = AllowedModels::parse("small=0.5/1,vendor/*").unwrap()).await;
    let bearer = world.exchange().await;
    for (model, microusd) in [("small", 70), ("vendor/new", 300), ("the-model", 300)] {
        let spent = world.usage().await.cost_microusd;
        world.name_model(Some(model)).await;
        world.cloud.script_json(200, completion(100, 20));
        bytes_of(world.gateway.call_model(Some(&bearer), OPENAI, &ask(1000)).await.unwrap()).await;
        let (_, _, body) = world.cloud.model_call(world.cloud.model_calls() - 1);
        assert_eq!(body["model"], model, "whatever the agent asks for");
        assert_eq!(world.usage().await.cost_microusd - spent, microusd, "{model}: its own price, or the configured model's");
    }
    world.name_model(Some("gpt-expensive")).await;
    let calls = world.cloud.model_calls();
    let error = world.gateway.call_model(Some(&bearer), OPENAI, &ask(1000)).await.err().unwrap();
    assert_eq!((error.status, error.code), (403, "model_not_allowed"));
    assert!(error.message.contains("`gpt-expensive`"), "{error}");
    assert_eq!(world.cloud.model_calls(), calls, "the provider was not asked");
}
