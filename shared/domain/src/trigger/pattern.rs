//! One filter pattern, exactly as GitHub Actions documents them ("Filter pattern cheat sheet"). It becomes an anchored
//! regular expression over bytes, without nesting and so of a size in proportion to the pattern, matched in linear time.
//! Lists of patterns, and what `!` means in them, are in `list`.

use regex::bytes::{Regex, RegexBuilder};
use std::fmt::Write;

/// No pattern is longer, in characters.
pub const MAX_PATTERN_CHARS: usize = 256;

/// Far beyond what a pattern of [`MAX_PATTERN_CHARS`] needs: a bound that does not rest on the translation alone.
const MAX_COMPILED_BYTES: usize = 1 << 19;

/// A pattern that is ready to be matched.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    negated: bool,
    matcher: Matcher,
}

/// Why a text is no pattern, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(pub String);

#[derive(Clone, Debug)]
enum Matcher {
    /// Nothing in it is special.
    Exact(String),
    Regex(Regex),
}

impl Pattern {
    /// Reads a pattern: `*` is anything without `/`, `**` anything, `**/` at a segment's start also no folder at all; `?`
    /// makes the character before it optional and `+` lets it repeat (both stand for themselves if there is none); `[]`
    /// is one of the characters and ranges in it, `\` takes the next character as it is, a first `!` negates.
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let count = text.chars().count();
        if count > MAX_PATTERN_CHARS {
            return Err(PatternError(format!("the pattern has {count} characters, and {MAX_PATTERN_CHARS} are the most")));
        }
        let (negated, body) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if body.is_empty() {
            let hint = if negated { "`!` alone negates nothing: a pattern follows it" } else { "the pattern is empty" };
            return Err(PatternError(hint.to_owned()));
        }
        let matcher = Matcher::of(&read_pieces(body)?)?;
        Ok(Pattern { text: text.to_owned(), negated, matcher })
    }

    /// The same pattern in lower case, to be matched with what is in lower case; its text stays as written.
    pub fn parse_caseless(text: &str) -> Result<Pattern, PatternError> {
        Pattern::parse(&text.to_lowercase()).map(|pattern| Pattern { text: text.to_owned(), ..pattern })
    }

    /// Whether the whole of `text` is matched; a leading `!` of the pattern makes no difference here.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Exact(exact) => exact == text,
            Matcher::Regex(regex) => regex.is_match(text.as_bytes()),
        }
    }

    /// Whether it began with `!`.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// What a pattern is made of. Both marks together are `*` in a regular expression; on a wildcard they change nothing.
struct Piece {
    atom: Atom,
    optional: bool,
    repeated: bool,
}

enum Atom {
    Char(char),
    Class(Vec<(char, char)>),
    /// `*`
    Segment,
    /// `**`
    Anything,
    /// `**/` at a segment's start
    Folders,
}

impl Piece {
    fn new(atom: Atom) -> Self {
        Piece { atom, optional: false, repeated: false }
    }

    fn is_plain(&self, char: char) -> bool {
        matches!(self.atom, Atom::Char(own) if own == char) && !self.optional && !self.repeated
    }
}

fn read_pieces(body: &str) -> Result<Vec<Piece>, PatternError> {
    let mut rest = body.chars().peekable();
    let mut pieces: Vec<Piece> = Vec::new();
    while let Some(char) = rest.next() {
        match (char, pieces.last_mut()) {
            ('?', Some(before)) => before.optional = true,
            ('+', Some(before)) => before.repeated = true,
            ('*', before) => {
                let starts_segment = before.is_none_or(|piece| piece.is_plain('/'));
                pieces.push(Piece::new(read_star(&mut rest, starts_segment)));
            }
            ('[', _) => pieces.push(Piece::new(Atom::Class(read_class(&mut rest)?))),
            ('\\', _) => {
                let escaped = rest.next().ok_or_else(|| PatternError(r"a single `\` at the end escapes nothing; write `\\`".to_owned()))?;
                pieces.push(Piece::new(Atom::Char(escaped)));
            }
            (other, _) => pieces.push(Piece::new(Atom::Char(other))),
        }
    }
    Ok(pieces)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// After a first `*`. Three and more are the same as two, but for the slash that may follow.
fn read_star(rest: &mut Rest<'_>, starts_segment: bool) -> Atom {
    let mut stars = 1;
    while rest.next_if_eq(&'*').is_some() {
        stars += 1;
    }
    match stars {
        1 => Atom::Segment,
        2 if starts_segment && rest.next_if_eq(&'/').is_some() => Atom::Folders,
        _ => Atom::Anything,
    }
}

/// After a `[`, up to its `]`.
fn read_class(rest: &mut Rest<'_>) -> Result<Vec<(char, char)>, PatternError> {
    let open = || PatternError("`[` has no `]`; a bracket that is part of the name is written `\\[`".to_owned());
    if let Some(negation @ ('!' | '^')) = rest.peek() {
        return Err(PatternError(format!(
            "`[{negation}…]` is not known: brackets list the characters that are meant, they cannot exclude any"
        )));
    }
    let mut ranges: Vec<(char, char)> = Vec::new();
    loop {
        let first = match rest.next().ok_or_else(open)? {
            ']' if ranges.is_empty() => return Err(PatternError("`[]` is empty; it lists the characters that are meant".to_owned())),
            ']' => return Ok(ranges),
            '\\' => rest.next().ok_or_else(open)?,
            char => char,
        };
        if rest.peek() != Some(&'-') || rest.clone().nth(1) == Some(']') {
            ranges.push((first, first));
            continue;
        }
        rest.next();
        let last = rest.next().ok_or_else(open)?;
        let alike = [char::is_ascii_lowercase, char::is_ascii_uppercase, char::is_ascii_digit].iter().any(|is| is(&first) && is(&last));
        if !alike || first > last {
            return Err(PatternError(format!("`{first}-{last}` is no range: ranges lie within a-z, A-Z or 0-9 and go upwards")));
        }
        ranges.push((first, last));
    }
}

impl Matcher {
    fn of(pieces: &[Piece]) -> Result<Matcher, PatternError> {
        let exact: Option<String> = pieces
            .iter()
            .map(|piece| match piece.atom {
                Atom::Char(char) if piece.is_plain(char) => Some(char),
                _ => None,
            })
            .collect();
        if let Some(exact) = exact {
            return Ok(Matcher::Exact(exact));
        }
        let mut source = String::from(r"\A");
        for piece in pieces {
            write_piece(&mut source, piece);
        }
        source.push_str(r"\z");
        RegexBuilder::new(&source)
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build()
            .map(Matcher::Regex)
            .map_err(|_| PatternError("the pattern is too large; split it into several".to_owned()))
    }
}

fn write_piece(source: &mut String, piece: &Piece) {
    match &piece.atom {
        Atom::Segment => return source.push_str("[^/]*"),
        Atom::Anything => return source.push_str(".*"),
        Atom::Folders => return source.push_str("(?:.*/)?"),
        Atom::Char(char) => write_char(source, *char),
        Atom::Class(ranges) => write_class(source, ranges),
    }
    source.push_str(match (piece.optional, piece.repeated) {
        (false, false) => "",
        (true, false) => "?",
        (false, true) => "+",
        (true, true) => "*",
    });
}

/// The character's bytes, as one unit that a repetition applies to.
fn write_char(source: &mut String, char: char) {
    source.push_str("(?:");
    for byte in char.encode_utf8(&mut [0; 4]).bytes() {
        let _ = write!(source, r"\x{byte:02X}");
    }
    source.push(')');
}

fn write_class(source: &mut String, ranges: &[(char, char)]) {
    source.push_str("(?:");
    for (place, (first, last)) in ranges.iter().enumerate() {
        if place > 0 {
            source.push('|');
        }
        if first == last {
            write_char(source, *first);
        } else {
            let _ = write!(source, "[{first}-{last}]");
        }
    }
    source.push(')');
}
