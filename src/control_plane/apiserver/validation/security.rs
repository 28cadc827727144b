//! As whom containers run, and with which rights (`validatePodSpecSecurityContext`, `ValidateSecurityContext` in
//! `pkg/apis/core/validation`). Left out: profiles, kernel parameters, mounts of `/proc`, what is for Windows alone.

use super::field::{At, Errors};

/// Of a Pod's spec, and its operating system.
pub fn pod(spec: &At, errors: &mut Errors) {
    let own = spec.child("securityContext");
    ids(&own, &["fsGroup", "runAsUser", "runAsGroup"], errors);
    for group in own.child("supplementalGroups").items() {
        id(&group, errors);
    }
    if own.is_empty() {
        return;
    }
    let shares = spec.child("shareProcessNamespace");
    if shares.is_true() && spec.child("hostPID").is_true() {
        let at = own.named("shareProcessNamespace");
        errors.invalid_as(&at, "true", "ShareProcessNamespace and HostPID cannot both be enabled");
    }
    errors.one_of_if_given(&own.child("fsGroupChangePolicy"), &["Always", "OnRootMismatch"]);
}

/// The operating system for which a Pod is made.
pub fn system(spec: &At, errors: &mut Errors) {
    let (system, name) = (spec.child("os"), spec.at(&["os", "name"]));
    if system.given() && name.text().is_empty() {
        errors.required(&name, "");
    } else if system.given() && !matches!(name.text(), "linux" | "windows") {
        errors.unsupported_as(&system, &name.shown(), &["linux", "windows"]);
    }
}

/// Of one container.
pub fn container(container: &At, errors: &mut Errors) {
    ids(&container.child("securityContext"), &["runAsUser", "runAsGroup"], errors);
}

fn ids(context: &At, fields: &[&str], errors: &mut Errors) {
    for field in fields.iter().map(|field| context.child(field)).filter(At::given) {
        id(&field, errors);
    }
}

fn id(at: &At, errors: &mut Errors) {
    if !(0..=i64::from(i32::MAX)).contains(&at.number()) {
        errors.invalid(at, format!("must be between 0 and {}, inclusive", i32::MAX));
    }
}
