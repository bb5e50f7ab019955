use super::ModelProvider::{Anthropic, Openai};
use super::*;

const ESTIMATE: Estimate = Estimate { input_tokens: 1000, output_tokens: 4000 };

fn prices() -> Prices {
    Prices::per_million(3.0, 15.0)
}

/// Feeds an answer in chunks of every size, which must not matter.
fn meter(provider: ModelProvider, stream: bool, answer: &str, ending: Ending) -> (u64, u64) {
    let mut found = Vec::new();
    for size in [1, 7, answer.len().max(1)] {
        let mut meter = Meter::new(provider, stream);
        answer.as_bytes().chunks(size).for_each(|chunk| meter.feed(chunk));
        let usage = meter.finish(ending, ESTIMATE, prices());
        assert_eq!(usage.cost_microusd, prices().cost(usage.input_tokens, usage.output_tokens));
        assert_eq!(usage.model_calls, 1);
        found.push((usage.input_tokens, usage.output_tokens));
    }
    found.dedup();
    assert_eq!(found.len(), 1, "the chunks' size changed the account");
    found[0]
}

const OPENAI_STREAM: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}],\"usage\":null}\n\n";
const ANTHROPIC_START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":20,\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":5,\"output_tokens\":1}}}\n\n";
const ANTHROPIC_DELTA: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"hi\"}}\n\n";
const ANTHROPIC_END: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":42}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[test]
fn usage_in_the_last_chunk_is_the_account() {
    let end = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7,\"total_tokens\":18}}\n\ndata: [DONE]\n\n";
    assert_eq!(meter(Openai, true, &format!("{OPENAI_STREAM}{end}"), Ending::Complete), (11, 7));
    assert_eq!(meter(Anthropic, true, &format!("{ANTHROPIC_START}{ANTHROPIC_DELTA}{ANTHROPIC_END}"), Ending::Complete), (125, 42));
}

#[test]
fn a_last_line_without_a_line_end_counts() {
    let end = "data: {\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7}}";
    assert_eq!(meter(Openai, true, &format!("{OPENAI_STREAM}{end}"), Ending::Complete), (11, 7));
}

#[test]
fn carriage_returns_do_not_matter() {
    let text = format!("{OPENAI_STREAM}data: {{\"usage\":{{\"prompt_tokens\":1,\"completion_tokens\":2}}}}\n\n").replace('\n', "\r\n");
    assert_eq!(meter(Openai, true, &text, Ending::Complete), (1, 2));
}

#[test]
fn a_plain_answer_has_its_usage_at_the_top() {
    let openai = r#"{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":5,"completion_tokens":6}}"#;
    assert_eq!(meter(Openai, false, openai, Ending::Complete), (5, 6));
    let anthropic = r#"{"content":[],"usage":{"input_tokens":5,"output_tokens":6}}"#;
    assert_eq!(meter(Anthropic, false, anthropic, Ending::Complete), (5, 6));
}

#[test]
fn without_usage_events_and_bytes_are_counted() {
    assert_eq!(meter(Openai, true, OPENAI_STREAM, Ending::Complete), (1000, 2));
    assert_eq!(meter(Openai, false, "not JSON at all", Ending::Complete), (1000, 5));
    assert_eq!(meter(Openai, true, "", Ending::Complete), (1000, 0));
}

#[test]
fn a_call_that_broke_off_costs_what_was_set_aside() {
    assert_eq!(meter(Openai, true, OPENAI_STREAM, Ending::BrokenOff), (1000, 4000));
    assert_eq!(meter(Anthropic, true, &format!("{ANTHROPIC_START}{ANTHROPIC_DELTA}"), Ending::BrokenOff), (125, 4000));
}

#[test]
fn text_that_talks_about_usage_is_not_believed() {
    let talk = "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":0}\"}}]}\n\n";
    assert_eq!(meter(Openai, true, talk, Ending::Complete), (1000, 1));
}

#[test]
fn an_endless_line_is_not_kept() {
    let mut meter = Meter::new(Openai, true);
    for _ in 0..(MAX_READ_BYTES >> 16) + 2 {
        meter.feed(&[b'x'; 1 << 16]);
    }
    assert!(meter.buffer.len() <= MAX_READ_BYTES);
    meter.feed(b"\ndata: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n");
    assert_eq!(meter.finish(Ending::Complete, ESTIMATE, prices()).input_tokens, 1);
}

#[test]
fn prices_are_exact_and_rounded_up() {
    for (input, output, tokens, cost) in [
        (3.0, 15.0, (1_000_000, 0), 3_000_000),
        (3.0, 15.0, (0, 1), 15),
        (0.15, 0.6, (1, 0), 1),
        (0.15, 0.6, (1000, 1000), 750),
        (0.0, 0.0, (1_000_000, 1_000_000), 0),
        (-1.0, f64::NAN, (9, 9), 0),
    ] {
        assert_eq!(Prices::per_million(input, output).cost(tokens.0, tokens.1), cost, "{input} {output} {tokens:?}");
    }
    assert_eq!(Prices::per_million(1e6, 1e6).cost(u64::MAX, u64::MAX), u64::MAX.div_ceil(1000));
}
