//! NetworkPolicies (`ValidateNetworkPolicySpec` in `pkg/apis/networking/validation`).

use super::field::{At, Errors};
use super::{addresses, meta, names, workload};

/// A NetworkPolicy.
pub fn validate(object: &At, errors: &mut Errors) {
    meta::metadata(object, names::subdomain, errors);
    let spec = object.child("spec");
    meta::label_selector(&spec.child("podSelector"), errors);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.child(direction).items() {
            for port in rule.child("ports").items() {
                self::port(&port, errors);
            }
            for peer in rule.child(peers).items() {
                self::peer(&peer, errors);
            }
        }
    }
    let types = spec.child("policyTypes");
    if types.len() > 2 {
        errors.invalid(&types, "may not specify more than two policyTypes");
        return;
    }
    for kind in types.items() {
        if !["Ingress", "Egress"].contains(&kind.text()) {
            errors.unsupported(&kind, &["Ingress", "Egress"]);
        }
    }
}

fn port(at: &At, errors: &mut Errors) {
    let (port, end) = (at.child("port"), at.child("endPort"));
    errors.one_of_if_given(&at.child("protocol"), &["TCP", "UDP", "SCTP"]);
    if !port.given() {
        if end.given() {
            errors.invalid(&end, "may not be specified when `port` is not specified");
        }
        return;
    }
    workload::port(&port, errors);
    if port.is_text() && end.given() {
        errors.invalid(&end, "may not be specified when `port` is non-numeric");
    } else if end.given() {
        if end.number() < port.number() {
            // Upstream shows the port, not its end.
            errors.invalid_as(&end, &port.shown(), "must be greater than or equal to `port`");
        }
        errors.all_invalid(&end, names::port_number(end.number()));
    }
}

fn peer(peer: &At, errors: &mut Errors) {
    let (pods, namespaces, block) = (peer.child("podSelector"), peer.child("namespaceSelector"), peer.child("ipBlock"));
    meta::label_selector(&pods, errors);
    meta::label_selector(&namespaces, errors);
    if block.given() {
        ip_block(&block, errors);
    }
    match (pods.given() || namespaces.given(), block.given()) {
        (false, false) => errors.required(peer, "must specify a peer"),
        (true, true) => errors.forbidden(peer, "may not specify both ipBlock and another peer"),
        _ => {}
    }
}

fn ip_block(block: &At, errors: &mut Errors) {
    let cidr = block.child("cidr");
    if cidr.text().is_empty() {
        errors.required(&cidr, "");
        return;
    }
    errors.all_invalid(&cidr, addresses::cidr(cidr.text()));
    let Some((network, length)) = addresses::parse_cidr(cidr.text()) else { return };
    for except in block.child("except").items() {
        errors.all_invalid(&except, addresses::cidr(except.text()));
        let Some((inner, inner_length)) = addresses::parse_cidr(except.text()) else { continue };
        let same_family = network.is_ipv4() == inner.is_ipv4();
        let contained = same_family && addresses::masked(inner, length) == addresses::masked(network, length);
        if !contained || length >= inner_length {
            errors.invalid(&except, "must be a strict subset of `cidr`");
        }
    }
}

/// What the API server warns of in a NetworkPolicy's spec.
pub fn warnings(spec: &At) -> Vec<String> {
    let mut warnings = Vec::new();
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for peer in spec.child(direction).items().iter().flat_map(|rule| rule.child(peers).items()) {
            let block = peer.child("ipBlock");
            warnings.extend(addresses::cidr_warning(&block.child("cidr")));
            warnings.extend(block.child("except").items().iter().filter_map(addresses::cidr_warning));
        }
    }
    warnings
}
