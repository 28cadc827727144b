//! Validation of decoded objects, in Kubernetes' own words and order: `pkg/apis/*/validation` and the strategies of
//! `pkg/registry` at 1.36.
//!
//! It reads objects as JSON, as they were decoded, and takes what is absent for its default, so it works on manifests
//! and on stored objects. Each file names what it leaves out. `tests/oracle` compares all of it with upstream.

pub(super) mod addresses;
mod container;
mod endpoints;
pub(super) mod field;
mod ingress;
pub(super) mod meta;
pub mod names;
mod other;
mod pod;
mod policy;
mod probe;
mod service;
mod volume;
mod workload;

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
        Kind::Endpoints => vec!["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".to_string()],
        Kind::Pod => pod::warnings(&object.child("spec")),
        Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet | Kind::DaemonSet => {
            pod::warnings(&object.at(&["spec", "template", "spec"]))
        }
        _ => Vec::new(),
    };
    if matches!(kind, Kind::Deployment | Kind::ReplicaSet) {
        let problems = names::label(object.at(&["metadata", "name"]).text());
        if !problems.is_empty() {
            let text = "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended";
            warnings.insert(0, format!("{text}: [{}]", problems.join(" ")));
        }
    }
    warnings
}

fn check(kind: Kind, object: &At, old: Option<&At>, errors: &mut Errors) {
    match kind {
        Kind::Service => service::validate(object, old, errors),
        Kind::Pod => pod::validate(object, errors),
        Kind::Deployment => workload::deployment(object, errors),
        Kind::ReplicaSet => workload::replica_set(object, errors),
        Kind::StatefulSet => workload::stateful_set(object, old, errors),
        Kind::DaemonSet => workload::daemon_set(object, errors),
        Kind::Ingress => ingress::ingress(object, old, errors),
        Kind::IngressClass => ingress::class(object, old, errors),
        Kind::EndpointSlice => endpoints::slice(object, old, errors),
        Kind::Endpoints => endpoints::endpoints(object, errors),
        Kind::NetworkPolicy => policy::validate(object, errors),
        Kind::ConfigMap => other::config_map(object, old, errors),
        Kind::Secret => other::secret(object, old, errors),
        Kind::Namespace => other::namespace(object, errors),
        Kind::Node => other::node(object, errors),
        Kind::Event => {}
    }
}

/// A Pod's spec stays, but for images and a few numbers (`ValidatePodUpdate`). Upstream appends a diff of its Go types,
/// which is left out.
fn immutable_pod(new: &At, old: &At, errors: &mut Errors) {
    let fixed = |object: &At| {
        let mut spec = object.child("spec").value().cloned().unwrap_or(Value::Null);
        if let Value::Object(fields) = &mut spec {
            for free in ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"] {
                fields.remove(free);
            }
            for list in ["containers", "initContainers"] {
                for container in fields.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                    if let Value::Object(container) = container {
                        container.remove("image");
                    }
                }
            }
        }
        spec
    };
    if fixed(new) != fixed(old) {
        let why = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
        errors.forbidden(&new.child("spec"), why);
    }
}
