//! Pods and Pod templates (`ValidatePodSpec` in `pkg/apis/core/validation`; warnings of `pkg/api/pod`). Left out:
//! security contexts but for users and privileges, claims, overhead.

use super::field::{At, Errors, quoted};
use super::{addresses, container, dated, meta, names, resources, scheduling, security, volume};
use crate::api::core::Pod;
use std::collections::BTreeSet;

/// A whole Pod.
pub fn validate(object: &At, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    spec(&object.child("spec"), &BTreeSet::new(), errors);
    for list in ["containers", "initContainers"] {
        for image in object.child("spec").child(list).items().iter().map(|container| container.child("image")) {
            if image.text().trim() != image.text() {
                errors.invalid(&image, "must not have leading or trailing whitespace");
            }
        }
    }
}

/// A template; upstream leaves `metadata` out of the paths of its labels and annotations.
pub fn template<'a>(template: &At<'a>, claims: &BTreeSet<&'a str>, errors: &mut Errors) {
    for (field, rule) in [("labels", meta::labels as fn(&At, &mut Errors)), ("annotations", meta::annotations)] {
        let mut at = template.at(&["metadata", field]);
        at.path = template.child(field).path;
        rule(&at, errors);
    }
    spec(&template.child("spec"), claims, errors);
}

/// A Pod's spec; `claims` are volumes that a StatefulSet adds.
fn spec<'a>(spec: &At<'a>, claims: &BTreeSet<&'a str>, errors: &mut Errors) {
    let names_of_volumes = volume::volumes(spec, claims, errors);
    container::containers(spec, &names_of_volumes, errors);
    resources::pod(spec, errors);
    host_network(spec, errors);
    errors.one_of_or_default(&spec.child("restartPolicy"), &["Always", "OnFailure", "Never"]);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    errors.one_of_or_default(&spec.child("dnsPolicy"), &policies);
    meta::labels(&spec.child("nodeSelector"), errors);
    security::pod(spec, errors);
    scheduling::affinity(spec, errors);
    dns_config(spec, errors);
    for gate in spec.child("readinessGates").items() {
        let kind = gate.child("conditionType");
        for message in names::qualified(kind.text()) {
            errors.invalid_as(&kind, &quoted(kind.text()), message);
        }
    }
    scheduling::gates(spec, errors);
    scheduling::spread(spec, errors);
    host_name(spec, errors);
    for (field, rule) in [
        ("serviceAccountName", names::subdomain as fn(&str) -> Vec<String>),
        ("nodeName", names::subdomain),
        ("hostname", names::label),
        ("subdomain", names::label),
        ("priorityClassName", names::subdomain),
        ("runtimeClassName", names::subdomain),
    ] {
        let at = spec.child(field);
        if !at.text().is_empty() || (field == "runtimeClassName" && at.given()) {
            errors.all_invalid(&at, rule(at.text()));
        }
    }
    let deadline = spec.child("activeDeadlineSeconds");
    if deadline.given() && !(1..=i64::from(i32::MAX)).contains(&deadline.number()) {
        errors.invalid(&deadline, format!("must be between 1 and {}, inclusive", i32::MAX));
    }
    scheduling::tolerations(spec, errors);
    for alias in spec.child("hostAliases").items() {
        let ip = alias.child("ip");
        for message in addresses::ip(ip.text()) {
            errors.invalid_as(&ip, &quoted(ip.text()), message);
        }
        for name in alias.child("hostnames").items() {
            errors.all_invalid(&name, names::subdomain(name.text()));
        }
    }
    security::system(spec, errors);
}

/// What is asked of a Pod's spec only when it is created (`ValidatePodCreate`).
pub fn new(object: &At, errors: &mut Errors) {
    let spec = object.child("spec");
    let node = spec.child("nodeName");
    if !spec.child("schedulingGates").is_empty() && !node.text().is_empty() {
        errors.forbidden(&node, "cannot be set until all schedulingGates have been cleared");
    }
    let late = spec.child("ephemeralContainers");
    // Those of a dump were added to a Pod that ran.
    if !late.is_empty() && !object.at(&["metadata", "uid"]).given() {
        errors.forbidden(&late, "cannot be set on create");
    }
}

/// What the node shares, and the name that a Pod gives itself (`validateHostUsers`, `validatePodHostName`).
fn host_name(spec: &At, errors: &mut Errors) {
    if spec.child("hostUsers").given() && !spec.child("hostUsers").is_true() {
        for (field, shown) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
            if spec.child(field).is_true() {
                errors.forbidden(&spec.named(shown), "when `hostUsers` is false");
            }
        }
    }
    let name = spec.child("hostnameOverride");
    if !name.given() {
        return;
    }
    for field in ["setHostnameAsFQDN", "hostNetwork"] {
        if spec.child(field).is_true() {
            errors.forbidden(&name, &format!("may not be specified when {field} is true"));
        }
    }
    if name.text().len() > 64 {
        errors.push(&name, "Too long: may not be more than 64 bytes");
    }
    errors.all_invalid(&name, names::subdomain(name.text()));
}

fn host_network(spec: &At, errors: &mut Errors) {
    if !spec.child("hostNetwork").is_true() {
        return;
    }
    for list in ["containers", "initContainers"] {
        for port in spec.child(list).items().iter().flat_map(|container| container.child("ports").items()) {
            let host = port.child("hostPort");
            if host.number() != 0 && host.number() != port.child("containerPort").number() {
                errors.invalid(&host, "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }
}

fn dns_config(spec: &At, errors: &mut Errors) {
    let config = spec.child("dnsConfig");
    let servers = config.child("nameservers");
    if spec.child("dnsPolicy").text() == "None" {
        if !config.given() {
            errors.required(&config, "must provide `dnsConfig` when `dnsPolicy` is None");
            return;
        }
        if servers.is_empty() {
            errors.required(&servers, "must provide at least one DNS nameserver when `dnsPolicy` is None");
            return;
        }
    }
    if servers.len() > 3 {
        errors.invalid(&servers, "must not have more than 3 nameservers");
    }
    for server in servers.items() {
        errors.all_invalid(&server, addresses::ip(server.text()));
    }
    if config.child("searches").len() > 32 {
        errors.invalid(&config.child("searches"), "must not have more than 32 search paths");
    }
    for search in config.child("searches").items().iter().filter(|search| search.text() != ".") {
        let shown = quoted(search.text().strip_suffix('.').unwrap_or(search.text()));
        for message in names::search_domain(search.text()) {
            errors.invalid_as(search, &shown, message);
        }
    }
    for option in config.child("options").items() {
        if option.child("name").text().is_empty() {
            errors.required(&option, "must not be empty");
        }
    }
}

/// What is wrong with a Pod that a StatefulSet makes: its labels, of which some are made of the set's name, or its host name are too
/// long (`setPodRevision` of `pkg/controller/statefulset` shortens nothing).
pub fn made(pod: &Pod) -> Option<String> {
    let labels = pod.metadata.labels.values().map(|value| ("metadata.labels", value, names::label_value(value)));
    let host = ("spec.hostname", &pod.spec.hostname, names::label(&pod.spec.hostname));
    let wrong = labels.chain([host]).flat_map(|(path, value, why)| {
        why.into_iter().map(move |why| format!("{path}: Invalid value: {}: {why}", quoted(value)))
    });
    let wrong: Vec<String> = wrong.collect();
    let all = if wrong.len() > 1 { format!("[{}]", wrong.join(", ")) } else { wrong.into_iter().next()? };
    Some(format!("Pod {} is invalid: {all}", quoted(&pod.metadata.name)))
}

/// What the API server warns of in a Pod, or the template of one (`pkg/api/pod/warnings.go`), but for files that hide each other.
pub fn warnings(owner: &At) -> Vec<String> {
    let (spec, mut warnings) = (&owner.child("spec"), Vec::new());
    let grace = spec.child("terminationGracePeriodSeconds");
    if grace.number() < 0 {
        warnings.push(format!("{}: must be >= 0; negative values are invalid and will be treated as 1", grace.path));
    }
    let mut containers = spec.child("initContainers").items();
    containers.extend(spec.child("containers").items());
    for container in &containers {
        resources::fractional_bytes(container, &["memory", "ephemeral-storage"], &mut warnings);
        duplicate_variables(container, &mut warnings);
    }
    let ports: Vec<At> = containers.iter().flat_map(|container| container.child("ports").items()).collect();
    for (index, port) in ports.iter().enumerate() {
        let (ip, host) = (port.child("hostIP").text(), port.child("hostPort").number());
        if !ip.is_empty() && host == 0 {
            let (name, number) = (port.child("name").text(), port.child("containerPort").number());
            let protocol = port.child("protocol").text_or("TCP");
            warnings.push(format!(
                "{}: hostIP set without hostPort: {{Name:{name} HostPort:0 ContainerPort:{number} Protocol:{protocol} HostIP:{ip}}}",
                port.path
            ));
        }
        for other in ports.iter().take(index) {
            if let Some(how) = overlap(port, other) {
                warnings.push(format!("{}: {how} port definition with {}", port.path, other.path));
            }
        }
    }
    duplicate_port_names(&containers, &mut warnings);
    for (list, key) in [("hostAliases", "ip"), ("imagePullSecrets", "name")] {
        let mut seen = BTreeSet::new();
        for item in spec.child(list).items().iter().map(|item| item.child(key)) {
            if !seen.insert(item.text()) {
                warnings.push(format!("{}: duplicate {key} {}", item.path, quoted(item.text())));
            }
            if list == "imagePullSecrets" && item.text().is_empty() {
                warnings.push(format!("{}: invalid empty name \"\"", item.path));
            }
        }
    }
    warnings.extend(dated::warnings(owner, &containers));
    warnings.extend(spec.at(&["dnsConfig", "nameservers"]).items().iter().filter_map(addresses::ip_warning));
    let aliases = spec.child("hostAliases").items();
    warnings.extend(aliases.iter().filter_map(|alias| addresses::ip_warning(&alias.child("ip"))));
    warnings
}

/// How two ports with the same number and protocol are in each other's way.
fn overlap(port: &At, other: &At) -> Option<&'static str> {
    let number = |port: &At, name: &str| port.child(name).number();
    let protocol = |port: &At| port.child("protocol").text_or("TCP").to_string();
    if number(port, "containerPort") != number(other, "containerPort") || protocol(port) != protocol(other) {
        return None;
    }
    let (ip, other_ip) = (port.child("hostIP").text(), other.child("hostIP").text());
    let (host, other_host) = (number(port, "hostPort"), number(other, "hostPort"));
    match () {
        () if ip == other_ip && host == other_host => Some("duplicate"),
        () if host == 0 || other_host == 0 => Some("overlapping"),
        () if host == other_host && ip.is_empty() != other_ip.is_empty() => Some("dangerously ambiguous"),
        () => None,
    }
}

fn duplicate_port_names(containers: &[At], warnings: &mut Vec<String>) {
    let mut seen: Vec<(&str, String)> = Vec::new();
    for container in containers {
        for port in container.child("ports").items() {
            let name = port.child("name").text();
            match seen.iter().find(|(other, _)| *other == name) {
                _ if name.is_empty() => {}
                Some((_, first)) => warnings.push(format!(
                    "{}: duplicate port name {} with {first}, services and probes that select ports by name will use {first}",
                    port.path,
                    quoted(name)
                )),
                None => seen.push((name, port.path.clone())),
            }
        }
    }
}

fn duplicate_variables(container: &At, warnings: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for variable in container.child("env").items() {
        let (name, value) = (variable.child("name").text(), variable.child("value").text());
        let reference = format!("$({name})");
        let hides = variable.child("valueFrom").given() || value == reference || !value.contains(&reference);
        if !seen.insert(name) && hides {
            let text = "hides previous definition of";
            warnings.push(format!("{}: {text} {}, which may be dropped when using apply", variable.path, quoted(name)));
        }
    }
}
