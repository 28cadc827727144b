//! What to try next after a decoding error: the field that was meant, the quotes that are missing.

use super::strict::{TypeError, UnknownField};
use crate::api::Kind;
use crate::diagnostic::{Fix, Span, distance};
use crate::kubectl::Manifest;
use crate::kubectl::schema::{self, Type};
use crate::msg;
use crate::words::Message;
use serde_json::Value;

/// At most so many names are listed; a Service's spec has fewer, and Pods have more.
const MOST_NAMES: usize = 24;

/// Help and fixes for one finding.
pub(super) type Advice = (Option<Message>, Vec<Fix>);

/// For a field that does not exist there.
pub(super) fn unknown(kind: Kind, manifest: &Manifest, field: &UnknownField) -> Advice {
    if let Some(advice) = old_ingress(kind, field) {
        return advice;
    }
    let names: Vec<&str> = schema::fields(field.owner)
        .iter()
        .map(|known| known.name)
        .filter(|known| !field.siblings.iter().any(|sibling| sibling == known))
        .collect();
    if let Some(meant) = closest(&field.name, &names) {
        let place = manifest.keys.get(&field.path).or_else(|| manifest.spans.get(&field.path));
        return (Some(msg!("decode.meant", field = meant)), place.map(|span| replace(span, meant)).into_iter().collect());
    }
    let elsewhere = schema::elsewhere(kind, &field.name);
    if let Some(place) = deeper(field).filter(|_| elsewhere.as_ref().is_none_or(|place| !place.starts_with("metadata."))) {
        return (Some(msg!("decode.deeper", field = field.name, place = place)), Vec::new());
    }
    if let Some(place) = elsewhere {
        return (Some(msg!("decode.elsewhere", field = field.name, place = place)), Vec::new());
    }
    let mut names = names;
    if names.len() > MOST_NAMES {
        names.truncate(MOST_NAMES);
        names.push("…");
    }
    (Some(msg!("decode.known", fields = names.join(", "))), Vec::new())
}

/// The structs just below that have such a field, those first that have most of the fields beside it, too: `httpGet.path` of a probe. Where
/// several have equally many, all of them.
fn deeper(field: &UnknownField) -> Option<String> {
    let inner = schema::fields(field.owner).iter().filter_map(|own| match &own.kind {
        Type::Struct(inner) if schema::find(inner, &field.name).is_some() => {
            let beside = field.siblings.iter().filter(|name| schema::find(field.owner, name).is_none());
            Some((beside.filter(|name| schema::find(inner, name).is_some()).count(), own.name))
        }
        _ => None,
    });
    let inner: Vec<(usize, &str)> = inner.collect();
    let most = inner.iter().map(|(fits, _)| *fits).max()?;
    let places = inner.iter().filter(|(fits, _)| *fits == most).map(|(_, name)| format!("{name}.{}", field.name));
    Some(places.collect::<Vec<_>>().join(", "))
}

/// The backend of an Ingress before networking.k8s.io/v1.
fn old_ingress(kind: Kind, field: &UnknownField) -> Option<Advice> {
    let old = kind == Kind::Ingress && ["serviceName", "servicePort"].contains(&field.name.as_str());
    old.then(|| (Some(msg!("decode.oldBackend")), Vec::new()))
}

/// For a value of the wrong type.
pub(super) fn wrong_type(kind: Kind, manifest: &Manifest, error: &TypeError) -> Advice {
    let span = manifest.spans.get(&error.path);
    if kind == Kind::Service && error.path.starts_with("spec.selector.match") {
        return (Some(msg!("decode.plainSelector")), Vec::new());
    }
    match (&error.wanted, &error.found) {
        (Type::String, Value::Number(number)) => {
            let quoted = format!("\"{number}\"");
            (Some(msg!("decode.quoteNumber")), span.map(|span| replace(span, &quoted)).into_iter().collect())
        }
        (Type::String, Value::Bool(yes)) => {
            // `y` and `on` are booleans, too; only a value as long as the boolean was surely written so.
            let same =
                |span: &&Span| span.line == span.end_line && (span.end_column - span.column) as usize == yes.to_string().len();
            let fixes = span.filter(same).map(|span| replace(span, &format!("\"{yes}\""))).into_iter().collect();
            (Some(msg!("decode.quoteBool")), fixes)
        }
        (Type::Int32 | Type::Int64, Value::String(text)) if text.trim().parse::<i32>().is_ok() => {
            (Some(msg!("decode.unquote")), span.map(|span| replace(span, text.trim())).into_iter().collect())
        }
        (Type::Bool, Value::String(text)) if ["true", "false"].contains(&text.as_str()) => {
            (Some(msg!("decode.unquote")), span.map(|span| replace(span, text)).into_iter().collect())
        }
        (Type::Int32 | Type::Int64, found) => whole_number(error, found, span),
        (Type::Bool, found) => {
            let meant = found.as_str().and_then(|text| match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" => Some("true"),
                "no" | "off" | "false" => Some("false"),
                _ => None,
            });
            (Some(msg!("decode.bool")), meant.and_then(|meant| Some(replace(span?, meant))).into_iter().collect())
        }
        (Type::List(_), _) => (Some(msg!("decode.list")), Vec::new()),
        (Type::Map(_) | Type::Struct(_), Value::Array(_)) => (Some(msg!("decode.noList")), Vec::new()),
        (Type::Struct(name), _) => {
            let fields: Vec<&str> = schema::fields(name).iter().map(|field| field.name).take(12).collect();
            (Some(msg!("decode.map", fields = fields.join(", "))), Vec::new())
        }
        (Type::Map(_), _) => (Some(msg!("decode.pairs", example = "`app: web`")), Vec::new()),
        (Type::Quantity, _) => (Some(msg!("decode.quantity")), Vec::new()),
        (Type::Bytes, _) => (Some(msg!("decode.base64")), Vec::new()),
        (Type::IntOrString, _) => (Some(msg!("decode.numberOrName")), Vec::new()),
        (Type::Time | Type::MicroTime, _) => (Some(msg!("decode.time", example = "\"2026-01-31T12:00:00Z\"")), Vec::new()),
        (Type::String, _) => (Some(msg!("decode.text")), Vec::new()),
        (Type::Any, _) => (None, Vec::new()),
    }
}

/// For what is no whole number: the number that its words or its first digits mean.
fn whole_number(error: &TypeError, found: &Value, span: Option<&Span>) -> Advice {
    const NAMES: [&str; 11] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let text = found.as_str().map(|text| text.trim().to_ascii_lowercase()).unwrap_or_default();
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let named = NAMES.iter().position(|name| *name == text).map(|number| number.to_string());
    let meant = named.or(digits.parse::<i32>().ok().map(|number| number.to_string()));
    let usual = if error.path.to_ascii_lowercase().ends_with("port") { "80" } else { "3" };
    let help = msg!("decode.whole", example = meant.as_deref().unwrap_or(usual));
    (Some(help), meant.and_then(|meant| Some(replace(span?, &meant))).into_iter().collect())
}

/// A fix that replaces a place by a text.
pub(super) fn replace(span: &Span, text: &str) -> Fix {
    Fix { label: msg!("fix.replace", text = text), span: Some(span.clone()), text: text.to_string() }
}

/// The most similar name, if it is similar enough to be meant.
pub(super) fn closest<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    let most = match typed.chars().count() {
        0..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    names.iter().map(|name| (distance(typed, name), *name)).filter(|(away, _)| *away <= most).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_value_of_a_wrong_type_comes_with_what_to_write() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
        let (read, _) = crate::kubectl::read(&[crate::kubectl::SourceFile { name: "a".into(), text: text.into() }]);
        let manifest = &read.documents[0];
        let found = [json!("two"), json!(1.5), json!(true), json!([1]), json!({"a": 1})];
        for wanted in [
            Type::String,
            Type::Bool,
            Type::Int32,
            Type::Int64,
            Type::Quantity,
            Type::IntOrString,
            Type::Time,
            Type::MicroTime,
            Type::Bytes,
            Type::Struct("DeploymentSpec"),
            Type::List(Box::new(Type::String)),
            Type::Map(Box::new(Type::String)),
        ] {
            for found in &found {
                let error =
                    TypeError { path: "spec.x".into(), message: String::new(), wanted: wanted.clone(), found: found.clone() };
                assert!(wrong_type(Kind::Deployment, manifest, &error).0.is_some(), "{found} for {wanted:?}");
            }
        }
    }

    #[test]
    fn a_number_in_words_is_offered_in_digits() {
        let span = Span::default();
        let advice = |found: Value| {
            let error =
                TypeError { path: "spec.replicas".into(), message: String::new(), wanted: Type::Int32, found: found.clone() };
            let (help, fixes) = whole_number(&error, &found, Some(&span));
            (help.and_then(|help| help.args.get("example").cloned()), fixes.first().map(|fix| fix.text.clone()))
        };
        let some = |text: &str| Some(text.to_string());
        assert_eq!(advice(json!("two")), (some("2"), some("2")));
        assert_eq!(advice(json!("8080/tcp")), (some("8080"), some("8080")));
        assert_eq!(advice(json!("many")), (some("3"), None));
        assert_eq!(advice(json!(true)), (some("3"), None));
    }

    #[test]
    fn near_misses_are_recognised() {
        assert_eq!(closest("prots", &["ports", "port", "type"]), Some("ports"));
        assert_eq!(closest("nodeport", &["nodePort", "port"]), Some("nodePort"));
        assert_eq!(closest("contianers", &["containers", "initContainers"]), Some("containers"));
        assert_eq!(closest("banana", &["ports", "type"]), None);
    }
}
