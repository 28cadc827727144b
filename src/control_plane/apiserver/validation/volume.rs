//! Volumes of a Pod (`ValidateVolumes` in `pkg/apis/core/validation`), the names that their sources must give only, and the claims
//! of a StatefulSet (`ValidatePersistentVolumeClaimSpec`), without data sources.

use super::field::{At, Errors, quoted};
use super::{meta, names};
use crate::control_plane::apiserver::quantity::Quantity;
use std::collections::BTreeSet;

const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// A Pod's volumes; `claims` are those that a StatefulSet puts before them. The names that mounts may use.
pub fn volumes<'a>(spec: &At<'a>, claims: &BTreeSet<&'a str>, errors: &mut Errors) -> BTreeSet<&'a str> {
    let mut good: BTreeSet<&str> = BTreeSet::new();
    let list = spec.child("volumes").path;
    for (index, claim) in claims.iter().enumerate() {
        let at = spec.named(&format!("volumes[{index}]"));
        let before = errors.0.len();
        if claim.is_empty() {
            errors.required(&at.child("persistentVolumeClaim").child("claimName"), "");
        }
        name(&at.child("name"), claim, errors);
        if errors.0.len() == before {
            good.insert(claim);
        }
    }
    let own = spec.child("volumes").items().into_iter().filter(|volume| !claims.contains(volume.child("name").text()));
    for (index, mut volume) in own.enumerate() {
        volume.path = format!("{list}[{}]", claims.len() + index);
        let before = errors.0.len();
        let sources: Vec<&str> =
            volume.entries().into_iter().filter(|(key, value)| *key != "name" && !value.is_null()).map(|(key, _)| key).collect();
        // Upstream looks at the sources in the order of its type; emptyDir stands before configMap there.
        for extra in sources.iter().filter(|source| **source != "emptyDir").skip(usize::from(!sources.contains(&"emptyDir"))) {
            errors.forbidden(&volume.child(extra), "may not specify more than 1 volume type");
        }
        source(&volume, errors);
        let at = volume.child("name");
        name(&at, at.text(), errors);
        if good.contains(at.text()) {
            errors.duplicate(&at);
        }
        if errors.0.len() == before {
            good.insert(at.text());
        }
    }
    good
}

fn name(at: &At, text: &str, errors: &mut Errors) {
    if text.is_empty() {
        errors.required(at, "");
        return;
    }
    for message in names::label(text) {
        errors.invalid_as(at, &quoted(text), message);
    }
}

/// The names that a volume's source must give.
fn source(volume: &At, errors: &mut Errors) {
    for (kind, field) in
        [("secret", "secretName"), ("configMap", "name"), ("hostPath", "path"), ("persistentVolumeClaim", "claimName")]
    {
        let at = volume.child(kind);
        if at.given() && at.child(field).text().is_empty() {
            errors.required(&at.child(field), "");
        }
        for item in at.child("items").items() {
            for part in ["key", "path"] {
                if item.child(part).text().is_empty() {
                    errors.required(&item.child(part), "");
                }
            }
        }
    }
}

/// What a StatefulSet claims for each of its Pods.
pub fn claim(spec: &At, errors: &mut Errors) {
    let modes = spec.child("accessModes");
    if modes.is_empty() {
        errors.required(&modes, "at least 1 access mode is required");
    }
    meta::label_selector(&spec.child("selector"), errors);
    let (mut alone, mut shared) = (false, false);
    for mode in modes.items() {
        if !ACCESS_MODES.contains(&mode.text()) {
            errors.unsupported_as(&modes, &quoted(mode.text()), &ACCESS_MODES);
        } else if mode.text() == "ReadWriteOncePod" {
            alone = true;
        } else {
            shared = true;
        }
    }
    if alone && shared {
        errors.forbidden(&modes, "may not use ReadWriteOncePod with other access modes");
    }
    let mut storage = spec.at(&["resources", "requests", "storage"]);
    storage.path = format!("{}[storage]", spec.child("resources").path);
    match storage.value().and_then(Quantity::of) {
        Some(quantity) if quantity.is_negative() || quantity.is_zero() => {
            errors.invalid_as(&storage, &quoted(&quantity.to_string()), "must be greater than zero");
        }
        Some(_) => {}
        None => errors.required(&storage, ""),
    }
    let class = spec.child("storageClassName");
    if !class.text().is_empty() {
        errors.all_invalid(&class, names::subdomain(class.text()));
    }
    errors.one_of_if_given(&spec.child("volumeMode"), &["Block", "Filesystem"]);
}
