//! An Ingress in the form before `networking.k8s.io/v1`, rewritten line by line so that comments and order stay.
//!
//! What changed is told by "Deprecated API Migration Guide" in the Kubernetes documentation: `spec.backend` is `spec.defaultBackend`,
//! `serviceName` is `service.name`, `servicePort` is `service.port.number` or `service.port.name`, and `pathType` must be written;
//! `ImplementationSpecific` is what it was. What is written as flow (`- { path: / … }`) stays so.

use super::{SourceFile, yaml};
use crate::diagnostic::{Diagnostic, Fix, Span};
use crate::msg;

/// Offers the rewriting once for each such document, at the first finding that names the old form.
pub fn offer(files: &[SourceFile], findings: &mut [Diagnostic]) {
    let mut done: Vec<Span> = Vec::new();
    for finding in findings {
        let old = finding.help.as_ref().is_some_and(|help| match help.id.as_ref() {
            "decode.oldBackend" => true,
            "kind.oldVersion" => help.args.get("kind").is_some_and(|kind| kind == "Ingress"),
            _ => false,
        });
        let Some(span) = finding.span.as_ref().filter(|_| old) else { continue };
        let Some(fix) = files.iter().find(|file| file.name == span.file).and_then(|file| rewritten(file, span.line)) else {
            continue;
        };
        let Some(whole) = fix.span.clone().filter(|whole| !done.contains(whole)) else { continue };
        done.push(whole);
        finding.fixes = vec![fix];
    }
}

/// The document around a line, in today's form.
fn rewritten(file: &SourceFile, line: u32) -> Option<Fix> {
    let lines: Vec<&str> = file.text.split('\n').collect();
    let here = (line as usize).checked_sub(1)?;
    let parts = |line: &&str| line.starts_with("---");
    let start = lines.get(..here)?.iter().rposition(parts).map_or(0, |at| at + 1);
    let end = lines.get(here..)?.iter().position(parts).map_or(lines.len(), |at| here + at);
    let old = lines.get(start..end)?;
    let new = today(&old.join("\n"));
    // Where something of the old form would be left, nothing is offered.
    if new == old.join("\n") || new.contains("serviceName:") || yaml::parse(&new).is_err() {
        return None;
    }
    let span = Span {
        file: file.name.clone(),
        line: u32::try_from(start + 1).ok()?,
        column: 1,
        end_line: u32::try_from(end).ok()?,
        end_column: u32::try_from(old.last()?.chars().count() + 1).ok()?,
    };
    Some(Fix { label: msg!("fix.oldIngress"), span: Some(span), text: new })
}

fn today(old: &str) -> String {
    let flow = rewrite_flow(&unquoted(old));
    let new = rewrite(&flow.split('\n').collect::<Vec<_>>()).join("\n");
    if old.trim_start().starts_with('{') { as_json(new) } else { new }
}

/// The keys that the rewriting looks at, and those that it writes.
const READ: [&str; 11] =
    ["apiVersion", "spec", "rules", "host", "http", "paths", "path", "pathType", "backend", "serviceName", "servicePort"];
const WRITTEN: [&str; 5] = ["defaultBackend", "service", "name", "port", "number"];

/// Keys that stand in quotes, as JSON writes them, without these.
fn unquoted(old: &str) -> String {
    let mut new = old.to_string();
    for key in READ {
        let parts: Vec<String> = new.split(&format!("\"{key}\"")).map(str::to_string).collect();
        new.clear();
        for (index, part) in parts.iter().enumerate() {
            // What stands before a colon is a key; elsewhere it is a value, and stays.
            match part.trim_start_matches(' ').strip_prefix(':') {
                Some(value) if index > 0 => new.push_str(&format!("{key}: {}", value.trim_start_matches(' '))),
                _ if index > 0 => new.push_str(&format!("\"{key}\"{part}")),
                _ => new.push_str(part),
            }
        }
    }
    // A key whose mapping stands below it ends its line.
    let bare = |line: &str| line.strip_suffix(": ").map(|key| format!("{key}:")).unwrap_or_else(|| line.to_string());
    new.split('\n').map(bare).collect::<Vec<_>>().join("\n")
}

/// Flow with bare keys as JSON again.
fn as_json(flow: String) -> String {
    let mut new = flow.replace("pathType: ImplementationSpecific", "pathType: \"ImplementationSpecific\"");
    for key in READ.into_iter().chain(WRITTEN) {
        for before in [' ', '{', ',', '\n', '['] {
            new = new.replace(&format!("{before}{key}: "), &format!("{before}\"{key}\": "));
        }
    }
    for old in ["extensions/v1beta1", "networking.k8s.io/v1beta1"] {
        new = new.replace(&format!("\"apiVersion\": \"{old}\""), "\"apiVersion\": \"networking.k8s.io/v1\"");
    }
    new
}

/// A line's key: what stands before it, its column, itself, and its value.
struct Line<'a> {
    lead: &'a str,
    key: &'a str,
    value: &'a str,
}

impl<'a> Line<'a> {
    fn read(text: &'a str) -> Option<Line<'a>> {
        let mut rest = text.trim_start_matches(' ');
        while let Some(after) = rest.strip_prefix("- ") {
            rest = after.trim_start_matches(' ');
        }
        let (key, value) = rest.split_once(':').filter(|(key, _)| !key.is_empty() && !key.contains([' ', '#', '{']))?;
        Some(Line { lead: text.get(..text.len() - rest.len())?, key, value: value.trim() })
    }

    fn column(&self) -> usize {
        self.lead.len()
    }

    fn begins_item(&self) -> bool {
        self.lead.contains('-')
    }
}

fn rewrite(old: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    // The keys around the current line, by column.
    let mut around: Vec<(usize, &str)> = Vec::new();
    let mut skipped = None;
    for (index, text) in old.iter().enumerate() {
        let Some(line) = Line::read(text).filter(|_| skipped != Some(index)) else {
            if skipped != Some(index) {
                out.push(text.to_string());
            }
            continue;
        };
        let column = line.column();
        around.retain(|(there, _)| *there < column);
        let parent = around.last().map_or("", |(_, key)| *key);
        let margin = " ".repeat(column);
        let mut lead = line.lead.to_string();
        if parent == "paths" && line.begins_item() && !item_says(old, index, column, "pathType") {
            out.push(format!("{lead}pathType: ImplementationSpecific"));
            lead.clone_from(&margin);
        }
        match line.key {
            "apiVersion" if column == 0 => out.push("apiVersion: networking.k8s.io/v1".into()),
            "backend" => {
                let key = if parent == "spec" { "defaultBackend" } else { "backend" };
                out.push(format!("{lead}{key}: {}", line.value).trim_end().to_string());
            }
            "serviceName" | "servicePort" => {
                let other = if line.key == "serviceName" { "servicePort" } else { "serviceName" };
                let next = old.get(index + 1).and_then(|text| Line::read(text)).filter(|next| next.key == other);
                let next = next.filter(|next| next.column() == column).map(|next| next.value);
                skipped = next.map(|_| index + 1);
                let (name, port) = if line.key == "serviceName" { (Some(line.value), next) } else { (next, Some(line.value)) };
                out.push(format!("{lead}service:"));
                out.extend(name.map(|name| format!("{margin}  name: {name}")));
                out.extend(port.map(|port| format!("{margin}  port:\n{margin}    {}", port_words(port))));
            }
            key => {
                let value = if line.value.is_empty() { String::new() } else { format!(" {}", line.value) };
                out.push(format!("{lead}{key}:{value}"));
            }
        }
        around.push((column, line.key));
    }
    out
}

/// Whether the list item that begins on a line has a key.
fn item_says(old: &[&str], start: usize, column: usize, key: &str) -> bool {
    let lines = old.iter().skip(start).filter_map(|text| Line::read(text)).enumerate();
    let own =
        lines.take_while(|(at, line)| *at == 0 || line.column() >= column && !(line.begins_item() && line.column() == column));
    own.into_iter().any(|(_, line)| line.column() == column && line.key == key)
}

fn port_words(port: &str) -> String {
    let bare = port.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    if bare.parse::<u16>().is_ok() { format!("number: {bare}") } else { format!("name: {port}") }
}

/// Flow mappings, such as `{ path: /, backend: { serviceName: web, servicePort: 80 } }`, in today's form, from the inside out.
fn rewrite_flow(text: &str) -> String {
    let mut out = String::new();
    // Where in `out` the open mappings begin.
    let mut open: Vec<usize> = Vec::new();
    let (mut quote, mut comment) = (None, false);
    for letter in text.chars() {
        if comment || quote.is_some() {
            comment &= letter != '\n';
            quote = quote.filter(|mark| *mark != letter);
            out.push(letter);
            continue;
        }
        match letter {
            '#' => comment = out.ends_with([' ', '\n']),
            '"' | '\'' if !open.is_empty() => quote = Some(letter),
            '{' => open.push(out.len() + 1),
            '}' => {
                if let Some(inside) = open.pop().map(|start| out.split_off(start)) {
                    let spec = out.trim_end_matches(['{', ' ']).ends_with("spec:");
                    out.push_str(&rewrite_mapping(&inside, spec));
                }
            }
            _ => {}
        }
        out.push(letter);
    }
    out
}

/// What stands between the braces of a mapping.
fn rewrite_mapping(inside: &str, spec: bool) -> String {
    let entries = entries(inside);
    let key = |entry: &&str| entry.split_once(':').map_or("", |(key, _)| key).trim().to_string();
    let find = |wanted: &str| entries.iter().find(|entry| key(entry) == wanted);
    let value = |wanted: &str| find(wanted).and_then(|entry| entry.split_once(':')).map(|(_, value)| value.trim().to_string());
    if let (Some(name), Some(port)) = (value("serviceName"), value("servicePort")) {
        let others = entries.iter().filter(|entry| !["serviceName", "servicePort"].contains(&key(entry).as_str()));
        let mut parts = vec![format!(" service: {{ name: {name}, port: {{ {} }} }} ", port_words(&port))];
        parts.extend(others.map(|entry| entry.to_string()));
        return parts.join(",");
    }
    let Some(backend) = find("backend") else { return inside.to_string() };
    let today = match (spec, find("pathType")) {
        (true, _) => backend.replacen("backend", "defaultBackend", 1),
        (false, None) => format!(" pathType: ImplementationSpecific,{backend}"),
        (false, Some(_)) => return inside.to_string(),
    };
    inside.replacen(backend, &today, 1)
}

/// The parts of a flow mapping that commas of its own divide.
fn entries(inside: &str) -> Vec<&str> {
    let mut depth = 0i32;
    let own = |letter: char| {
        depth += i32::from(matches!(letter, '{' | '[')) - i32::from(matches!(letter, '}' | ']'));
        letter == ',' && depth == 0
    };
    inside.split(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str) {
        assert_eq!(today(old), new);
    }

    #[test]
    fn an_ingress_of_extensions_v1beta1_becomes_one_of_networking_v1() {
        check(
            "apiVersion: extensions/v1beta1\nkind: Ingress # old\nspec:\n  backend:\n    serviceName: web\n    servicePort: 80\n  rules:\n  - host: a.example\n    http:\n      paths:\n      - path: /api\n        backend:\n          servicePort: http\n          serviceName: api",
            "apiVersion: networking.k8s.io/v1\nkind: Ingress # old\nspec:\n  defaultBackend:\n    service:\n      name: web\n      port:\n        number: 80\n  rules:\n  - host: a.example\n    http:\n      paths:\n      - pathType: ImplementationSpecific\n        path: /api\n        backend:\n          service:\n            name: api\n            port:\n              name: http",
        );
    }

    #[test]
    fn a_path_type_that_is_written_stays_and_flow_is_read() {
        let old = "spec:\n  rules:\n  - http:\n      paths:\n      - backend: { serviceName: web, servicePort: \"80\" }\n        pathType: Prefix\n        path: /";
        let new = "spec:\n  rules:\n  - http:\n      paths:\n      - backend: { service: { name: web, port: { number: 80 } } }\n        pathType: Prefix\n        path: /";
        check(old, new);
        check(new, new);
    }

    #[test]
    fn paths_in_flow_style_are_rewritten_in_place() {
        let old = "spec:\n  backend: { serviceName: web, servicePort: http } # {\n  rules:\n  - http:\n      paths:\n      - { path: /, backend: { serviceName: 'web', servicePort: 80 } }\n      - {backend: {servicePort: 81, serviceName: b}, pathType: Exact, path: \"/{\"}";
        let new = "spec:\n  defaultBackend: { service: { name: web, port: { name: http } } } # {\n  rules:\n  - http:\n      paths:\n      - { path: /, pathType: ImplementationSpecific, backend: { service: { name: 'web', port: { number: 80 } } } }\n      - {backend: { service: { name: b, port: { number: 81 } } }, pathType: Exact, path: \"/{\"}";
        check(old, new);
        check(new, new);
        check(
            "spec: { backend: { serviceName: a, servicePort: 1 } }",
            "spec: { defaultBackend: { service: { name: a, port: { number: 1 } } } }",
        );
        check(
            "rules: [{ http: { paths: [{\n  backend: { serviceName: a,\n    servicePort: 1 } }] } }]",
            "rules: [{ http: { paths: [{ pathType: ImplementationSpecific,\n  backend: { service: { name: a, port: { number: 1 } } } }] } }]",
        );
    }

    #[test]
    fn keys_in_quotes_are_read_and_json_stays_json() {
        check(
            "\"spec\":\n  \"backend\":\n    \"serviceName\": \"a\"\n    \"servicePort\": 80",
            "spec:\n  defaultBackend:\n    service:\n      name: \"a\"\n      port:\n        number: 80",
        );
        let old = r#"{
  "apiVersion": "extensions/v1beta1",
  "kind": "Ingress",
  "metadata": { "name": "backend" },
  "spec": {
    "rules": [{
      "http": {
        "paths": [
          { "path": "/", "backend": { "serviceName": "web", "servicePort":80 } }
        ]
      }
    }]
  }
}"#;
        let new = today(old);
        let json: serde_json::Value = serde_json::from_str(&new).unwrap_or_else(|error| panic!("{error}: {new}"));
        let path = &json["spec"]["rules"][0]["http"]["paths"][0];
        let wanted = serde_json::json!({
            "path": "/", "pathType": "ImplementationSpecific", "backend": { "service": { "name": "web", "port": { "number": 80 } } }
        });
        assert_eq!((path, &json["apiVersion"]), (&wanted, &"networking.k8s.io/v1".into()));
        assert_eq!(json["metadata"]["name"], "backend");
    }

    #[test]
    fn only_its_own_document_is_replaced() {
        let text = "kind: Service\n---\napiVersion: extensions/v1beta1\nkind: Ingress\n---\nkind: Pod\n";
        let file = SourceFile { name: "x.yaml".into(), text: text.into() };
        let fix = rewritten(&file, 3).unwrap();
        assert_eq!(fix.text, "apiVersion: networking.k8s.io/v1\nkind: Ingress");
        let span = fix.span.unwrap();
        assert_eq!((span.line, span.end_line, span.end_column), (3, 4, 14));
    }
}
