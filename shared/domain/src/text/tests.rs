use super::*;
use crate::markdown::{fence, split};
use proptest::prelude::*;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use regex::Regex;

/// What would notify somebody: a second opinion on `neutralise`, after GitHub's own way of doing it: mentions are
/// looked for in the text of the rendered page, outside code and links.
fn live_mentions(text: &str) -> Vec<String> {
    let mention = Regex::new(r"(?:^|[^A-Za-z0-9_])@([A-Za-z0-9][A-Za-z0-9-]*)").unwrap();
    visible_runs(text, true).iter().flat_map(|run| mention.captures_iter(run).map(|c| c[1].to_owned()).collect::<Vec<_>>()).collect()
}

fn live_closings(text: &str) -> bool {
    let closing = Regex::new(r"(?i)\b(close[sd]?|fix(e[sd])?|resolve[sd]?):?\s+([\w.-]+/[\w.-]+)?#\d+").unwrap();
    visible_runs(text, false).iter().any(|run| closing.is_match(run))
}

/// The text nodes of the page. `by_element`: an element's text is a node of its own, as in the page.
fn visible_runs(text: &str, by_element: bool) -> Vec<String> {
    let mut runs = vec![String::new()];
    let mut code = false;
    for event in Parser::new_ext(text, crate::markdown::regions::options()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => code = true,
            Event::End(TagEnd::CodeBlock) => code = false,
            Event::Text(t) | Event::Html(t) | Event::InlineHtml(t) if !code => runs.last_mut().unwrap().push_str(&t),
            Event::SoftBreak | Event::HardBreak => runs.last_mut().unwrap().push('\n'),
            Event::Start(Tag::Emphasis | Tag::Strong | Tag::Link { .. }) | Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Link)
                if !by_element => {}
            Event::Code(_) => runs.push(String::new()),
            _ => runs.push(String::new()),
        }
    }
    runs
}

fn has_image_or_html(text: &str) -> bool {
    Parser::new_ext(text, crate::markdown::regions::options()).any(|event| match event {
        Event::Start(Tag::Image { .. } | Tag::HtmlBlock) => true,
        Event::InlineHtml(html) => !["<br>", "<kbd>", "</kbd>", "<sub>", "</sub>"].contains(&&*html),
        _ => false,
    })
}

#[test]
fn prompts_lose_what_nobody_sees() {
    for (text, expected) in [
        ("plain ä 🦀 text\n\ttab", "plain ä 🦀 text\n\ttab"),
        ("a<!-- hidden -->b", "ab"),
        ("a<!-- hidden\n\nfor ever", "a"),
        ("<!<!-- x -->-- hidden -->z", "z"),
        ("`<!-- shown -->`", "`<!-- shown -->`"),
        ("```\n<!-- shown -->\n```", "```\n<!-- shown -->\n```"),
        ("z\u{200b}e\u{200d}r\u{feff}o", "zero"),
        ("\u{202e}evil\u{202c}", "evil"),
        ("tag\u{e0041}\u{e0042}s", "tags"),
        ("bell\u{7}\u{0}\u{1b}[31m", "bell[31m"),
        ("heart ❤\u{fe0f}\u{fe01}\u{fe02}", "heart ❤\u{fe0f}"),
        ("a\r\nb\rc", "a\nb\nc"),
    ] {
        assert_eq!(strip_hidden(text), expected, "{text:?}");
    }
}

#[test]
fn what_would_act_on_github_is_shown_as_code_or_link() {
    for (text, expected) in [
        ("plain *text* with `code`", "plain *text* with `code`"),
        ("ping @ada and @acme/team", "ping `@ada` and `@acme/team`"),
        ("mail ada@example.com", "mail ada@example.com"),
        ("keep @bob, not @ada", "keep @bob, not `@ada`"),
        ("`@ada` and\n```\n@ada\n```", "`@ada` and\n```\n@ada\n```"),
        ("&commat;ada", "`@ada`"),
        (r"\@ada", "`@ada`"),
        ("https://medium.com/@ada/post", "https://medium.com/%40ada/post"),
        ("[her](https://medium.com/@ada)", "[her](https://medium.com/%40ada)"),
        ("fixes #12", "`fixes #12`"),
        ("Closes: acme/hello#1 now", "`Closes: acme/hello#1` now"),
        ("resolves https://github.com/a/b/issues/3", "`resolves https://github.com/a/b/issues/3`"),
        ("fixes [it](https://github.com/a/b/issues/3)", "`fixes` [it](https://github.com/a/b/issues/3)"),
        ("see #12, prefixes #3", "see #12, prefixes #3"),
        ("![x](https://evil.test/p.png)", "[image: x](https://evil.test/p.png)"),
        ("a <b onclick=x>bold</b><br>", "a &lt;b onclick=x>bold&lt;/b><br>"),
        ("a <!-- hidden --> b", "a  b"),
        ("```\nopen", "```\nopen\n```"),
        ("a `b\nc` d", "a `b c` d"),
    ] {
        assert_eq!(neutralise(text, &["bob"]), expected, "{text:?}");
    }
}

#[test]
fn an_html_block_is_text_and_what_is_in_it_inert() {
    let inert = neutralise("<div>\n@ada\n<img src=https://evil.test/x>\n</div>\n\nafter @ada", &[]);
    assert!(live_mentions(&inert).is_empty() && !has_image_or_html(&inert), "{inert}");
}

#[test]
fn our_markers_cannot_be_forged_anywhere() {
    let marker = Regex::new(r"<!--\s*patchbay").unwrap();
    for text in ["<!-- patchbay:run_1 -->", "`<!-- patchbay:x -->`", "```\n<!--PATCHBAY:x-->\n```", "<!<!-- a -->-- patchbay:x -->"] {
        let inert = neutralise(text, &[]).to_lowercase();
        assert!(!marker.is_match(&inert), "{text} → {inert}");
    }
}

#[test]
fn a_fence_in_a_list_hides_nothing_behind_it() {
    let inert = neutralise("- ```\n  code\n  ```\n@ada\n\n- ```\n  ```", &[]);
    assert!(live_mentions(&inert).is_empty(), "{inert}");
}

#[test]
fn a_piece_that_loses_its_fence_is_inert_all_the_same() {
    // The line that opens the fence is longer than a piece, so no piece can repeat it.
    let text = "```<https://x.test/@ada><https://x.test/@ada>https://a.test/<!--<!--@ada fixes #12 ![x](y)~~~\n";
    for piece in split(&neutralise(text, &[]), 48) {
        assert!(live_mentions(&piece).is_empty() && !live_closings(&piece) && !has_image_or_html(&piece), "{piece}");
    }
}

#[test]
fn a_commit_message_mentions_nobody_and_closes_only_its_issue() {
    for (text, expected) in [
        ("fix: repair\n\nCloses #12", "fix: repair\n\nCloses #12"),
        ("fix: repair\n\nCloses #13, fixes: a/b#4", "fix: repair\n\nsee #13, see a/b#4"),
        ("feat: thanks @ada, @@bob <a@b.c>", "feat: thanks ada, bob <a@b.c>"),
        ("fix #12 and fixes #120", "fix #12 and see #120"),
    ] {
        assert_eq!(commit_message(text, Some(12)), expected, "{text:?}");
    }
}

fn hostile() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "@ada",
        "@acme/x",
        " ",
        "\n",
        "\n\n",
        "`",
        "``",
        "```\n",
        "~~~\n",
        "<!--",
        "-->",
        "<!",
        "<div>",
        "</div>",
        "<",
        ">",
        "!",
        "[",
        "](",
        ")",
        "![",
        "https://a.test/",
        "fixes ",
        "#12",
        "closes",
        ":",
        "\\",
        "&commat;",
        "&#64;",
        "*",
        "**",
        "_",
        "> ",
        "- ",
        "    ",
        "|",
        "---",
        "[^1]",
        "a",
        "patchbay:",
        "<br>",
        "<a@b>",
        "<https://x.test/@ada>",
        "\u{200b}",
        "&lt;",
        "$",
        "@",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn neutralised_text_is_inert(text in hostile()) {
        let inert = neutralise(&text, &[]);
        prop_assert_eq!(live_mentions(&inert), Vec::<String>::new(), "{} → {}", text, inert);
        prop_assert!(!live_closings(&inert), "{} → {}", text, inert);
        prop_assert!(!has_image_or_html(&inert), "{} → {}", text, inert);
        prop_assert!(!inert.contains("<!-- patchbay"));
    }

    #[test]
    fn neutralising_twice_changes_nothing_more(text in hostile()) {
        let once = neutralise(&text, &[]);
        prop_assert_eq!(neutralise(&once, &[]), once);
    }

    #[test]
    fn stripped_text_has_nothing_left_to_strip(text in "(?s).{0,200}") {
        let once = strip_hidden(&text);
        prop_assert_eq!(strip_hidden(&once), once);
    }

    #[test]
    fn code_shown_in_a_fence_is_never_changed(text in "[a-z@#<> \n]{0,100}") {
        let shown = fence(&text, "rust");
        prop_assert_eq!(neutralise(&shown, &[]), shown);
    }

    #[test]
    fn a_commit_message_never_mentions(text in hostile()) {
        let message = commit_message(&text, None);
        let mention = Regex::new(r"(^|[^A-Za-z0-9_])@[A-Za-z0-9]").unwrap();
        prop_assert!(!mention.is_match(&message), "{}", message);
    }
}

proptest! {
    // Every case reads each of its pieces again.
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn inert_text_stays_inert_when_it_is_split(text in hostile(), max in 40_usize..120) {
        let inert = neutralise(&text, &[]);
        for piece in split(&inert, max) {
            prop_assert_eq!(live_mentions(&piece), Vec::<String>::new(), "{}", piece);
            prop_assert!(!live_closings(&piece), "{}", piece);
            prop_assert!(!has_image_or_html(&piece), "{}", piece);
        }
    }
}
