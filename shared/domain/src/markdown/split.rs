//! Cuts Markdown into pieces that each read and render as what they were a part of.
//! Which size they have and what is done with them is decided by the parent module.

use super::regions::{Fence, Regions, open_fence};
use super::{chars, fence};
use crate::text::{is_inert, neutralise};
use std::borrow::Cow;

/// Pieces smaller than this have no room for fences around single long lines.
const MIN_FENCED: usize = 24;

/// A text by lines, and for every line the code fence that it is inside of.
pub(super) struct Splitter<'a> {
    lines: Vec<Cow<'a, str>>,
    fences: Vec<Option<Open>>,
    max: usize,
    /// Whether the text as a whole has nothing in it that acts on a forge: then no piece may have either.
    inert: bool,
}

/// A fenced block: how to close it and how to open it again in another piece.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    start: usize,
    /// What stands before the fence on its line, list markers as spaces.
    prefix: String,
    mark: String,
    info: String,
}

impl Open {
    fn of(text: &str, fence: &Fence) -> Self {
        let line_start = text[..fence.range.start].rfind('\n').map_or(0, |i| i + 1);
        let prefix = text[line_start..fence.range.start].chars().map(|c| if c == '>' { '>' } else { ' ' }).collect();
        let opening = &text[fence.range.start..];
        let mark_char = if opening.starts_with('~') { '~' } else { '`' };
        let mark = opening.chars().take_while(|c| *c == mark_char).collect();
        let info = if chars(&fence.info) <= 40 { fence.info.replace(['\n', '`'], " ") } else { String::new() };
        Self { start: fence.range.start, prefix, mark, info }
    }

    fn closing(&self, reopened: bool) -> String {
        format!("{}{}", if reopened { self.quote_prefix() } else { &self.prefix }, self.mark)
    }

    /// A piece of its own has lost the list that the fence was in: only quote marks are repeated.
    fn quote_prefix(&self) -> &str {
        if self.prefix.contains('>') { self.prefix.trim_start() } else { "" }
    }

    fn reopening(&self) -> String {
        format!("{}{}{}\n", self.quote_prefix(), self.mark, self.info)
    }

    /// What has to be kept free in a piece for the closing fence on a line of its own.
    fn closing_room(&self) -> usize {
        chars(&self.prefix) + chars(&self.mark) + 1
    }
}

impl<'a> Splitter<'a> {
    pub(super) fn new(text: &'a str, max: usize) -> Self {
        let regions = Regions::of(text);
        let mut splitter = Self { lines: Vec::new(), fences: Vec::new(), max: max.max(1), inert: is_inert(text) };
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            // The opening line is not inside; the closing line is.
            let inside = regions.fence_at(at).filter(|fence| fence.range.start < at).map(|fence| Open::of(text, fence));
            if inside.is_none() && max >= MIN_FENCED && chars(line) > max {
                splitter.push_fenced(line, at);
            } else {
                splitter.push(Cow::Borrowed(line), inside);
            }
            at += line.len();
        }
        splitter
    }

    fn push(&mut self, line: Cow<'a, str>, inside: Option<Open>) {
        self.lines.push(line);
        self.fences.push(inside);
    }

    /// A line that fits no piece becomes code: cut anywhere else, its halves could mean something new.
    fn push_fenced(&mut self, line: &str, at: usize) {
        let fenced = fence(line.trim_end_matches('\n'), "");
        let mark: String = fenced.chars().take_while(|c| *c == '`').collect();
        let open = Open { start: at, prefix: String::new(), mark, info: String::new() };
        for (i, line) in fenced.split_inclusive('\n').enumerate() {
            self.push(Cow::Owned(line.to_owned()), (i > 0).then(|| open.clone()));
        }
        self.push(Cow::Borrowed("\n"), None);
    }

    /// The pieces: the first of at most `first` characters (if that is not zero), all others of at most the
    /// splitter's maximum.
    pub(super) fn run(&self, first: usize) -> Vec<String> {
        let mut pieces = Pieces { room: if first == 0 { self.max } else { first }, next_room: self.max, ..Pieces::default() };
        for (i, line) in self.lines.iter().enumerate() {
            let inside = self.fences[i].as_ref();
            let next = self.fences.get(i + 1).and_then(Option::as_ref);
            if inside.is_none() && (next.is_some() || line.trim().is_empty()) {
                pieces.safe = Some(pieces.text.len());
            }
            pieces.add(line, inside, next);
        }
        pieces.end_piece(String::new());
        let room = |i: usize| if i == 0 && first > 0 { first } else { self.max };
        pieces.done.into_iter().enumerate().flat_map(|(i, piece)| self.checked(piece, room(i))).collect()
    }

    /// The lines around a cut can make something new of a piece: an open fence, or, of what was in a link or in code,
    /// something that acts. Such a piece is made inert again, and where that does not fit, it keeps its letters and
    /// loses all that means something to Markdown or to a forge.
    fn checked(&self, piece: String, room: usize) -> Vec<String> {
        let fits = chars(&piece) <= room;
        if fits && open_fence(&piece).is_none() {
            if !self.inert || is_inert(&piece) {
                return vec![piece];
            }
            let inert = neutralise(&piece, &[]);
            if chars(&inert) <= room {
                return vec![inert];
            }
        }
        let plain: Vec<char> = piece.chars().map(look_alike).collect();
        plain.chunks(room.max(1)).map(|piece| piece.iter().collect()).collect()
    }
}

/// The full-width form (Unicode block "Halfwidth and Fullwidth Forms") of an ASCII character that could act.
fn look_alike(c: char) -> char {
    match c {
        '`' => '\u{2cb}',
        '~' => '\u{2dc}',
        '!' | '#' | '&' | '-' | ':' | '<' | '>' | '@' | '[' | ']' | '\\' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// The finished pieces, and the one that is being written.
#[derive(Default)]
struct Pieces {
    done: Vec<String>,
    text: String,
    length: usize,
    /// How much of the text is a fence opened again: not content.
    header: usize,
    /// The fence that was opened again in this piece.
    reopened: Option<usize>,
    /// Where the piece could be cut between two blocks.
    safe: Option<usize>,
    room: usize,
    next_room: usize,
}

impl Pieces {
    fn add(&mut self, line: &str, inside: Option<&Open>, next: Option<&Open>) {
        let mut line = line;
        loop {
            if self.length == 0 && inside.is_none() && line.trim().is_empty() {
                return;
            }
            line = self.unindented(line, inside);
            let closing = next.map_or(0, Open::closing_room);
            if self.length + chars(line.trim_end_matches('\n')) + closing <= self.room {
                let opens = self.length == 0 && inside.is_none() && next.is_some();
                self.text.push_str(line);
                self.length += chars(line);
                if opens {
                    self.header = self.length;
                }
                return;
            }
            if self.length > self.header {
                self.cut(inside);
                continue;
            }
            // The line alone is too long: as many of its words as fit.
            let closing = inside.map_or(0, Open::closing_room);
            let mut room = self.room.saturating_sub(self.length + closing);
            if room == 0 && self.length > 0 && self.reopened.is_none() {
                self.header = 0;
                continue;
            }
            if room == 0 {
                // Not even the fence fits: a piece this small goes without.
                (self.text, self.length, self.header, self.reopened) = (String::new(), 0, 0, None);
                room = self.room;
            }
            let at = word_end(line, room);
            self.text.push_str(&line[..at]);
            self.length += chars(&line[..at]);
            line = &line[at..];
            self.safe = None;
            self.cut(inside.filter(|open| self.length + open.closing_room() <= self.room));
            if line.is_empty() {
                return;
            }
        }
    }

    /// A fence opened again outside its list: its lines lose the list's indentation.
    fn unindented<'a>(&self, line: &'a str, inside: Option<&Open>) -> &'a str {
        match inside {
            Some(open) if self.reopened == Some(open.start) => {
                let width = chars(&open.prefix) - chars(open.quote_prefix());
                let spaces = line.chars().take(width).take_while(|c| *c == ' ').count();
                &line[spaces..]
            }
            _ => line,
        }
    }

    /// Ends the present piece: between two blocks if that wastes less than half of it, else right here.
    fn cut(&mut self, inside: Option<&Open>) {
        let worth = |at: usize| at * 2 > self.text.len() || (inside.is_some() && self.text[at..].lines().count() == 1);
        let safe = self.safe.filter(|at| (1..self.text.len()).contains(at) && worth(*at));
        let (rest, reopened) = match (safe, inside) {
            (Some(at), _) => (self.text.split_off(at), None),
            (None, Some(open)) => {
                if !self.text.ends_with('\n') {
                    self.text.push('\n');
                }
                self.text.push_str(&open.closing(self.reopened == Some(open.start)));
                (open.reopening(), Some(open.start))
            }
            (None, None) => (String::new(), None),
        };
        self.header = if reopened.is_some() { chars(&rest) } else { 0 };
        self.reopened = reopened;
        self.end_piece(rest);
    }

    fn end_piece(&mut self, rest: String) {
        let rest = rest.trim_start_matches('\n').to_owned();
        let piece = std::mem::replace(&mut self.text, rest);
        let piece = piece.trim_end();
        if !piece.is_empty() {
            self.done.push(piece.to_owned());
            self.room = self.next_room;
        }
        self.length = chars(&self.text);
        self.safe = None;
    }
}

/// Where to cut a line of more than `room` characters: after the last space of its second half, else right there.
fn word_end(line: &str, room: usize) -> usize {
    let hard = line.char_indices().nth(room).map_or(line.len(), |(at, _)| at);
    line[..hard].rfind(' ').map(|at| at + 1).filter(|at| *at * 2 > hard).unwrap_or(hard)
}
