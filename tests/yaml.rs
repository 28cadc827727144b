//! The YAML reader against kubectl's own: `goldens/yaml`, made by `tests/oracle`.

use kubehop::diagnostic::{Finding, Severity};
use kubehop::kubectl::{SourceFile, from_yaml, read};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The folder of the goldens; `KUBEHOP_GOLDENS` names another one with fresh cases.
fn folder() -> PathBuf {
    PathBuf::from(std::env::var("KUBEHOP_GOLDENS").unwrap_or_else(|_| "tests/goldens".into())).join("yaml")
}

fn streams() -> Vec<String> {
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_string)).collect();
    names.sort();
    names
}

/// Whether the case is about single scalars.
fn is_lines(name: &str) -> bool {
    golden(name).0.starts_with("# read: lines") || golden(name).0.contains("\n# read: lines")
}

fn golden(name: &str) -> (String, String) {
    let file = |ending: &str| fs::read_to_string(folder().join(format!("{name}.{ending}"))).unwrap();
    (file("yaml"), file("out"))
}

/// A value as Go writes it: floats are compared as numbers.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(one), Value::Number(other)) => {
            // The golden's own reader may miss the last bit of a float.
            let (a, b) = (one.as_f64().unwrap_or(f64::NAN), other.as_f64().unwrap_or(f64::NAN));
            one == other || a == b || (!one.is_i64() || !other.is_i64()) && (a - b).abs() <= a.abs() * 1e-15
        }
        (Value::Array(one), Value::Array(other)) => one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b)),
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => ours == theirs,
    }
}

#[test]
fn scalars_resolve_as_in_kubectl() {
    let golden: String = streams().iter().filter(|name| is_lines(name)).map(|name| golden(name).1).collect();
    let mut wrong = Vec::new();
    for line in golden.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        let [text, value, key] = parts[..] else { continue };
        let read = |yaml: String| from_yaml::<Value>(&yaml);
        let ours = read(format!("v: {text}")).map(|value| value["v"].clone());
        let agrees = match (&ours, serde_json::from_str::<Value>(value)) {
            (Ok(ours), Ok(theirs)) => same(ours, &theirs),
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if !agrees {
            wrong.push(format!("value {text:?}: {value}, not {ours:?}"));
        }
        let ours = read(format!("? {text}\n: v")).map(|value| match value.as_object().and_then(|map| map.keys().next()) {
            Some(key) => Value::String(key.clone()),
            None => Value::Null,
        });
        let agrees = match (&ours, serde_json::from_str::<Value>(key)) {
            (Ok(ours), Ok(theirs)) => *ours == theirs,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        if !agrees {
            wrong.push(format!("key {text:?}: {key}, not {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} differences", wrong.join("\n"), wrong.len());
}

#[test]
fn documents_are_those_that_kubectl_reads() {
    let mut wrong = Vec::new();
    for name in streams().iter().filter(|name| !is_lines(name)) {
        let (text, golden) = golden(name);
        let (manifests, diagnostics) = read(&[SourceFile { name: "x.yaml".into(), text }]);
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
        let mut errors = errors.map(|error| match &error.message {
            Finding::Upstream(text) => text.clone(),
            Finding::Ours(message) => format!("{message:?}"),
        });
        let mut error = errors.next();
        let mut documents = manifests.documents.iter();
        for line in golden.lines().filter(|line| *line != "empty" && *line != "null") {
            if let Some(theirs) = line.strip_prefix("error: ") {
                // A document before it was refused for its blanks: Kubernetes reads that one.
                if error.as_deref().is_some_and(|error| error.contains("read.blanks")) {
                    error = errors.next();
                }
                // A file that begins with JSON: kubectl's complaint is that of its JSON reader, which names no line.
                let kept = theirs.starts_with("json: offset") && error.is_some();
                if !kept && error.as_deref() != Some(theirs) {
                    wrong.push(format!("{name}: {theirs}\n    not {error:?}"));
                }
                break;
            }
            // Names that hold odd blanks, of which Kubernetes knows none, are refused before it says so of each.
            if line.contains(['\u{a0}', '\u{feff}']) && error.as_deref().is_some_and(|error| error.contains("read.blanks")) {
                continue;
            }
            let theirs: Value = serde_json::from_str(line).unwrap();
            // What has items is read as its items.
            let items = theirs["items"].as_array();
            for theirs in items.map_or(std::slice::from_ref(&theirs), Vec::as_slice) {
                match documents.next() {
                    Some(ours) if same(&ours.value, theirs) => {}
                    other => {
                        wrong.push(format!("{name}: {theirs}\n    not {:?} {error:?}", other.map(|manifest| &manifest.value)))
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} differences", wrong.join("\n"), wrong.len());
}
