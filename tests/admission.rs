//! Admission against the API server's own answers: `goldens/admission`, made by `tests/oracle`.

use kubehop::cluster::Cluster;
use kubehop::control_plane::apiserver::{Admitted, admit};
use kubehop::diagnostic::{Diagnostic, Finding, Severity};
use kubehop::kubectl::{Manifests, SourceFile, read};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

struct Case {
    name: String,
    documents: Vec<Value>,
    manifests: Arc<Manifests>,
    /// All that reading and applying them said.
    diagnostics: Vec<Diagnostic>,
    admitted: Admitted,
}

/// The folder of the goldens; `KUBEHOP_GOLDENS` names another one with fresh cases.
fn folder(topic: &str) -> PathBuf {
    PathBuf::from(std::env::var("KUBEHOP_GOLDENS").unwrap_or_else(|_| "tests/goldens".into())).join(topic)
}

/// Every case, read and applied once for all tests.
fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(read_cases);
    &CASES
}

fn read_cases() -> Vec<Case> {
    let folder = folder("admission");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_string))
        .collect();
    names.sort();
    let cluster = Cluster::new(Settings::default(), Seed(0));
    let case = |name: String| {
        let text = fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        let golden = fs::read_to_string(folder.join(format!("{name}.out"))).unwrap();
        let (manifests, mut diagnostics) = read(&[SourceFile { name: "x.yaml".into(), text }]);
        let admitted = admit(&manifests);
        let manifests = Arc::new(manifests);
        diagnostics.extend(cluster.apply(manifests.clone()).diagnostics);
        Case { documents: serde_json::from_str(&golden).unwrap(), name, manifests, diagnostics, admitted }
    };
    names.into_iter().map(case).collect()
}

impl Case {
    /// What was said in Kubernetes' words, of this severity: path and message.
    fn said(&self, severity: Severity) -> Vec<(String, String)> {
        let of = |diagnostic: &Diagnostic| match &diagnostic.message {
            Finding::Upstream(text) if diagnostic.severity == severity => Some((diagnostic.path.clone(), text.clone())),
            _ => None,
        };
        self.diagnostics.iter().filter_map(of).collect()
    }
}

fn upstream_errors(document: &Value) -> Vec<(String, String)> {
    let text = |error: &Value, key: &str| error[key].as_str().unwrap_or("").to_string();
    document["errors"].as_array().into_iter().flatten().map(|error| (text(error, "path"), text(error, "message"))).collect()
}

/// How many volumes a StatefulSet claims.
fn claims(document: &Value) -> usize {
    document["spec"]["volumeClaimTemplates"].as_array().map_or(0, Vec::len)
}

/// Cases that differ on purpose: Jobs are not played, so not judged; `kubectl apply` refuses generateName before the API server sees it.
const KEPT: [&str; 3] = ["cron-job", "job-restart-policy", "service-generate-name"];

#[test]
fn what_the_api_server_refuses_is_refused_in_its_words() {
    let mut wrong = Vec::new();
    for case in cases().iter().filter(|case| !KEPT.contains(&case.name.as_str())) {
        let said = case.said(Severity::Error);
        // Decoding errors of upstream have no path; ours have one.
        let same = |(path, message): &(String, String), (ours, text): &(String, String)| {
            text == message && (path.is_empty() || ours == path)
        };
        let mut unsaid: Vec<(String, String)> = Vec::new();
        let mut more = said.clone();
        for error in case.documents.iter().flat_map(upstream_errors) {
            match more.iter().position(|ours| same(&error, ours)) {
                Some(at) => drop(more.remove(at)),
                None => unsaid.push(error),
            }
        }
        // Upstream puts a StatefulSet's claims among the volumes in the order of a Go map.
        let shuffled = case.manifests.documents.iter().any(|document| claims(&document.value) > 1);
        for list in [&mut unsaid, &mut more].into_iter().filter(|_| shuffled) {
            list.retain(|(path, _)| !path.starts_with("spec.template.spec.volumes["));
        }
        // Two equal ports get one node port, which the allocator chose; validation then finds it twice. Ours refuses the ports.
        let twice = |(path, message): &(String, String)| path.ends_with(".nodePort") && message.starts_with("Duplicate value");
        unsaid.retain(|error| !(twice(error) && said.iter().any(|(_, text)| text.contains("\"NodePort\":0"))));
        // An item of a List without a kind is no match for kubectl, and has none set here.
        unsaid.retain(|(_, message)| {
            !(message.starts_with("no matches for kind \"\"") && said.iter().any(|(_, text)| text.contains("kind not set")))
        });
        // Decoding and allocation stop at the first error; ours may go on.
        let stops = |document: &Value| match document["stage"].as_str() {
            Some("decode") => upstream_errors(document).iter().all(|(_, message)| !message.starts_with("unknown field")),
            Some("allocate" | "kubectl" | "admission") => true,
            _ => false,
        };
        if !case.documents.iter().any(stops) && !more.is_empty() || !unsaid.is_empty() {
            wrong.push(format!("{}:\n    unsaid: {unsaid:?}\n    ours more: {more:?}", case.name));
        } else if let [document] = case.documents.as_slice()
            && let Some(first) = upstream_errors(document).first()
            && document["stage"] == "decode"
            && !said.first().is_some_and(|ours| same(first, ours))
        {
            wrong.push(format!("{}: first {:?}", case.name, said.first()));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} differences", wrong.join("\n"), wrong.len());
}

/// What a running cluster adds to an object, and status, which is not admission's.
fn without_allocations(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, field| {
                *field != "<allocated>" && *field != "<uid>" && !(key == "clusterIPs" && field[0] == "<allocated>")
            });
            fields.values_mut().for_each(without_allocations);
        }
        Value::Array(items) => items.iter_mut().for_each(without_allocations),
        _ => {}
    }
}

/// Empty lists, maps, strings and nulls are not stored.
fn without_empty(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.values_mut().for_each(without_empty);
        let empty = |field: &Value| {
            field.is_null()
                || *field == ""
                || *field == 0
                || *field == false
                || field.as_object().is_some_and(serde_json::Map::is_empty)
                || field.as_array().is_some_and(Vec::is_empty)
        };
        fields.retain(|_, field| !empty(field));
    } else if let Value::Array(items) = value {
        items.iter_mut().for_each(without_empty);
    }
}

#[test]
fn the_api_server_s_warnings_are_repeated() {
    let mut wrong = Vec::new();
    for case in cases() {
        let mut more: Vec<String> = case.said(Severity::Warning).into_iter().map(|(_, text)| text).collect();
        let theirs = case.documents.iter().flat_map(|document| document["warnings"].as_array().into_iter().flatten());
        let mut unsaid = Vec::new();
        for text in theirs.filter_map(Value::as_str) {
            match more.iter().position(|ours| ours == text) {
                Some(at) => drop(more.remove(at)),
                None => unsaid.push(text),
            }
        }
        // kubectl warns of duplicate keys, too; the API server never sees them.
        more.retain(|text| !text.contains("already set in map"));
        let accepted = case.documents.iter().all(|document| document["accepted"] == true);
        if !unsaid.is_empty() || accepted && !more.is_empty() {
            wrong.push(format!("{}: {unsaid:?}\n    ours more: {more:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} differences", wrong.join("\n"), wrong.len());
}

#[test]
fn what_the_api_server_accepts_is_accepted_with_its_defaults() {
    let mut wrong = Vec::new();
    for case in cases() {
        // Upstream drops the node's name from this old field; nothing that is played reads it.
        if case.name == "endpoint-slice-topology" {
            continue;
        }
        let mut all = case.documents.iter().all(|document| document["accepted"] == true);
        all &= case.documents.len() == case.manifests.documents.len();
        if !all {
            continue;
        }
        let errors = case.said(Severity::Error);
        if !errors.is_empty() {
            wrong.push(format!("{}: refused: {errors:?}", case.name));
        }
        for object in &case.admitted.objects {
            let mut ours = object.value.clone();
            let mut theirs = case.documents[object.position as usize]["object"].clone();
            for value in [&mut ours, &mut theirs] {
                value.as_object_mut().map(|fields| fields.remove("status"));
                let wiped = ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"];
                for field in ["generation", "managedFields", "uid", "resourceVersion"].iter().chain(&wiped) {
                    value["metadata"].as_object_mut().map(|fields| fields.remove(*field));
                }
                for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"] {
                    value["spec"].as_object_mut().map(|fields| fields.remove(field));
                }
                without_allocations(value);
                without_empty(value);
            }
            if ours != theirs {
                wrong.push(format!("{}:\n  ours   {ours}\n  theirs {theirs}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} differences", wrong.join("\n"), wrong.len());
}
