//! Every golden of `tests/goldens/admission` and `updates` against upstream's answer.

use super::{FieldError, prepare_update, validate, validate_update, warnings};
use crate::api::Kind;
use crate::kubectl::{SourceFile, read};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

fn goldens(topic: &str) -> Vec<(String, String, Vec<Value>)> {
    // `KUBEHOP_GOLDENS` names another folder with fresh cases.
    let folder = Path::new(&std::env::var("KUBEHOP_GOLDENS").unwrap_or_else(|_| "tests/goldens".into())).join(topic);
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let answers = std::fs::read_to_string(path.with_extension("out")).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            cases.push((name, std::fs::read_to_string(&path).unwrap(), serde_json::from_str(&answers).unwrap()));
        }
    }
    cases.sort_by(|a: &(String, String, Vec<Value>), b| a.0.cmp(&b.0));
    cases
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl<T: Ord> Sorted for Vec<T> {
    fn sorted(mut self) -> Self {
        self.sort();
        self
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // In a map of strings null is the empty string.
            for name in ["labels", "annotations", "matchLabels", "selector", "data"] {
                for field in fields.get_mut(name).and_then(Value::as_object_mut).into_iter().flat_map(|map| map.values_mut()) {
                    if field.is_null() {
                        *field = Value::String(String::new());
                    }
                }
            }
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn errors_of(answer: &Value) -> Vec<FieldError> {
    // Upstream appends a diff of Go types to a refused update of a Pod.
    let text =
        |error: &Value, name: &str| error[name].as_str().unwrap_or_default().lines().next().unwrap_or_default().to_string();
    let list = answer["errors"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|error| FieldError { path: text(error, "path"), message: text(error, "message") })
        .collect::<Vec<_>>()
        .sorted()
}

/// Compares one topic; the documents of a file that stand after each other are updates where the object is the same.
fn differences(topic: &str) -> (usize, Vec<String>) {
    let mut found = Vec::new();
    let mut compared = 0;
    for (name, text, answers) in goldens(topic) {
        let file = SourceFile { name: name.clone(), text };
        let (manifests, _) = read(&[file]);
        if manifests.documents.len() != answers.len() {
            continue;
        }
        let mut stored: BTreeMap<String, Value> = BTreeMap::new();
        for (manifest, answer) in manifests.documents.iter().zip(&answers) {
            let Some(kind) = Kind::find(&manifest.api_version, &manifest.kind) else { continue };
            let accepted = answer["accepted"] == true;
            if !accepted && answer["stage"] != "validate" {
                continue;
            }
            compared += 1;
            let mut value = manifest.value.clone();
            drop_nulls(&mut value);
            let key = format!("{}/{}/{}", manifest.kind, manifest.namespace, manifest.name);
            let ours = match stored.get(&key) {
                Some(old) => {
                    prepare_update(kind, &mut value, old);
                    validate_update(kind, &value, old)
                }
                None => validate(kind, &value),
            };
            let (ours, mut theirs) = (ours.sorted(), errors_of(answer));
            // Node ports that the allocator has just chosen are not in the manifest.
            let chosen = |error: &FieldError| {
                error.path.ends_with(".nodePort") && error.message.starts_with("Duplicate value") && !ours.contains(error)
            };
            theirs.retain(|error| !chosen(error));
            // A generated name is another one each time; its prefix has the same fault.
            let generated = name.contains("generate-name");
            if ours != theirs && !generated {
                found.push(format!("{name}\n  ours   {ours:#?}\n  theirs {theirs:#?}"));
            }
            let warned: Vec<String> = serde_json::from_value(answer["warnings"].clone()).unwrap_or_default();
            if accepted && warnings(kind, &value).sorted() != warned.clone().sorted() {
                found.push(format!("{name}: warnings\n  ours   {:#?}\n  theirs {warned:#?}", warnings(kind, &value)));
            }
            if accepted {
                // The cluster address of a Service is the cluster's choice.
                stored.insert(key, if kind == Kind::Service { answer["object"].clone() } else { value });
            }
        }
    }
    (compared, found)
}

#[test]
fn validation_says_what_the_api_server_says() {
    let (compared, found) = differences("admission");
    assert!(found.is_empty(), "{} of {compared} differ:\n{}", found.len(), found.join("\n"));
    assert!(compared > 150, "only {compared} documents were compared");
}

#[test]
fn updates_are_refused_as_the_api_server_refuses_them() {
    let (compared, found) = differences("updates");
    assert!(found.is_empty(), "{} of {compared} differ:\n{}", found.len(), found.join("\n"));
    assert!(compared > 60, "only {compared} documents were compared");
}
