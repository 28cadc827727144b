//! Rules that a stopped kube-proxy left: with rules as they should be the request would arrive, or fail in another way. Asked of the
//! network itself.

use super::DataPlane;
use crate::cluster::Cluster;
use crate::msg;
use crate::trace::{Advice, Hop, Place, Reason, Trace};

/// A stopped kube-proxy's rules had a part in how the request ended.
pub(super) fn stale_rules(cluster: &Cluster, trace: &Trace, decided: &Hop) -> Option<Advice> {
    let stopped: Vec<&String> =
        cluster.machines.iter().filter(|(_, machine)| machine.frozen_view.is_some()).map(|(node, _)| node).collect();
    if stopped.is_empty() {
        return None;
    }
    let all = mended(cluster, &stopped);
    let fresh = DataPlane::program(&all).send(&all, &trace.request);
    // Where the end is of the same kind, the old rules are not to blame.
    if !fresh.arrived() && fresh.hops.iter().any(|hop| hop.text.id == decided.text.id) {
        return None;
    }
    // One node's rules are named where they alone make the difference; else those that the packet met last.
    let alone = |node: &&&String| {
        let one = mended(cluster, &[**node]);
        let (verdict, status, _) = DataPlane::program(&one).verdict(&one, &trace.request);
        (verdict, status) == (fresh.verdict, fresh.status) && (verdict, status) != (trace.verdict, trace.status)
    };
    let met = || {
        trace.hops.iter().rev().find_map(|hop| match &hop.at {
            Place::KubeProxy(node) | Place::Node(node) => stopped.iter().find(|own| **own == node),
            _ => None,
        })
    };
    let node = stopped.iter().find(alone).or_else(met)?;
    if fresh.arrived() {
        let why = match decided.reason {
            Reason::DnsSilent => msg!("advice.staleRules.dns", node = node),
            _ => msg!("advice.staleRules", node = node),
        };
        return Some(Advice { why, next: msg!("advice.staleRules.next", node = node), because: Vec::new() });
    }
    let why = match (decided.reason, decided.before) {
        (Reason::NoNeighbour, Some(flow)) => msg!("advice.staleRules.gone", node = node, ip = flow.dst.ip),
        _ => msg!("advice.staleRules.other", node = node),
    };
    let left = fresh.hops.iter().find(|hop| hop.text.id == "hop.Reject.text").and_then(|hop| hop.objects.first());
    let next = match left {
        Some(service) => msg!("advice.staleRules.refused.next", node = node, service = service.name),
        None => msg!("advice.staleRules.other.next", node = node),
    };
    // What is amiss besides has its own place in the text.
    Some(Advice { why, next, because: fresh.advice.map(|advice| advice.because).unwrap_or_default() })
}

/// The same cluster with these nodes' kube-proxies running.
fn mended(cluster: &Cluster, nodes: &[&String]) -> Cluster {
    let mut mended = cluster.clone();
    for node in nodes {
        if let Some(machine) = mended.machines.get_mut(*node) {
            machine.frozen_view = None;
        }
    }
    mended
}
