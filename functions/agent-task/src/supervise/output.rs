//! What a command printed, as text for people and models: without colours, control characters and more than is wanted.

use patchbay_domain::text::strip_hidden;

/// As much of a check's output is shown to the agent, characters.
const MOST_FOR_AGENT: usize = 8_000;
/// As much is shown to people: lines, and characters of a line.
const LAST_LINES: usize = 20;
const MOST_OF_LINE: usize = 300;
const MOST_OF_COMMAND: usize = 200;

/// The end of an output for the agent.
pub(crate) fn for_agent(output: &str) -> String {
    let text = plain(output);
    let skipped = text.chars().count().saturating_sub(MOST_FOR_AGENT);
    text.chars().skip(skipped).collect()
}

/// The last lines of an output for people.
pub(crate) fn last_lines(output: &str) -> String {
    let text = strip_hidden(&plain(output));
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let lines = lines[lines.len().saturating_sub(LAST_LINES)..].iter().map(|line| line.trim_end());
    lines.map(|line| super::verdict::cut(line, MOST_OF_LINE)).collect::<Vec<_>>().join("\n")
}

/// A command on one line, to be named in a sentence.
pub(crate) fn named(command: &str) -> String {
    let words = strip_hidden(command).split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "'");
    format!("`{}`", super::verdict::cut(&words, MOST_OF_COMMAND))
}

/// Without terminal sequences (`ESC [ … letter`), without other control characters; of a line that was drawn again and
/// again only the last.
fn plain(output: &str) -> String {
    let mut text = String::with_capacity(output.len());
    let mut chars = output.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            '\r' if chars.peek() != Some(&'\n') => text.truncate(text.rfind('\n').map_or(0, |at| at + 1)),
            '\n' | '\t' => text.push(c),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_progress_bars_leave_no_trace() {
        assert_eq!(plain("\u{1b}[1;31merror\u{1b}[0m: no\r\n 1%\r 2%\r100%\nend\u{7}"), "error: no\n100%\nend");
        assert_eq!(plain("cut \u{1b}["), "cut ");
    }

    #[test]
    fn the_end_of_an_output_is_what_counts() {
        let output: String = (1..=100).map(|n| format!("line {n}\n\n")).collect();
        let lines = last_lines(&output);
        assert_eq!((lines.lines().next(), lines.lines().last(), lines.lines().count()), (Some("line 81"), Some("line 100"), LAST_LINES));
        assert_eq!(last_lines(&"ä".repeat(5000)).chars().count(), MOST_OF_LINE + 1);
        assert_eq!(for_agent(&format!("{}end", "x".repeat(9000))).chars().count(), MOST_FOR_AGENT);
        assert!(for_agent(&format!("{}end", "x".repeat(9000))).ends_with("xend"));
    }

    #[test]
    fn a_command_is_named_on_one_line_and_cannot_leave_its_quotes() {
        assert_eq!(named("make `x`\n  all"), "`make 'x' all`");
        assert!(named(&"x".repeat(500)).chars().count() < 210);
    }
}
