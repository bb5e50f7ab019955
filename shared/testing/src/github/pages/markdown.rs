//! Markdown to safe HTML: raw HTML is escaped but for a few bare tags, comments are hidden, foreign images become links.

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};

/// Tags that may stand as they are: without attributes they can do nothing but fold and space text.
const BARE_TAGS: [&str; 10] = ["<details>", "</details>", "<summary>", "</summary>", "<br>", "<br/>", "<sub>", "</sub>", "<kbd>", "</kbd>"];

/// Renders what a person or the App wrote.
pub(super) fn render(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut events = Vec::new();
    let mut block: Option<String> = None;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::HtmlBlock) => block = Some(String::new()),
            Event::End(TagEnd::HtmlBlock) => events.push(Event::Html(CowStr::from(safe_html(&block.take().unwrap_or_default())))),
            Event::Html(html) => match &mut block {
                Some(block) => block.push_str(&html),
                None => events.push(Event::Html(CowStr::from(safe_html(&html)))),
            },
            Event::InlineHtml(html) => events.push(Event::InlineHtml(CowStr::from(safe_html(&html)))),
            Event::Start(Tag::Image { dest_url, title, id, .. }) => {
                let link = Tag::Link { link_type: LinkType::Inline, dest_url: safe_url(dest_url), title, id };
                events.push(Event::Start(link));
            }
            Event::End(TagEnd::Image) => events.push(Event::End(TagEnd::Link)),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                events.push(Event::Start(Tag::Link { link_type, dest_url: safe_url(dest_url), title, id }));
            }
            other => events.push(other),
        }
    }
    let mut rendered = String::new();
    html::push_html(&mut rendered, events.into_iter());
    rendered
}

fn safe_url(url: CowStr<'_>) -> CowStr<'_> {
    let lower = url.trim().to_ascii_lowercase();
    let allowed = ["http://", "https://", "mailto:", "#"].iter().any(|start| lower.starts_with(start));
    let relative = !lower.contains(':') && !lower.starts_with("//");
    if allowed || relative { url } else { CowStr::from("#") }
}

fn safe_html(html: &str) -> String {
    let mut safe = String::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        safe.push_str(&super::html::escape(&rest[..start]));
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        match BARE_TAGS.iter().find(|tag| rest.starts_with(**tag)) {
            Some(tag) => {
                safe.push_str(tag);
                rest = &rest[tag.len()..];
            }
            None => {
                safe.push_str("&lt;");
                rest = &rest[1..];
            }
        }
    }
    safe.push_str(&super::html::escape(rest));
    safe
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn scripts_and_handlers_are_shown_as_text() {
        let rendered = render("<script>alert(1)</script>\n\nhello <img src=x onerror=alert(1)> there");
        assert!(!rendered.contains("<script") && !rendered.contains("<img"), "{rendered}");
        assert!(rendered.contains("&lt;script&gt;"), "{rendered}");
    }

    #[test]
    fn comments_are_hidden_even_over_several_lines() {
        assert_eq!(render("<!-- patchbay\nrun=1 -->\n\nDone.").trim(), "<p>Done.</p>");
    }

    #[test]
    fn folded_text_stays_folded() {
        let rendered = render("<details>\n<summary>Log</summary>\n\n**x**\n\n</details>");
        assert!(rendered.contains("<details>\n<summary>Log</summary>") && rendered.contains("<strong>x</strong>"), "{rendered}");
    }

    #[test]
    fn dangerous_links_lead_nowhere_and_images_are_not_loaded() {
        let rendered = render("[a](javascript:alert(1)) ![pixel](https://evil.example/p.png) [b](data:text/html,x)");
        assert!(!rendered.contains("javascript:") && !rendered.contains("data:") && !rendered.contains("<img"), "{rendered}");
        assert!(rendered.contains("<a href=\"https://evil.example/p.png\">pixel</a>"), "{rendered}");
    }
}
