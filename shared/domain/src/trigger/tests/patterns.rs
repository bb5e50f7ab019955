//! The traps of patterns and of lists of them.

use crate::trigger::{MAX_PATTERN_CHARS, MAX_PATTERNS, Pattern, PatternList, Selection};

fn list(patterns: &[&str]) -> PatternList {
    let texts: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    PatternList::parse(&texts).unwrap_or_else(|error| panic!("{patterns:?}: {error:?}"))
}

#[track_caller]
fn check(pattern: &str, matching: &[&str], others: &[&str]) {
    let parsed = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    for text in matching {
        assert!(parsed.is_match(text), "{pattern} matches {text:?}");
    }
    for text in others {
        assert!(!parsed.is_match(text), "{pattern} does not match {text:?}");
    }
}

#[test]
fn question_mark_and_plus_are_about_the_character_before_them() {
    check("ab?c", &["abc", "ac"], &["abbc", "axc"]);
    check("ab+c", &["abc", "abbbc"], &["ac", "ab+c"]);
    check("[ab]+", &["a", "abba"], &["", "c"]);
    check("[ab]?x", &["x", "ax"], &["abx"]);
    check("a/?b", &["ab", "a/b"], &["a//b"]);
    check(r"\*?x", &["x", "*x"], &["**x", "ax"]);
    check("é+", &["é", "éé"], &["e", ""]);
}

#[test]
fn question_mark_and_plus_without_a_character_before_them_are_themselves() {
    check("+1", &["+1"], &["1", "++1"]);
    check("?x", &["?x"], &["x", "ax"]);
    check("!+x", &["+x"], &["x"]);
    check("++", &["+", "+++"], &[""]);
}

#[test]
fn several_marks_after_a_character_act_together() {
    check("a?+", &["", "a", "aaa"], &["b"]);
    check("a+?", &["", "a", "aaa"], &["b"]);
    check("a++b", &["ab", "aaab"], &["b"]);
    check("a??b", &["b", "ab"], &["aab"]);
    check("*?x", &["x", "abx"], &["a/x"]);
    check("**+x", &["x", "a/bx"], &["a"]);
}

#[test]
fn double_star_with_a_slash_is_no_folder_at_all_only_where_a_segment_starts() {
    check("**/x", &["x", "a/x", "a/b/x"], &["ax"]);
    check("a/**/b", &["a/b", "a/c/b", "a/c/d/b"], &["ab", "a/cb"]);
    check("a**/b", &["a/b", "ac/b", "a/c/b"], &["ab"]);
    check("a/**", &["a/b", "a/b/c"], &["a", "ab"]);
    check("**/", &["", "a/", "a/b/"], &["a"]);
    check("***/x", &["/x", "a/x", "a/b/x"], &["x"]);
    check("a/**/**/b", &["a/b", "a/c/b"], &["ab"]);
}

#[test]
fn one_star_stops_at_slashes_and_matches_nothing_too() {
    check("*", &["", "a"], &["a/b", "/"]);
    check("a*b", &["ab", "axb"], &["a/b"]);
    check("*/*", &["a/b", "/"], &["a", "a/b/c"]);
    check("***", &["a/b", ""], &[]);
}

#[test]
fn brackets_hold_characters_and_ranges_and_exclude_nothing() {
    check("[a-c]x", &["ax", "cx"], &["dx", "-x", "x"]);
    check("[a-c0-2Z]", &["b", "1", "Z"], &["z", "3", "-"]);
    check("[a-]", &["a", "-"], &["b"]);
    check("[-a]", &["a", "-"], &["b"]);
    check("[._]", &[".", "_"], &["a"]);
    check(r"[\]a]", &["]", "a"], &["[", r"\"]);
    check("[éa]+", &["é", "aé"], &["e"]);
    check("[a!]", &["a", "!"], &["b"]);
    check("[*]", &["*"], &["a"]);
    check("a]", &["a]"], &["a"]);
}

#[test]
fn backslash_takes_the_next_character_as_it_is() {
    check(r"\!important", &["!important"], &["important"]);
    check(r"a\*", &["a*"], &["ab", "a"]);
    check(r"v1\+x", &["v1+x"], &["v11x", "v1x"]);
    check(r"\[x\]", &["[x]"], &["x"]);
    check(r"a\\b", &[r"a\b"], &["ab"]);
    check(r"\a", &["a"], &[r"\a"]);
}

#[test]
fn exclamation_mark_negates_as_the_first_character_only() {
    assert!(Pattern::parse("!a").unwrap().is_negated());
    assert!(!Pattern::parse(r"\!a").unwrap().is_negated());
    check("a!b", &["a!b"], &["ab"]);
    check("!!a", &["!a"], &["a", "!!a"]);
}

#[test]
fn characters_of_regular_expressions_are_nothing_special() {
    check("a.b", &["a.b"], &["axb"]);
    check("(a|b)$^{2}", &["(a|b)$^{2}"], &["a", "aa"]);
    check("{a,b}*", &["{a,b}c"], &["a", "b"]);
    check("a.*", &["a.b"], &["ab"]);
}

#[test]
fn newlines_are_characters_like_any_other() {
    check("a**b", &["a\n\nb"], &["a\nb\n"]);
    check("a*", &["a\nb"], &["\na"]);
}

#[test]
fn a_wrong_pattern_is_explained() {
    let table = [
        ("", "the pattern is empty"),
        ("!", "`!` alone negates nothing"),
        ("a\\", "escapes nothing"),
        ("[", "has no `]`"),
        ("[ab", "has no `]`"),
        ("[a-", "has no `]`"),
        ("[]", "`[]` is empty"),
        ("[!a]", "cannot exclude"),
        ("[^a]", "cannot exclude"),
        ("[z-a]", "`z-a` is no range"),
        ("[a-Z]", "`a-Z` is no range"),
        ("[A-z]", "`A-z` is no range"),
        ("[0-a]", "`0-a` is no range"),
        ("[ä-ö]", "`ä-ö` is no range"),
    ];
    for (pattern, message) in table {
        let error = Pattern::parse(pattern).expect_err(pattern).to_string();
        assert!(error.contains(message), "{pattern}: {error}");
    }
}

#[test]
fn a_pattern_may_be_as_long_as_the_limit_and_no_longer() {
    assert!(Pattern::parse(&"é".repeat(MAX_PATTERN_CHARS)).is_ok());
    let error = Pattern::parse(&"a".repeat(MAX_PATTERN_CHARS + 1)).expect_err("too long");
    assert_eq!(error.to_string(), "the pattern has 257 characters, and 256 are the most");
}

#[test]
fn the_last_pattern_that_matches_decides() {
    let both = list(&["releases/**", "!releases/**-alpha", "releases/9-alpha"]);
    assert_eq!(both.select("releases/10"), Selection::Included("releases/**"));
    assert_eq!(both.select("releases/10-alpha"), Selection::Excluded("!releases/**-alpha"));
    assert_eq!(both.select("releases/9-alpha"), Selection::Included("releases/9-alpha"));
    assert_eq!(both.select("main"), Selection::None);
    assert_eq!(list(&["!a", "**"]).select("a"), Selection::Included("**"));
}

#[test]
fn a_list_that_only_excludes_is_an_error() {
    let wrong = PatternList::parse(&["!a".to_owned(), "!b".to_owned()]).expect_err("only negated");
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].1.to_string().contains("put `'**'` first"), "{wrong:?}");
}

#[test]
fn every_wrong_pattern_of_a_list_is_told_with_its_place() {
    let texts: Vec<String> = ["ok", "[", "fine", ""].map(str::to_owned).into();
    let places: Vec<usize> = PatternList::parse(&texts).expect_err("two are wrong").iter().map(|(place, _)| *place).collect();
    assert_eq!(places, [1, 3]);
}

#[test]
fn a_list_may_have_as_many_patterns_as_the_limit_and_no_more() {
    assert!(PatternList::parse(&vec!["a".to_owned(); MAX_PATTERNS]).is_ok());
    assert!(PatternList::parse(&vec!["a".to_owned(); MAX_PATTERNS + 1]).is_err());
}

#[test]
fn a_caseless_list_keeps_its_patterns_as_they_were_written() {
    let list = PatternList::parse_caseless(&["Bug*".to_owned(), "![A-C]x".to_owned()]).unwrap();
    assert_eq!(list.select("BUGS"), Selection::Included("Bug*"));
    assert_eq!(list.select("Bx"), Selection::Excluded("![A-C]x"));
    assert_eq!(list.joined(), "Bug*, ![A-C]x");
}
