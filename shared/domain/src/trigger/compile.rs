//! Checks a trigger as it is written and makes it ready for decisions: everything that can be wrong with filters is found
//! here, and nothing afterwards. Where the text stood in its file is known to whoever read it.

use super::EventKind;
use super::author::AuthorFilter;
use super::branch::{ListFilter, RefFilter};
use super::filters::{Filters, Trigger};
use super::kinds::{self, Rules};
use super::list::{MAX_PATTERNS, PatternList};
use super::outcome::OutcomeFilter;
use super::pattern::PatternError;
use super::schedule::Cron;
use super::text::TextFilter;

/// A trigger whose filters are read.
#[derive(Clone, Debug)]
pub struct CompiledTrigger {
    pub(super) rules: Rules,
    /// The actions that count, by `types` or by default.
    pub(super) types: Vec<String>,
    pub(super) refs: RefFilter,
    pub(super) paths: Option<ListFilter>,
    pub(super) authors: AuthorFilter,
    pub(super) ignore_bots: bool,
    pub(super) forks: bool,
    pub(super) draft: Option<bool>,
    pub(super) labels: Option<ListFilter>,
    pub(super) texts: Vec<TextFilter>,
    pub(super) outcome: OutcomeFilter,
    pub(super) crons: Vec<Cron>,
}

/// What is wrong with a filter, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterProblem {
    /// The filter's key in the file: `branches-ignore`.
    pub filter: &'static str,
    /// The place in its list, if one entry is wrong.
    pub index: Option<usize>,
    pub message: String,
}

impl CompiledTrigger {
    pub fn event(&self) -> EventKind {
        self.rules.kind
    }

    /// The times of a `schedule` trigger; empty for others.
    pub fn crons(&self) -> &[Cron] {
        &self.crons
    }
}

/// Reads all filters of a trigger, or says everything that is wrong with them: a filter that makes no sense for the event, X
/// beside X-ignore, an unknown action or conclusion, a bad pattern, expression, author or cron expression, too many of them.
pub fn compile(trigger: &Trigger) -> Result<CompiledTrigger, Vec<FilterProblem>> {
    let rules = kinds::rules(trigger.event);
    let filters = &trigger.filters;
    let mut problems = Problems::default();
    problems.wrong_filters(&rules, filters);
    let compiled = CompiledTrigger {
        types: problems.words("types", "action", &filters.types, rules.actions, rules).unwrap_or_else(|| default_types(&rules)),
        refs: RefFilter {
            branches: problems.either("branches", &filters.branches, "branches-ignore", &filters.branches_ignore),
            tags: problems.either("tags", &filters.tags, "tags-ignore", &filters.tags_ignore),
        },
        paths: problems.either("paths", &filters.paths, "paths-ignore", &filters.paths_ignore),
        authors: problems.authors(&filters.authors, &rules),
        ignore_bots: filters.ignore_bots.unwrap_or(!rules.told_by_apps),
        forks: filters.forks.unwrap_or(false),
        draft: filters.draft,
        labels: problems.caseless("labels", &filters.labels),
        texts: problems.texts(filters),
        outcome: OutcomeFilter {
            workflows: problems.patterns("workflows", &filters.workflows),
            conclusions: problems.words("conclusions", "conclusion", &filters.conclusions, rules.conclusions, rules),
            environments: problems.caseless("environments", &filters.environments),
        },
        crons: problems.crons(filters, &rules),
        rules,
    };
    if problems.found.is_empty() { Ok(compiled) } else { Err(problems.found) }
}

fn default_types(rules: &Rules) -> Vec<String> {
    rules.default_actions.iter().map(|action| (*action).to_owned()).collect()
}

#[derive(Default)]
struct Problems {
    found: Vec<FilterProblem>,
}

impl Problems {
    fn add(&mut self, filter: &'static str, index: Option<usize>, message: String) {
        self.found.push(FilterProblem { filter, index, message });
    }

    fn add_all(&mut self, filter: &'static str, wrong: Vec<(usize, PatternError)>) {
        for (index, error) in wrong {
            self.add(filter, Some(index), error.to_string());
        }
    }

    fn wrong_filters(&mut self, rules: &Rules, filters: &Filters) {
        for key in kinds::written(filters).into_iter().filter(|key| !rules.filters.contains(key)) {
            let known = rules.filters.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            let message = format!("`{key}` makes no sense for `{}`; its filters are {known}", rules.kind.as_str());
            self.add(key, None, message);
        }
    }

    /// A filter and its `-ignore`, of which only one may be there.
    fn either(
        &mut self,
        key: &'static str,
        list: &Option<Vec<String>>,
        ignore_key: &'static str,
        ignore: &Option<Vec<String>>,
    ) -> Option<ListFilter> {
        if list.is_some() && ignore.is_some() {
            let message =
                format!("`{key}` and `{ignore_key}` exclude each other; keep `{key}` and put what is to be ignored there with `!`");
            self.add(ignore_key, None, message);
        }
        let list = self.patterns(key, list);
        let ignore = self.patterns(ignore_key, ignore);
        list.or(ignore)
    }

    fn patterns(&mut self, key: &'static str, list: &Option<Vec<String>>) -> Option<ListFilter> {
        let list = PatternList::parse(self.list(key, list)?);
        list.map_err(|wrong| self.add_all(key, wrong)).ok().map(|list| ListFilter { key, list })
    }

    fn caseless(&mut self, key: &'static str, list: &Option<Vec<String>>) -> Option<ListFilter> {
        let list = PatternList::parse_caseless(self.list(key, list)?);
        list.map_err(|wrong| self.add_all(key, wrong)).ok().map(|list| ListFilter { key, list })
    }

    /// A list that is there, has entries, and not too many.
    fn list<'a>(&mut self, key: &'static str, list: &'a Option<Vec<String>>) -> Option<&'a [String]> {
        let list = list.as_deref()?;
        if list.is_empty() {
            self.add(key, None, format!("`{key}` is empty, and so nothing would ever start; name something, or leave the filter out"));
            return None;
        }
        if list.len() > MAX_PATTERNS {
            self.add(key, Some(MAX_PATTERNS), format!("`{key}` has {} entries, and {MAX_PATTERNS} are the most", list.len()));
            return None;
        }
        Some(list)
    }

    /// Words out of a fixed list, in lower case.
    fn words(
        &mut self,
        key: &'static str,
        what: &str,
        list: &Option<Vec<String>>,
        known: &[&'static str],
        rules: Rules,
    ) -> Option<Vec<String>> {
        if !rules.filters.contains(&key) {
            return None;
        }
        let list = self.list(key, list)?;
        for (place, word) in list.iter().enumerate().filter(|(_, word)| !known.contains(&word.as_str())) {
            let hint = match closest(word, known) {
                Some(near) => format!("; did you mean `{near}`?"),
                None => format!("; it has {}", known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")),
            };
            self.add(key, Some(place), format!("`{word}` is no {what} of `{}`{hint}", rules.kind.as_str()));
        }
        Some(list.to_vec())
    }

    fn authors(&mut self, list: &Option<Vec<String>>, rules: &Rules) -> AuthorFilter {
        let entries = self.list("authors", list).unwrap_or_default();
        AuthorFilter::parse(entries, rules.needs_permission).unwrap_or_else(|wrong| {
            self.add_all("authors", wrong);
            AuthorFilter::default()
        })
    }

    fn texts(&mut self, filters: &Filters) -> Vec<TextFilter> {
        let mut texts = Vec::new();
        for (key, expression) in [("title", &filters.title), ("body", &filters.body)] {
            match expression.as_deref().map(|expression| TextFilter::parse(key, expression)) {
                Some(Ok(filter)) => texts.push(filter),
                Some(Err(message)) => self.add(key, None, message),
                None => {}
            }
        }
        texts
    }

    fn crons(&mut self, filters: &Filters, rules: &Rules) -> Vec<Cron> {
        if rules.filters.contains(&"cron") && filters.cron.is_none() {
            let message = "`schedule` needs `cron`, for example `cron: ['0 4 * * *']` for every day at 4:00 UTC".to_owned();
            self.add("cron", None, message);
        }
        let mut crons = Vec::new();
        for (place, text) in self.list("cron", &filters.cron).unwrap_or_default().iter().enumerate() {
            match Cron::parse(text) {
                Ok(cron) => crons.push(cron),
                Err(error) => self.add("cron", Some(place), format!("`{text}`: {error}")),
            }
        }
        crons
    }
}

/// The known word that was probably meant.
fn closest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|candidate| (strsim::osa_distance(&word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
