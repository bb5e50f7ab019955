//! What a model call costs: an estimate before it, the truth out of the provider's answer as it passes through.
//! Reserving and settling against the run's budget is `relay`'s.

use patchbay_domain::task::{ModelProvider, Usage};
use serde::Deserialize;

/// A line of a stream, or a whole answer, is read for usage up to this size; what is longer passes unread.
const MAX_READ_BYTES: usize = 8 << 20;
/// Text has about four bytes a token; with three, an estimate is rather too high.
const BYTES_PER_TOKEN: u64 = 3;

/// What tokens cost, in thousandths of a microdollar each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    input: u64,
    output: u64,
}

impl Prices {
    /// From dollars per million tokens, which is microdollars per token.
    pub fn per_million(input: f64, output: f64) -> Self {
        let thousandths = |dollars: f64| (dollars.max(0.0) * 1000.0).round() as u64;
        Self { input: thousandths(input), output: thousandths(output) }
    }

    /// Microdollars, rounded up.
    pub(super) fn cost(self, input_tokens: u64, output_tokens: u64) -> u64 {
        let input = input_tokens.saturating_mul(self.input);
        input.saturating_add(output_tokens.saturating_mul(self.output)).div_ceil(1000)
    }
}

/// The tokens that so many bytes of text may be.
pub(super) fn tokens_of(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

/// What is known about a call before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
}

impl Estimate {
    pub(super) fn cost(self, prices: Prices) -> u64 {
        prices.cost(self.input_tokens, self.output_tokens)
    }
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The provider said all it had to say.
    Complete,
    /// The connection broke, on whichever side.
    BrokenOff,
}

/// Reads usage out of an answer that passes by.
pub(super) struct Meter {
    provider: ModelProvider,
    stream: bool,
    /// The present line of a stream, or the whole of a plain answer.
    buffer: Vec<u8>,
    overlong: bool,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    /// Events of a stream: nearly always one token each.
    events: u64,
    bytes: usize,
}

impl Meter {
    /// `stream`: whether the answer is a stream of server-sent events.
    pub(super) fn new(provider: ModelProvider, stream: bool) -> Self {
        Self { provider, stream, buffer: Vec::new(), overlong: false, input_tokens: None, output_tokens: None, events: 0, bytes: 0 }
    }

    /// Takes the next bytes of the answer.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        if !self.stream {
            self.keep(bytes);
            return;
        }
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            self.keep(&rest[..end]);
            self.end_line();
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    /// What the call came to. Where the provider did not say: an estimate; and for a call that broke off, everything
    /// that was set aside, because nobody knows what the provider went on to produce.
    pub(super) fn finish(mut self, ending: Ending, estimate: Estimate, prices: Prices) -> Usage {
        if self.stream {
            self.end_line()
        } else {
            self.read_answer()
        }
        let known = self.input_tokens.is_some() && self.output_tokens.is_some();
        let produced = if self.stream { self.events } else { tokens_of(self.bytes) };
        let (guess_in, guess_out) = match ending {
            Ending::Complete => (estimate.input_tokens, produced),
            Ending::BrokenOff => (estimate.input_tokens, produced.max(estimate.output_tokens)),
        };
        // Anthropic tells the input first and the output last: half an account is no account.
        let believed = known && (ending == Ending::Complete || self.provider == ModelProvider::Openai);
        let input_tokens = self.input_tokens.unwrap_or(guess_in);
        let output_tokens = if believed { self.output_tokens.unwrap_or(guess_out) } else { guess_out.max(self.output_tokens.unwrap_or(0)) };
        Usage { model_calls: 1, input_tokens, output_tokens, cost_microusd: prices.cost(input_tokens, output_tokens) }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > MAX_READ_BYTES {
            self.overlong = true;
        }
        if self.overlong { self.buffer.clear() } else { self.buffer.extend_from_slice(bytes) }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.buffer);
        if std::mem::take(&mut self.overlong) {
            return;
        }
        let Some(data) = line.strip_prefix(b"data:").map(<[u8]>::trim_ascii) else { return };
        if data.is_empty() || data == b"[DONE]" {
            return;
        }
        self.events += 1;
        // Most events have no usage: they are not worth parsing.
        if data.windows(7).any(|window| window == b"\"usage\"")
            && let Ok(event) = serde_json::from_slice::<Answer>(data)
        {
            self.note(event);
        }
    }

    fn read_answer(&mut self) {
        if let Ok(answer) = serde_json::from_slice::<Answer>(&self.buffer) {
            self.note(answer);
        }
    }

    fn note(&mut self, answer: Answer) {
        for tokens in [answer.message.and_then(|message| message.usage), answer.usage].into_iter().flatten() {
            if let Some(input) = tokens.input() {
                self.input_tokens = Some(input.max(self.input_tokens.unwrap_or(0)));
            }
            if let Some(output) = tokens.output() {
                self.output_tokens = Some(output.max(self.output_tokens.unwrap_or(0)));
            }
        }
    }
}

/// Of an answer or an event, what tells usage; OpenAI's and Anthropic's names.
#[derive(Deserialize)]
struct Answer {
    usage: Option<Tokens>,
    /// Anthropic's `message_start`.
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<Tokens>,
}

#[derive(Deserialize)]
struct Tokens {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
}

impl Tokens {
    fn input(&self) -> Option<u64> {
        let cached = self.cache_creation_input_tokens.unwrap_or(0).saturating_add(self.cache_read_input_tokens.unwrap_or(0));
        self.prompt_tokens.or(self.input_tokens.map(|tokens| tokens.saturating_add(cached)))
    }

    fn output(&self) -> Option<u64> {
        self.completion_tokens.or(self.output_tokens)
    }
}

#[cfg(test)]
mod tests;
