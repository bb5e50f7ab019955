//! Filters by title and text: regular expressions over what people see of them.

use super::reason::{How, Reason};
use crate::event::{Detail, Event};
use crate::text::strip_hidden;
use regex::{Regex, RegexBuilder};

/// No expression is longer, in characters.
pub const MAX_REGEX_CHARS: usize = 1_000;

/// What an expression may take up once it is compiled; it bounds the time of a match, too.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// An expression under its key.
#[derive(Clone, Debug)]
pub(super) struct TextFilter {
    key: &'static str,
    regex: Regex,
}

impl TextFilter {
    /// Reads an expression in the syntax of the `regex` crate: without look-around and back references, and so matched in
    /// linear time. The error is a sentence for whoever wrote it.
    pub(super) fn parse(key: &'static str, text: &str) -> Result<Self, String> {
        let count = text.chars().count();
        if count > MAX_REGEX_CHARS {
            return Err(format!("the regular expression has {count} characters, and {MAX_REGEX_CHARS} are the most"));
        }
        if text.is_empty() {
            return Err("the regular expression is empty; leave the filter out if it is to let everything pass".to_owned());
        }
        RegexBuilder::new(text)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .nest_limit(50)
            .build()
            .map(|regex| TextFilter { key, regex })
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => {
                    "the regular expression is too large once its repetitions are written out; use smaller numbers in `{…}`".to_owned()
                }
                other => format!("this is no regular expression: {}", last_line(&other.to_string())),
            })
    }

    pub(super) fn decide(&self, event: &Event) -> Reason {
        let text = strip_hidden(if self.key == "title" { title(event) } else { body(event) });
        match self.regex.find(&text) {
            Some(found) => Reason::new(self.key, How::Contains, found.as_str(), Some(self.regex.as_str())),
            None => Reason::new(self.key, How::ContainsNot, text.trim(), Some(self.regex.as_str())),
        }
    }
}

fn title(event: &Event) -> &str {
    match (&event.detail, &event.subject) {
        (Detail::Release(release), _) => &release.name,
        (_, Some(subject)) => &subject.title,
        _ => "",
    }
}

/// A comment's (or review's) own text, else that of the release or thread.
fn body(event: &Event) -> &str {
    match (&event.comment, &event.detail, &event.subject) {
        (Some(comment), ..) => &comment.body,
        (_, Detail::Release(release), _) => &release.body,
        (_, _, Some(subject)) => &subject.body,
        _ => "",
    }
}

/// Of the crate's drawing with a caret, what is wrong.
fn last_line(error: &str) -> &str {
    let line = error.lines().last().unwrap_or_default().trim();
    line.strip_prefix("error: ").unwrap_or(line)
}
