//! What holds for every pattern, list, expression and cron text.

use super::samples::{facts, push_branch};
use crate::trigger::{Cron, Decision, EventKind, Filters, Pattern, PatternList, Selection, Trigger, compile, decide};
use proptest::prelude::*;

/// Anything, and more of what is special than chance would bring.
fn pattern_text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), r"[-*?+!\[\]\\/a-c0-2é]{0,40}", "[*+]{0,256}", "(a[?+]){0,128}", r"(\[a-c\]\+){0,42}"]
}

/// The words of GitHub's description, tried out one way after the other. At most one mark follows a character.
fn matches(pattern: &[char], text: &[char], starts_segment: bool) -> bool {
    let splits = || (0..=text.len()).map(|end| text.split_at(end));
    match pattern {
        [] => text.is_empty(),
        ['*', '*', '/', rest @ ..] if starts_segment => {
            matches(rest, text, true) || splits().any(|(folders, left)| folders.ends_with(&['/']) && matches(rest, left, true))
        }
        ['*', '*', rest @ ..] => splits().any(|(_, left)| matches(rest, left, false)),
        ['*', rest @ ..] => splits().any(|(part, left)| !part.contains(&'/') && matches(rest, left, false)),
        ['[', first, second, ']', rest @ ..] => {
            text.split_first().is_some_and(|(char, left)| [first, second].contains(&char) && matches(rest, left, false))
        }
        ['\\', char, rest @ ..] => text.split_first().is_some_and(|(own, left)| own == char && matches(rest, left, false)),
        [char, '?', rest @ ..] => matches(rest, text, false) || text.first() == Some(char) && matches(rest, &text[1..], false),
        [char, '+', rest @ ..] => {
            splits().any(|(part, left)| !part.is_empty() && part.iter().all(|own| own == char) && matches(rest, left, false))
        }
        [char, rest @ ..] => text.split_first().is_some_and(|(own, left)| own == char && matches(rest, left, *char == '/')),
    }
}

proptest! {
    #[test]
    fn a_pattern_matches_what_its_description_says(
        parts in prop::collection::vec(prop::sample::select(vec!["*", "**", "**/", "/", "a", "b", "a?", "b+", "[ab]", r"\*"]), 1..7),
        text in "[ab/*]{0,7}"
    ) {
        let pattern = parts.concat();
        let (chars, value): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
        prop_assert_eq!(Pattern::parse(&pattern).unwrap().is_match(&text), matches(&chars, &value, true), "{} {}", pattern, text);
    }

    #[test]
    fn a_pattern_without_special_characters_matches_itself_and_nothing_else(
        text in r"[^*?+!\[\]\\]{1,40}", other in "[a-c/.]{0,5}"
    ) {
        let pattern = Pattern::parse(&text).unwrap();
        prop_assert!(pattern.is_match(&text));
        prop_assert_eq!(pattern.is_match(&other), other == text);
        let longer = format!("{text}{other}");
        let shorter: String = text.chars().skip(1).collect();
        prop_assert_eq!(pattern.is_match(&longer), other.is_empty());
        prop_assert!(!pattern.is_match(&shorter));
    }

    #[test]
    fn what_is_escaped_matches_itself(text in any::<String>().prop_filter("1 to 100", |text| (1..=100).contains(&text.chars().count()))) {
        let escaped: String = text.chars().flat_map(|char| ['\\', char]).collect();
        prop_assert!(Pattern::parse(&escaped).unwrap().is_match(&text));
    }

    #[test]
    fn no_pattern_panics_and_none_is_too_large_for_its_bounds(text in pattern_text(), value in any::<String>()) {
        match Pattern::parse(&text) {
            Ok(pattern) => { pattern.is_match(&value); }
            Err(error) => prop_assert!(!error.to_string().contains("too large"), "{text}: {error}"),
        }
    }

    #[test]
    fn double_star_at_the_end_lets_everything_in_and_takes_everything_away(
        patterns in prop::collection::vec("!?[-*a-c/]{1,8}", 0..6), value in "[a-c/-]{0,8}"
    ) {
        let mut all = patterns.clone();
        all.push("**".to_owned());
        let list = PatternList::parse(&all).unwrap();
        prop_assert_eq!(list.select(&value), Selection::Included("**"));
        all.push("!**".to_owned());
        let list = PatternList::parse(&all).unwrap();
        prop_assert_eq!(list.select(&value), Selection::Excluded("!**"));
    }

    #[test]
    fn a_list_decides_as_its_patterns_do_one_after_the_other(
        patterns in prop::collection::vec("!?[-*a-c/]{1,6}", 0..6), value in "[a-c/-]{0,6}"
    ) {
        let mut all = vec!["*".to_owned()];
        all.extend(patterns);
        let mut included = false;
        for pattern in all.iter().map(|text| Pattern::parse(text).unwrap()) {
            if pattern.is_match(&value) {
                included = !pattern.is_negated();
            }
        }
        let list = PatternList::parse(&all).unwrap();
        prop_assert_eq!(matches!(list.select(&value), Selection::Included(_)), included);
    }

    #[test]
    fn no_list_of_branches_panics_and_each_compiled_one_decides(branches in prop::collection::vec(pattern_text(), 0..5), branch in any::<String>()) {
        let filters = Filters { branches: Some(branches), ..Filters::default() };
        if let Ok(trigger) = compile(&Trigger { event: EventKind::Push, filters }) {
            let decision = decide(&[trigger], &push_branch(&branch), &facts());
            prop_assert!(!matches!(decision, Decision::Needs(_)));
        }
    }

    #[test]
    fn no_author_expression_or_cron_text_panics(text in any::<String>()) {
        let filters = Filters { authors: Some(vec![text.clone()]), title: Some(text.clone()), body: Some(text.clone()), ..Filters::default() };
        let _ = compile(&Trigger { event: EventKind::Issues, filters });
        let _ = Cron::parse(&text);
    }

    #[test]
    fn the_next_time_is_later_and_nothing_lies_between(
        text in r"(\*|[0-9]|[1-5][0-9]|[0-9],4[0-9]) (\*|[0-9]|1[0-9]|\*/6) (\*|[1-9]|2[0-9]|31) (\*|[1-9]|1[0-2]) (\*|[0-6]|1-5)",
        seconds in 0i64..4_000_000_000
    ) {
        if let Ok(cron) = Cron::parse(&text) {
            let at = jiff::Timestamp::from_second(seconds).unwrap();
            let next = cron.next_after(at).unwrap();
            prop_assert!(next > at);
            let before = next - jiff::SignedDuration::from_secs(1);
            prop_assert_eq!(cron.next_after(before), Some(next));
            let halfway = jiff::Timestamp::from_second((at.as_second() + next.as_second()) / 2).unwrap();
            prop_assert_eq!(cron.next_after(halfway), Some(next));
        }
    }
}

#[test]
fn the_longest_patterns_of_wildcards_are_matched_with_long_texts() {
    let text = "a/".repeat(20_000);
    for unit in ["*", "**/", "*a", "**a", "a?", "a+", "*+", "[a-c]?", "a*/", "**/*"] {
        let pattern = Pattern::parse(&format!("{}X", unit.repeat(255 / unit.len()))).unwrap();
        assert!(!pattern.is_match(&text), "{unit}");
    }
}
