//! Which parts of a template are code, and what has to hold for code before MiniJinja gets it. Its parser takes chains of any length
//! (`a.a.a…`, `elif` after `elif`), and lists can be put into lists without end: what is deep enough overflows the stack. Filters it
//! looks up only when it renders, which is too late for somebody who writes a file. The parts are found by the rules of MiniJinja's own lexer.

use super::limits::{MAX_BRACKETS, MAX_CODE_CHARS, MAX_CODE_PARTS};
use super::template::{FILTERS, TemplateError, column, unknown_filter_message};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

static RAW: LazyLock<Regex> = LazyLock::new(|| regex(r"^\{%[-+]?[\t\n\x0c\r ]*raw[\t\n\x0c\r ]*[-+]?%\}"));
static END_OF_RAW: LazyLock<Regex> = LazyLock::new(|| regex(r"\{%[-+]?[\t\n\x0c\r ]*endraw[\t\n\x0c\r ]*[-+]?%\}"));

#[expect(clippy::expect_used, reason = "the patterns are constants, and the tests of this module compile them")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// The byte ranges of what stands in `{{ }}` and `{% %}`, but not in `{# #}` and between `{% raw %}` and `{% endraw %}`.
pub(super) fn in_template(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('{').map(|found| at + found) {
        let rest = &text[found..];
        at = if rest.starts_with("{#") {
            text[found + 2..].find("#}").map_or(text.len(), |end| found + 2 + end + 2)
        } else if let Some(raw) = RAW.find(rest) {
            let from = found + raw.end();
            END_OF_RAW.find(&text[from..]).map_or(text.len(), |end| from + end.end())
        } else if rest.starts_with("{{") || rest.starts_with("{%") {
            let end = end_of_code(text, found + 2, if rest.starts_with("{{") { "}}" } else { "%}" });
            ranges.push(found + 2..end);
            end
        } else {
            found + 1
        };
    }
    ranges
}

/// Where code that begins at `from` ends; a `close` in quotes or brackets does not end it.
fn end_of_code(text: &str, from: usize, close: &str) -> usize {
    let mut at = from;
    let mut open = 0_i32;
    while at < text.len() {
        let rest = &text[at..];
        if open == 0 && rest.starts_with(close) {
            return at;
        }
        match rest.chars().next() {
            Some('\'' | '"') => at = end_of_quotes(text, at),
            Some(other) => {
                open += match other {
                    '(' | '[' | '{' => 1,
                    ')' | ']' | '}' => -1,
                    _ => 0,
                };
                at += other.len_utf8();
            }
            None => break,
        }
    }
    text.len()
}

/// The byte after the text in quotes that begins at `from`.
fn end_of_quotes(text: &str, from: usize) -> usize {
    let mut characters = text[from..].char_indices();
    let quote = characters.next().map(|(_, quote)| quote);
    while let Some((index, c)) = characters.next() {
        if Some(c) == quote {
            return from + index + c.len_utf8();
        }
        if c == '\\' {
            characters.next();
        }
    }
    text.len()
}

/// Checks that code is not more than MiniJinja's recursion can take, wherever it stands.
///
/// # Errors
/// The first part that is too long, or the first of too many.
pub(super) fn check_size(text: &str, code: &[Range<usize>]) -> Result<(), TemplateError> {
    let told = |at: usize, message: String| {
        let line = text[..at].matches('\n').count() + 1;
        Err(TemplateError { line: u32::try_from(line).unwrap_or(u32::MAX), column: column(text, line, at), message })
    };
    if let Some(part) = code.get(MAX_CODE_PARTS) {
        return told(part.start, format!("the template has more than {MAX_CODE_PARTS} parts in `{{{{ }}}}` and `{{% %}}`"));
    }
    let mut brackets = 0;
    for part in code {
        brackets += opened(text, part);
        if brackets > MAX_BRACKETS {
            return told(part.start, format!("the template's code opens more than {MAX_BRACKETS} brackets"));
        }
        let word = text[part.start..part.end].trim_start_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        if word.starts_with("for") && word.contains("recursive") {
            return told(part.start, "loops cannot be `recursive`".to_owned());
        }
    }
    match code.iter().find(|range| range.len() > MAX_CODE_CHARS) {
        Some(part) => told(part.start, format!("what stands between `{{{{ }}}}` or `{{% %}}` has more than {MAX_CODE_CHARS} characters")),
        None => Ok(()),
    }
}

/// How many brackets a part opens, not counting those in quotes.
fn opened(text: &str, part: &Range<usize>) -> usize {
    let mut count = 0;
    let mut at = part.start;
    while at < part.end {
        match text[at..].chars().next() {
            Some('\'' | '"') => at = end_of_quotes(text, at),
            Some(c) => {
                count += usize::from(matches!(c, '(' | '[' | '{'));
                at += c.len_utf8();
            }
            None => break,
        }
    }
    count
}

/// Checks that every filter in these parts of a text exists.
///
/// # Errors
/// The first that does not, with its place.
pub(super) fn check_filters(text: &str, code: &[Range<usize>]) -> Result<(), TemplateError> {
    for range in code {
        let mut at = range.start;
        while at < range.end {
            let c = text[at..].chars().next().unwrap_or(' ');
            match c {
                '\'' | '"' => at = end_of_quotes(text, at),
                '|' => at = check_filter(text, at + 1, range.end)?,
                c => at += c.len_utf8(),
            }
        }
    }
    Ok(())
}

/// Checks the filter whose name stands at `from`, behind its bar; returns the byte after the name.
fn check_filter(text: &str, from: usize, to: usize) -> Result<usize, TemplateError> {
    let rest = &text[from..to];
    let start = from + (rest.len() - rest.trim_start().len());
    let length = text[start..to].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(to - start);
    let name = &text[start..start + length];
    if FILTERS.contains(&name) {
        return Ok(start + length);
    }
    let line = text[..start].matches('\n').count() + 1;
    let message = unknown_filter_message(name);
    Err(TemplateError { line: u32::try_from(line).unwrap_or(u32::MAX), column: column(text, line, start), message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_is_searched_for_filters() {
        for (text, unknown) in [
            ("a | b {{ x | upper }}", None),
            ("{{ x | uper }}", Some((1, Some(8)))),
            ("{{ '}} | no' ~ x }} | no", None),
            ("{{ \"\\\" | no\" }}", None),
            ("{# x | no #}{% raw %}{{ x | no }}{% endraw %}{{ x|no }}", Some((1, Some(51)))),
            ("a\n{% for y in x\n | no %}{% endfor %}", Some((3, Some(4)))),
            ("{{ x | map('upper') | join(', ') }}{", None),
            ("{ {{ 'é' | é }}", Some((1, Some(12)))),
            ("{#}{{ x | no }}#}{{ x | no }}", Some((1, Some(25)))),
            ("{{ {'a': {'b': 1}} | no }} | no", Some((1, Some(22)))),
            ("{%- raw -%} {{ x | no }} endraw {%+ endraw%}{% raw x %}{{ x | no }}", Some((1, Some(63)))),
        ] {
            let found = check_filters(text, &in_template(text)).err().map(|error| (error.line, error.column));
            assert_eq!(found, unknown, "{text}");
        }
    }
}
