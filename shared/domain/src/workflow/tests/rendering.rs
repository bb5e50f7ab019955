//! Templates and conditions: what they may do, what ends them, and that values stay data.

use super::super::limits::{MAX_CONDITION_CHARS, MAX_RENDERED_CHARS, MAX_TEMPLATE_CHARS};
use super::super::{check_condition, check_template, holds, literal_mentions, render};
use proptest::prelude::*;
use serde_json::{Value, json};

fn sample() -> Value {
    json!({
        "event": { "title": "{{ 7 * 7 }} {% raw %}", "n": 3, "labels": ["a", "b"], "nothing": null, "html": "<b>&</b>" },
        "steps": { "look": { "outcome": "success", "outputs": { "answer": "" } } },
    })
}

#[test]
fn templates_render() {
    for (template, expected) in [
        ("", ""),
        ("plain { text }", "plain { text }"),
        ("{{ event.n }} {{ event.html }}", "3 <b>&</b>"),
        ("{{ event.labels | join(', ') }}", "a, b"),
        ("{% for label in event.labels %}- {{ label }}\n{% endfor %}", "- a\n- b\n"),
        ("{% if event.nothing %}x{% else %}y{% endif %}", "y"),
        ("[{{ event.nothing }}]", "[]"),
        ("{{ event.n == 3 }} {{ not event.n }}", "true false"),
        ("{{ event.html | cut(3) }}|{{ event.html | cut(100) }}|{{ event.html | cut(0) }}", "<b…|<b>&</b>|"),
        ("{{ event.labels | tojson }}", "[\"a\", \"b\"]"),
        ("{{ event.nope | default('d') }}", "d"),
        ("{{ steps.look.outcome }}", "success"),
        ("{% set x = event.n + 1 %}{{ x }}", "4"),
        ("a\n\n", "a\n"),
    ] {
        assert_eq!(render(template, &sample()).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn what_a_value_holds_is_never_a_template() {
    assert_eq!(render("{{ event.title }}", &sample()).as_deref(), Ok("{{ 7 * 7 }} {% raw %}"));
    assert_eq!(render("{{ event.title | upper | replace('7', event.title) }}", &sample()).unwrap().matches("* ").count(), 3);
    assert_eq!(holds("event.title == '49 '", &sample()), Ok(false));
}

#[test]
fn conditions_are_true_or_false() {
    for (condition, expected) in [
        ("true", true),
        ("event.n > 2 and 'a' in event.labels", true),
        ("steps.look.outputs.answer != ''", false),
        ("event.nothing", false),
        ("not event.nothing", true),
        ("event.nope is defined", false),
        ("event.html is startingwith '<'", true),
    ] {
        assert_eq!(holds(condition, &sample()), Ok(expected), "{condition}");
    }
}

#[test]
fn what_goes_wrong_is_told_with_its_line() {
    let told = |template: &str| render(template, &sample()).map_err(|error| error.to_string()).unwrap_err();
    let report: Vec<String> = [
        "a\nb {{ event.nope }}",
        "{{ event.n.x.y }}",
        "{{ nope }}",
        "\n\n{{ event.labels | map('nope') | list }}",
        "{{ 1 + 'a' }}",
        "{{ event.n",
        "{% for x in y %}",
        "{% include 'x' %}",
        "{% macro x() %}{% endmacro %}",
        "{{ debug() }}",
        "{{ dict(a=1) }}",
        "{{ namespace(a=1) }}",
        "{{ event.html | escape }}",
        "{{ event.title.upper() }}",
    ]
    .into_iter()
    .map(|template| format!("{template}\n    → {}", told(template)))
    .chain(
        ["event.nope", "event.nope == 1", "{{ event.n }}", "event.n =", ""]
            .into_iter()
            .map(|condition| format!("if: {condition}\n    → {}", holds(condition, &sample()).unwrap_err())),
    )
    .collect();
    insta::assert_snapshot!(report.join("\n"));
}

#[test]
fn nothing_takes_long_or_much() {
    for template in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(99999) %}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{{ [1] * 1000000000 }}",
        "{{ 'xxxxxxxxxxxxxxxx' | replace('', 'y' * 1000000) }}",
        "{{ 'x' | indent(1000000000, true) }}",
        "{{ range(100000) | join('y' * 100000) }}",
        "{% set x = 'xxxxxxxxxx' * 100000 %}{{ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x ~ x }}",
        "{{ 'x' * 200000 }}",
        "{% for a in range(2000) %}{{ 'x' * 100 }}{% endfor %}",
    ] {
        assert!(render(template, &sample()).is_err(), "{template}");
    }
    assert!(holds("('x' * 1000000000) == ''", &sample()).is_err());
    assert_eq!(render(&format!("{{{{ 'é' * {MAX_RENDERED_CHARS} }}}}"), &sample()).unwrap().chars().count(), MAX_RENDERED_CHARS);
}

#[test]
fn long_templates_are_not_read() {
    assert!(check_template(&"x".repeat(MAX_TEMPLATE_CHARS)).is_ok());
    assert!(check_template(&"x".repeat(MAX_TEMPLATE_CHARS + 1)).is_err());
    let condition = format!("'{}'", "x".repeat(MAX_CONDITION_CHARS));
    assert!(check_condition(&condition).is_err());
    assert!(holds(&condition, &sample()).is_err());
}

#[test]
fn nothing_gets_so_deep_that_the_stack_overflows() {
    let fors = |deep: usize, count: usize| -> String {
        let one = format!("{{% for x in {}x{} %}}", "[".repeat(deep), "]".repeat(deep));
        format!("{{% set x = [1] %}}{}{{{{ x }}}}{}", one.repeat(count), "{% endfor %}".repeat(count))
    };
    for template in [
        format!("{{{{ {}a }}}}", "a.".repeat(15_000)),
        format!("{{{{ a{} }}}}", "|upper".repeat(4_000)),
        format!("{{{{ {}1 }}}}", "1+".repeat(14_000)),
        format!("{{{{ {{'a': {{}}}}{} }}}}", ".a".repeat(14_000)),
        format!("{{% if 1 %}}{}{{% endif %}}", "{% elif 1 %}".repeat(2_000)),
        format!("{{% set x = [1] %}}{}{{{{ x }}}}", "{% set x = [x] %}".repeat(1_500)),
        fors(20, 70),
        "{% set ns = namespace(x=[]) %}{% for i in range(9000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}".to_owned(),
        "{% set x = [1] %}{% for y in [x] recursive %}{{ loop([[[y]]]) }}{% endfor %}".to_owned(),
    ] {
        assert!(render(&template, &sample()).is_err(), "{template:.60}");
    }
    // As deep as may be.
    let set = "{% set x = [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[x]]]]]]]]]]]]]]]]]]]]]]]]]]]]]] %}";
    let deep = format!("{{% set x = [1] %}}{}{{{{ x }}}}{{{{ x | tojson }}}}{{{{ x == [x] }}}}", set.repeat(9));
    assert_eq!(render(&deep, &sample()).map(|text| text.len()), Ok(1_091));
    assert!(render(&fors(6, 40), &sample()).is_ok());
    assert!(render(&format!("{{{{ 1{} }}}}", "+1".repeat(490)), &sample()).is_ok());
    // What nests deeply is refused by the parser.
    assert!(check_template(&format!("{{{{ {}1{} }}}}", "(".repeat(9_000), ")".repeat(9_000))).is_err());
    assert!(check_template(&"{% if 1 %}".repeat(3_000)).is_err());
    assert!(check_condition(&"not ".repeat(240)).is_err());
}

proptest! {
    #[test]
    fn no_template_panics(template in "(\\PC|\\{\\{|\\}\\}|\\{%|%\\}|event|steps|\\||'|\\n| ){0,40}") {
        _ = check_template(&template);
        _ = render(&template, &sample());
        _ = check_condition(&template);
        _ = holds(&template, &sample());
    }

    #[test]
    fn a_value_comes_out_as_it_went_in(value in "\\PC*") {
        let context = json!({ "event": { "title": value }, "steps": {} });
        prop_assert_eq!(render("{{ event.title }}", &context), Ok(value));
    }

    #[test]
    fn text_without_braces_is_itself(text in "[^{}#%\\n\\r]*") {
        prop_assert_eq!(render(&text, &sample()), Ok(text));
    }
}

#[test]
fn only_whom_the_templates_own_text_mentions_is_mentioned() {
    for (template, mentioned) in [
        ("cc @ada and @acme/docs.", &["ada", "acme/docs."][..]),
        ("Thank you, @{{ event.title }}", &[]),
        ("{{ '@bob' }} {% if event.n %}@cy{% endif %} {# @dan #}", &["cy", "dan"]),
        ("me@example.com (@eve)", &["eve"]),
        ("", &[]),
    ] {
        assert_eq!(literal_mentions(template), mentioned, "{template}");
    }
}
