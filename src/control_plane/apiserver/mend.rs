//! What to try next after validation refused an object: the value that was meant, the field that is missing.

use super::suggest::{Advice, closest, replace};
use crate::diagnostic::{Fix, Span};
use crate::kubectl::Manifest;
use crate::msg;
use crate::words::Message;
use serde_json::Value;

/// Help and fixes for an error of validation.
pub(super) fn advice(manifest: &Manifest, path: &str, message: &str) -> Advice {
    if let Some(rest) = message.strip_prefix("Unsupported value: ") {
        return unsupported(manifest, path, rest);
    }
    let field = path.rsplit('.').next().unwrap_or(path);
    let required = message.starts_with("Required value");
    match field {
        "labels" if message.contains("does not match template") => unmatched(manifest),
        "name" if path == "metadata.name" && message.starts_with("Invalid value") => bad_name(manifest),
        "selector" if required => missing_selector(manifest),
        "name" if required => missing_name(manifest, path),
        "pathType" if required => {
            let at = path.trim_end_matches("pathType");
            let insert = place_of(manifest, &format!("{at}path")).or_else(|| place_of(manifest, &format!("{at}backend")));
            (Some(msg!("mend.pathType")), insert.map(|span| insertion(span, "pathType: Prefix")).into_iter().collect())
        }
        "rollingUpdate" if message.contains("only allowed for updateStrategy") => (Some(msg!("mend.rollingUpdate")), Vec::new()),
        "ports" if required => (Some(msg!("mend.ports")), Vec::new()),
        "image" if required => (Some(msg!("mend.image")), Vec::new()),
        "targetPort" | "port" if message.contains("must contain at least one letter") => {
            let text = manifest.value.pointer(&pointer(path)).and_then(Value::as_str).unwrap_or("");
            let number = manifest.spans.get(path).filter(|_| text.parse::<u16>().is_ok()).map(|span| replace(span, text));
            (Some(msg!("decode.unquote")), number.into_iter().collect())
        }
        _ => (None, Vec::new()),
    }
}

/// `"tcp": supported values: "SCTP", "TCP", "UDP"`
fn unsupported(manifest: &Manifest, path: &str, rest: &str) -> Advice {
    let mut quoted = rest.split('"').skip(1).step_by(2);
    let Some(typed) = quoted.next() else { return (None, Vec::new()) };
    let values: Vec<&str> = quoted.collect();
    if values.contains(&typed) {
        // `ValidateTolerations` lists what its feature gate lets through, whether that is on or not.
        return (Some(msg!("mend.tolerationGate", operator = typed)), Vec::new());
    }
    match left_out(typed, &values).or_else(|| closest(typed, &values)) {
        Some(meant) => (
            Some(msg!("decode.meant", field = meant)),
            manifest.spans.get(path).map(|span| replace(span, meant)).into_iter().collect(),
        ),
        None => (None, Vec::new()),
    }
}

/// The only value that has all the letters typed, in their order, and more: `PreferNode` is `PreferSameNode`.
fn left_out<'a>(typed: &str, values: &[&'a str]) -> Option<&'a str> {
    let has = |value: &&&'a str| {
        let mut rest = value.chars();
        typed.len() > 3 && typed.chars().all(|letter| rest.any(|own| own == letter))
    };
    let mut all = values.iter().filter(has);
    all.next().filter(|_| all.next().is_none()).copied()
}

/// The Pod template's labels do not carry the selector.
fn unmatched(manifest: &Manifest) -> Advice {
    let pairs = manifest.value.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let labels = manifest.value.pointer("/spec/template/metadata/labels").and_then(Value::as_object);
    let wrong = pairs.into_iter().flatten().find(|(key, value)| labels.is_none_or(|labels| labels.get(*key) != Some(*value)));
    let Some((key, value)) = wrong else { return (Some(msg!("mend.labels")), Vec::new()) };
    let value = value.as_str().unwrap_or("");
    let help = msg!("mend.label", label = format!("{key}: {value}"));
    let label = manifest.spans.get(&format!("spec.template.metadata.labels.{key}"));
    let fix = match label {
        Some(span) => Some(replace(span, value)),
        None => labels
            .and_then(|labels| labels.keys().next())
            .and_then(|first| place_of(manifest, &format!("spec.template.metadata.labels.{first}")))
            .map(|span| insertion(span, &format!("{key}: {value}"))),
    };
    (Some(help), fix.into_iter().collect())
}

/// The nearest valid name.
fn bad_name(manifest: &Manifest) -> Advice {
    let lower: String = manifest.name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name: String = lower.trim_matches('-').chars().take(63).collect();
    let fix =
        manifest.spans.get("metadata.name").filter(|_| !name.is_empty()).map(|span| replace(span, name.trim_end_matches('-')));
    (Some(msg!("mend.name")), fix.into_iter().collect())
}

/// A workload without selector: that of its template's labels.
fn missing_selector(manifest: &Manifest) -> Advice {
    let labels = manifest.value.pointer("/spec/template/metadata/labels").and_then(Value::as_object);
    let template = manifest.spans.get("spec.template");
    let (Some(labels), Some(span)) = (labels, template) else { return (Some(msg!("mend.selector")), Vec::new()) };
    let indent = " ".repeat(span.column.saturating_sub(1) as usize);
    let mut text = format!("selector:\n{indent}  matchLabels:");
    for (key, value) in labels {
        text.push_str(&format!("\n{indent}    {key}: {value}"));
    }
    (Some(msg!("mend.selector")), vec![insertion(span, &text)])
}

/// A container, or one of several Service ports, without a name.
fn missing_name(manifest: &Manifest, path: &str) -> Advice {
    let item = path.trim_end_matches(".name");
    if item.contains("containers[") {
        let name = if manifest.name.is_empty() { "main" } else { &manifest.name };
        let fix = place_of(manifest, &format!("{item}.image")).map(|span| insertion(span, &format!("name: {name}")));
        return (Some(msg!("mend.containerName")), fix.into_iter().collect());
    }
    if item.starts_with("spec.ports[") {
        let number = manifest.value.pointer(&pointer(item)).and_then(|port| port.get("port")).and_then(Value::as_i64);
        let place = place_of(manifest, &format!("{item}.port"));
        let fix = place.zip(number).map(|(span, number)| insertion(span, &format!("name: port-{number}")));
        return (Some(msg!("mend.portName")), fix.into_iter().collect());
    }
    (None, Vec::new())
}

/// Where a field's key stands.
fn place_of<'a>(manifest: &'a Manifest, path: &str) -> Option<&'a Span> {
    manifest.keys.get(path).or_else(|| manifest.spans.get(path))
}

/// A fix that puts a field on a line of its own before another one.
fn insertion(before: &Span, text: &str) -> Fix {
    let indent = " ".repeat(before.column.saturating_sub(1) as usize);
    let span = Span { end_line: before.line, end_column: before.column, ..before.clone() };
    let first = text.lines().next().unwrap_or("");
    Fix { label: msg!("fix.insert", text = first), span: Some(span), text: format!("{text}\n{indent}") }
}

/// `spec.ports[0].port` as a JSON pointer.
fn pointer(path: &str) -> String {
    format!("/{}", path.replace('[', ".").replace(']', "").replace('.', "/"))
}

/// Where an error of validation stands: upstream writes some paths in its own way.
pub(super) fn span(manifest: &Manifest, path: &str) -> Option<Span> {
    let in_lists = |part: &str| {
        let mut letters = part.chars();
        letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect::<String>())
    };
    let written: Vec<String> = path.split('.').map(in_lists).collect();
    let key = path.split_once('[').map(|(list, key)| format!("{list}.{}", key.trim_end_matches(']')));
    let found = [Some(path.to_string()), key, Some(written.join("."))]
        .into_iter()
        .flatten()
        .find(|path| manifest.spans.contains_key(path));
    manifest.span_at(&found.unwrap_or_else(|| written.join(".")))
}

/// Help for a warning of the API server.
pub(super) fn warning_help(message: &str) -> Option<Message> {
    message.contains("kubernetes.io/ingress.class").then(|| msg!("mend.classAnnotation"))
}
