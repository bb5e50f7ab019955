//! Makes an agent's Markdown inert on GitHub (R34): nobody is notified, nothing foreign is loaded, no issue is
//! closed, no HTML and none of our hidden markers gets through. Code is left as it is: nothing acts in there.

use super::strip_invisible;
use crate::markdown::{fence, regions};
use pulldown_cmark::{Event, Parser, Tag};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// After this many rounds of edits that bring forth new live text, the whole is shown as code.
const ROUNDS: usize = 6;
/// Stands in the decoded text for the edge of an inline element.
const EDGE: char = '\u{1}';
/// Stands in the decoded text for the start of a link to an issue or pull request.
const ISSUE_LINK: char = '\u{2}';

static MENTION: LazyLock<Regex> = LazyLock::new(|| regex(r"(?:^|[^A-Za-z0-9_])(@[A-Za-z0-9][A-Za-z0-9-]*(?:/[A-Za-z0-9_.-]+)?)"));
static CLOSING: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"(?i)\b({KEYWORD})[\s:\x01]*(?:(\x02)|([#*\x01]*{REFERENCE}))")));
static ISSUE_URL: LazyLock<Regex> = LazyLock::new(|| regex(&format!("(?i)^{ISSUE_PATH}")));
static MARKER: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)<!--(\s*patchbay)"));
static SAFE_TAG: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)^</?(?:br|kbd|sub|sup)\s*/?>$"));
static COMMENT: LazyLock<Regex> = LazyLock::new(|| regex(r"(?s)<!--.*?(?:-->|$)"));
static COMMIT_CLOSING: LazyLock<Regex> = LazyLock::new(|| regex(&format!(r"(?i)\b({KEYWORD})([\s:]+)({REFERENCE})")));

const KEYWORD: &str = "close[sd]?|fix(?:e[sd])?|resolve[sd]?";
const ISSUE_PATH: &str = r"https?://[^\s/]+/[^\s/]+/[^\s/]+/(?:issues|pull)/\d+";
const REFERENCE: &str = r"(?:(?:[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)?#\d+|GH-\d+|https?://[^\s/]+/[^\s/]+/[^\s/]+/(?:issues|pull)/\d+)";

#[expect(clippy::expect_used, reason = "the patterns are constants, and every test of this module compiles them")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// The agent's text, inert: mentions other than `keep_mention` (logins without `@`) and closing keywords become
/// code spans, images become links, HTML other than a few harmless inline tags is escaped, comments, invisible
/// characters and our hidden markers are gone, and an open code fence is closed.
///
/// Idempotent. The result may be longer than the text.
pub fn neutralise(text: &str, keep_mention: &[&str]) -> String {
    let mut text = strip_invisible(text);
    for _ in 0..ROUNDS {
        let edits = Reader::read(&text, keep_mention);
        if edits.is_empty() {
            return close_fence(text);
        }
        text = edit(&text, edits);
    }
    fence(&break_markers(&text), "text")
}

/// Whether [`neutralise`] finds nothing to change in a text.
pub fn is_inert(text: &str) -> bool {
    neutralise(text, &[]) == text
}

/// A model's commit message, inert: it mentions nobody, and closes no issue but `allowed` (of the same repository).
/// Commit messages are plain text, so the words themselves are changed: `@name` loses its `@`, `fixes #1` says `see #1`.
pub fn commit_message(text: &str, allowed: Option<u64>) -> String {
    let text = break_markers(&strip_invisible(text));
    let allowed = allowed.map(|number| format!("#{number}"));
    let text = COMMIT_CLOSING.replace_all(&text, |found: &regex::Captures<'_>| {
        if allowed.as_deref() == Some(&found[3]) { found[0].to_owned() } else { format!("see{}{}", found[2].replace(':', ""), &found[3]) }
    });
    let mut text = text.into_owned();
    while MENTION.is_match(&text) {
        text = MENTION.replace_all(&text, |found: &regex::Captures<'_>| found[0].replacen('@', "", 1)).into_owned();
    }
    text
}

fn break_markers(text: &str) -> String {
    MARKER.replace_all(text, "<! --$1").into_owned()
}

type Edit = (Range<usize>, String);

/// Applies edits from left to right; one that overlaps an earlier one waits for the next round.
fn edit(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = String::with_capacity(text.len() + edits.len() * 4);
    let mut at = 0;
    for (range, replacement) in edits {
        if range.start >= at {
            out.push_str(&text[at..range.start]);
            out.push_str(&replacement);
            at = range.end;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// Reads a text once and collects what has to change.
struct Reader<'a> {
    text: &'a str,
    keep: &'a [&'a str],
    edits: Vec<Edit>,
    /// The decoded inline text of the present block, and where each of its characters comes from.
    decoded: String,
    origin: Vec<(usize, Range<usize>)>,
}

impl<'a> Reader<'a> {
    fn read(text: &'a str, keep: &'a [&'a str]) -> Vec<Edit> {
        let mut reader = Self { text, keep, edits: Vec::new(), decoded: String::new(), origin: Vec::new() };
        for found in MARKER.find_iter(text) {
            reader.edits.push((found.start()..found.start() + 4, "<! --".to_owned()));
        }
        let mut opaque: Option<Range<usize>> = None;
        let parser = Parser::new_ext(text, regions::options());
        for (_, definition) in parser.reference_definitions().iter() {
            reader.encode_ats(definition.span.clone());
        }
        for (event, range) in parser.into_offset_iter() {
            if opaque.as_ref().is_some_and(|block| range.start < block.end && range.end <= block.end && range.start >= block.start) {
                continue;
            }
            match event {
                Event::Start(Tag::CodeBlock(_)) => opaque = Some(range),
                Event::Start(Tag::HtmlBlock) => {
                    reader.edits.push((range.clone(), inert_html_block(&text[range.clone()])));
                    opaque = Some(range);
                }
                event => reader.inline(&event, range),
            }
        }
        reader.finish_block();
        reader.edits
    }

    fn inline(&mut self, event: &Event<'_>, range: Range<usize>) {
        match event {
            Event::Text(decoded) => self.push_text(decoded, range),
            Event::SoftBreak | Event::HardBreak => self.push(' ', range),
            Event::Code(_) => {
                if self.text[range.clone()].contains('\n') {
                    self.edits.push((range.clone(), one_line(&self.text[range.clone()])));
                }
                self.push(EDGE, range);
            }
            Event::InlineHtml(html) => {
                if !SAFE_TAG.is_match(html) {
                    self.edits.push((range.clone(), inert_html(&self.text[range.clone()])));
                }
                self.push(EDGE, range);
            }
            Event::Start(Tag::Image { .. }) => {
                let space = if self.text[..range.start].ends_with('!') { " " } else { "" };
                let mark = range.start..(range.start + 2).min(range.end);
                self.edits.push((mark, format!("{space}[image: ")));
                self.push(EDGE, range.start..range.start);
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                let mark = if ISSUE_URL.is_match(dest_url) { ISSUE_LINK } else { EDGE };
                self.push(mark, range.start..range.start);
                if let Some(target) = self.text[range.clone()].rfind("](") {
                    self.encode_ats(range.start + target..range.end);
                }
            }
            Event::Start(Tag::Emphasis | Tag::Strong | Tag::Strikethrough) => self.push(EDGE, range.start..range.start),
            Event::End(end) if is_inline(*end) => self.push(EDGE, range.end..range.end),
            Event::Start(_) | Event::End(_) | Event::Rule => self.finish_block(),
            _ => self.push(EDGE, range),
        }
    }

    /// A link's target mentions nobody, but what is left of it when the link is cut in two might.
    fn encode_ats(&mut self, target: Range<usize>) {
        let ats = self.text[target.clone()].match_indices('@').map(|(at, _)| target.start + at);
        self.edits.extend(ats.map(|at| (at..at + 1, "%40".to_owned())));
    }

    fn push(&mut self, c: char, range: Range<usize>) {
        self.origin.push((self.decoded.len(), range));
        self.decoded.push(c);
    }

    fn push_text(&mut self, decoded: &str, range: Range<usize>) {
        let verbatim = self.text[range.clone()] == *decoded;
        for (at, c) in decoded.char_indices() {
            let from = if verbatim { range.start + at..range.start + at + c.len_utf8() } else { range.clone() };
            self.push(c, from);
        }
    }

    /// Looks for what is live in the inline text that has been read, then forgets it.
    fn finish_block(&mut self) {
        let decoded = std::mem::take(&mut self.decoded);
        self.find_mentions(&decoded);
        self.find_closings(&decoded);
        self.origin.clear();
    }

    fn find_mentions(&mut self, decoded: &str) {
        let mut from = 0;
        while let Some(mention) = MENTION.captures_at(decoded, from).and_then(|found| found.get(1)) {
            let name = mention.as_str();
            from = mention.end();
            if self.keep.iter().any(|kept| name[1..].eq_ignore_ascii_case(kept)) {
                continue;
            }
            if in_url(&decoded[..mention.start()]) {
                let at = self.source(&(mention.start()..mention.start() + 1));
                self.edits.push((at, "%40".to_owned()));
            } else {
                self.wrap(&(mention.start()..mention.end()), name);
            }
        }
    }

    fn find_closings(&mut self, decoded: &str) {
        let found: Vec<Range<usize>> = CLOSING
            .captures_iter(decoded)
            .filter_map(|found| {
                let keyword = found.get(1)?;
                // A plain reference is wrapped with its keyword; across markup the keyword alone is enough.
                let whole = found.get(0)?;
                let plain = !whole.as_str().contains([EDGE, ISSUE_LINK]);
                Some(if plain { keyword.start()..whole.end() } else { keyword.range() })
            })
            .collect();
        for range in found {
            self.wrap(&range, &decoded[range.clone()]);
        }
    }

    /// Turns decoded text into a code span.
    fn wrap(&mut self, decoded: &Range<usize>, shown: &str) {
        let source = self.source(decoded);
        let before = if self.text[..source.start].ends_with('`') { " " } else { "" };
        let after = if self.text[source.end..].starts_with('`') { " " } else { "" };
        let shown = shown.replace(['`', '\n'], " ");
        self.edits.push((source, format!("{before}`{shown}`{after}")));
    }

    /// Where decoded text comes from, with a backslash that escapes its first character.
    fn source(&self, decoded: &Range<usize>) -> Range<usize> {
        let first = self.origin.partition_point(|(at, _)| *at < decoded.start);
        let last = self.origin.partition_point(|(at, _)| *at < decoded.end).saturating_sub(1);
        let mut start = self.origin[first].1.start;
        let end = self.origin[last].1.end;
        let backslashes = self.text[..start].bytes().rev().take_while(|b| *b == b'\\').count();
        if backslashes % 2 == 1 {
            start -= 1;
        }
        start..end
    }
}

fn is_inline(end: pulldown_cmark::TagEnd) -> bool {
    use pulldown_cmark::TagEnd;
    matches!(end, TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image)
}

/// Whether text that ends here is in the middle of a URL.
fn in_url(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || c == EDGE || c == ISSUE_LINK).next().unwrap_or_default();
    word.contains("://")
}

/// A code span over several lines, on one: it shows the same, and no later cut at a line's end can open it.
fn one_line(span: &str) -> String {
    static BREAK: LazyLock<Regex> = LazyLock::new(|| regex(r"[ \t]*\n[ \t>]*"));
    BREAK.replace_all(span, " ").into_owned()
}

fn inert_html(html: &str) -> String {
    COMMENT.replace_all(html, "").replace('<', "&lt;")
}

fn inert_html_block(html: &str) -> String {
    let shown = inert_html(html);
    // The line structure stays, so that what follows the block is still what it was.
    if html.ends_with('\n') && !shown.ends_with('\n') { shown + "\n" } else { shown }
}

/// A text whose last code fence is open swallows whatever is put behind it.
fn close_fence(mut text: String) -> String {
    let open = regions::open_fence(&text);
    if let Some(start) = open {
        let opening = &text[start..];
        let mark = if opening.starts_with('~') { '~' } else { '`' };
        let length = opening.chars().take_while(|c| *c == mark).count();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.extend(std::iter::repeat_n(mark, length.max(3)));
    }
    text
}
