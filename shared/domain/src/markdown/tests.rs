use super::*;
use crate::text::neutralise;
use proptest::prelude::*;

/// Whether the text, followed by anything, lets that be what it is.
fn is_closed(text: &str) -> bool {
    let probe = format!("{text}\n\nprobe");
    !regions::Regions::of(&probe).in_code(probe.len() - 1)
}

#[test]
fn what_fits_is_one_piece_as_it_is() {
    assert_eq!(split("a\n\nb", 10), ["a\n\nb"]);
    assert_eq!(split("", 10), Vec::<String>::new());
    assert_eq!(fold("short", 100), "short");
}

#[test]
fn pieces_end_between_paragraphs() {
    assert_eq!(split("one two\n\nthree four\n\nfive six", 22), ["one two\n\nthree four", "five six"]);
}

#[test]
fn a_fence_that_is_cut_is_closed_and_opened_again() {
    let text = "Code:\n\n```rust\nlet a = 1;\nlet b = 2;\nlet c = 3;\n```\n\nDone.";
    let pieces = split(text, 40);
    assert_eq!(pieces, ["Code:\n\n```rust\nlet a = 1;\nlet b = 2;\n```", "```rust\nlet c = 3;\n```\n\nDone."]);
}

#[test]
fn a_fence_in_a_list_loses_the_lists_indentation_when_it_is_cut() {
    let text = "1. Do:\n\n   ```sh\n   aaaaaaaaaa\n   bbbbbbbbbb\n   ```\n2. Then";
    let pieces = split(text, 37);
    assert_eq!(pieces, ["1. Do:\n\n   ```sh\n   aaaaaaaaaa\n   ```", "```sh\nbbbbbbbbbb\n```\n2. Then"]);
}

#[test]
fn no_fence_is_left_empty_at_the_end_of_a_piece() {
    assert_eq!(split("Some text first.\n```\naaaaaaaaaa\n```", 26), ["Some text first.", "```\naaaaaaaaaa\n```"]);
}

#[test]
fn a_table_is_cut_between_rows() {
    let text = "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n";
    assert!(split(text, 32).iter().all(|piece| piece.lines().all(|line| line.starts_with('|') && line.ends_with('|'))));
}

#[test]
fn a_line_without_end_is_cut_as_code() {
    assert_eq!(split(&"`@ada` ".repeat(5), 24), ["```\n`@ada` `@ada` \n```", "```\n`@ada` `@ada` \n```", "```\n`@ada` \n```"]);
}

#[test]
fn a_piece_too_small_for_a_fence_goes_without() {
    assert_eq!(split("aaa bbb ccc", 8), ["aaa bbb", "ccc"]);
    assert_eq!(split("ääääää", 4), ["ääää", "ää"]);
}

#[test]
fn a_long_text_is_folded_behind_its_beginning() {
    let text = "A paragraph of some length, again and again.\n\n".repeat(200);
    let folded = fold(&text, 60_000);
    assert!(folded.starts_with("A paragraph") && folded.contains("<details>") && folded.ends_with("</details>"));
    assert!(!folded.contains("_(Cut here"));
    assert_eq!(folded.matches("A paragraph").count(), 200, "nothing is lost");
}

#[test]
fn what_even_folded_is_too_long_is_cut_and_says_so() {
    let text = "A paragraph of some length, again and again.\n\n".repeat(2000);
    let folded = fold(&text, 65_000);
    assert!(folded.chars().count() <= 65_000 && folded.contains("_(Cut here"));
}

#[test]
fn nothing_gets_out_of_a_fence_or_a_quote() {
    assert_eq!(fence("a", ""), "```\na\n```");
    assert_eq!(fence("```\nb\n```\n", "rust"), "````rust\n```\nb\n```\n````");
    assert_eq!(fence("x", "a`\nb"), "```ab\nx\n```");
    assert_eq!(quote("a\n\nb\n"), "> a\n>\n> b");
}

fn markdown() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "word ",
        "@ada ",
        "\n",
        "\n\n",
        "```rust\n",
        "```\n",
        "````\n",
        "~~~\n",
        "`",
        "- ",
        "1. ",
        "> ",
        "    ",
        "| a | b |\n|---|---|\n",
        "# T\n",
        "äöü",
        "🦀",
        "a long stretch of text that goes on ",
        "<details>",
        "](x)",
        "[",
        "\t",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_piece_is_too_long_and_no_word_is_lost(text in markdown(), max in 1_usize..200) {
        let pieces = split(&text, max);
        for piece in &pieces {
            prop_assert!(piece.chars().count() <= max, "{piece:?}");
        }
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        prop_assert!(pieces.iter().map(|piece| letters(piece)).sum::<usize>() >= letters(&text));
    }

    #[test]
    fn every_piece_of_a_neutralised_text_is_closed(text in markdown(), max in 60_usize..200) {
        for piece in split(&neutralise(&text, &[]), max) {
            prop_assert!(is_closed(&piece), "{piece:?}");
        }
    }

    #[test]
    fn a_fold_is_never_too_long(text in "(?s).{0,6000}", max in 0_usize..9000) {
        prop_assert!(fold(&text, max).chars().count() <= max);
    }

    #[test]
    fn a_fence_holds_whatever_is_in_it(text in markdown()) {
        prop_assert!(is_closed(&fence(&text, "text")));
    }
}
