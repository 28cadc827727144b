//! The trace has the last word: a check that fails is the cause of a request's end only where it is about what ended it.

use super::Check;
use crate::trace::{Reason, Trace};

/// The checks that are about the end of a request; empty: none of them, the trace itself says why.
fn about(trace: &Trace) -> &'static [&'static str] {
    const NAMES: &[&str] = &[
        "service-exists",
        "name-resolves",
        "ingress-served",
        "load-balancer-address",
        "selector-matches-pods",
        "pods-ready",
        "pod-ready",
        "endpoints-ready",
    ];
    const ENDPOINTS: &[&str] = &["service-port", "selector-matches-pods", "pods-ready", "endpoints-ready"];
    let Some(advice) = &trace.advice else { return &[] };
    // Of localhost, a headless port, and Pods' own names, the trace knows more than the checks, which look from a Service.
    if ["advice.podPort.name.", "advice.podLocalhost.", "advice.hostname.noService"]
        .iter()
        .any(|own| advice.next.id.starts_with(own))
    {
        return &[];
    }
    let Some(hop) = trace.hops.iter().rev().find(|hop| hop.text == advice.why) else {
        // Not a hop's words: a name that waits for a load balancer or an Ingress controller. What makes a Service's port lack endpoints,
        // and rules that nobody renews, must be found in the same words.
        let same =
            ["advice.staleRules", "explain.selector.", "explain.pod.", "explain.endpoints.", "explain.listens.", "field.other"];
        return if same.iter().any(|own| advice.why.id.starts_with(own)) { &[] } else { NAMES };
    };
    let variant = hop.text.id.rsplit('.').next().unwrap_or_default();
    match (hop.reason, variant) {
        (Reason::NoSuchName | Reason::NoAddress, _) => NAMES,
        (Reason::DnsSilent, _) => &["name-resolves"],
        (Reason::Policy, _) => &["network-policy"],
        (Reason::LoadBalancerNoBackend, "sourceRange" | "listener" | "nodePort" | "ping")
        | (Reason::Reject, "ping" | "rewritten") => &[],
        (Reason::Reject | Reason::LoadBalancerNoBackend, _) | (Reason::NoRoute, "unannounced") => ENDPOINTS,
        (Reason::NoRule, "hostname" | "proxy" | "ping" | "rewritten") => &[],
        (Reason::NoRule, _) => &["service-port"],
        (Reason::NothingListens, "node") => &["node-port", "pod-ready"],
        (Reason::NothingListens, "primary") => &[],
        (Reason::NothingListens, "stopped") => &["pod-ready"],
        (Reason::NothingListens, _) => &["process-listens"],
        (Reason::IngressNoRule, _) => &["ingress-rule"],
        (Reason::IngressNoEndpoints, _) => {
            &["service-exists", "service-port", "ingress-backend", "selector-matches-pods", "pods-ready", "endpoints-ready"]
        }
        (Reason::IngressBadGateway, _) => &["process-listens", "pod-ready"],
        _ => &[],
    }
}

/// Whether the check that fails says why the request ends as it does.
pub(super) fn agrees(trace: &Trace, checks: &[Check]) -> bool {
    let same = |check: &Check| trace.advice.as_ref().is_some_and(|advice| advice.why == check.text);
    checks.iter().any(|check| !check.ok && (same(check) || about(trace).contains(&check.check.as_str())))
}

/// The check that the trace's own words answer.
pub(super) fn check(trace: &Trace) -> &'static str {
    let why = trace.advice.as_ref().map(|advice| &advice.why);
    let hop = trace.hops.iter().rev().find(|hop| Some(&hop.text) == why);
    match hop.map(|hop| hop.reason) {
        Some(Reason::Policy) => "network-policy",
        Some(Reason::Lookup | Reason::NoSuchName | Reason::NoAddress | Reason::DnsSilent) => "name-resolves",
        Some(Reason::NothingListens) => "process-listens",
        _ if why.is_some_and(|why| why.id.starts_with("explain.listens.")) => "process-listens",
        _ => "request-arrives",
    }
}
