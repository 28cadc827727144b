//! Volumes of a Pod (`ValidateVolumes` in `pkg/apis/core/validation`), the names that their sources must give only, and the claims
//! of a StatefulSet (`ValidatePersistentVolumeClaimSpec`), without data sources.

use super::field::{At, Errors, quoted};
use super::{meta, names};
use crate::api::quantity::Quantity;
use std::collections::BTreeSet;

const HOST_PATH_TYPES: [&str; 8] =
    ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];

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

/// The kinds of sources in the order in which upstream looks at them, and the name that one must give.
const SOURCES: [(&str, &str); 30] = [
    ("emptyDir", ""),
    ("hostPath", "path"),
    ("gitRepo", ""),
    ("gcePersistentDisk", ""),
    ("awsElasticBlockStore", ""),
    ("secret", "secretName"),
    ("nfs", ""),
    ("iscsi", ""),
    ("glusterfs", ""),
    ("flocker", ""),
    ("persistentVolumeClaim", "claimName"),
    ("rbd", ""),
    ("cinder", ""),
    ("cephfs", ""),
    ("quobyte", ""),
    ("downwardAPI", ""),
    ("fc", ""),
    ("flexVolume", ""),
    ("configMap", "name"),
    ("azureFile", ""),
    ("vsphereVolume", ""),
    ("photonPersistentDisk", ""),
    ("portworxVolume", ""),
    ("azureDisk", ""),
    ("storageos", ""),
    ("projected", ""),
    ("scaleIO", ""),
    ("csi", ""),
    ("ephemeral", ""),
    ("image", ""),
];

/// The first source of a volume is judged, as far as the names go that it must give; there may be no second one.
fn source(volume: &At, errors: &mut Errors) {
    let mut given = SOURCES.iter().filter(|(kind, _)| volume.child(kind).given());
    // No source at all is an emptyDir: the defaults say so.
    let Some((kind, field)) = given.next() else { return };
    let at = volume.child(kind);
    let name = at.child(field);
    if !field.is_empty() && name.text().is_empty() {
        errors.required(&name, "");
    } else if *kind == "hostPath" {
        no_backsteps(&name, name.text(), errors);
        errors.one_of_if_given(&at.child("type"), &HOST_PATH_TYPES);
    }
    if ["secret", "configMap"].contains(kind) {
        mode(&at.child("defaultMode"), errors);
        for item in at.child("items").items() {
            for part in ["key", "path"] {
                if item.child(part).text().is_empty() {
                    errors.required(&item.child(part), "");
                }
            }
            inner_path(&item.child("path"), errors);
            mode(&item.child("mode"), errors);
        }
    }
    for (extra, _) in given {
        // Upstream's own spelling.
        let shown = match *extra {
            "downwardAPI" => "downwarAPI",
            "cephfs" => "cephFS",
            other => other,
        };
        errors.forbidden(&volume.named(shown), "may not specify more than 1 volume type");
    }
}

fn mode(at: &At, errors: &mut Errors) {
    if !(0..=0o777).contains(&at.number()) {
        errors.invalid(at, "must be a number between 0 and 0777 (octal), both inclusive");
    }
}

/// `ValidateLocalNonReservedPath`.
fn inner_path(at: &At, errors: &mut Errors) {
    let path = at.text();
    if path.starts_with('/') {
        errors.invalid(at, "must be a relative path");
    }
    no_backsteps(at, path, errors);
    if path.starts_with("..") && !path.starts_with("../") {
        errors.invalid(at, "must not start with '..'");
    }
}

/// A path that does not lead upwards.
pub fn no_backsteps(at: &At, path: &str, errors: &mut Errors) {
    if path.split('/').any(|part| part == "..") {
        errors.invalid_as(at, &quoted(path), "must not contain '..'");
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
