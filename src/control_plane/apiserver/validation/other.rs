//! ConfigMaps, Secrets, Namespaces and Nodes (`pkg/apis/core/validation`). Of a Node only names, taints and Pod CIDRs.

use super::field::{At, Errors, quoted};
use super::{addresses, meta, names};
use crate::api::core::is_pem;
use std::collections::BTreeSet;

/// How many bytes the data of a ConfigMap or Secret may have.
const MAX_SIZE: usize = 1024 * 1024;

/// A ConfigMap; `old` is there for an update.
pub fn config_map(object: &At, old: Option<&At>, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    let (data, binary) = (object.child("data"), object.child("binaryData"));
    let mut size = 0;
    for (bag, other) in [(&data, Some(&binary)), (&binary, None)] {
        for (key, value) in bag.entries() {
            let at = bag.key(key);
            for message in names::config_key(key) {
                errors.invalid_as(&at, &quoted(key), message);
            }
            if other.is_some_and(|other| other.key(key).given()) {
                errors.invalid_as(&at, &quoted(key), "duplicate of key present in binaryData");
            }
            size += value.as_str().unwrap_or_default().len();
        }
    }
    if size > MAX_SIZE {
        errors.push(&object.named(""), format!("Too long: may not be more than {MAX_SIZE} bytes"));
    }
    immutable_data(object, old, errors);
}

/// A Secret, its stringData counted as data; `old` is there for an update.
pub fn secret(object: &At, old: Option<&At>, errors: &mut Errors) {
    if let Some(old) = old
        && old.child("type").text_or("Opaque") != object.child("type").text_or("Opaque")
    {
        errors.invalid_as(&object.child("type"), &quoted(object.child("type").text_or("Opaque")), "field is immutable");
    }
    meta::metadata(object, names::subdomain, errors);
    let (data, text) = (object.child("data"), object.child("stringData"));
    for bag in [&data, &text] {
        for (key, _) in bag.entries() {
            for message in names::config_key(key) {
                errors.invalid_as(&data.key(key), &quoted(key), message);
            }
        }
    }
    let has = |key: &str| data.key(key).given() || text.key(key).given();
    let missing: Vec<&str> = match object.child("type").text() {
        "kubernetes.io/tls" => ["tls.crt", "tls.key"].into_iter().filter(|key| !has(key)).collect(),
        "kubernetes.io/dockerconfigjson" if !has(".dockerconfigjson") => vec![".dockerconfigjson"],
        "kubernetes.io/dockercfg" if !has(".dockercfg") => vec![".dockercfg"],
        "kubernetes.io/ssh-auth" if !has("ssh-privatekey") => vec!["ssh-privatekey"],
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => vec!["username", "password"],
        _ => Vec::new(),
    };
    for key in missing {
        errors.required(&data.key(key), "");
    }
    immutable_data(object, old, errors);
}

/// What the API server warns of in a Secret. The certificate itself is not read.
pub fn secret_warnings(object: &At) -> Vec<String> {
    let is_pem = |key: &str| {
        is_pem(object.child("data").key(key).text()) || object.child("stringData").key(key).text().contains("-----BEGIN ")
    };
    let missing = |part: &str| vec![format!("tls: failed to find any PEM data in {part} input")];
    match object.child("type").text() {
        "kubernetes.io/tls" if !is_pem("tls.crt") => missing("certificate"),
        "kubernetes.io/tls" if !is_pem("tls.key") => missing("key"),
        _ => Vec::new(),
    }
}

fn immutable_data(object: &At, old: Option<&At>, errors: &mut Errors) {
    let Some(old) = old.filter(|old| old.child("immutable").is_true()) else { return };
    let why = "field is immutable when `immutable` is set";
    if !object.child("immutable").is_true() {
        errors.forbidden(&object.named("immutable"), why);
    }
    for field in ["data", "binaryData"] {
        if object.child(field).value() != old.child(field).value() {
            errors.forbidden(&object.child(field), why);
        }
    }
}

/// A Namespace; `old` is there for an update, which keeps the old spec.
pub fn namespace(object: &At, old: Option<&At>, errors: &mut Errors) {
    meta::metadata(object, names::label, errors);
    let finalizers = object.at(&["spec", "finalizers"]);
    for finalizer in finalizers.items().iter().filter(|_| old.is_none()) {
        meta::finalizer(&finalizers, &finalizers, finalizer.text(), errors);
    }
}

/// What the API server warns of in a Node.
pub fn node_warnings(spec: &At) -> Vec<String> {
    let mut warnings = Vec::new();
    if !spec.child("externalID").text().is_empty() {
        warnings.push("spec.externalID: this field is deprecated, and is unused by Kubernetes".to_string());
    }
    let list = spec.child("podCIDRs");
    let mut cidrs = list.items();
    let old = spec.child("podCIDR");
    if !old.text().is_empty() && cidrs.first().is_none_or(|first| first.text() != old.text()) {
        let mut only = old;
        only.path = format!("{}[0]", list.path);
        cidrs = vec![only];
    }
    warnings.extend(cidrs.iter().filter_map(addresses::cidr_warning));
    warnings
}

/// A Node.
pub fn node(object: &At, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    let mut seen = BTreeSet::new();
    for (index, taint) in object.at(&["spec", "taints"]).items().into_iter().enumerate() {
        let (key, value, effect) = (taint.child("key"), taint.child("value"), taint.child("effect"));
        // Upstream says metadata where the taints stand in spec.
        let place = object.named(&format!("metadata.taints[{index}]"));
        for message in names::qualified(key.text()) {
            errors.invalid_as(&place.named("key"), &quoted(key.text()), message);
        }
        let wrong = names::label_value(value.text());
        if !wrong.is_empty() {
            errors.invalid_as(&place.named("value"), &quoted(value.text()), wrong.join(";"));
        }
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        if effect.text().is_empty() {
            errors.required(&place.named("effect"), "");
        } else if !effects.contains(&effect.text()) {
            errors.unsupported_as(&place.named("effect"), &effect.shown(), &effects);
        }
        if !seen.insert((effect.text(), key.text())) {
            errors
                .push(&place, format!("Duplicate value: {}: taints must be unique by key and effect pair", taint_shown(&taint)));
        }
    }
    let spec = object.child("spec");
    let list = spec.child("podCIDRs").items();
    let mut cidrs: Vec<&str> = list.iter().map(At::text).collect();
    let old = spec.child("podCIDR").text();
    if !old.is_empty() && cidrs.first() != Some(&old) {
        cidrs = vec![old];
    }
    for (index, cidr) in cidrs.iter().enumerate() {
        for message in addresses::cidr(cidr) {
            errors.invalid_as(&spec.named(&format!("podCIDRs[{index}]")), &quoted(cidr), message);
        }
    }
    if cidrs.len() > 1 {
        let is_v4 = |cidr: &&str| addresses::parse_cidr(cidr).map(|(address, _)| address.is_ipv4());
        if let Some((index, cidr)) = cidrs.iter().enumerate().find(|(_, cidr)| is_v4(cidr).is_none()) {
            let why = format!("invalid CIDR[{index}]: <nil> (invalid CIDR address: {cidr})");
            let text = "Internal error: invalid PodCIDRs. failed to check with dual stack with error:";
            errors.push(&spec.child("podCIDRs"), format!("{text}{why}"));
        }
        let families: Option<Vec<bool>> = cidrs.iter().map(is_v4).collect();
        if families.is_none_or(|families| families.len() > 2 || families.first() == families.last()) {
            errors.invalid(&spec.child("podCIDRs"), "may specify no more than one CIDR for each IP family");
        }
    }
}

/// A taint as Go's own type prints it.
fn taint_shown(taint: &At) -> String {
    let text = |name: &str| quoted(taint.child(name).text());
    let added = taint.child("timeAdded").shown();
    format!("{{\"Key\":{},\"Value\":{},\"Effect\":{},\"TimeAdded\":{added}}}", text("key"), text("value"), text("effect"))
}
