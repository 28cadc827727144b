//! Containers (`validateContainers`, `validateInitContainers` in `pkg/apis/core/validation`): names, images, ports,
//! environment, mounts, probes, pull policy. Left out: security contexts but for
//! users and privileges, resize policies, restart rules, block devices, mount propagation, keys of files.

use super::field::{At, Errors, quoted};
use super::{names, probe, resources, security, service, volume};
use crate::api::quantity::Quantity;
use std::collections::BTreeSet;

/// Fields of a Pod that a variable may read.
const FIELD_PATHS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Amounts of a container that a variable may read.
const RESOURCES: [&str; 6] =
    ["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];

/// All containers of a Pod; `volumes` are the names that mounts may use.
pub fn containers(spec: &At, volumes: &BTreeSet<&str>, errors: &mut Errors) {
    let regular = spec.child("containers");
    if regular.is_empty() {
        errors.required(&regular, "");
    }
    let grace = spec.child("terminationGracePeriodSeconds").value().and_then(serde_json::Value::as_i64).unwrap_or(30);
    let mut seen = BTreeSet::new();
    for container in regular.items() {
        common(&container, volumes, errors);
        let name = container.child("name");
        if !seen.insert(name.text()) {
            errors.push(&name, format!("Duplicate value: {}", quoted(name.text())));
        }
        probe::hooks(&container, grace, errors);
        probe::probes(&container, errors);
    }
    host_ports(&regular.items(), errors);
    for container in spec.child("initContainers").items() {
        common(&container, volumes, errors);
        let name = container.child("name");
        if !name.text().is_empty() && !seen.insert(name.text()) {
            errors.duplicate(&name);
        }
        host_ports(std::slice::from_ref(&container), errors);
        let policy = container.child("restartPolicy");
        if policy.text() == "Always" {
            probe::hooks(&container, grace, errors);
            probe::probes(&container, errors);
            continue;
        }
        for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if container.child(field).given() {
                errors.forbidden(&container.child(field), "may not be set for init containers without restartPolicy=Always");
            }
        }
    }
}

fn common(container: &At, volumes: &BTreeSet<&str>, errors: &mut Errors) {
    let name = container.child("name");
    if name.text().is_empty() {
        errors.required(&name, "");
    } else {
        errors.all_invalid(&name, names::label(name.text()));
    }
    if container.child("image").text().is_empty() {
        errors.required(&container.child("image"), "");
    }
    let policy = container.child("terminationMessagePolicy");
    errors.one_of_or_default(&policy, &["File", "FallbackToLogsOnError"]);
    ports(container, errors);
    environment(container, errors);
    mounts(container, volumes, errors);
    errors.one_of_or_default(&container.child("imagePullPolicy"), &["Always", "IfNotPresent", "Never"]);
    resources::container(&container.child("resources"), errors);
    errors.one_of_if_given(&container.child("restartPolicy"), &["Always", "Never", "OnFailure"]);
    security::container(container, errors);
}

fn ports(container: &At, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for port in container.child("ports").items() {
        let name = port.child("name");
        if !name.text().is_empty() {
            let wrong = names::port_name(name.text());
            if wrong.is_empty() && !seen.insert(name.text()) {
                errors.duplicate(&name);
            }
            errors.all_invalid(&name, wrong);
        }
        let number = port.child("containerPort");
        if number.number() == 0 {
            errors.required(&number, "");
        } else {
            errors.all_invalid(&number, names::port_number(number.number()));
        }
        let host = port.child("hostPort");
        if host.number() != 0 {
            errors.all_invalid(&host, names::port_number(host.number()));
        }
        errors.one_of_or_default(&port.child("protocol"), &service::PROTOCOLS);
    }
}

fn host_ports(containers: &[At], errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for port in containers.iter().flat_map(|container| container.child("ports").items()) {
        let host = port.child("hostPort");
        if host.number() == 0 {
            continue;
        }
        let key = format!("{}/{}/{}", port.child("protocol").text_or("TCP"), port.child("hostIP").text(), host.number());
        if !seen.insert(key.clone()) {
            errors.push(&host, format!("Duplicate value: {}", quoted(&key)));
        }
    }
}

fn environment(container: &At, errors: &mut Errors) {
    for variable in container.child("env").items() {
        let name = variable.child("name");
        if name.text().is_empty() {
            errors.required(&name, "");
        } else {
            errors.all_invalid(&name, names::environment_name(name.text()));
        }
        let from = variable.child("valueFrom");
        if from.given() {
            value_from(&variable, &from, errors);
        }
    }
    let sources = container.child("envFrom");
    for source in sources.items() {
        let prefix = source.child("prefix");
        if !prefix.text().is_empty() {
            errors.all_invalid(&prefix, names::environment_name(prefix.text()));
        }
        let (config_map, secret) = (source.child("configMapRef"), source.child("secretRef"));
        for reference in [&config_map, &secret].into_iter().filter(|reference| reference.given()) {
            let name = reference.child("name");
            if name.text().is_empty() {
                errors.required(&name, "");
            } else {
                // Upstream takes it for the beginning of a name (`validateConfigMapEnvSource`).
                errors.all_invalid(&name, names::subdomain(&names::beginning(name.text())));
            }
        }
        match (config_map.given(), secret.given()) {
            (false, false) => errors.invalid_as(&sources, "\"\"", "must specify one of: `configMapRef` or `secretRef`"),
            (true, true) => errors.invalid_as(&sources, "\"\"", "may not have more than one field specified at a time"),
            _ => {}
        }
    }
}

fn value_from(variable: &At, from: &At, errors: &mut Errors) {
    let field = from.child("fieldRef");
    if field.given() {
        field_reference(&field, errors);
    }
    resource_reference(&from.child("resourceFieldRef"), errors);
    for key in ["configMapKeyRef", "secretKeyRef"] {
        let reference = from.child(key);
        if !reference.given() {
            continue;
        }
        let name = reference.child("name");
        for message in names::subdomain(name.text()) {
            errors.invalid_as(&name, &quoted(name.text()), message);
        }
        if reference.child("key").text().is_empty() {
            errors.required(&reference.child("key"), "");
        } else {
            errors.all_invalid(&reference.child("key"), names::config_key(reference.child("key").text()));
        }
    }
    let kinds = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    let sources = kinds.iter().filter(|name| from.child(name).given()).count();
    if sources == 0 {
        let why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        errors.invalid_as(from, "\"\"", why);
    } else if !variable.child("value").text().is_empty() {
        errors.invalid_as(from, "\"\"", "may not be specified when `value` is not empty");
    } else if sources > 1 {
        errors.invalid_as(from, "\"\"", "may not have more than one field specified at a time");
    }
}

/// `validateContainerResourceFieldSelector`, without huge pages.
fn resource_reference(field: &At, errors: &mut Errors) {
    let (resource, divisor) = (field.child("resource"), field.child("divisor"));
    if !field.given() || resource.text().starts_with("limits.hugepages-") || resource.text().starts_with("requests.hugepages-") {
        return;
    }
    if resource.text().is_empty() {
        errors.required(&resource, "");
    } else if !RESOURCES.contains(&resource.text()) {
        errors.unsupported(&resource, &RESOURCES);
    }
    let Some(given) = divisor.value().and_then(Quantity::of).filter(|given| !given.is_zero()) else { return };
    let units = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    let (good, what) = match resource.text().rsplit('.').next() {
        Some("cpu") => ("1m, 1", "1m and 1 are supported with the cpu"),
        Some("memory") => (units, "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory"),
        Some("ephemeral-storage") => {
            (units, "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the local ephemeral storage")
        }
        _ => return,
    };
    if RESOURCES.contains(&resource.text()) && !good.split(", ").any(|unit| unit == given.to_string()) {
        errors.invalid_as(&divisor, &quoted(resource.text()), format!("only divisor's values {what} resource"));
    }
}

fn field_reference(field: &At, errors: &mut Errors) {
    let (path, version) = (field.child("fieldPath"), field.child("apiVersion").text_or("v1"));
    let subscripted = ["metadata.labels['", "metadata.annotations['"].iter().any(|start| path.text().starts_with(start));
    if path.text().is_empty() {
        errors.required(&path, "");
    } else if version != "v1" {
        errors.invalid(&path, format!("error converting fieldPath: unsupported pod version: {version}"));
    } else if subscripted {
        let (map, key) = path.text().split_once("['").unwrap_or_default();
        let key = key.strip_suffix("']").unwrap_or(key);
        let key = if map == "metadata.annotations" { key.to_lowercase() } else { key.to_string() };
        for message in names::qualified(&key) {
            errors.invalid_as(field, &quoted(&key), message);
        }
    } else if !FIELD_PATHS.contains(&path.text()) {
        let why = match path.text() {
            known @ ("metadata.labels"
            | "metadata.annotations"
            | "spec.restartPolicy"
            | "spec.schedulerName"
            | "status.phase") => {
                errors.unsupported_as(&path, &quoted(known), &FIELD_PATHS);
                return;
            }
            unknown => format!("error converting fieldPath: field label not supported: {unknown}"),
        };
        errors.invalid(&path, why);
    }
}

fn mounts(container: &At, volumes: &BTreeSet<&str>, errors: &mut Errors) {
    let mut paths = BTreeSet::new();
    for mount in container.child("volumeMounts").items() {
        let (name, path) = (mount.child("name"), mount.child("mountPath"));
        if name.text().is_empty() {
            errors.required(&name, "");
        }
        if !volumes.contains(name.text()) {
            errors.push(&name, format!("Not found: {}", quoted(name.text())));
        }
        if path.text().is_empty() {
            errors.required(&path, "");
        }
        if !paths.insert(path.text()) {
            errors.invalid_as(&path, &quoted(path.text()), "must be unique");
        }
        // Upstream leaves the index out of these paths.
        let list = container.child("volumeMounts");
        let (sub, expression) = (mount.child("subPath"), mount.child("subPathExpr"));
        if !sub.text().is_empty() && !expression.text().is_empty() {
            errors.invalid(&expression, "subPathExpr and subPath are mutually exclusive");
        }
        for (field, at) in [("subPath", sub), ("subPathExpr", expression)] {
            if at.text().starts_with('/') {
                errors.invalid_as(&list.named(field), &quoted(at.text()), "must be a relative path");
            }
            volume::no_backsteps(&list.named(field), at.text(), errors);
        }
    }
}
