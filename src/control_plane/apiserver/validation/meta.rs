//! Metadata, labels and label selectors (`k8s.io/apimachinery/pkg/api/validation`, `pkg/apis/meta/v1/validation`).

use super::field::{At, Errors, quoted};
use super::names;
use serde_json::json;

/// How many bytes all annotations of an object may have together.
const ANNOTATIONS_LIMIT: usize = 256 * 1024;

/// `ValidateObjectMeta` with the rule for names of this kind.
pub fn metadata(object: &At, name_rule: fn(&str) -> Vec<String>, errors: &mut Errors) {
    let meta = object.child("metadata");
    let generate = meta.child("generateName");
    if !generate.text().is_empty() {
        // A trailing dash is the place of the generated part.
        errors.all_invalid(&generate, name_rule(&names::beginning(generate.text())));
    }
    let name = meta.child("name");
    if name.text().is_empty() && generate.text().is_empty() {
        errors.required(&name, "name or generateName is required");
    } else if !name.text().is_empty() {
        errors.all_invalid(&name, name_rule(name.text()));
    }
    labels(&meta.child("labels"), errors);
    annotations(&meta.child("annotations"), errors);
    owners(&meta.child("ownerReferences"), errors);
    finalizers(&meta.child("finalizers"), errors);
}

/// `ValidateOwnerReferences`, without the Events that may own nothing. Upstream gives the list's path to each.
fn owners(owners: &At, errors: &mut Errors) {
    let mut controller = None;
    for owner in owners.items() {
        let version = owner.child("apiVersion");
        let parts: Vec<&str> = version.text().split('/').collect();
        if parts.len() > 2 || parts.last().is_none_or(|part| part.is_empty()) {
            errors.invalid_as(&owners.child("apiVersion"), &quoted(version.text()), "version must not be empty");
        }
        for field in ["kind", "name", "uid"] {
            if owner.child(field).text().is_empty() {
                errors.invalid_as(&owners.child(field), "\"\"", "must not be empty");
            }
        }
        if owner.child("controller").is_true() {
            let name = format!("{}/{}", owner.child("kind").text(), owner.child("name").text());
            match &controller {
                None => controller = Some(name),
                Some(first) => {
                    let list: Vec<String> = owners.items().iter().map(owner_shown).collect();
                    let why = "Only one reference can have Controller set to true. Found \"true\" in references for";
                    errors.invalid_as(owners, &format!("[{}]", list.join(",")), format!("{why} {first} and {name}"));
                }
            }
        }
    }
}

/// An owner as Go writes it: fields in the order of the type.
fn owner_shown(owner: &At) -> String {
    let mut fields: Vec<String> = ["apiVersion", "kind", "name", "uid"]
        .iter()
        .map(|field| format!("\"{field}\":{}", json!(owner.child(field).text())))
        .collect();
    for field in ["controller", "blockOwnerDeletion"] {
        if owner.child(field).given() {
            fields.push(format!("\"{field}\":{}", owner.child(field).shown()));
        }
    }
    format!("{{{}}}", fields.join(","))
}

/// `ValidateFinalizers` and `validateKubeFinalizerName`.
fn finalizers(finalizers: &At, errors: &mut Errors) {
    for finalizer in finalizers.items() {
        self::finalizer(finalizers, &finalizer, finalizer.text(), errors);
    }
    let has = |name: &str| finalizers.items().iter().any(|finalizer| finalizer.text() == name);
    if has("orphan") && has("foregroundDeletion") {
        errors.invalid(finalizers, "finalizer orphan and foregroundDeletion cannot be both set");
    }
}

/// The name of a finalizer. What is wrong with its form stands at `list`, that it is no standard one at `at`.
pub fn finalizer(list: &At, at: &At, name: &str, errors: &mut Errors) {
    for message in names::qualified(name) {
        errors.invalid_as(list, &quoted(name), message);
    }
    if !name.contains('/') && !["kubernetes", "orphan", "foregroundDeletion"].contains(&name) {
        errors.invalid_as(at, &quoted(name), "name is neither a standard finalizer name nor is it fully qualified");
    }
}

/// `ValidateLabels`: errors stand at the map, with the key or value as the bad value.
pub fn labels(at: &At, errors: &mut Errors) {
    for (key, value) in at.entries() {
        for message in names::qualified(key) {
            errors.invalid_as(at, &quoted(key), message);
        }
        let value = value.as_str().unwrap_or_default();
        for message in names::label_value(value) {
            errors.invalid_as(at, &quoted(value), message);
        }
    }
}

/// `ValidateAnnotations`: keys in any case; the sum of all has a limit.
pub fn annotations(at: &At, errors: &mut Errors) {
    let mut size = 0;
    for (key, value) in at.entries() {
        size += key.len() + value.as_str().unwrap_or_default().len();
        for message in names::qualified(&key.to_lowercase()) {
            errors.invalid_as(at, &quoted(key), message);
        }
    }
    if size > ANNOTATIONS_LIMIT {
        errors.push(at, format!("Too long: may not be more than {ANNOTATIONS_LIMIT} bytes"));
    }
}

/// `ValidateLabelSelector`.
pub fn label_selector(at: &At, errors: &mut Errors) {
    labels(&at.child("matchLabels"), errors);
    for expression in at.child("matchExpressions").items() {
        let (operator, values) = (expression.child("operator"), expression.child("values"));
        match operator.text() {
            "In" | "NotIn" if values.is_empty() => {
                errors.required(&values, "must be specified when `operator` is 'In' or 'NotIn'")
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                errors.forbidden(&values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            unknown => errors.invalid_as(&operator, &quoted(unknown), "not a valid selector operator"),
        }
        let key = expression.child("key");
        for message in names::qualified(key.text()) {
            errors.invalid_as(&key, &quoted(key.text()), message);
        }
        for value in values.items() {
            errors.all_invalid(&value, names::label_value(value.text()));
        }
    }
}

/// A selector as Go writes it: fields in the order of the type, empty ones left out.
pub fn selector_shown(at: &At) -> String {
    let mut fields = Vec::new();
    if !at.child("matchLabels").is_empty() {
        fields.push(format!("\"matchLabels\":{}", at.child("matchLabels").shown()));
    }
    let expressions: Vec<String> = at.child("matchExpressions").items().iter().map(requirement_shown).collect();
    if !expressions.is_empty() {
        fields.push(format!("\"matchExpressions\":[{}]", expressions.join(",")));
    }
    format!("{{{}}}", fields.join(","))
}

fn requirement_shown(at: &At) -> String {
    let values = at.child("values");
    let tail = if values.is_empty() { String::new() } else { format!(",\"values\":{}", values.shown()) };
    format!("{{\"key\":{},\"operator\":{}{tail}}}", json!(at.child("key").text()), json!(at.child("operator").text()))
}

/// Whether the selector is one that can be computed at all (`LabelSelectorAsSelector`).
pub fn selector_works(at: &At) -> bool {
    let mut errors = Errors::default();
    label_selector(at, &mut errors);
    errors.0.is_empty()
}

/// Whether a selector takes these labels; both as JSON.
pub fn selector_matches(at: &At, labels: &At) -> bool {
    let selector = at
        .value()
        .and_then(|value| crate::api::typed::from_value::<crate::api::meta::LabelSelector>(value).ok())
        .unwrap_or_default();
    let labels: crate::api::meta::Labels = labels
        .entries()
        .into_iter()
        .map(|(key, value)| (key.to_string(), value.as_str().unwrap_or_default().to_string()))
        .collect();
    selector.matches(&labels)
}
