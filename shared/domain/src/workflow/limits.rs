//! How much a configuration file may hold, and what templates and steps may take. All are checked when the file is read or when the
//! template is rendered, with a message that names the limit; the reference pages and the JSON Schema say the same numbers.

pub use crate::trigger::{MAX_PATTERN_CHARS, MAX_PATTERNS, MAX_REGEX_CHARS};

/// Bytes of a file.
pub const MAX_FILE_BYTES: usize = 64 * 1024;
/// Workflows in a file.
pub const MAX_WORKFLOWS: usize = 50;
/// Steps of a workflow.
pub const MAX_STEPS: usize = 30;
/// Entries of every other list, and of a mapping of the file's own names (`inputs`, `headers`).
pub const MAX_ENTRIES: usize = 50;
/// Characters of a workflow's name and of a step's id.
pub const MAX_NAME_CHARS: usize = 64;
/// Characters of text that is no template: a model, a path, a command, a URL.
pub const MAX_TEXT_CHARS: usize = 2_000;
/// Characters of a template.
pub const MAX_TEMPLATE_CHARS: usize = 32_000;
/// Bytes of what stands in one `{{ }}` or `{% %}` of a template.
pub const MAX_CODE_CHARS: usize = 1_000;
/// How many `{{ }}` and `{% %}` a template may have.
pub const MAX_CODE_PARTS: usize = 200;
/// How many brackets a template's code may open: so deep its values can become at most.
pub const MAX_BRACKETS: usize = 300;
/// Regular expressions of a file, in all filters together.
pub const MAX_REGEXES: usize = 20;
/// Characters of a condition (`if`).
pub const MAX_CONDITION_CHARS: usize = 1_000;
/// What rendering a template may take, in MiniJinja's unit: about an instruction, or 64 bytes of data.
pub const TEMPLATE_FUEL: u64 = 50_000;
/// Characters that a template may render to.
pub const MAX_RENDERED_CHARS: usize = 100_000;
/// Characters of one output of a step, and of one text of an event, as templates see them.
pub const MAX_OUTPUT_CHARS: usize = 32_000;
/// How deep a file's mappings and lists may lie in each other.
pub const MAX_DEPTH: usize = 16;
/// Keys of any one mapping.
pub const MAX_KEYS: usize = 200;
/// Problems that are told of one file.
pub const MAX_PROBLEMS: usize = 50;
/// The longest `timeout` of a step, in seconds: a day.
pub const MAX_TIMEOUT_SECONDS: u32 = 86_400;
/// The longest `deadline` of an agent step, in seconds; a deployment's own is usually shorter.
pub const MAX_DEADLINE_SECONDS: u32 = 6 * 3_600;
/// The longest `cooldown`, in seconds: a week.
pub const MAX_COOLDOWN_SECONDS: u32 = 7 * 86_400;
/// The largest `budget` of an agent step, in millionths of a dollar; a deployment's own is usually smaller.
pub const MAX_BUDGET_MICROUSD: u64 = 1_000_000_000;
/// How often an `http` step may be tried again.
pub const MAX_RETRIES: u32 = 5;
