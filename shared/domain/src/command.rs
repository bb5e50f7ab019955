//! What a person asks of Patchbay: the first mention of the App or slash command in a text, and what it says.
//! Who may ask, and what becomes of it, is decided elsewhere.

use crate::markdown::regions::Regions;
use crate::text::strip_hidden;

/// How Patchbay is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The App's slug: `@slug` is a mention.
    pub mention: String,
    /// The slash command's word: a line that starts with `/word`.
    pub command: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandKind {
    /// Answer; change nothing.
    Ask,
    /// Change something.
    Change,
    /// The working tree decides.
    Auto,
    Stop,
    Retry,
    Help,
    Status,
    /// Explain what became of what.
    Why,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub kind: CommandKind,
    /// The request in plain words, hidden text stripped (R27); may be empty.
    pub prompt: String,
}

/// With more words than this behind a mention, `help`, `status` and `why` begin a sentence and are no commands.
const MAX_COMMAND_WORDS: usize = 3;

/// The first command in a text, or `None` if nobody calls.
///
/// A call is `@name` (also `@name[bot]`) as a word of its own, or a line that starts with `/name`; never in code,
/// quotes, HTML comments, mail addresses or longer names. The first word behind it chooses the kind, any other
/// word means `Auto`. The prompt is what follows; if nothing does, what stands before.
pub fn select_command(text: &str, names: &Names) -> Option<Command> {
    let calls = find_calls(text, names);
    if calls.is_empty() {
        return None;
    }
    let regions = Regions::of(text);
    let call = calls
        .into_iter()
        .find(|call| !regions.in_code(call.start) && !regions.in_comment(call.start) && !quoted(text, &regions, call.start))?;
    let (kind, rest) = select_kind(&strip_hidden(&text[call.end..]), call.slash);
    let prompt = if rest.is_empty() { strip_hidden(&text[..call.start]).trim().to_owned() } else { rest };
    Some(Command { kind, prompt })
}

struct Call {
    start: usize,
    end: usize,
    slash: bool,
}

/// Every place that reads like a call, whatever surrounds it.
fn find_calls(text: &str, names: &Names) -> Vec<Call> {
    let mut calls: Vec<Call> = text
        .match_indices(['@', '/'])
        .filter_map(|(start, mark)| {
            let slash = mark == "/";
            let name = if slash { &names.command } else { &names.mention };
            let behind = &text[start + 1..];
            let head = behind.get(..name.len()).filter(|head| !name.is_empty() && head.eq_ignore_ascii_case(name))?;
            let mut end = start + 1 + head.len();
            if !slash && text[end..].get(..5).is_some_and(|suffix| suffix.eq_ignore_ascii_case("[bot]")) {
                end += 5;
            }
            let call = Call { start, end, slash };
            (starts_well(&text[..start], slash) && ends_well(&text[end..])).then_some(call)
        })
        .collect();
    calls.sort_by_key(|call| call.start);
    calls
}

fn starts_well(before: &str, slash: bool) -> bool {
    if slash {
        let line = before.rsplit('\n').next().unwrap_or_default();
        return line.len() <= 3 && line.chars().all(|c| c == ' ');
    }
    !before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || "_-/@\\+`".contains(c))
}

/// The name ends here: no longer name, no path, no host.
fn ends_well(after: &str) -> bool {
    let mut chars = after.chars();
    match chars.next() {
        None => true,
        Some('.') => !chars.next().is_some_and(char::is_alphanumeric),
        Some(c) => !(c.is_alphanumeric() || "_-/@[".contains(c)),
    }
}

/// In a quote, on a line that shows it: people answer below a quote without the empty line that Markdown wants.
fn quoted(text: &str, regions: &Regions, at: usize) -> bool {
    let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let before = &text[line_start..at];
    let marked = before.trim_start_matches(|c: char| c.is_whitespace() || c.is_ascii_digit() || "*+-.)".contains(c)).starts_with('>');
    marked && regions.in_quote(at)
}

/// The kind and the prompt in what follows a call.
fn select_kind(after: &str, slash: bool) -> (CommandKind, String) {
    let rest = after.trim_start_matches(|c: char| c.is_whitespace() || ",:".contains(c)).trim_end();
    let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(length);
    let named = behind.starts_with(':');
    let whole = behind.chars().next().is_none_or(|c| c.is_whitespace() || ":,.;!?".contains(c));
    let prompt = behind.trim_start_matches(|c: char| c.is_whitespace() || ":,.;!?".contains(c)).to_owned();
    let brief = slash || named || prompt.split_whitespace().count() <= MAX_COMMAND_WORDS;
    let kind = match word.to_ascii_lowercase().as_str() {
        _ if !whole => CommandKind::Auto,
        "ask" => CommandKind::Ask,
        "change" => CommandKind::Change,
        // The verb is part of the sentence.
        "fix" | "implement" if !named && !prompt.is_empty() => return (CommandKind::Change, rest.to_owned()),
        "fix" | "implement" => CommandKind::Change,
        "auto" if named || slash || prompt.is_empty() || behind.starts_with(char::is_whitespace) => return (CommandKind::Auto, prompt),
        "stop" | "cancel" => CommandKind::Stop,
        "retry" => CommandKind::Retry,
        "help" if brief => CommandKind::Help,
        "status" if brief => CommandKind::Status,
        "why" if brief => CommandKind::Why,
        // A question in words.
        "why" => return (CommandKind::Ask, rest.to_owned()),
        _ => CommandKind::Auto,
    };
    if kind == CommandKind::Auto { (kind, rest.to_owned()) } else { (kind, prompt) }
}

#[cfg(test)]
mod tests;
