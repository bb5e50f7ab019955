//! The names that a template may use where it stands: `event` with its fixed shape, and the outputs of the steps before it.

use super::super::keys::Action;
use super::super::names::check_event_name;
use super::super::problem::{closest, quoted};
use super::foreign::foreign_name;

/// What is known at a place of the file.
#[derive(Default)]
pub(super) struct Scope {
    /// The steps before this place that have an id.
    earlier: Vec<(String, &'static Action)>,
    /// Every id of the workflow.
    ids: Vec<String>,
    /// Whether this place is in a step, and not where a workflow's start is decided.
    in_step: bool,
}

/// A message, and what would be right.
type Finding = (String, Option<String>);

impl Scope {
    /// Before a workflow's steps.
    pub(super) fn of_workflow() -> Self {
        Self::default()
    }

    /// At the first step of a workflow that has these ids.
    pub(super) fn of_steps(ids: Vec<String>) -> Self {
        Self { earlier: Vec::new(), ids, in_step: true }
    }

    /// Whether a step before this place has that id.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.earlier.iter().any(|(known, _)| known == id)
    }

    /// A step is over.
    pub(super) fn add(&mut self, id: String, action: &'static Action) {
        self.earlier.push((id, action));
    }

    /// What is wrong with a name such as `steps.look.outputs.answer`; `None` if nothing is.
    pub(super) fn check(&self, name: &str) -> Option<Finding> {
        let mut parts = name.split('.');
        match parts.next() {
            Some("event") => check_event(name.strip_prefix("event").unwrap_or_default().trim_start_matches('.')),
            Some("steps") if !self.in_step => Some(("no step has run where this is decided; only `event` is known here".to_owned(), None)),
            Some("steps") => self.check_step(&parts.collect::<Vec<_>>()),
            other => {
                let other = other.unwrap_or_default();
                let hint = foreign_name(other).map(str::to_owned);
                let hint = hint.or_else(|| closest(other, ["event", "steps"]).map(|meant| format!("did you mean `{meant}`?")));
                Some((format!("unknown name {}; templates know `event` and `steps`", quoted(other)), hint))
            }
        }
    }

    fn check_step(&self, parts: &[&str]) -> Option<Finding> {
        let (id, rest) = parts.split_first()?;
        let Some((_, action)) = self.earlier.iter().find(|(known, _)| known == id) else { return Some(self.unknown_step(id)) };
        match rest {
            [] | ["outcome" | "outputs"] => None,
            ["outputs", output, ..] => check_output(id, action, output),
            [other, ..] => {
                let hint = if action.outputs.iter().any(|(known, _)| known == other) {
                    Some(format!("did you mean `steps.{id}.outputs.{other}`?"))
                } else {
                    None
                };
                Some((format!("a step has `outcome` and `outputs`, but no {}", quoted(other)), hint))
            }
        }
    }

    fn unknown_step(&self, id: &str) -> Finding {
        if self.ids.iter().any(|known| known == id) {
            let message = format!("the step {} has not run yet here; only outputs of earlier steps can be used", quoted(id));
            return (message, Some("move that step before this one".to_owned()));
        }
        let dashed = self.ids.iter().find(|known| known.strip_prefix(id).is_some_and(|rest| rest.starts_with('-')));
        let hint = match dashed {
            Some(dashed) => Some(format!("a `-` is a minus in expressions; write `steps['{dashed}']`, or an id with `_`")),
            None => closest(id, self.earlier.iter().map(|(known, _)| known.as_str())).map(|meant| format!("did you mean `{meant}`?")),
        };
        let hint = hint.or_else(|| Some("give the step that is meant an `id`".to_owned()));
        (format!("no step before this one has the id {}", quoted(id)), hint)
    }
}

fn check_event(path: &str) -> Option<Finding> {
    let meant = check_event_name(path).err()?;
    let hint = match meant {
        Some(meant) => format!("did you mean `event.{}` ({})?", meant.path, meant.about),
        None => "docs/reference/templates.md lists what an event has".to_owned(),
    };
    Some((format!("an event has no {}", quoted(path)), Some(hint)))
}

fn check_output(id: &str, action: &'static Action, output: &str) -> Option<Finding> {
    if action.more_outputs || action.outputs.iter().any(|(known, _)| *known == output) {
        return None;
    }
    let known: Vec<&str> = action.outputs.iter().map(|(known, _)| *known).collect();
    let hint = match closest(output, known.iter().copied()) {
        Some(meant) => format!("did you mean `steps.{id}.outputs.{meant}`?"),
        None if known.is_empty() => format!("`{}` has no outputs; `steps.{id}.outcome` says how it ended", action.word),
        None => format!("its outputs are {}", known.join(", ")),
    };
    Some((format!("the step `{id}` (`{}`) has no output {}", action.word, quoted(output)), Some(hint)))
}
