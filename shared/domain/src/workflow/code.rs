//! Which parts of a template are code, and which filters that code names. MiniJinja looks filters up only when it renders, which
//! is too late for somebody who writes a file. The grammar is MiniJinja's and is checked there; only what it has accepted comes here.

use super::template::{FILTERS, TemplateError, column, unknown_filter_message};
use std::ops::Range;

/// The byte ranges of what stands in `{{ }}` and `{% %}`, but not in `{# #}` and between `{% raw %}` and `{% endraw %}`.
pub(super) fn in_template(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('{').map(|found| at + found) {
        let rest = &text[found..];
        at = if rest.starts_with("{#") {
            rest.find("#}").map_or(text.len(), |end| found + end + 2)
        } else if rest.starts_with("{{") || rest.starts_with("{%") {
            let close = if rest.starts_with("{{") { "}}" } else { "%}" };
            let end = end_of_code(text, found + 2, close);
            ranges.push(found + 2..end);
            let word = text[found + 2..end].trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
            if close == "%}" && word == "raw" { end_of_raw(text, end) } else { end }
        } else {
            found + 1
        };
    }
    ranges.into_iter()
}

/// Where code that begins at `from` ends; a `close` in quotes does not end it.
fn end_of_code(text: &str, from: usize, close: &str) -> usize {
    let mut at = from;
    while at < text.len() {
        let rest = &text[at..];
        match rest.chars().next() {
            _ if rest.starts_with(close) => return at,
            Some('\'' | '"') => at = end_of_quotes(text, at),
            Some(other) => at += other.len_utf8(),
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

fn end_of_raw(text: &str, from: usize) -> usize {
    text[from..].find("endraw").map_or(text.len(), |end| from + end)
}

/// Checks that every filter in these parts of a text exists.
///
/// # Errors
/// The first that does not, with its place.
pub(super) fn check_filters(text: &str, code: impl Iterator<Item = Range<usize>>) -> Result<(), TemplateError> {
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
        ] {
            let found = check_filters(text, in_template(text)).err().map(|error| (error.line, error.column));
            assert_eq!(found, unknown, "{text}");
        }
    }
}
