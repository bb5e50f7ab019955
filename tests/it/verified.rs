//! The real Aider in a workflow with `read`, `setup` and `verify`: it is shown the files that the workflow names, its change
//! is checked in its own sandbox, and what the check says goes back to it once.

use crate::world::{HELLO, World};
use anyhow::{Result, ensure};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use patchbay::cli::{Project, installed_aider};
use patchbay::stack::ModelConfig;
use patchbay::stack::forge::PERSON;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// What the check says of a wrong change, and the model must be told.
const COMPLAINT: &str = "it does not greet loudly";
const RULES: &str = "Greetings are in capitals.";

/// Everything that the model was asked, in order.
type Heard = Arc<Mutex<Vec<String>>>;

#[tokio::test(flavor = "multi_thread")]
async fn the_real_aider_mends_what_the_workflows_check_finds() -> Result<()> {
    let program = installed_aider(&Project::find()?).await?;
    let heard = Heard::default();
    let base_url = listen(Arc::clone(&heard)).await?;
    let world = World::with(|config| {
        config.model = ModelConfig::Real {
            provider: "openai".to_owned(),
            base_url,
            name: "careless".to_owned(),
            api_key: "of-the-careless-model".to_owned(),
        };
        config.task_env_overrides.remove("PATCHBAY_AGENT");
        config.task_env_overrides.insert("PATCHBAY_AIDER".to_owned(), program.display().to_string());
        config.parameters.insert("AgentEditFormat".to_owned(), "whole".to_owned());
    })
    .await?;
    world.github.push_commit(HELLO, PERSON, "main", "Say the rules", &[("AGENTS.md", &format!("{RULES}\n"))])?;
    world
        .in_force(&format!(
            r#"
workflows:
  loud:
    on: {{ issues: {{ types: [opened] }} }}
    steps:
      - agent:
          mode: change
          prompt: "{{{{ event.subject.title }}}}"
          read: [AGENTS.md]
          setup: "touch ready"
          verify: "test -f ready && grep -q HELLO hello.py || {{ echo {COMPLAINT}; false; }}"
"#
        ))
        .await?;
    world.issue("Let hello.py greet loudly", "x")?;
    let pull = world.pull_request().await?;
    world.settle().await?;
    let file = world.github.file(HELLO, &pull.head, "hello.py").unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(&file), "print(\"HELLO\")\n");
    assert!(pull.body.contains("after one round of repair"), "{}", pull.body);
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(heard[0].contains(RULES) && !heard[0].contains(COMPLAINT), "the first question: {}", heard[0]);
    let told = heard.iter().filter(|asked| asked.contains(COMPLAINT)).count();
    assert_eq!(told, 1, "one round of repair: {heard:#?}");
    let agent = world.log("agent-task-agent")?;
    ensure!(agent.contains("aider 0."), "the real Aider did not work: {agent}");
    world.end().await;
    Ok(())
}

async fn listen(heard: Heard) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(heard);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

/// Gets it wrong until it is told what the check says.
async fn answer(State(heard): State<Heard>, Json(request): Json<Value>) -> Json<Value> {
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let asked: Vec<&str> = messages.iter().filter_map(|message| message["content"].as_str()).collect();
    let asked = asked.join("\n");
    let edit = |greeting: &str| format!("I change it.\n\nhello.py\n```\nprint(\"{greeting}\")\n```\n");
    let said = if asked.ends_with("Write the commit message.") {
        "feat: greet loudly\n\nThe issue asked for it.".to_owned()
    } else {
        edit(if asked.contains(COMPLAINT) { "HELLO" } else { "hallo" })
    };
    heard.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    Json(json!({
        "id": "chatcmpl-careless", "object": "chat.completion", "created": 0, "model": request["model"],
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": said }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20 },
    }))
}
