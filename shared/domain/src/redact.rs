//! Finds secrets in outgoing bytes (R34) and blots them out of what is logged: known values in every spelling
//! they may take, and the shapes of well-known tokens. Linear in the text: one automaton per set.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::bytes::{Regex, RegexBuilder};
use std::fmt::Write;
use std::ops::Range;
use std::sync::LazyLock;

/// Known values shorter than this are ignored: they would be found everywhere.
pub const MIN_SECRET_LENGTH: usize = 8;
/// Of a value of several lines (a PEM key), lines this long are secrets of their own.
const MIN_LINE_LENGTH: usize = 32;
const BLOT: &str = "[redacted]";
/// As often is a text searched for values that only appear once others are gone; then nothing of it is shown.
const ROUNDS: usize = 8;
/// Enough for the automaton over a handful of keys in all their spellings.
const SIZE_LIMIT: usize = 64 << 20;

/// What was found. Where is not told, and never what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub kind: HitKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HitKind {
    /// One of the secrets that Patchbay itself holds.
    KnownValue,
    GithubToken,
    SlackToken,
    AwsKey,
    PrivateKey,
    ModelKey,
    Jwt,
}

impl HitKind {
    /// The words for a message or a log line.
    pub fn name(self) -> &'static str {
        match self {
            HitKind::KnownValue => "one of Patchbay's own secrets",
            HitKind::GithubToken => "a GitHub token",
            HitKind::SlackToken => "a Slack token",
            HitKind::AwsKey => "an AWS access key",
            HitKind::PrivateKey => "a private key",
            HitKind::ModelKey => "a model provider's key",
            HitKind::Jwt => "a JSON web token",
        }
    }
}

impl std::fmt::Display for HitKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Token shapes. A hit must be worth blocking a pull request for: prefixes alone are not enough.
const SHAPES: [(HitKind, &str); 8] = [
    (HitKind::GithubToken, r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
    (HitKind::GithubToken, r"\bghs_[0-9]+_[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]+){0,2}"),
    (HitKind::GithubToken, r"\bgithub_pat_[A-Za-z0-9_]{22,}"),
    (HitKind::SlackToken, r"\bxox[abceoprs](?:\.xox[abceoprs])?-[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{10,}"),
    (HitKind::AwsKey, r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    (
        HitKind::PrivateKey,
        r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:\s|\\[nr])*(?:[A-Za-z-]{4,20}: [^\n]{1,80}\s+)*[A-Za-z0-9+/=]{40}[A-Za-z0-9+/=\s\\]*",
    ),
    (HitKind::ModelKey, r"\bsk-(?:[A-Za-z0-9]{32,}|(?:proj|ant|svcacct|admin|or)-[A-Za-z0-9_-]{20,})"),
    (HitKind::Jwt, r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
];

static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    let groups: Vec<String> = SHAPES.iter().map(|(_, shape)| format!("({shape})")).collect();
    compile(&groups.join("|"))
});

/// Known secret values, ready to be looked for.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    values: Option<Regex>,
}

impl Secrets {
    /// Prepares the values; those shorter than `MIN_SECRET_LENGTH` are left out.
    pub fn new<S: AsRef<str>>(known: impl IntoIterator<Item = S>) -> Self {
        let mut spellings = Vec::new();
        for value in known {
            let value = value.as_ref().trim();
            if value.len() >= MIN_SECRET_LENGTH {
                spell(value, &mut spellings);
                if value.contains('\n') {
                    value.lines().map(str::trim).filter(|line| line.len() >= MIN_LINE_LENGTH).for_each(|line| spell(line, &mut spellings));
                }
            }
        }
        Self { values: (!spellings.is_empty()).then(|| compile(&spellings.join("|"))) }
    }

    /// The first known value or token in the text. Encoded values are also found when they are broken into lines.
    pub fn scan(&self, text: impl AsRef<[u8]>) -> Option<Hit> {
        let text = text.as_ref();
        let known = self.values.as_ref().is_some_and(|values| values.is_match(text) || values.is_match(&without_whitespace(text)));
        if known { Some(Hit { kind: HitKind::KnownValue }) } else { token(text) }
    }

    /// The text with every known value and token blotted out, for logs and messages: `scan` finds nothing in it.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.as_bytes().to_vec();
        if let Some(values) = &self.values {
            // What stood around a blotted value may be one itself.
            for round in 0.. {
                let Some(ranges) = known_ranges(values, &text) else { break };
                if round == ROUNDS {
                    return String::new();
                }
                for range in ranges.into_iter().rev() {
                    text.splice(range, BLOT.bytes());
                }
            }
        }
        let blotted = TOKENS.replace_all(&text, BLOT.as_bytes());
        String::from_utf8_lossy(&blotted).into_owned()
    }
}

/// Where known values stand, from left to right and apart from each other; broken into lines, a value's range holds its
/// line ends. `None` where there are none.
fn known_ranges(values: &Regex, text: &[u8]) -> Option<Vec<Range<usize>>> {
    let as_it_is: Vec<_> = values.find_iter(text).map(|found| found.range()).collect();
    if !as_it_is.is_empty() {
        return Some(as_it_is);
    }
    let places: Vec<usize> = (0..text.len()).filter(|at| !text[*at].is_ascii_whitespace()).collect();
    let compact = without_whitespace(text);
    let broken: Vec<_> = values.find_iter(&compact).map(|found| places[found.start()]..places[found.end() - 1] + 1).collect();
    (!broken.is_empty()).then_some(broken)
}

/// As `Secrets::scan`, for values that are used once.
pub fn scan(text: impl AsRef<[u8]>, known: &[&str]) -> Option<Hit> {
    Secrets::new(known).scan(text)
}

/// The text with everything blotted out that looks like a token.
pub fn redact(text: &str) -> String {
    Secrets::default().redact(text)
}

fn token(text: &[u8]) -> Option<Hit> {
    let found = TOKENS.captures(text)?;
    SHAPES.iter().enumerate().find(|(i, _)| found.get(i + 1).is_some()).map(|(_, (kind, _))| Hit { kind: *kind })
}

fn without_whitespace(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect()
}

/// All spellings of a value as patterns: plain or URL-encoded (character by character), base64 in both alphabets
/// at all three alignments, hex.
fn spell(value: &str, spellings: &mut Vec<String>) {
    spellings.push(value.bytes().map(plain_or_percent).collect());
    spellings.push(format!("(?i:{})", hex::encode(value)));
    for offset in 0..3_usize {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(value.as_bytes());
        // Characters that also hold bits of what stands before or behind are left out.
        let from = (offset * 8).div_ceil(6);
        let to = shifted.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            spellings.push(encoded[from..to].bytes().map(plain_or_percent).collect());
        }
    }
    spellings.dedup();
}

fn plain_or_percent(byte: u8) -> String {
    let mut pattern = String::new();
    let plain = if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!(r"\x{byte:02x}") };
    let plus = if byte == b' ' { r"|\+" } else { "" };
    // Writing to a string does not fail.
    let _ = write!(pattern, "(?:{plain}{plus}|(?i:%{byte:02x}))");
    pattern
}

#[expect(clippy::expect_used, reason = "built from escaped bytes and constants; a value too big for the limit must not go unnoticed")]
fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).unicode(false).size_limit(SIZE_LIMIT).build().expect("a pattern of literals")
}

#[cfg(test)]
mod tests;
