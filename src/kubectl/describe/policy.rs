//! Network policies, as `describeNetworkPolicy` prints them.

use super::Page;
use super::workload::selector_text;
use crate::api::meta::LabelSelector;
use crate::api::networking::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort};

pub(super) fn network_policy(page: &mut Page, policy: &NetworkPolicy) {
    let (meta, spec) = (&policy.metadata, &policy.spec);
    page.name_and_namespace(meta);
    page.line(format!("Created on:\t{}", created(meta.creation_timestamp.as_deref())));
    page.labels_and_annotations(meta);
    page.line("Spec:");
    let everybody = spec.pod_selector.match_labels.is_empty() && spec.pod_selector.match_expressions.is_empty();
    page.line(match everybody {
        true => "  PodSelector:     <none> (Allowing the specific traffic to all pods in this namespace)".to_string(),
        false => format!("  PodSelector:     {}", selector(&spec.pod_selector)),
    });
    let affects = |direction: &str| spec.policy_types.iter().any(|own| own == direction);
    if affects("Ingress") {
        page.line("  Allowing ingress traffic:");
        let rules = spec.ingress.iter().map(|rule| (rule.ports.as_slice(), rule.from.as_slice())).collect::<Vec<_>>();
        allowances(page, &rules, "From", ("source", "ingress"));
    } else {
        page.line("  Not affecting ingress traffic");
    }
    if affects("Egress") {
        page.line("  Allowing egress traffic:");
        let rules = spec.egress.iter().map(|rule| (rule.ports.as_slice(), rule.to.as_slice())).collect::<Vec<_>>();
        allowances(page, &rules, "To", ("destination", "egress"));
    } else {
        page.line("  Not affecting egress traffic");
    }
    page.line(format!("  Policy Types: {}", spec.policy_types.join(", ")));
}

/// A time as Go prints it: `2026-03-02 09:11:40 +0000 UTC`.
fn created(timestamp: Option<&str>) -> String {
    let text = timestamp.unwrap_or("0001-01-01T00:00:00Z");
    text.replace('T', " ").replace('Z', " +0000 UTC")
}

fn selector(selector: &LabelSelector) -> String {
    let text = selector_text(selector);
    if text.is_empty() { "<none>".into() } else { text }
}

type Rule<'a> = (&'a [NetworkPolicyPort], &'a [NetworkPolicyPeer]);

/// The rules of one direction: `word` is `From` or `To`, `what` the ends that they restrict and the connectivity's name.
fn allowances(page: &mut Page, rules: &[Rule], word: &str, what: (&str, &str)) {
    if rules.is_empty() {
        page.line(format!("    <none> (Selected pods are isolated for {} connectivity)", what.1));
    }
    for (at, (ports, peers)) in rules.iter().enumerate() {
        if at > 0 {
            page.line("    ----------");
        }
        if ports.is_empty() {
            page.line("    To Port: <any> (traffic allowed to all ports)");
        }
        for port in *ports {
            let first = port.port.as_ref().map_or_else(|| "<nil>".into(), ToString::to_string);
            let protocol = port.protocol.as_deref().unwrap_or("TCP");
            page.line(match port.end_port {
                Some(end) => format!("    To Port Range: {first}-{end}/{protocol}"),
                None => format!("    To Port: {first}/{protocol}"),
            });
        }
        if peers.is_empty() {
            page.line(format!("    {word}: <any> (traffic not restricted by {})", what.0));
        }
        for peer in *peers {
            page.line(format!("    {word}:"));
            let pods = peer.pod_selector.as_ref().map(|own| ("PodSelector", own));
            let namespaces = peer.namespace_selector.as_ref().map(|own| ("NamespaceSelector", own));
            for (label, own) in namespaces.into_iter().chain(pods) {
                page.line(format!("      {label}: {}", selector(own)));
            }
            if let Some(block) = peer.ip_block.as_ref().filter(|_| pods.is_none() && namespaces.is_none()) {
                page.line("      IPBlock:");
                page.line(format!("        CIDR: {}", block.cidr));
                page.line(format!("        Except: {}", block.except.join(", ")));
            }
        }
    }
}
