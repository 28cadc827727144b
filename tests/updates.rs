//! `kubectl apply` of a changed manifest against the API server's own answers: `goldens/updates`, made by `tests/oracle`.

use kubehop::api::Kind;
use kubehop::cluster::Cluster;
use kubehop::diagnostic::{Finding, Severity};
use kubehop::kubectl::{Manifest, Manifests, SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// The folder of the goldens; `KUBEHOP_GOLDENS` names another one with fresh cases.
fn folder() -> PathBuf {
    PathBuf::from(std::env::var("KUBEHOP_GOLDENS").unwrap_or_else(|_| "tests/goldens".into())).join("updates")
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter_map(|name| name.strip_suffix(".yaml").map(str::to_string)).collect();
    names.sort();
    names
}

/// Path and message of each error, once: upstream judges some things both as new and as changed. It appends a diff of its Go
/// types to a refused update of a Pod, which is left out.
fn theirs(answer: &Value) -> BTreeSet<(String, String)> {
    let text = |error: &Value, key: &str| error[key].as_str().unwrap_or("").lines().next().unwrap_or("").to_string();
    answer["errors"].as_array().into_iter().flatten().map(|error| (text(error, "path"), text(error, "message"))).collect()
}

/// What is not compared. kubectl merges lists by a key: it complains of entries without the key in its own words, and takes
/// two entries with one key for one, such as a Service's ports of one number and two protocols.
fn is_merged_otherwise(document: &Value, answer: &Value) -> bool {
    let twice = |list: &Value, key: &str| {
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let keys: BTreeSet<String> = items.iter().map(|item| item[key].to_string()).collect();
        keys.len() < items.len()
    };
    let (spec, template) = (&document["spec"], &document["spec"]["template"]["spec"]);
    answer["stage"] == "apply"
        || (document["kind"] == "Service" && twice(&spec["ports"], "port"))
        || [spec, template].iter().any(|spec| twice(&spec["containers"], "name"))
}

/// What differs for one document: what is unsaid, and what ours says beyond that.
fn difference(answer: &Value, mut ours: BTreeSet<(String, String)>) -> Option<String> {
    let mut unsaid = Vec::new();
    for error in theirs(answer) {
        // Decoding errors of upstream have no path.
        let same = |(path, text): &&(String, String)| *text == error.1 && (error.0.is_empty() || *path == error.0);
        match ours.iter().find(same).cloned() {
            Some(said) => drop(ours.remove(&said)),
            None => unsaid.push(error),
        }
    }
    // Decoding and allocation stop at the first error; ours may go on.
    let stops = ["decode", "allocate", "kubectl", "admission"].iter().any(|stage| answer["stage"] == **stage);
    let same = unsaid.is_empty() && (stops || ours.is_empty()) && (answer["accepted"] == true || !theirs(answer).is_empty());
    (!same).then(|| format!("unsaid: {unsaid:?}\n    ours more: {ours:?}"))
}

/// The spec of a Service without what the cluster chose and what is empty.
fn comparable(object: &Value) -> Value {
    let mut spec = object["spec"].clone();
    fn clean(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.values_mut().for_each(clean);
                let empty = |field: &Value| {
                    field.is_null()
                        || [Value::from(""), 0.into(), false.into(), "<allocated>".into()].contains(field)
                        || field.as_array().is_some_and(Vec::is_empty)
                        || field.as_object().is_some_and(serde_json::Map::is_empty)
                };
                fields.retain(|_, field| !empty(field));
            }
            Value::Array(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    clean(&mut spec);
    for chosen in ["clusterIP", "clusterIPs", "healthCheckNodePort"] {
        spec.as_object_mut().map(|fields| fields.remove(chosen));
    }
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        port.as_object_mut().map(|fields| fields.remove("nodePort"));
    }
    spec
}

#[test]
fn updates_are_refused_as_the_api_server_refuses_them() {
    let fresh = Cluster::new(Settings::default(), Seed(0));
    let (mut compared, mut wrong) = (0, Vec::new());
    for name in names() {
        let file = |ending: &str| fs::read_to_string(folder().join(format!("{name}.{ending}"))).unwrap();
        let answers: Vec<Value> = serde_json::from_str(&file("out")).unwrap();
        let (manifests, _) = read(&[SourceFile { name: "x.yaml".into(), text: file("yaml") }]);
        assert_eq!(manifests.documents.len(), answers.len(), "{name}");
        let mut cluster = fresh.clone();
        for (index, (document, answer)) in manifests.documents.iter().zip(&answers).enumerate() {
            if is_merged_otherwise(&document.value, answer) {
                break;
            }
            compared += 1;
            let alone = Manifest { position: 0, ..Manifest::clone(document) };
            let one = Manifests { documents: vec![Arc::new(alone)] };
            let outcome = cluster.apply_more(Arc::new(one));
            let said = outcome.diagnostics.iter().filter_map(|diagnostic| match &diagnostic.message {
                Finding::Upstream(text) if diagnostic.severity == Severity::Error => {
                    Some((diagnostic.path.clone(), text.clone()))
                }
                _ => None,
            });
            let mut different = difference(answer, said.collect());
            cluster = outcome.cluster;
            let object = document.object().filter(|object| object.kind == Kind::Service && answer["accepted"] == true);
            if let (None, Some(object)) = (&different, object) {
                let (ours, theirs) = (cluster.store.to_json(&object).unwrap_or_default(), &answer["object"]);
                let (ours, theirs) = (comparable(&ours), comparable(theirs));
                different = (ours != theirs).then(|| format!("ours   {ours}\n    theirs {theirs}"));
            }
            if let Some(different) = different {
                wrong.push(format!("{name}, document {}:\n    {different}", index + 1));
                // What follows would be an update of something else.
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} of {compared} differ", wrong.join("\n"), wrong.len());
    assert!(compared > 60, "only {compared} documents");
}
