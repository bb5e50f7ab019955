//! Why a workflow starts or is skipped: one reason per filter, as data and as a sentence. Which reasons there are for an
//! event is `decide`'s.

use serde::{Deserialize, Serialize};

/// Values and patterns in reasons are cut to so many characters.
pub const MAX_VALUE_CHARS: usize = 200;

/// What one filter said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The filter's key in the file, or `event` for what no filter can change.
    pub filter: String,
    /// What the event had; cut to [`MAX_VALUE_CHARS`].
    pub value: String,
    /// The pattern that decided, or all of them if none matched, separated by `, `; cut to [`MAX_VALUE_CHARS`].
    pub pattern: Option<String>,
    /// Whether the filter lets the event pass.
    pub matched: bool,
    pub how: How,
}

/// In what way a filter came to its answer: what makes a sentence of value and pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Matched,
    MatchedNone,
    /// By a pattern with `!`.
    Excluded,
    /// By a pattern of an `-ignore` filter.
    Ignored,
    NotIgnored,
    OneOf,
    NotOneOf,
    /// Is, or is not, what the filter asks for.
    Is,
    IsNot,
    /// A regular expression.
    Contains,
    ContainsNot,
    /// A branch where the filters are about tags only.
    OnlyTags,
    OnlyBranches,
    /// Path filters, and a tag.
    PathsOfTag,
    NothingChanged,
    ChangeUnknown,
    May,
    MayNot,
    Member,
    NotNamed,
    /// Everybody whom the filter does not exclude.
    NotExcluded,
    Bot,
    BotAllowed,
    Fork,
    ForkGone,
    OwnAct,
    Deleted,
    /// A ref that is neither branch nor tag.
    OtherRef,
    /// A draft release that is not published.
    DraftRelease,
    Inactive,
}

impl Reason {
    /// A reason with its value and pattern cut to size.
    pub fn new(filter: &str, how: How, value: &str, pattern: Option<&str>) -> Self {
        Reason { filter: filter.to_owned(), value: cut(value), pattern: pattern.map(cut), matched: how.passes(), how }
    }

    /// What a person reads: `branches: feature/x matched none of main, releases/**`, each name as inline code. Nothing in
    /// value or pattern can end the code or begin a line.
    pub fn sentence(&self) -> String {
        let value = code(&self.value);
        let pattern = code(self.pattern.as_deref().unwrap_or_default());
        let all = self.pattern.as_deref().unwrap_or_default().split(", ").map(code).collect::<Vec<_>>().join(", ");
        let text = match self.how {
            How::Matched => format!("{value} matched {pattern}"),
            How::MatchedNone => format!("{value} matched none of {all}"),
            How::Excluded => format!("{value} is excluded by {pattern}"),
            How::Ignored => format!("{value} is ignored by {pattern}"),
            How::NotIgnored => format!("{value} is ignored by none of {all}"),
            How::OneOf => format!("{value} is one of {all}"),
            How::NotOneOf => format!("{value} is not one of {all}"),
            How::Is => format!("it is {value}, as asked for"),
            How::IsNot => format!("it is {value}, and {pattern} is asked for"),
            How::Contains => format!("{value} contains a match of {pattern}"),
            How::ContainsNot => format!("{value} contains no match of {pattern}"),
            How::OnlyTags => format!("{value} is a branch, and only tags are asked for ({all})"),
            How::OnlyBranches => format!("{value} is a tag, and only branches are asked for ({all})"),
            How::PathsOfTag => format!("{value} is a tag, and paths are not looked at for tags"),
            How::NothingChanged => "no file was changed".to_owned(),
            How::ChangeUnknown => "which files were changed cannot be found out, and so it passes".to_owned(),
            How::May => format!("{value} may do what {pattern} allows"),
            How::MayNot => format!("{value} may do less than {pattern} allows"),
            How::Member => format!("{value} belongs to {pattern}"),
            How::NotNamed => format!("{value} is none of {all}"),
            How::NotExcluded => format!("{value} is excluded by none of {all}"),
            How::Bot => format!("{value} is a bot or App; `ignore_bots: false` lets all of them pass, its id in `authors` this one"),
            How::BotAllowed => format!("{value} is a bot or App that is let through"),
            How::Fork => format!("the commits come from another repository, {value}; `forks: true` lets them pass"),
            How::ForkGone => "the commits come from a repository that is gone; `forks: true` lets them pass".to_owned(),
            How::OwnAct => "Patchbay did this itself, and what it does starts nothing".to_owned(),
            How::Deleted => format!("{value} was deleted, and a deletion is no push that starts anything"),
            How::OtherRef => format!("{value} is neither a branch nor a tag"),
            How::DraftRelease => format!("{value} is a draft, and nothing starts before it is published"),
            How::Inactive => format!("the deployment became {value}, which starts only what asks for it in `conclusions`"),
        };
        format!("{}: {text}", self.filter)
    }
}

impl How {
    fn passes(self) -> bool {
        match self {
            How::Matched | How::NotIgnored | How::OneOf | How::Is | How::Contains | How::PathsOfTag | How::ChangeUnknown => true,
            How::May | How::Member | How::NotExcluded | How::BotAllowed => true,
            How::MatchedNone | How::Excluded | How::Ignored | How::NotOneOf | How::IsNot | How::ContainsNot => false,
            How::OnlyTags | How::OnlyBranches | How::NothingChanged | How::MayNot | How::NotNamed | How::Bot => false,
            How::Fork | How::ForkGone | How::OwnAct | How::Deleted | How::OtherRef | How::DraftRelease | How::Inactive => false,
        }
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some(_) => text.chars().take(MAX_VALUE_CHARS - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

fn code(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|char| match char {
            '`' => '\'',
            char if char.is_control() => ' ',
            char => char,
        })
        .collect();
    if plain.trim().is_empty() { "nothing".to_owned() } else { format!("`{plain}`") }
}
