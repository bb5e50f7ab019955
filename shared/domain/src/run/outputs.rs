//! How much the steps of a run may leave behind together: a run is one item of a table, and an item has a limit. What is
//! too much is cut, and says so. What a single output may hold is `workflow::limits`'.

use super::plan::StepStatus;
use super::state::Run;
use crate::workflow::limits::MAX_OUTPUT_CHARS;

/// Bytes of the outputs of all of a run's steps, as they are stored.
pub const MAX_OUTPUTS_BYTES: usize = 200_000;
/// Bytes of a stored run; DynamoDB takes 400 KB, with the names of the attributes.
const MAX_RUN_BYTES: usize = 380_000;
/// Stands at the end of an output that had to be cut.
const CUT: &str = "\n(cut here: the steps of a run may leave 200,000 bytes together)";

/// Cuts the longest outputs of the run's steps until all of them fit: earlier steps' as well as the latest's.
pub(super) fn fit(run: &mut Run) {
    for output in outputs(run) {
        if let Some((at, _)) = output.char_indices().nth(MAX_OUTPUT_CHARS) {
            output.truncate(at);
        }
    }
    let sizes: Vec<usize> = outputs(run).map(|output| stored_bytes(output)).collect();
    let total: usize = sizes.iter().sum();
    let whole = serde_json::to_vec(run).map_or(0, |run| run.len());
    let most = MAX_OUTPUTS_BYTES.min(MAX_RUN_BYTES.saturating_sub(whole.saturating_sub(total)));
    if total <= most {
        return;
    }
    let longest = longest_allowed(sizes, most);
    for output in outputs(run).filter(|output| stored_bytes(output) > longest) {
        cut(output, longest);
    }
}

fn outputs(run: &mut Run) -> impl Iterator<Item = &mut String> {
    let steps = run.plan.iter_mut().flat_map(|plan| &mut plan.steps);
    steps
        .flat_map(|planned| match &mut planned.status {
            StepStatus::Succeeded { outputs } => Some(outputs.values_mut()),
            _ => None,
        })
        .flatten()
}

/// The size of the longest output such that all of them, cut to it, are not more than `most`.
fn longest_allowed(mut sizes: Vec<usize>, most: usize) -> usize {
    sizes.sort_unstable();
    let (mut left, mut room) = (sizes.len(), most);
    for size in sizes {
        if size > room / left {
            return room / left;
        }
        (left, room) = (left - 1, room - size);
    }
    most
}

fn cut(output: &mut String, longest: usize) {
    let room = longest.saturating_sub(stored_bytes(CUT));
    let mut used = 0;
    let end = output.char_indices().find(|(_, c)| {
        used += stored_char(*c);
        used > room
    });
    if let Some((at, _)) = end {
        output.truncate(at);
    }
    output.push_str(CUT);
}

/// What a text takes as JSON.
fn stored_bytes(text: &str) -> usize {
    text.chars().map(stored_char).sum()
}

fn stored_char(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}
