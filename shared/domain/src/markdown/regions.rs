//! Where in a Markdown text code, quotes and HTML comments are, as GitHub's parser (CommonMark with GitHub's
//! extensions) sees them. What follows from that is decided by the modules that ask.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};
use std::ops::Range;

/// The extensions that GitHub renders and that change what is code.
pub(crate) fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS | Options::ENABLE_FOOTNOTES
}

/// A fenced code block: its bytes from the opening fence to the end of the closing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) range: Range<usize>,
    pub(crate) info: String,
}

/// The regions of one text, in the order of the text.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    /// Code spans and code blocks of both kinds.
    pub(crate) code: Vec<Range<usize>>,
    pub(crate) fences: Vec<Fence>,
    pub(crate) quotes: Vec<Range<usize>>,
    /// From `<!--` to `-->`, or to the end of the text where nothing closes it.
    pub(crate) comments: Vec<Range<usize>>,
}

impl Regions {
    pub(crate) fn of(text: &str) -> Self {
        let mut regions = Self::default();
        for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
            match event {
                Event::Code(_) => regions.code.push(range),
                Event::Start(Tag::CodeBlock(kind)) => {
                    if let CodeBlockKind::Fenced(info) = kind {
                        regions.fences.push(Fence { range: range.clone(), info: info.to_string() });
                    }
                    regions.code.push(range);
                }
                Event::Start(Tag::BlockQuote(_)) => regions.quotes.push(range),
                _ => {}
            }
        }
        regions.comments = comments(text, &regions.code);
        regions
    }

    pub(crate) fn in_code(&self, at: usize) -> bool {
        within(&self.code, at)
    }

    pub(crate) fn in_comment(&self, at: usize) -> bool {
        within(&self.comments, at)
    }

    /// Quotes nest, so the last one that starts before `at` is not the only candidate.
    pub(crate) fn in_quote(&self, at: usize) -> bool {
        self.quotes.iter().any(|range| range.contains(&at))
    }

    /// The fenced block around `at`, if any.
    pub(crate) fn fence_at(&self, at: usize) -> Option<&Fence> {
        let candidate = self.fences.partition_point(|fence| fence.range.start <= at);
        self.fences.get(candidate.checked_sub(1)?).filter(|fence| fence.range.contains(&at))
    }
}

/// Whether one of the sorted, disjoint ranges holds `at`.
fn within(ranges: &[Range<usize>], at: usize) -> bool {
    let candidate = ranges.partition_point(|range| range.start <= at);
    candidate.checked_sub(1).and_then(|i| ranges.get(i)).is_some_and(|range| range.contains(&at))
}

fn comments(text: &str, code: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("<!--").map(|i| from + i) {
        if within(code, start) {
            from = start + 4;
            continue;
        }
        let end = text[start + 4..].find("-->").map_or(text.len(), |i| start + 4 + i + 3);
        found.push(start..end);
        from = end;
    }
    found
}

/// Where the code fence begins that is still open at the end of the text, if one is.
pub(crate) fn open_fence(text: &str) -> Option<usize> {
    let probe = format!("{text}\n\nx");
    Parser::new_ext(&probe, options()).into_offset_iter().find_map(|(event, range)| match event {
        Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) if range.end == probe.len() => Some(range.start),
        _ => None,
    })
}
