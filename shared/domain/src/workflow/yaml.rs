//! A configuration file's YAML as a tree in which every value and every key knows its place. Scalars stay the text that was
//! written: what a value has to be is known only by who asks for it. Anchors, aliases and tags are refused, so that a small file is a
//! small tree. What the tree means is `read`'s.

use super::limits::{MAX_DEPTH, MAX_KEYS};
use super::problem::{Found, Place};
use saphyr_parser::{Event, Input, Parser, ScalarStyle, Span};

/// A value and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// Text as it was written, escapes resolved.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) style: ScalarStyle,
}

/// A key with its value; no other entry of the mapping has the same key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) node: Node,
}

/// Reads a file's only document; what is wrong goes into `found`. `None` if it cannot be read at all.
pub(super) fn parse<'s>(found: &mut Found<'s>) -> Option<Node> {
    let source = found.source;
    let mut loader = Loader { source, parser: Parser::new_from_str(source), found };
    match loader.document() {
        Ok(root) => Some(root),
        Err(stop) => {
            loader.found.add(stop.place, stop.message, stop.hint);
            None
        }
    }
}

impl Node {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The value under a key, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }
}

const ALIAS: &str = "aliases (`*`) are not read; write the value out, and quote text that starts with `*`";

/// Why reading ends here.
struct Stop {
    place: Place,
    message: String,
    hint: Option<String>,
}

struct Loader<'s, 'f, I: Input> {
    source: &'s str,
    parser: Parser<'s, I>,
    found: &'f mut Found<'s>,
}

impl<'s, I: Input> Loader<'s, '_, I> {
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                _ if root.is_some() => return Err(stop(span, "a second document starts here; the file is one YAML document")),
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        root.ok_or_else(|| Stop {
            place: Place { line: 1, column: 1, length: 1 },
            message: "the file is empty; it needs `workflows:`".to_owned(),
            hint: None,
        })
    }

    fn next(&mut self) -> Result<(Event<'s>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let marker = *error.marker();
                let message = match error.info() {
                    info if info.contains("unknown anchor") => ALIAS.to_owned(),
                    info => format!("this is no YAML: {info}"),
                };
                let place = place(Span::empty(marker));
                Err(Stop { place, hint: hint_for(self.source, place, &message), message })
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'s>, span: Span, depth: usize) -> Result<Node, Stop> {
        if depth > MAX_DEPTH {
            return Err(stop(span, &format!("mappings and lists lie more than {MAX_DEPTH} deep in each other")));
        }
        let place = place(span);
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) => (*anchor, tag.as_ref()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.as_ref()),
            _ => (0, None),
        };
        if anchor > 0 {
            self.problem(place, "anchors (`&`) are not read; write the value out where it is needed");
        }
        let tagged = tag.is_some();
        if tagged {
            self.problem(place, "tags (`!`) are not read; quote text that starts with `!`");
        }
        let value = match event {
            // What was meant to be text has been told; that it is empty besides would be news to nobody.
            Event::Scalar(_, style, ..) if tagged => Value::Scalar(Scalar { text: "tagged".to_owned(), style }),
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            Event::Alias(_) => {
                self.problem(place, ALIAS);
                Value::Null
            }
            _ => return Err(stop(span, "a value is missing here")),
        };
        Ok(Node { place, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Value::Map(entries));
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            let text = match key.value {
                Value::Scalar(scalar) => scalar.text,
                Value::Null => "null".to_owned(),
                Value::List(_) | Value::Map(_) => {
                    self.problem(key.place, "a key has to be text");
                    continue;
                }
            };
            match entries.iter().find(|entry| entry.key == text) {
                Some(first) => {
                    let message = format!("the key `{text}` stands here for the second time; the first is in line {}", first.place.line);
                    self.problem(key.place, &message);
                }
                None if entries.len() >= MAX_KEYS => return Err(stop(span, &format!("the mapping has more than {MAX_KEYS} keys"))),
                None => entries.push(Entry { key: text, place: key.place, node }),
            }
        }
    }

    fn problem(&mut self, place: Place, message: &str) {
        self.found.add(place, message, None);
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        _ => Value::Scalar(Scalar { text: text.to_owned(), style }),
    }
}

fn stop(span: Span, message: &str) -> Stop {
    Stop { place: place(span), message: message.to_owned(), hint: None }
}

fn place(span: Span) -> Place {
    // What goes on over lines is marked by its first character.
    let length = if span.end.line() == span.start.line() { span.len() } else { 1 };
    Place { line: span.start.line(), column: span.start.col() + 1, length }
}

/// What most often lies behind an error at this place.
fn hint_for(source: &str, place: Place, message: &str) -> Option<String> {
    let text = source.lines().nth(place.line.max(1) - 1)?;
    let indentation = &text[..text.len() - text.trim_start().len()];
    if indentation.contains('\t') {
        return Some("YAML is indented with spaces, never with tabs".to_owned());
    }
    match text.chars().nth(place.column - 1) {
        Some(':') => Some("text that holds a colon and a space has to be quoted".to_owned()),
        Some('%' | '@' | '`') => Some("text that starts with one of % @ ` has to be quoted".to_owned()),
        _ if message.contains("expected key") => Some("lines that belong together have to be indented alike".to_owned()),
        _ => None,
    }
}
