//! What text looks like before an agent reads it and before people do: hidden characters and comments taken
//! away (R27), and, in `neutralise`, everything that would act on GitHub made inert (R34).

mod neutralise;

pub use neutralise::{commit_message, is_inert, neutralise};

use crate::markdown::regions::Regions;

/// How often stripping is repeated for comments that only appear once another is gone.
const STRIP_ROUNDS: usize = 8;

/// The text as a person sees it: without HTML comments (outside code) and without characters that do not show
/// (control characters other than newline and tab, zero-width, bidirectional, tag and filler characters; R27).
pub fn strip_hidden(text: &str) -> String {
    let mut text = strip_invisible(text);
    for _ in 0..STRIP_ROUNDS {
        let comments = Regions::of(&text).comments;
        if comments.is_empty() {
            return text;
        }
        for range in comments.into_iter().rev() {
            text.replace_range(range, "");
        }
    }
    // Nobody writes this by accident: what still opens a comment loses its opening, code or not.
    while text.contains("<!--") {
        text = text.replace("<!--", "");
    }
    text
}

/// The text without characters that do not show; line ends become `\n`.
pub(crate) fn strip_invisible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            // One selector may follow a visible character (emoji presentation); a chain of them is a hidden message.
            '\u{fe0e}' | '\u{fe0f}' if out.chars().next_back().is_some_and(|last| !last.is_whitespace() && !is_invisible(last)) => {
                out.push(c)
            }
            c if is_invisible(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Whether a character leaves nothing on the screen, or changes how its neighbours show.
pub(crate) fn is_invisible(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests;
