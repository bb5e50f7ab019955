//! The frame around every page, and escaping.

/// No scripts, nothing from elsewhere.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#d0d7de;--soft:#f6f8fa;--dim:#59636e;--link:#0969da;--add:#dafbe1;--del:#ffebe9}\
@media(prefers-color-scheme:dark){:root{--line:#3d444d;--soft:#151b23;--dim:#9198a1;--link:#4493f8;--add:#12351f;--del:#451a1d}}\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}\
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}h1{font-size:1.5rem}.dim{color:var(--dim)}\
.box{border:1px solid var(--line);border-radius:6px;margin:1rem 0;overflow:hidden}.box>header{background:var(--soft);\
border-bottom:1px solid var(--line);padding:.4rem .8rem}.box>div{padding:.2rem .8rem;overflow-x:auto}\
pre{background:var(--soft);padding:.6rem;overflow-x:auto;border-radius:6px}code{font:13px ui-monospace,monospace}\
.pill{border-radius:1rem;padding:.1rem .7rem;color:#fff;background:#8250df}.pill.open{background:#1a7f37}.pill.closed{background:#cf222e}\
.label{border:1px solid var(--line);border-radius:1rem;padding:0 .5rem;font-size:12px}\
.diff{margin:0;padding:0;background:none}.diff span{display:block;padding:0 .6rem;white-space:pre-wrap;overflow-wrap:anywhere}\
.diff .add{background:var(--add)}.diff .del{background:var(--del)}.diff .hunk{color:var(--dim)}\
table{border-collapse:collapse}td,th{border:1px solid var(--line);padding:.2rem .6rem}";

/// A whole page.
pub(super) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{} · local GitHub</title><style>{STYLE}</style></head><body>{body}</body></html>\n",
        escape(title)
    )
}

/// Text as it may stand in HTML, also inside a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
