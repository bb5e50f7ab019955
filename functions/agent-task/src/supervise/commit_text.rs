//! What a commit message may look like, and the one that is made without a model. Pure text.

use patchbay_domain::change_set::{Change, FileChange};
use patchbay_domain::text::strip_hidden;

/// The longest first line, characters.
const MOST_SUBJECT: usize = 72;
const MOST_BODY_LINES: usize = 40;
const MOST_BODY_CHARS: usize = 4_000;
const TYPES: [&str; 11] = ["feat", "fix", "docs", "style", "refactor", "perf", "test", "build", "ci", "chore", "revert"];

/// The model's proposal as a message, or `None` where its first line is no Conventional Commit's. From the body
/// goes whatever acts when a forge reads it: mentions, closing keywords, trailers, "skip ci".
pub(crate) fn accept(proposal: &str) -> Option<String> {
    let text = unfence(strip_hidden(proposal).trim());
    let mut lines = text.lines();
    let subject = lines.next()?.trim();
    if !is_subject(subject) {
        return None;
    }
    let body: Vec<&str> = lines.map(str::trim_end).skip_while(|l| l.is_empty()).take(MOST_BODY_LINES).collect();
    let kept: Vec<&str> = body.into_iter().filter(|l| !acts(l)).collect();
    let body = kept.join("\n").trim().to_owned();
    Some(if body.is_empty() || body.chars().count() > MOST_BODY_CHARS { subject.to_owned() } else { format!("{subject}\n\n{body}") })
}

/// `type(scope)!: subject` in at most 72 characters, no mention, nothing that skips CI.
fn is_subject(line: &str) -> bool {
    let Some((head, subject)) = line.split_once(": ") else { return false };
    let head = head.strip_suffix('!').unwrap_or(head);
    let (kind, scope) = match head.split_once('(') {
        Some((kind, rest)) => (kind, rest.strip_suffix(')')),
        None => (head, Some("any")),
    };
    let good_scope = scope.is_some_and(|s| !s.is_empty() && s.chars().all(|c| c.is_alphanumeric() || "-_./, ".contains(c)));
    let good_subject = !subject.trim().is_empty() && !subject.starts_with(' ');
    TYPES.contains(&kind)
        && good_scope
        && good_subject
        && line.chars().count() <= MOST_SUBJECT
        && !line.contains(char::is_control)
        && !acts(line)
}

/// Whether a forge would do something on reading this line.
fn acts(line: &str) -> bool {
    let lower = line.to_lowercase();
    let skips = ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]", "skip-checks:", "***no_ci***"];
    let trailers = ["co-authored-by:", "signed-off-by:", "reviewed-by:", "acked-by:", "approved-by:"];
    let starts = |t: &str| lower.trim_start().starts_with(t);
    mentions(line) || closes(&lower) || skips.iter().any(|s| lower.contains(s)) || trailers.iter().any(|t| starts(t))
}

/// An `@name` that is not part of an address.
fn mentions(line: &str) -> bool {
    let chars: Vec<char> = line.chars().collect();
    let name_at = |i: usize| chars.get(i + 1).is_some_and(|c| c.is_alphanumeric());
    let free = |i: usize| i == 0 || !(chars[i - 1].is_alphanumeric() || chars[i - 1] == '`');
    chars.iter().enumerate().any(|(i, c)| *c == '@' && free(i) && name_at(i))
}

/// A closing keyword in front of a reference: `fixes #1`, `closes: owner/name#1`, `resolves https://…`.
fn closes(lower: &str) -> bool {
    const WORDS: [&str; 9] = ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"];
    let words: Vec<&str> = lower.split_whitespace().collect();
    let reference = |w: &str| w.contains('#') || w.starts_with("gh-") || w.contains("://");
    words.windows(2).any(|w| WORDS.contains(&w[0].trim_end_matches(':').trim_start_matches(['(', '*', '-'])) && reference(w[1]))
}

/// The inside of a text that is one code block, quotation marks around a single line gone.
fn unfence(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let inner = match lines.as_slice() {
        [first, inner @ .., last] if first.starts_with("```") && last.trim() == "```" => inner.join("\n"),
        _ => text.to_owned(),
    };
    inner.trim().trim_matches(['`', '"']).to_owned()
}

/// The message without a model: a type guessed from the paths and the request, the thread's title as subject.
pub(crate) fn fall_back(title: &str, files: &[FileChange]) -> String {
    let kind = guess_type(title, files);
    let words = strip_hidden(title).replace('@', "").split_whitespace().collect::<Vec<_>>().join(" ");
    let words = words.trim_end_matches(['.', ':', ' ']);
    let room = MOST_SUBJECT - kind.len() - 2;
    let mut subject = String::new();
    for word in words.split(' ') {
        if subject.chars().count() + word.chars().count() + 1 > room {
            break;
        }
        subject = if subject.is_empty() { word.to_owned() } else { format!("{subject} {word}") };
    }
    let line = format!("{kind}: {}", lower_first(&subject));
    if is_subject(&line) { line } else { format!("{kind}: change {}", count(files.len())) }
}

fn count(files: usize) -> String {
    if files == 1 { "one file".to_owned() } else { format!("{files} files") }
}

/// `Add x` becomes `add x`; `README` and `I` stay.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(text.chars().skip(1)).collect(),
        _ => text.to_owned(),
    }
}

fn guess_type(title: &str, files: &[FileChange]) -> &'static str {
    let all = |is: fn(&str) -> bool| !files.is_empty() && files.iter().all(|f| is(&f.path));
    let is_doc = |p: &str| p.starts_with("docs/") || [".md", ".rst", ".adoc"].iter().any(|e| p.ends_with(e));
    let is_test = |p: &str| p.split('/').any(|part| part == "tests" || part == "test" || part.starts_with("test_")) || p.contains("_test.");
    let lower = title.to_lowercase();
    let says = |words: &[&str]| lower.split(|c: char| !c.is_alphanumeric()).any(|w| words.contains(&w));
    let adds = files.iter().any(|f| matches!(f.change, Change::Write { added: true, .. }));
    if all(is_doc) {
        "docs"
    } else if all(is_test) {
        "test"
    } else if says(&["fix", "fixes", "bug", "error", "crash", "crashes", "broken", "fails", "wrong"]) {
        "fix"
    } else if adds || says(&["add", "support", "implement", "new", "allow"]) {
        "feat"
    } else {
        "chore"
    }
}

/// A reply without its code blocks and the file names above them: what the agent said, not what it wrote.
pub(crate) fn prose(reply: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut fence: Option<&str> = None;
    for line in reply.lines() {
        let trimmed = line.trim_start();
        let ticks = &trimmed[..trimmed.len() - trimmed.trim_start_matches('`').len()];
        match fence {
            Some(open) if ticks.len() >= open.len() && trimmed.trim_end() == ticks => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => {
                fence = Some(ticks);
                drop_file_name(&mut kept);
            }
            None => kept.push(line),
        }
    }
    let mut text = String::new();
    for line in kept {
        let empty = line.trim().is_empty();
        if !(empty && (text.is_empty() || text.ends_with("\n\n"))) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text.trim().to_owned()
}

/// Takes the line above a code block away if it can only be a path.
fn drop_file_name(kept: &mut Vec<&str>) {
    let is_path = |l: &str| !l.is_empty() && !l.contains(char::is_whitespace) && !l.ends_with(':') && (l.contains('.') || l.contains('/'));
    if kept.last().is_some_and(|l| is_path(l.trim().trim_matches(['`', '*', '#']))) {
        kept.pop();
    }
}

#[cfg(test)]
mod tests;
