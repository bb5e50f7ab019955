use super::*;
use crate::job::ReadFile;
use patchbay_domain::task::ModelSettings;

fn invocation(mode: Mode, provider: ModelProvider, format: Option<&str>, settings: Option<&str>) -> (Invocation, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let (edit_format, settings_file) = (format.map(str::to_owned), settings.map(str::to_owned));
    let model = ModelSettings { provider, model: "m-1".into(), edit_format, settings_file };
    let read = vec![ReadFile { path: "docs/AGENTS.md".into(), text: "Be brief.".into() }];
    let job = AgentJob { mode, prompt: "Do /this.\n".into(), model, read, files: vec!["-odd name".into()], repair: false };
    let place = Workplace { tree: "/tree".into(), home: home.path().into(), model_port: 4711 };
    (Aider::new("/opt/aider/bin/aider".into()).prepare(&job, &place).unwrap(), home)
}

fn has(invocation: &Invocation, args: &[&str]) -> bool {
    invocation.args.windows(args.len()).any(|w| w.iter().zip(args).all(|(a, b)| a == b))
}

#[test]
fn the_model_is_reached_through_the_loopback_port_only() {
    let (openai, home) = invocation(Mode::Change, ModelProvider::Openai, None, None);
    assert!(has(&openai, &["--openai-api-base", "http://127.0.0.1:4711/v1"]) && has(&openai, &["--model", "openai/m-1"]));
    assert!(openai.environment.contains(&("OPENAI_API_KEY", "unused".into())));
    let metadata: serde_json::Value = serde_json::from_slice(&fs::read(home.path().join("model-metadata.json")).unwrap()).unwrap();
    assert_eq!(metadata["openai/m-1"]["litellm_provider"], "openai");
    let (anthropic, _home) = invocation(Mode::Change, ModelProvider::Anthropic, None, None);
    assert!(has(&anthropic, &["--model", "anthropic/m-1"]) && !has(&anthropic, &["--openai-api-base"]));
    assert!(anthropic.environment.contains(&("ANTHROPIC_API_BASE", "http://127.0.0.1:4711".into())));
}

#[test]
fn mode_edit_format_and_settings_become_flags() {
    let (whole, _home) = invocation(Mode::Change, ModelProvider::Openai, Some("whole"), None);
    assert!(has(&whole, &["--edit-format", "whole"]) && has(&whole, &["--map-tokens", "0"]) && !has(&whole, &["--chat-mode"]));
    let (diff, home) = invocation(Mode::Auto, ModelProvider::Openai, Some("diff"), Some("- name: openai/m-1\n"));
    assert!(has(&diff, &["--edit-format", "diff"]) && !has(&diff, &["--map-tokens"]));
    assert!(has(&diff, &["--model-settings-file", home.path().join("model-settings.yml").to_str().unwrap()]));
    let (ask, home) = invocation(Mode::Ask, ModelProvider::Openai, Some("whole"), None);
    assert!(has(&ask, &["--chat-mode", "ask"]) && !has(&ask, &["--edit-format"]), "an edit format would beat the chat mode");
    assert_eq!(fs::read_to_string(home.path().join("message.txt")).unwrap(), "Do /this.\n");
}

#[test]
fn noise_is_not_an_answer() {
    let stdout = "Aider v0.86.2\nModel: openai/m with whole edit format\nGit repo: .git with 1 files\nRepo-map: disabled\n\nIt greets.\n\nTokens: 1 sent\n";
    assert_eq!(Aider::new("a".into()).said(stdout), "It greets.");
}

#[test]
fn files_to_read_lie_outside_of_the_working_copy_and_no_path_is_a_flag() {
    let (change, home) = invocation(Mode::Change, ModelProvider::Openai, None, None);
    let copy = home.path().join("read/docs/AGENTS.md");
    assert!(has(&change, &["--read", copy.to_str().unwrap()]) && has(&change, &["--file=-odd name"]), "{:?}", change.args);
    assert_eq!(fs::read_to_string(copy).unwrap(), "Be brief.");
}
