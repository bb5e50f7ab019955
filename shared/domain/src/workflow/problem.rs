//! What is wrong with a configuration file, where, and what would be right: shown as a compiler shows it. What counts as wrong is
//! `read`'s.

use super::limits::MAX_PROBLEMS;
use std::fmt;

/// Where the file lives in a repository.
pub const FILE_PATH: &str = ".github/patchbay.yml";

/// Characters of a line that a snippet shows.
const SNIPPET_CHARS: usize = 120;
/// Of these, so many before the place that is meant.
const SNIPPET_BEFORE: usize = 60;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What is wrong and what would be right.
    pub message: String,
    /// The line with a mark under the place.
    pub snippet: String,
    /// What was probably meant, or what to do instead.
    pub hint: Option<String>,
}

/// Everything that is wrong with a file, in the order of its lines; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    problems: Vec<Problem>,
    /// How many more there were than are told.
    pub omitted: usize,
}

/// What has been found wrong with a file so far.
pub(super) struct Found<'s> {
    pub(super) source: &'s str,
    problems: Vec<Problem>,
    omitted: usize,
}

impl<'s> Found<'s> {
    pub(super) fn nothing(source: &'s str) -> Self {
        Self { source, problems: Vec::new(), omitted: 0 }
    }

    pub(super) fn add(&mut self, place: Place, message: impl Into<String>, hint: Option<String>) {
        if self.is_full() {
            self.omitted += 1;
        } else {
            self.problems.push(place.problem(self.source, message, hint));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.problems.len() + self.omitted
    }

    /// Whether nothing more is told; it is not worth while to find out what was meant.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= 2 * MAX_PROBLEMS
    }

    /// `None` if nothing is wrong.
    pub(super) fn into_problems(self) -> Option<Problems> {
        let Self { mut problems, mut omitted, .. } = self;
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems.dedup();
        omitted += problems.len().saturating_sub(MAX_PROBLEMS);
        problems.truncate(MAX_PROBLEMS);
        (!problems.is_empty()).then_some(Problems { problems, omitted })
    }
}

impl Problems {
    /// The problems as text for a terminal or a code block, the file called `path`.
    pub fn text(&self, path: &str) -> String {
        let mut text: Vec<String> = self.problems.iter().map(|problem| problem.text(path)).collect();
        if self.omitted > 0 {
            text.push(format!("… and {} more problems\n", self.omitted));
        }
        text.join("\n")
    }
}

impl std::ops::Deref for Problems {
    type Target = [Problem];

    fn deref(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(FILE_PATH))
    }
}

impl std::error::Error for Problems {}

impl Problem {
    /// The problem as text, the file called `path`.
    pub fn text(&self, path: &str) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("  = help: {hint}\n")).unwrap_or_default();
        format!("error: {}\n --> {path}:{}:{}\n{}\n{hint}", self.message, self.line, self.column, self.snippet)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(FILE_PATH))
    }
}

/// A place in a file: line and column from 1, in characters, and how many characters are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) length: usize,
}

impl Place {
    /// A problem at this place of `source`.
    fn problem(self, source: &str, message: impl Into<String>, hint: Option<String>) -> Problem {
        let number = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
        Problem { line: number(self.line), column: number(self.column), message: message.into(), snippet: self.snippet(source), hint }
    }

    fn snippet(self, source: &str) -> String {
        let line = source.lines().nth(self.line.max(1) - 1).unwrap_or_default();
        let characters: Vec<char> = line.chars().map(|c| if c.is_control() || super::is_invisible(c) { ' ' } else { c }).collect();
        let place = (self.column.max(1) - 1).min(characters.len());
        let from = if place > SNIPPET_CHARS - SNIPPET_BEFORE { place - SNIPPET_BEFORE } else { 0 };
        let to = characters.len().min(from + SNIPPET_CHARS);
        let (left, right) = (if from > 0 { "…" } else { "" }, if to < characters.len() { "…" } else { "" });
        let shown: String = characters[from..to].iter().collect();
        let before = place - from + left.chars().count();
        let marks = self.length.clamp(1, (to - place).max(1));
        let number = self.line.max(1).to_string();
        let margin = " ".repeat(number.len());
        format!("{margin} |\n{number} | {left}{}{right}\n{margin} | {}{}", shown.trim_end(), " ".repeat(before), "^".repeat(marks))
    }
}

/// The word of `known` that was probably meant by `word`.
pub(super) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |word: &str| word.to_lowercase().replace(['-', '_', ' '], "");
    let meant = plain(word);
    let scored = known.into_iter().map(|known| (strsim::damerau_levenshtein(&meant, &plain(known)), known));
    let (distance, known) = scored.min_by_key(|(distance, _)| *distance)?;
    // A third of a word may be wrong; of three letters or less, one.
    (distance <= (meant.chars().count() / 3).max(1) && distance < known.chars().count()).then_some(known)
}

/// `` `a`, `b` or `c` ``.
pub(super) fn either<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// Text from the file inside of a message: cut, without what does not show.
pub(super) fn quoted(text: &str) -> String {
    const CHARS: usize = 60;
    let shown: String = text.chars().map(|c| if c.is_control() || super::is_invisible(c) { ' ' } else { c }).take(CHARS).collect();
    let cut = if text.chars().count() > CHARS { "…" } else { "" };
    format!("`{shown}{cut}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_under_what_is_meant_in_a_long_line_too() {
        let long = format!("{}HERE{}", "x".repeat(300), "y".repeat(300));
        for source in ["ab: HERE", "\tb: HERE", long.as_str(), "HERE"] {
            let column = source.find("HERE").unwrap() + 1;
            let snippet = Place { line: 1, column, length: 4 }.snippet(source);
            let lines: Vec<Vec<char>> = snippet.lines().map(|line| line.chars().collect()).collect();
            let start = lines[2].iter().position(|c| *c == '^').unwrap();
            assert_eq!(lines[1][start..start + 4].iter().collect::<String>(), "HERE", "{snippet}");
            assert_eq!(lines[2].len(), start + 4, "{snippet}");
        }
    }

    #[test]
    fn a_place_outside_of_the_file_is_no_panic() {
        Place { line: 0, column: 0, length: 0 }.problem("", "m", None);
        Place { line: 9, column: 9, length: 99 }.problem("a\nb", "m", None);
        Place { line: 1, column: 2, length: 99 }.problem("é", "m", None);
    }

    #[test]
    fn the_word_that_was_meant_is_found() {
        let known = ["branches", "branches-ignore", "tags", "paths", "types"];
        for (word, meant) in
            [("branchs", Some("branches")), ("branches_ignore", Some("branches-ignore")), ("tag", Some("tags")), ("zzz", None), ("t", None)]
        {
            assert_eq!(closest(word, known), meant, "{word}");
        }
    }
}
