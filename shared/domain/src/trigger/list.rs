//! Lists of patterns: the last one that matches decides, `!` takes back what one before it let in. How a single pattern
//! is matched is in `pattern`.

use super::pattern::{Pattern, PatternError};

/// No list has more patterns.
pub const MAX_PATTERNS: usize = 100;

/// Patterns in their order.
#[derive(Clone, Debug)]
pub struct PatternList {
    patterns: Vec<Pattern>,
    caseless: bool,
}

/// Which pattern of a list decided, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection<'a> {
    Included(&'a str),
    /// By a pattern with `!`.
    Excluded(&'a str),
    /// None matched.
    None,
}

impl PatternList {
    /// Reads all patterns; what is wrong comes with its place in the list. Only patterns with `!` are an error, too: they
    /// take away from nothing.
    pub fn parse(patterns: &[String]) -> Result<PatternList, Vec<(usize, PatternError)>> {
        Self::read(patterns, false)
    }

    /// The same for names in which the forge does not tell upper from lower case: labels, logins, environments.
    pub fn parse_caseless(patterns: &[String]) -> Result<PatternList, Vec<(usize, PatternError)>> {
        Self::read(patterns, true)
    }

    /// Which pattern decides about `text`.
    pub fn select(&self, text: &str) -> Selection<'_> {
        let folded;
        let text = if self.caseless {
            folded = text.to_lowercase();
            &folded
        } else {
            text
        };
        match self.patterns.iter().rev().find(|pattern| pattern.is_match(text)) {
            Some(pattern) if pattern.is_negated() => Selection::Excluded(pattern.text()),
            Some(pattern) => Selection::Included(pattern.text()),
            None => Selection::None,
        }
    }

    /// All patterns in one line, for explanations.
    pub fn joined(&self) -> String {
        self.patterns.iter().map(Pattern::text).collect::<Vec<_>>().join(", ")
    }

    fn read(texts: &[String], caseless: bool) -> Result<PatternList, Vec<(usize, PatternError)>> {
        if texts.len() > MAX_PATTERNS {
            let message = format!("the list has {} patterns, and {MAX_PATTERNS} are the most", texts.len());
            return Err(vec![(MAX_PATTERNS, PatternError(message))]);
        }
        let mut patterns = Vec::with_capacity(texts.len());
        let mut wrong = Vec::new();
        for (place, text) in texts.iter().enumerate() {
            match if caseless { Pattern::parse_caseless(text) } else { Pattern::parse(text) } {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => wrong.push((place, error)),
            }
        }
        if wrong.is_empty() && !patterns.is_empty() && patterns.iter().all(Pattern::is_negated) {
            let message = "all patterns begin with `!`, and so nothing is left to exclude from; put `'**'` first".to_owned();
            wrong.push((0, PatternError(message)));
        }
        if wrong.is_empty() { Ok(PatternList { patterns, caseless }) } else { Err(wrong) }
    }
}
