//! Templates and conditions: MiniJinja, held to what is harmless. Fuel ends what would take too long or too much memory, an unknown
//! name is an error, nothing is escaped, nothing is loaded from elsewhere, and a value is data: what it holds is never parsed as
//! a template. Which names there are is `names`'; what they hold is `context`'s.

use super::code::{check_filters, check_size, in_template};
use super::limits::{MAX_CONDITION_CHARS, MAX_RENDERED_CHARS, MAX_TEMPLATE_CHARS, TEMPLATE_FUEL};
use super::problem::{closest, quoted};
use minijinja::value::{Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, Template, UndefinedBehavior};
use std::collections::BTreeSet;
use std::io;
use std::sync::LazyLock;

/// A template or condition that cannot be read or rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line} of the template)")]
pub struct TemplateError {
    /// Within the template, from 1.
    pub line: u32,
    /// Within that line, from 1, in characters; `None` if only the line is known.
    pub column: Option<u32>,
    pub message: String,
}

/// Functions that templates may call. All others that MiniJinja brings are taken away; with `namespace`, loops could make values of any
/// depth.
const FUNCTIONS: [&str; 1] = ["range"];

/// The filters that templates may use, all of them pure; the reference page lists them.
pub const FILTERS: [&str; 39] = [
    "abs",
    "attr",
    "bool",
    "capitalize",
    "count",
    "cut",
    "d",
    "default",
    "dictsort",
    "first",
    "float",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
];

/// What HTML needs, what shows values for developers, and what makes lists of lists: a value that is deep enough ends the process.
const TAKEN_AWAY: [&str; 10] = ["safe", "escape", "e", "pprint", "format", "chain", "zip", "batch", "slice", "groupby"];
/// As GitHub reads a mention.
#[expect(clippy::expect_used, reason = "the pattern is a constant")]
static MENTION: LazyLock<regex::Regex> = LazyLock::new(|| {
    regex::Regex::new(r"(?:^|[^A-Za-z0-9_])@([A-Za-z0-9][A-Za-z0-9-]*(?:/[A-Za-z0-9_.-]+)?)").expect("a constant pattern")
});

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(TEMPLATE_FUEL));
    // Errors say which name was undefined, and where.
    environment.set_debug(true);
    environment.set_formatter(write_value);
    environment.add_filter("cut", cut);
    for name in TAKEN_AWAY {
        environment.remove_filter(name);
    }
    let globals: Vec<String> = environment.globals().map(|(name, _)| name.to_owned()).collect();
    for name in globals.iter().filter(|name| !FUNCTIONS.contains(&name.as_str())) {
        environment.remove_global(name);
    }
    environment
}

/// What an event or step does not have is nothing: it prints as no text. Booleans print as the file writes them, not as Python does.
fn write_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None => Ok(()),
        ValueKind::Bool => Ok(out.write_str(if value.is_true() { "true" } else { "false" })?),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

/// The filter `cut`: at most so many characters, with `…` as the last where something is gone.
fn cut(text: String, characters: usize) -> String {
    cut_text(&text, characters)
}

/// A text of at most so many characters, with `…` as the last where something is gone.
pub(super) fn cut_text(text: &str, characters: usize) -> String {
    if text.chars().nth(characters).is_none() {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain((characters > 0).then_some('…')).collect()
}

/// Checks a template's length, syntax and filters. The names it uses are not looked at.
///
/// # Errors
/// The first thing that is wrong, with its line in the template.
pub fn check_template(text: &str) -> Result<(), TemplateError> {
    names_in_template(text).map(drop)
}

/// Checks a condition as [`check_template`] does a template.
///
/// # Errors
/// The first thing that is wrong, with its line in the condition.
pub fn check_condition(condition: &str) -> Result<(), TemplateError> {
    names_in_condition(condition).map(drop)
}

/// Renders a template. `context` comes from [`super::context::context`].
///
/// # Errors
/// What went wrong and in which line of the template: an unknown name, a wrong type, the limits on work and size.
pub fn render(text: &str, context: &serde_json::Value) -> Result<String, TemplateError> {
    let template = compile(text)?;
    let mut sink = Sink::default();
    let rendered = template.render_captured_to(Value::from(Serde(context)), &mut sink).map(drop);
    if sink.full {
        let message = format!("the template renders to more than {MAX_RENDERED_CHARS} characters; use `cut` to shorten what it holds");
        return Err(TemplateError { line: 1, column: None, message });
    }
    rendered.map_err(|error| explain(text, &error))?;
    Ok(String::from_utf8_lossy(&sink.written).into_owned())
}

/// Whether a condition is true, as Jinja sees it: nothing, `false`, 0, and what is empty are not. `context` comes from
/// [`super::context::context`].
///
/// # Errors
/// What went wrong: an unknown name, a wrong type, the limit on work.
pub fn holds(condition: &str, context: &serde_json::Value) -> Result<bool, TemplateError> {
    check_length(condition, MAX_CONDITION_CHARS)?;
    let expression = ENVIRONMENT.compile_expression(condition).map_err(|error| explain(condition, &error))?;
    let value = expression.eval(Value::from(Serde(context))).map_err(|error| explain(condition, &error))?;
    if value.is_undefined() {
        let message = format!("{} is not defined", quoted(condition));
        return Err(TemplateError { line: 1, column: None, message });
    }
    Ok(value.is_true())
}

/// Whom a template's own text mentions, logins and teams without their `@`: those whom whoever wrote it wants to be told. What
/// its code brings in is not looked at.
pub fn literal_mentions(text: &str) -> Vec<String> {
    let mut literal = String::new();
    let mut at = 0;
    for code in in_template(text) {
        // The delimiter's two characters keep what stands around the code apart.
        literal.push_str(&text[at..code.start]);
        at = code.end;
    }
    literal.push_str(&text[at..]);
    MENTION.captures_iter(&literal).filter_map(|found| Some(found.get(1)?.as_str().to_owned())).collect()
}

/// The names that a template takes from its context, with what is read of them: `event.subject.title`.
pub(super) fn names_in_template(text: &str) -> Result<BTreeSet<String>, TemplateError> {
    let template = compile(text)?;
    check_filters(text, &in_template(text))?;
    Ok(without_functions(template.undeclared_variables(true)))
}

/// The names that a condition takes from its context.
pub(super) fn names_in_condition(condition: &str) -> Result<BTreeSet<String>, TemplateError> {
    check_length(condition, MAX_CONDITION_CHARS)?;
    if condition.contains("{{") {
        let message = "a condition is an expression already; write it without `{{ }}`".to_owned();
        return Err(TemplateError { line: 1, column: None, message });
    }
    let expression = ENVIRONMENT.compile_expression(condition).map_err(|error| explain(condition, &error))?;
    check_filters(condition, std::slice::from_ref(&(0..condition.len())))?;
    Ok(without_functions(expression.undeclared_variables(true)))
}

/// A template that is neither too long nor too deep.
fn compile(text: &str) -> Result<Template<'_, '_>, TemplateError> {
    check_length(text, MAX_TEMPLATE_CHARS)?;
    check_size(text, &in_template(text))?;
    ENVIRONMENT.template_from_str(text).map_err(|error| explain(text, &error))
}

fn without_functions(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    names.into_iter().filter(|name| !FUNCTIONS.contains(&name.as_str())).collect()
}

fn check_length(text: &str, most: usize) -> Result<(), TemplateError> {
    if text.chars().nth(most).is_none() {
        return Ok(());
    }
    let message = format!("it has {} characters; at most {most} are read", text.chars().count());
    Err(TemplateError { line: 1, column: None, message })
}

/// An error of MiniJinja's in the words of this project.
fn explain(text: &str, error: &Error) -> TemplateError {
    let detail = error.detail().unwrap_or_default();
    let message = match error.kind() {
        ErrorKind::OutOfFuel => "the template takes too long or too much memory; make its loops and texts smaller".to_owned(),
        ErrorKind::SyntaxError => format!("syntax error: {detail}"),
        ErrorKind::UndefinedError if detail.is_empty() => "a name is not defined".to_owned(),
        _ if detail.is_empty() => error.kind().to_string(),
        kind => format!("{kind}: {detail}"),
    };
    let line = error.line().unwrap_or(1).max(1);
    let column = error.range().and_then(|range| column(text, line, range.start));
    TemplateError { line: u32::try_from(line).unwrap_or(u32::MAX), column, message }
}

/// What to say of a filter that is not there.
pub(super) fn unknown_filter_message(name: &str) -> String {
    let meant = closest(name, FILTERS).map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    format!("there is no filter {}{meant}", quoted(name))
}

/// The column of a byte of the text, if it lies in that line.
pub(super) fn column(text: &str, line: usize, offset: usize) -> Option<u32> {
    let before = text.get(..offset)?;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1 == line).then(|| u32::try_from(before[start..].chars().count() + 1).ok())?
}

/// Takes what is rendered, up to the limit.
#[derive(Default)]
struct Sink {
    written: Vec<u8>,
    characters: usize,
    full: bool,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Every byte that does not continue a character starts one.
        self.characters += bytes.iter().filter(|byte| (**byte as i8) >= -0x40).count();
        if self.characters > MAX_RENDERED_CHARS {
            self.full = true;
            return Err(io::Error::other("too long"));
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
