//! EndpointSlices (`pkg/apis/discovery/validation`) and Endpoints (`pkg/apis/core/validation`).

use super::addresses;
use super::field::{At, Errors, quoted};
use super::{meta, names, service};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// An EndpointSlice; `old` is there for an update.
pub fn slice(object: &At, old: Option<&At>, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    let kind = object.child("addressType");
    errors.one_of(&kind, &["FQDN", "IPv4", "IPv6"]);
    ports(&object.child("ports"), errors);
    let endpoints = object.child("endpoints");
    if old.is_some_and(|old| old.child("endpoints").value() == endpoints.value()) {
        // What was taken once is not judged again.
    } else if endpoints.len() > 1000 {
        errors.push(&endpoints, format!("Too many: {}: must have at most 1000 items", endpoints.len()));
    } else {
        for endpoint in endpoints.items() {
            self::endpoint(&endpoint, kind.text(), errors);
        }
    }
    if let Some(old) = old
        && old.child("addressType").text() != kind.text()
    {
        errors.invalid_as(&kind, &quoted(kind.text()), "field is immutable");
    }
}

/// What the API server warns of in an EndpointSlice.
pub fn warnings(object: &At) -> Vec<String> {
    let mut warnings = Vec::new();
    if object.child("addressType").text() == "FQDN" {
        warnings.push("spec.addressType: FQDN endpoints are deprecated".to_string());
    }
    let manager = object.at(&["metadata", "labels"]).key("endpointslice.kubernetes.io/managed-by").text();
    let controllers = ["endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"];
    if !controllers.contains(&manager) {
        for address in object.child("endpoints").items().iter().flat_map(|endpoint| endpoint.child("addresses").items()) {
            warnings.extend(addresses::ip_warning(&address));
        }
    }
    warnings
}

/// The same for Endpoints.
pub fn old_warnings(object: &At) -> Vec<String> {
    let mut warnings = Vec::new();
    for subset in object.child("subsets").items() {
        let addresses = ["addresses", "notReadyAddresses"].into_iter().flat_map(|list| subset.child(list).items());
        warnings.extend(addresses.filter_map(|address| addresses::ip_warning(&address.child("ip"))));
    }
    warnings.push("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".to_string());
    warnings
}

fn ports(ports: &At, errors: &mut Errors) {
    if ports.len() > 20_000 {
        errors.push(ports, format!("Too many: {}: must have at most 20000 items", ports.len()));
        return;
    }
    let mut seen = BTreeSet::new();
    for port in ports.items() {
        let name = port.child("name");
        if !name.text().is_empty() {
            errors.all_invalid(&name, names::label(name.text()));
        }
        if !seen.insert(name.text()) {
            errors.push(&name, format!("Duplicate value: {}", quoted(name.text())));
        }
        errors.one_of_if_given(&port.child("protocol"), &service::PROTOCOLS);
        let app = port.child("appProtocol");
        if app.given() {
            errors.all_invalid(&app, names::qualified(app.text()));
        }
    }
}

fn endpoint(endpoint: &At, kind: &str, errors: &mut Errors) {
    let list = endpoint.child("addresses");
    if list.is_empty() {
        errors.required(&list, "must contain at least 1 address");
    } else if list.len() > 100 {
        errors.push(&list, format!("Too many: {}: must have at most 100 items", list.len()));
    }
    for address in list.items() {
        slice_address(&list, &address, kind, errors);
    }
    for (field, rule) in [("nodeName", names::subdomain as fn(&str) -> Vec<String>), ("hostname", names::label)] {
        let at = endpoint.child(field);
        if at.given() {
            errors.all_invalid(&at, rule(at.text()));
        }
    }
    meta::labels(&endpoint.child("deprecatedTopology"), errors);
    for (field, rule) in [("forZones", names::label_value as fn(&str) -> Vec<String>), ("forNodes", names::subdomain)] {
        let mut seen = BTreeSet::new();
        for hint in endpoint.at(&["hints", field]).items() {
            let name = hint.child("name");
            if !seen.insert(name.text()) {
                errors.push(&name, format!("Duplicate value: {}", quoted(name.text())));
            }
            for message in rule(name.text()) {
                errors.invalid_as(&name, &quoted(name.text()), message);
            }
        }
    }
}

fn slice_address(list: &At, address: &At, kind: &str, errors: &mut Errors) {
    if kind == "FQDN" {
        domain_name(address, errors);
        return;
    }
    if !["IPv4", "IPv6"].contains(&kind) {
        return;
    }
    let wrong = addresses::ip(address.text());
    if !wrong.is_empty() {
        errors.all_invalid(address, wrong);
        return;
    }
    let is_v4 = matches!(addresses::parse_sloppy(address.text()), Some(IpAddr::V4(_)));
    if is_v4 != (kind == "IPv4") {
        errors.invalid_as(list, &address.shown(), format!("must be an {kind} address"));
    }
    addresses::endpoint(address, errors);
}

/// `IsFullyQualifiedDomainName`.
fn domain_name(at: &At, errors: &mut Errors) {
    if at.text().is_empty() {
        errors.required(at, "");
        return;
    }
    let name = at.text().strip_suffix('.').unwrap_or(at.text());
    let wrong = names::subdomain(name);
    if !wrong.is_empty() {
        errors.invalid_as(at, &quoted(name), wrong.join(","));
    } else if !name.contains('.') {
        errors.invalid_as(at, &quoted(name), "should be a domain with at least two segments separated by dots");
    } else if let Some(part) = name.split('.').find(|part| !names::label(part).is_empty()) {
        errors.invalid_as(at, &quoted(part), names::label(part).join(","));
    }
}

/// Endpoints.
pub fn endpoints(object: &At, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    for subset in object.child("subsets").items() {
        let (ready, unready) = (subset.child("addresses"), subset.child("notReadyAddresses"));
        if ready.is_empty() && unready.is_empty() {
            errors.required(&subset, "must specify `addresses` or `notReadyAddresses`");
        }
        for address in ready.items().into_iter().chain(unready.items()) {
            let ip = address.child("ip");
            for message in addresses::ip(ip.text()) {
                errors.invalid_as(&ip, &quoted(ip.text()), message);
            }
            let (hostname, node) = (address.child("hostname"), address.child("nodeName"));
            if !hostname.text().is_empty() {
                errors.all_invalid(&hostname, names::label(hostname.text()));
            }
            if node.given() {
                errors.all_invalid(&node, names::subdomain(node.text()));
            }
            addresses::endpoint(&ip, errors);
        }
        subset_ports(&subset.child("ports"), errors);
    }
}

fn subset_ports(ports: &At, errors: &mut Errors) {
    for port in ports.items() {
        let (name, number) = (port.child("name"), port.child("port"));
        if !name.text().is_empty() {
            errors.all_invalid(&name, names::label(name.text()));
        } else if ports.len() > 1 {
            errors.required(&name, "");
        }
        for message in names::port_number(number.number()) {
            errors.invalid_as(&number, &number.number().to_string(), message);
        }
        errors.one_of_or_default(&port.child("protocol"), &service::PROTOCOLS);
        let app = port.child("appProtocol");
        if app.given() {
            errors.all_invalid(&app, names::qualified(app.text()));
        }
    }
}
