//! An Ingress in the form before `networking.k8s.io/v1`, rewritten line by line so that comments and order stay.
//!
//! What changed is told by "Deprecated API Migration Guide" in the Kubernetes documentation: `spec.backend` is `spec.defaultBackend`,
//! `serviceName` is `service.name`, `servicePort` is `service.port.number` or `service.port.name`, and `pathType` must be written;
//! `ImplementationSpecific` is what it was. Left out: paths that are written as flow (`- { path: / … }`).

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
    let new = rewrite(old).join("\n");
    if new == old.join("\n") || yaml::parse(&new).is_err() {
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
                let value = flow(line.value).unwrap_or_else(|| line.value.to_string());
                out.push(format!("{lead}{key}: {value}").trim_end().to_string());
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

/// `{ serviceName: web, servicePort: 80 }` in today's form.
fn flow(value: &str) -> Option<String> {
    let inside = value.strip_prefix('{')?.strip_suffix('}')?;
    let find = |key: &str| {
        let own = inside.split(',').filter_map(|part| part.split_once(':')).find(|(name, _)| name.trim() == key);
        own.map(|(_, value)| value.trim())
    };
    Some(format!("{{ service: {{ name: {}, port: {{ {} }} }} }}", find("serviceName")?, port_words(find("servicePort")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str) {
        let lines: Vec<&str> = old.split('\n').collect();
        assert_eq!(rewrite(&lines).join("\n"), new);
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
    fn only_its_own_document_is_replaced() {
        let text = "kind: Service\n---\napiVersion: extensions/v1beta1\nkind: Ingress\n---\nkind: Pod\n";
        let file = SourceFile { name: "x.yaml".into(), text: text.into() };
        let fix = rewritten(&file, 3).unwrap();
        assert_eq!(fix.text, "apiVersion: networking.k8s.io/v1\nkind: Ingress");
        let span = fix.span.unwrap();
        assert_eq!((span.line, span.end_line, span.end_column), (3, 4, 14));
    }
}
