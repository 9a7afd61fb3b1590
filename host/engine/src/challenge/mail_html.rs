//! What all emails in HTML have in common.

/// Returns an email in HTML. No image, nothing from elsewhere; readable where styles are dropped, and in dark mode.
pub(super) fn page(language: &str, title: &str, body: &str) -> String {
    PAGE.replace("{lang}", language).replace("{title}", &escaped(title)).replace("{body}", body)
}

pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // A placeholder of a template must not come in from outside.
            '{' => out.push_str("&#123;"),
            '}' => out.push_str("&#125;"),
            c => out.push(c),
        }
    }
    out
}

const PAGE: &str = r#"<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body style="margin:0;padding:24px 12px;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;line-height:1.5">
<div style="max-width:440px;margin:0 auto;padding:28px;border:1px solid #8886;border-radius:12px">
<h1 style="margin:0 0 16px;font-size:18px;font-weight:600">{title}</h1>
{body}</div>
</body>
</html>
"#;
