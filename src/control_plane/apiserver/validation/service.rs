//! Services (`ValidateServiceCreate`, `ValidateServiceUpdate` in `pkg/apis/core/validation`; warnings of
//! `pkg/api/service`). The allocators' errors are not here: they come before validation.

use super::addresses;
use super::field::{At, Errors, quoted};
use super::{meta, names};
use serde_json::Value;
use std::collections::BTreeSet;

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
pub(super) const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const SOURCE_RANGES_ANNOTATION: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// The cluster addresses as the registry has put them in step: `clusterIPs`, or the one of `clusterIP`.
fn cluster_ips<'a>(spec: &At<'a>) -> Vec<&'a str> {
    let list: Vec<&str> = spec.child("clusterIPs").items().iter().map(At::text).collect();
    match spec.child("clusterIP").text() {
        one if list.is_empty() && !one.is_empty() => vec![one],
        _ => list,
    }
}

fn is_headless(spec: &At) -> bool {
    cluster_ips(spec) == ["None"]
}

fn kind<'a>(spec: &At<'a>) -> &'a str {
    spec.child("type").text_or("ClusterIP")
}

/// Everything that is wrong with a Service.
pub fn validate(object: &At, errors: &mut Errors) {
    meta::metadata(object, names::label, errors);
    let spec = object.child("spec");
    shape(&spec, errors);
    ports(&spec, errors);
    meta::labels(&spec.child("selector"), errors);
    affinity(&spec, errors);
    if kind(&spec) != "ExternalName" {
        families(&spec, errors);
    }
    for ip in spec.child("externalIPs").items() {
        let wrong = addresses::ip(ip.text());
        if wrong.is_empty() {
            addresses::endpoint(&ip, errors);
        }
        errors.all_invalid(&ip, wrong);
    }
    errors.one_of_or_default(&spec.child("type"), &TYPES);
    node_ports(&spec, errors);
    source_ranges(object, &spec, errors);
    load_balancer_only(&spec, errors);
    traffic(&spec, errors);
}

/// What each type asks of the other fields.
fn shape(spec: &At, errors: &mut Errors) {
    if spec.child("ports").is_empty() && !is_headless(spec) && kind(spec) != "ExternalName" {
        errors.required(&spec.child("ports"), "");
    }
    match kind(spec) {
        kind @ ("LoadBalancer" | "NodePort") if is_headless(spec) => {
            let why = format!("may not be set to 'None' for {kind} services");
            errors.invalid_as(&spec.named("clusterIPs[0]"), "\"None\"", why);
        }
        "ExternalName" => {
            if !cluster_ips(spec).is_empty() {
                errors.forbidden(&spec.child("clusterIPs"), "may not be set for ExternalName services");
            }
            for name in ["ipFamilies", "ipFamilyPolicy"] {
                if !spec.child(name).is_empty() {
                    errors.forbidden(&spec.child(name), "may not be set for ExternalName services");
                }
            }
            let name = spec.child("externalName");
            let target = name.text().strip_suffix('.').unwrap_or(name.text());
            if target.is_empty() {
                errors.required(&name, "");
            }
            for message in names::subdomain(target).into_iter().filter(|_| !target.is_empty()) {
                errors.invalid_as(&name, &quoted(target), message);
            }
        }
        _ => {}
    }
}

fn ports(spec: &At, errors: &mut Errors) {
    let ports = spec.child("ports");
    let mut seen = BTreeSet::new();
    for port in ports.items() {
        let name = port.child("name");
        if name.text().is_empty() {
            if ports.len() > 1 {
                errors.required(&name, "");
            }
        } else {
            errors.all_invalid(&name, names::label(name.text()));
            if !seen.insert(name.text()) {
                errors.duplicate(&name);
            }
        }
        let number = port.child("port");
        for message in names::port_number(number.number()) {
            errors.invalid_as(&number, &number.number().to_string(), message);
        }
        errors.one_of_or_default(&port.child("protocol"), &PROTOCOLS);
        target_port(&port, errors);
        let app = port.child("appProtocol");
        if app.given() {
            errors.all_invalid(&app, names::qualified(app.text()));
        }
    }
}

/// `targetPort`; 0 and "" mean the port itself.
fn target_port(port: &At, errors: &mut Errors) {
    let target = port.child("targetPort");
    if target.is_text() && !target.text().is_empty() {
        errors.all_invalid(&target, names::port_name(target.text()));
        return;
    }
    let number = if target.number() == 0 { port.child("port").number() } else { target.number() };
    for message in names::port_number(number) {
        errors.invalid_as(&target, &number.to_string(), message);
    }
}

fn affinity(spec: &At, errors: &mut Errors) {
    errors.one_of_or_default(&spec.child("sessionAffinity"), &["ClientIP", "None"]);
    let config = spec.child("sessionAffinityConfig");
    // Without affinity the defaults drop the settings, so only those of ClientIP can be wrong.
    let timeout = config.at(&["clientIP", "timeoutSeconds"]);
    let client_ip = spec.child("sessionAffinity").text() == "ClientIP";
    if client_ip && timeout.given() && !(1..=86400).contains(&timeout.number()) {
        errors.invalid(&timeout, "must be greater than 0 and less than 86400");
    }
}

/// `ValidateServiceClusterIPsRelatedFields`.
fn families(spec: &At, errors: &mut Errors) {
    let list = spec.child("clusterIPs");
    let ips = cluster_ips(spec);
    let one = spec.child("clusterIP").text();
    if !one.is_empty() && ips.first() != Some(&one) {
        errors.invalid(&list, "first value must match `clusterIP`");
    }
    if one.is_empty() && !ips.is_empty() {
        errors.invalid(&list, "must be empty when `clusterIP` is not specified");
    }
    let mut seen = BTreeSet::new();
    for family in spec.child("ipFamilies").items() {
        if !["IPv4", "IPv6"].contains(&family.text()) {
            errors.unsupported(&family, &["IPv4", "IPv6"]);
        }
        if !seen.insert(family.text()) {
            errors.duplicate(&family);
        }
    }
    errors.one_of_if_given(&spec.child("ipFamilyPolicy"), &["PreferDualStack", "RequireDualStack", "SingleStack"]);
    let before = errors.0.len();
    let headless = ips.first() == Some(&"None");
    if headless && ips.len() > 1 {
        errors.invalid(&list, "'None' must be the first and only value");
    }
    for (index, ip) in ips.iter().enumerate().skip(usize::from(headless)) {
        for message in addresses::ip(ip) {
            errors.invalid_as(&spec.named(&format!("clusterIPs[{index}]")), &quoted(ip), message);
        }
    }
    let broken = before < errors.0.len();
    if ips.len() > 2 {
        errors.invalid(&list, "may only hold up to 2 values");
    }
    if broken || headless {
        return;
    }
    let both = ips.iter().any(|ip| ip.contains(':')) && ips.iter().any(|ip| !ip.contains(':'));
    if ips.len() > 1 && !both {
        errors.invalid(&list, "may specify no more than one IP for each IP family");
    }
    for (index, (ip, family)) in ips.iter().zip(spec.child("ipFamilies").items()).enumerate() {
        if ["IPv4", "IPv6"].contains(&family.text()) && ip.contains(':') != (family.text() == "IPv6") {
            let why = format!("expected an {} value as indicated by `ipFamilies[{index}]`", family.text());
            errors.invalid_as(&spec.named(&format!("clusterIPs[{index}]")), &quoted(ip), why);
        }
    }
}

fn node_ports(spec: &At, errors: &mut Errors) {
    let ports = spec.child("ports").items();
    if kind(spec) == "ClusterIP" {
        for port in ports.iter().filter(|port| port.child("nodePort").number() != 0) {
            errors.forbidden(&port.child("nodePort"), "may not be used when `type` is 'ClusterIP'");
        }
    }
    let mut seen = BTreeSet::new();
    for port in ports.iter().filter(|port| port.child("nodePort").number() != 0) {
        if !seen.insert((port.child("protocol").text_or("TCP"), port.child("nodePort").number())) {
            errors.duplicate(&port.child("nodePort"));
        }
    }
    let mut seen = BTreeSet::new();
    for port in &ports {
        let (protocol, number) = (port.child("protocol").text_or("TCP"), port.child("port").number());
        if !seen.insert((protocol, number)) {
            let key = format!(
                "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}",
                quoted(protocol)
            );
            errors.push(port, format!("Duplicate value: {key}"));
        }
    }
}

fn source_ranges(object: &At, spec: &At, errors: &mut Errors) {
    let forbidden = "may only be used when `type` is 'LoadBalancer'";
    let ranges = spec.child("loadBalancerSourceRanges");
    let annotation = object.at(&["metadata", "annotations"]).key(SOURCE_RANGES_ANNOTATION);
    if !ranges.is_empty() {
        // Upstream spells this path with a capital.
        if kind(spec) != "LoadBalancer" {
            errors.forbidden(&spec.named("LoadBalancerSourceRanges"), forbidden);
        }
        for (index, range) in ranges.items().iter().enumerate() {
            let text = range.text().trim();
            for message in addresses::cidr(text) {
                errors.invalid_as(&spec.named(&format!("LoadBalancerSourceRanges[{index}]")), &quoted(text), message);
            }
        }
    } else if annotation.given() {
        if kind(spec) != "LoadBalancer" {
            errors.forbidden(&annotation, forbidden);
        }
        for text in annotation.text().split(',').map(str::trim).filter(|_| !annotation.text().trim().is_empty()) {
            for message in addresses::cidr(text) {
                errors.invalid_as(&annotation, &quoted(text), message);
            }
        }
    }
}

fn load_balancer_only(spec: &At, errors: &mut Errors) {
    let class = spec.child("loadBalancerClass");
    if kind(spec) == "LoadBalancer" {
        if class.given() {
            errors.all_invalid(&class, names::qualified(class.text()));
        }
        return;
    }
    for name in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        if spec.child(name).given() {
            errors.forbidden(&spec.child(name), "may only be used when `type` is 'LoadBalancer'");
        }
    }
}

fn traffic(spec: &At, errors: &mut Errors) {
    let external = spec.child("externalTrafficPolicy");
    if is_reachable(spec) {
        errors.one_of_or_default(&external, &["Cluster", "Local"]);
    } else if !external.text().is_empty() {
        errors.invalid(&external, "may only be set for externally-accessible services");
    }
    let health = spec.child("healthCheckNodePort");
    if health.number() != 0 && !is_checked(spec) {
        errors.invalid(&health, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    } else if health.number() != 0 {
        errors.all_invalid(&health, names::port_number(health.number()));
    }
    let internal = spec.child("internalTrafficPolicy");
    if internal.given() && !["Cluster", "Local"].contains(&internal.text()) {
        errors.unsupported(&internal, &["Cluster", "Local"]);
    }
    let distribution = spec.child("trafficDistribution");
    if distribution.given() && !["PreferClose", "PreferSameZone", "PreferSameNode"].contains(&distribution.text()) {
        errors.unsupported(&distribution, &["PreferClose", "PreferSameZone", "PreferSameNode"]);
    }
}

/// Takes out of a Service that is to replace `old` what its new type has no use for and nobody changed
/// (`dropTypeDependentFields`), before it is validated and stored; keeps its cluster address.
pub fn prepare_update(service: &mut Value, old: &Value) {
    keep_address(service, old);
    let (was, is) = (At::root(old).child("spec"), At::root(service).child("spec"));
    let mut gone: Vec<&str> = Vec::new();
    let mut drop = |needed: bool, still: bool, fields: &[&'static str]| {
        if needed && !still {
            gone.extend(fields.iter().filter(|field| was.child(field).value() == is.child(field).value()));
        }
    };
    drop(kind(&was) != "ExternalName", kind(&is) != "ExternalName", &["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]);
    let load_balancer = |spec: &At| kind(spec) == "LoadBalancer";
    drop(load_balancer(&was), load_balancer(&is), &["allocateLoadBalancerNodePorts", "loadBalancerClass"]);
    drop(is_checked(&was), is_checked(&is), &["healthCheckNodePort"]);
    drop(is_reachable(&was), is_reachable(&is), &["externalTrafficPolicy"]);
    let uses_node_ports = |spec: &At| matches!(kind(spec), "LoadBalancer" | "NodePort");
    let node_ports =
        |spec: &At| -> Vec<i64> { spec.child("ports").items().iter().map(|port| port.child("nodePort").number()).collect() };
    let drop_node_ports = uses_node_ports(&was)
        && !uses_node_ports(&is)
        && node_ports(&is).iter().all(|port| *port == 0 || node_ports(&was).contains(port));
    let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else { return };
    for field in gone {
        spec.remove(field);
    }
    let ports = spec.get_mut("ports").filter(|_| drop_node_ports).and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        port.remove("nodePort");
    }
}

/// The two fields of the cluster address in step, and the old one where none is asked for (`normalizeClusterIPs`,
/// `patchAllocatedValues`).
fn keep_address(service: &mut Value, old: &Value) {
    let (was, is) = (At::root(old).child("spec"), At::root(service).child("spec"));
    let (list, old_list) = (is.child("clusterIPs"), was.child("clusterIPs"));
    let (one, old_one) = (is.child("clusterIP").text().to_string(), was.child("clusterIP").text().to_string());
    let same_list = list.value() == old_list.value();
    let old_ips = old_list.value().cloned();
    let (empty, patched) = (list.is_empty(), kind(&was) != "ExternalName" && kind(&is) != "ExternalName");
    let Some(spec) = service.get_mut("spec").and_then(Value::as_object_mut) else { return };
    if one == old_one {
        if let Some(ips) = old_ips.filter(|_| empty && !one.is_empty()) {
            spec.insert("clusterIPs".into(), ips);
        }
    } else if one.is_empty() && same_list {
        spec.remove("clusterIPs");
        if patched {
            spec.insert("clusterIP".into(), old_one.into());
            spec.extend(old_ips.map(|ips| ("clusterIPs".to_string(), ips)));
        }
    } else if one.is_empty() && patched {
        spec.insert("clusterIP".into(), old_one.into());
        spec.extend(old_ips.filter(|_| empty).map(|ips| ("clusterIPs".to_string(), ips)));
    } else if same_list {
        spec.insert("clusterIPs".into(), vec![one].into());
    }
}

/// Whether a load balancer asks each node for its health.
fn is_checked(spec: &At) -> bool {
    kind(spec) == "LoadBalancer" && spec.child("externalTrafficPolicy").text() == "Local"
}

/// Whether clients outside have a way in (`ExternallyAccessible`).
fn is_reachable(spec: &At) -> bool {
    matches!(kind(spec), "LoadBalancer" | "NodePort") || (kind(spec) == "ClusterIP" && !spec.child("externalIPs").is_empty())
}

/// What may not change, for two Services with their cluster addresses in place.
pub fn immutable(new: &At, old: &At, errors: &mut Errors) {
    let (spec, before) = (new.child("spec"), old.child("spec"));
    let external_name = kind(&spec) == "ExternalName" || kind(&before) == "ExternalName";
    let (ips, ips_before) = (cluster_ips(&spec), cluster_ips(&before));
    if !external_name && ips != ips_before && !ips.is_empty() && ips.first() != ips_before.first() && !ips_before.is_empty() {
        let list: Vec<String> = ips.iter().map(|ip| quoted(ip)).collect();
        errors.invalid_as(&spec.named("clusterIPs[0]"), &format!("[{}]", list.join(",")), "may not change once set");
    }
    let class = |spec: &At| spec.child("loadBalancerClass").value().cloned();
    if kind(&spec) == "LoadBalancer" && kind(&before) == "LoadBalancer" && class(&spec) != class(&before) {
        errors.invalid(&spec.child("loadBalancerClass"), "may not change once set");
    }
    let health = |spec: &At| spec.child("healthCheckNodePort").number();
    if is_checked(&spec) && is_checked(&before) && health(&spec) != 0 && health(&spec) != health(&before) {
        errors.forbidden(&spec.child("healthCheckNodePort"), "field is immutable");
    }
}

/// What the API server warns of.
pub fn warnings(object: &At) -> Vec<String> {
    let spec = object.child("spec");
    let mut warnings = Vec::new();
    if object.at(&["metadata", "annotations"]).key("service.kubernetes.io/topology-aware-hints").given() {
        let text = "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use service.kubernetes.io/topology-mode instead";
        warnings.push(text.to_string());
    }
    if !is_headless(&spec) {
        let mut ips = spec.child("clusterIPs").items();
        if ips.is_empty() {
            ips = vec![spec.child("clusterIP")];
            ips.iter_mut().for_each(|ip| ip.path = "spec.clusterIPs[0]".to_string());
        }
        warnings.extend(ips.iter().filter_map(addresses::ip_warning));
    }
    let external_ips = !spec.child("externalIPs").is_empty();
    if is_headless(&spec) {
        if !spec.child("loadBalancerIP").text().is_empty() {
            warnings.push("spec.loadBalancerIP is ignored for headless services".to_string());
        }
        if external_ips {
            warnings.push("spec.externalIPs is ignored for headless services".to_string());
        }
        if spec.child("sessionAffinity").text_or("None") != "None" {
            warnings.push("spec.SessionAffinity is ignored for headless services".to_string());
        }
    }
    warnings.extend(spec.child("externalIPs").items().iter().filter_map(addresses::ip_warning));
    if external_ips && !is_headless(&spec) && kind(&spec) != "ExternalName" {
        warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_string());
    }
    warnings.extend(addresses::ip_warning(&spec.child("loadBalancerIP")));
    warnings.extend(spec.child("loadBalancerSourceRanges").items().iter().filter_map(addresses::cidr_warning));
    if external_ips && kind(&spec) == "ExternalName" {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_string());
    }
    if kind(&spec) != "ExternalName" && !spec.child("externalName").text().is_empty() {
        warnings.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_string());
    }
    if spec.child("trafficDistribution").text() == "PreferClose" {
        warnings.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".to_string());
    }
    warnings
}
