//! Validation of decoded objects, in Kubernetes' own words and order: `pkg/apis/*/validation` and the strategies of
//! `pkg/registry` at 1.36.
//!
//! It reads objects as JSON, as they were decoded, and takes what is absent for its default, so it works on manifests
//! and on stored objects. Each file names what it leaves out. `tests/oracle` compares all of it with upstream.

pub(super) mod addresses;
mod container;
mod dated;
mod endpoints;
pub(super) mod field;
mod ingress;
pub(super) mod meta;
pub mod names;
mod other;
mod pod;
mod policy;
mod probe;
mod resources;
mod scheduling;
mod security;
mod service;
mod volume;
mod workload;

pub use pod::made;

pub use field::FieldError;

use crate::api::Kind;
use field::{At, Errors};
use serde_json::Value;

/// What is wrong with an object that is to be created. Nothing: it is valid.
pub fn validate(kind: Kind, object: &Value) -> Vec<FieldError> {
    let mut errors = Errors::default();
    check(kind, &At::root(object), None, &mut errors);
    errors.0
}

/// Brings an object that is to replace `old` into the form in which it is validated and stored.
pub fn prepare_update(kind: Kind, object: &mut Value, old: &Value) {
    if kind == Kind::Service {
        service::prepare_update(object, old);
    }
}

/// What is wrong with an object that is to replace `old`, after [`prepare_update`]: what may not change, and everything
/// that [`validate`] says.
pub fn validate_update(kind: Kind, object: &Value, old: &Value) -> Vec<FieldError> {
    let mut errors = Errors::default();
    let (new, old) = (At::root(object), At::root(old));
    check(kind, &new, Some(&old), &mut errors);
    match kind {
        Kind::Service => service::immutable(&new, &old, &mut errors),
        Kind::Pod => immutable_pod(&new, &old, &mut errors),
        Kind::Node => {
            let (is, was) = (new.at(&["spec", "podCIDRs"]), old.at(&["spec", "podCIDRs"]));
            if !was.is_empty() && is.value() != was.value() {
                errors.forbidden(&is, "node updates may not change podCIDR except from \"\" to valid");
            }
            let (is, was) = (new.at(&["spec", "externalID"]), old.at(&["spec", "externalID"]));
            if is.text() != was.text() {
                errors.forbidden(&is, "may not be updated");
            }
        }
        kind => workload::immutable(kind, &new, &old, &mut errors),
    }
    errors.0
}

/// What the API server warns of when it takes an object.
pub fn warnings(kind: Kind, object: &Value) -> Vec<String> {
    let object = At::root(object);
    let mut warnings = match kind {
        Kind::Service => service::warnings(&object),
        Kind::Ingress => ingress::warnings(&object),
        // Those of a dump come from the control plane itself: nobody applies them.
        Kind::Endpoints if !object.at(&["metadata", "uid"]).text().is_empty() => Vec::new(),
        Kind::EndpointSlice => endpoints::warnings(&object),
        Kind::Secret => other::secret_warnings(&object),
        Kind::Endpoints => endpoints::old_warnings(&object),
        Kind::NetworkPolicy => policy::warnings(&object.child("spec")),
        Kind::Node => other::node_warnings(&object.child("spec")),
        Kind::Pod => pod::warnings(&object),
        kind if kind.is_workload() => pod::warnings(&object.at(&["spec", "template"])),
        _ => Vec::new(),
    };
    if kind == Kind::StatefulSet {
        for claim in object.at(&["spec", "volumeClaimTemplates"]).items() {
            resources::fractional_bytes(&claim, &["storage"], &mut warnings);
        }
    }
    let uses = match kind {
        Kind::Deployment | Kind::ReplicaSet | Kind::ReplicationController => "Pod names and hostnames",
        Kind::Pod => "the Pod's hostname",
        _ => return warnings,
    };
    let problems = names::label(object.at(&["metadata", "name"]).text());
    if !problems.is_empty() {
        let text = format!("metadata.name: this is used in {uses}, which can result in surprising behavior");
        warnings.insert(0, format!("{text}; a DNS label is recommended: [{}]", problems.join(" ")));
    }
    warnings
}

fn check(kind: Kind, object: &At, old: Option<&At>, errors: &mut Errors) {
    match kind {
        Kind::Service => service::validate(object, errors),
        Kind::Pod => {
            pod::validate(object, errors);
            if old.is_none() {
                pod::new(object, errors);
            }
        }
        Kind::Deployment => workload::deployment(object, errors),
        Kind::ReplicaSet => workload::replica_set(object, errors),
        Kind::ReplicationController => workload::replication_controller(object, errors),
        Kind::StatefulSet => workload::stateful_set(object, old, errors),
        Kind::DaemonSet => workload::daemon_set(object, errors),
        Kind::Ingress => ingress::ingress(object, old, errors),
        Kind::IngressClass => ingress::class(object, old, errors),
        Kind::EndpointSlice => endpoints::slice(object, old, errors),
        Kind::Endpoints => endpoints::endpoints(object, errors),
        Kind::NetworkPolicy => policy::validate(object, errors),
        Kind::ConfigMap => other::config_map(object, old, errors),
        Kind::Secret => other::secret(object, old, errors),
        Kind::Namespace => other::namespace(object, old, errors),
        Kind::Node => other::node(object, errors),
        Kind::Event => {}
    }
}

/// A Pod's spec stays, but for images and a few numbers (`ValidatePodUpdate`). Upstream appends a diff of its Go types,
/// which is left out.
fn immutable_pod(new: &At, old: &At, errors: &mut Errors) {
    let (new, old) = (new.child("spec"), old.child("spec"));
    for list in ["containers", "initContainers"] {
        if new.child(list).len() != old.child(list).len() {
            return errors.forbidden(&new.child(list), "pod updates may not add or remove containers");
        }
        for image in new.child(list).items().iter().map(|container| container.child("image")) {
            if image.text().is_empty() {
                errors.required(&image, "");
            } else if image.text().trim() != image.text() {
                errors.invalid(&image, "must not have leading or trailing whitespace");
            }
        }
    }
    let (deadline, before) = (new.child("activeDeadlineSeconds"), old.child("activeDeadlineSeconds"));
    if !deadline.given() && before.given() {
        errors.invalid(&deadline, "must not update from a positive integer to nil value");
    } else if !(0..=i64::from(i32::MAX)).contains(&deadline.number()) {
        return errors.invalid(&deadline, format!("must be between 0 and {}, inclusive", i32::MAX));
    } else if before.given() && before.number() < deadline.number() {
        return errors.invalid(&deadline, "must be less than or equal to previous value");
    }
    let tolerated = |spec: &At| -> Vec<Value> {
        let items = spec.child("tolerations").items();
        items.iter().filter_map(|item| item.value().cloned()).map(|item| without(item, &["tolerationSeconds"])).collect()
    };
    let still = tolerated(&new);
    if tolerated(&old).iter().any(|toleration| !still.contains(toleration)) {
        errors.forbidden(&new.child("tolerations"), "existing toleration can not be modified except its tolerationSeconds");
    }
    let known = old.child("schedulingGates").items();
    for gate in new.child("schedulingGates").items().iter().map(|gate| gate.child("name")) {
        if !known.iter().any(|known| known.child("name").text() == gate.text()) {
            errors.forbidden(&gate, &format!("only deletion is allowed, but found new scheduling gate '{}'", gate.text()));
        }
    }
    let fixed = |spec: &At| {
        let free = ["activeDeadlineSeconds", "tolerations", "schedulingGates"];
        let mut spec = without(spec.value().cloned().unwrap_or(Value::Null), &free);
        for list in ["containers", "initContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                *container = without(container.take(), &["image"]);
            }
        }
        spec
    };
    let grace = |spec: &At| spec.child("terminationGracePeriodSeconds").number();
    let (mut is, mut was) = (fixed(&new), fixed(&old));
    if grace(&old) < 0 && grace(&new) == 1 {
        is = without(is, &["terminationGracePeriodSeconds"]);
        was = without(was, &["terminationGracePeriodSeconds"]);
    }
    if field::without_empty(&is) != field::without_empty(&was) {
        let why = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        errors.forbidden(&new, why);
    }
}

fn without(mut value: Value, names: &[&str]) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|key, _| !names.contains(&key.as_str()));
    }
    value
}
