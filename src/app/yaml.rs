//! Colours for one line of YAML: just enough to tell keys, values, numbers, punctuation and comments apart. The engine reads the text.

/// A stretch of a line and its class: `k` key, `p` punctuation, `n` number, `c` comment, empty for values.
pub type Stretch<'a> = (&'static str, &'a str);

/// Cuts a line into coloured stretches; together they are the line.
pub fn stretches(line: &str) -> Vec<Stretch<'_>> {
    let mut out = Vec::new();
    let body = line.trim_start();
    let (indent, _) = line.split_at(line.len() - body.len());
    push(&mut out, "", indent);
    let (code, comment) = body.split_at(comment_start(body));
    let mut rest = code;
    if matches!(rest.trim_end(), "---" | "...") {
        push(&mut out, "p", rest);
        rest = "";
    }
    while let Some(after) = rest.strip_prefix("- ") {
        push(&mut out, "p", "- ");
        rest = after;
    }
    match key_end(rest) {
        Some(end) => {
            push(&mut out, "k", &rest[..end]);
            push(&mut out, "p", &rest[end..=end]);
            values(&mut out, &rest[end + 1..]);
        }
        None => values(&mut out, rest),
    }
    push(&mut out, "c", comment);
    out
}

fn push<'a>(out: &mut Vec<Stretch<'a>>, class: &'static str, text: &'a str) {
    if !text.is_empty() {
        out.push((class, text));
    }
}

fn comment_start(text: &str) -> usize {
    if text.starts_with('#') {
        return 0;
    }
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '#' && before == ' ' => return at,
            None => {}
        }
        before = c;
    }
    text.len()
}

/// Where a plain key's colon stands.
fn key_end(text: &str) -> Option<usize> {
    if text.starts_with(['{', '[', '"', '\'', '|', '>', '&', '*', '!']) {
        return None;
    }
    text.char_indices()
        .find(|(at, c)| *c == ':' && text[at + 1..].chars().next().is_none_or(char::is_whitespace))
        .map(|(at, _)| at)
}

fn values<'a>(out: &mut Vec<Stretch<'a>>, text: &'a str) {
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let colon = c == ':' && text[at + 1..].starts_with(' ');
        if matches!(c, '{' | '}' | '[' | ']' | ',') || colon {
            value(out, &text[start..at]);
            push(out, "p", &text[at..at + 1]);
            start = at + 1;
        }
    }
    value(out, &text[start..]);
}

fn value<'a>(out: &mut Vec<Stretch<'a>>, text: &'a str) {
    let number = text.trim().bytes().all(|byte| byte.is_ascii_digit()) && !text.trim().is_empty();
    push(out, if number { "n" } else { "" }, text);
}

/// The glyph of a line that says a `kind`, and its colour.
pub fn kind_glyph(line: &str) -> Option<(&'static str, &'static str)> {
    Some(match line.strip_prefix("kind:")?.trim() {
        "Service" => ("g-svc", "k-svc"),
        "Pod" => ("g-pod", "k-pod"),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" => ("g-deploy", "k-pod"),
        "Ingress" | "IngressClass" => ("g-ing", "k-ing"),
        "EndpointSlice" | "Endpoints" => ("g-eps", "k-svc"),
        "Node" => ("g-node", "k-infra"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_together_are_the_line() {
        for line in [
            "",
            "  - name: http # the port",
            "selector: { app: web }",
            "a: \"x # y\"",
            "---",
            "- - 80",
            "url: http://x:80/",
            "한글: 값",
        ] {
            assert_eq!(stretches(line).iter().map(|(_, text)| *text).collect::<String>(), line);
        }
    }

    #[test]
    fn keys_numbers_and_comments_are_told_apart() {
        assert_eq!(stretches("  port: 80 # x"), [("", "  "), ("k", "port"), ("p", ":"), ("n", " 80 "), ("c", "# x")]);
        assert_eq!(stretches("- { a: b }")[..2], [("p", "- "), ("p", "{")]);
    }
}
