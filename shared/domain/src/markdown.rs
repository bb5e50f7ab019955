//! Markdown that fits: long text folded or split so that every piece stays whole, and text put into quotes and
//! fences that it cannot get out of. What may be said at all is `text`'s business.

pub(crate) mod regions;
mod split;

use split::Splitter;

/// What a GitHub comment or pull request body holds, characters.
pub const MAX_COMMENT_CHARS: usize = 65_536;
/// Up to this many characters, nothing is folded.
const FOLD_ABOVE: usize = 4_000;
/// How much of a folded text stays in sight.
const FOLD_HEAD: usize = 1_500;
const FOLD_OPEN: &str = "\n\n<details><summary>The rest</summary>\n\n";
const FOLD_CLOSE: &str = "\n\n</details>";
const CUT: &str = "\n\n_(Cut here: the text is longer than a comment can be.)_";

/// The text in at most `max_chars` characters: short text as it is, long text with its beginning in sight and the
/// rest behind a `<details>`, cut with a notice where even that is too long.
pub fn fold(text: &str, max_chars: usize) -> String {
    let text = text.trim_start_matches('\n').trim_end();
    let length = chars(text);
    let frame = chars(FOLD_OPEN) + chars(FOLD_CLOSE) + chars(CUT);
    if length <= max_chars.min(FOLD_ABOVE) {
        return text.to_owned();
    }
    if max_chars < FOLD_ABOVE.max(frame * 2) {
        return cut(text, max_chars);
    }
    let first_line = text.lines().next().map_or(0, chars);
    let head_room = if first_line <= FOLD_HEAD { FOLD_HEAD } else { 0 };
    let mut pieces = Splitter::new(text, max_chars - head_room - frame).run(head_room).into_iter();
    let head = if head_room > 0 { pieces.next().unwrap_or_default() } else { String::new() };
    let Some(rest) = pieces.next() else { return head };
    let cut = if pieces.next().is_some() { CUT } else { "" };
    format!("{head}{FOLD_OPEN}{rest}{cut}{FOLD_CLOSE}").trim_start().to_owned()
}

/// The beginning of a text in at most `max_chars` characters, with a notice if anything is missing.
fn cut(text: &str, max_chars: usize) -> String {
    if chars(text) <= max_chars {
        return text.to_owned();
    }
    let room = max_chars.saturating_sub(chars(CUT));
    if room == 0 {
        return text.chars().take(max_chars).collect();
    }
    let head = split(text, room).into_iter().next().unwrap_or_default();
    head + CUT
}

/// The text in pieces of at most `max_chars` characters, cut between blocks where possible and else between lines;
/// a code fence that is cut is closed and opened again. A line that is itself too long is shown as code.
pub fn split(text: &str, max_chars: usize) -> Vec<String> {
    Splitter::new(text, max_chars).run(max_chars)
}

/// Every line behind `> `.
pub fn quote(text: &str) -> String {
    let lines: Vec<String> =
        text.trim_end().lines().map(|line| if line.is_empty() { ">".to_owned() } else { format!("> {line}") }).collect();
    lines.join("\n")
}

/// The text as a code block, behind a fence longer than any run of backticks in it. `lang` may be empty; anything
/// but letters, digits, `+`, `-`, `_`, `.` and `#` is left out of it.
pub fn fence(text: &str, lang: &str) -> String {
    let mark = "`".repeat(longest_run(text, '`').max(2) + 1);
    let lang: String = lang.chars().filter(|c| c.is_ascii_alphanumeric() || "+-_.#".contains(*c)).collect();
    let end = if text.ends_with('\n') || text.is_empty() { "" } else { "\n" };
    format!("{mark}{lang}\n{text}{end}{mark}")
}

fn longest_run(text: &str, mark: char) -> usize {
    let (longest, _) = text.chars().fold((0, 0), |(longest, run), c| {
        let run = if c == mark { run + 1 } else { 0 };
        (run.max(longest), run)
    });
    longest
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests;
