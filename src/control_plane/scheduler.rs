//! The scheduler: finds a node for each Pod that has none.
//!
//! Imitates the filters of `pkg/scheduler/framework/plugins` (nodeunschedulable, nodename, tainttoleration, nodeports,
//! noderesources, schedulinggates, volumebinding's missing claims, and in `placement` those that look at other Pods) and the text of
//! `framework.FitError`. Leaves out all other volumes, preemption and most scoring plugins: Pods of one controller spread over the nodes that fit, in an order
//! that is hashed from the controller's name, so that other workloads never move them. A Pod that the real scheduler of a dump has
//! refused for such a reason stays without a node.

pub(crate) mod placement;

use super::dump::{came_from_dump, shown_pending};
use super::kubelets::missing_claim;
use super::names::mixed_hash;
use super::world::{Key, World, controller_of};
use crate::api::ObjectRef;
use crate::api::core::{Condition, Node, Pod, Taint, Toleration};
use crate::cluster::Verb;
use crate::msg;
use crate::node::kubelet::has_ended;
use crate::node::resources::{self, Amounts, Shortage, requests, shortages, together};
use placement::{Placement, named_nodes, selects_node};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tries every Pod without a node.
pub(crate) fn run(world: &mut World) {
    if std::mem::take(&mut world.queue.room) {
        let pending = world.cluster.store.pods.iter().filter(|(_, pod)| pod.spec.node_name.is_empty());
        let keys: Vec<Key> = pending.map(|(key, _)| key.clone()).collect();
        world.queue.unscheduled.extend(keys);
    }
    let mut bound = false;
    for key in std::mem::take(&mut world.queue.unscheduled) {
        let Some(pod) = world.cluster.store.pods.get(&key).cloned() else { continue };
        if pod.spec.node_name.is_empty() && pod.metadata.deletion_timestamp.is_none() {
            bound |= schedule(world, &pod);
        }
    }
    if bound {
        // A Pod that wants to be near another one may have found it now.
        let pending = |key: &&Key| world.cluster.store.pods.get(*key).is_some_and(|pod| pod.spec.node_name.is_empty());
        let pending: Vec<Key> = world.choosy.iter().filter(pending).cloned().collect();
        world.queue.unscheduled.extend(pending);
    }
}

/// Finds a node for the Pod. True if there is one.
fn schedule(world: &mut World, pod: &Pod) -> bool {
    if !pod.spec.scheduling_gates.is_empty() {
        report_gated(world, pod);
        return false;
    }
    if !matches!(pod.spec.scheduler_name.as_str(), "" | "default-scheduler") {
        return false;
    }
    let nodes: Vec<Arc<Node>> = world.cluster.store.nodes.values().cloned().collect();
    let told = refused_elsewhere(world, pod);
    if told && nodes.iter().all(|node| node.metadata.since <= pod.metadata.since) {
        return false;
    }
    if let Some(missing) = resources::missing_claim(&world.cluster, pod) {
        if missing.kind == "ResourceClaimTemplate" {
            // `handleClaim` of `pkg/controller/resourceclaim`.
            let name = missing.name;
            let why = format!("resource claim template \"{name}\": resourceclaimtemplate.resource.k8s.io \"{name}\" not found");
            let text = format!("PodResourceClaim {}: {why}", missing.own);
            let (who, what) = (("resource_claim", ""), ("Warning", "FailedResourceClaimCreation"));
            super::events::reach(world, &ObjectRef::of(pod), who, what, &text, 1);
        }
        return false;
    }
    if let Some(claim) = missing_claim(world, pod).filter(|_| !nodes.is_empty()) {
        report_pending(world, pod, &no_claim(nodes.len(), claim));
        return false;
    }
    let placement = Placement::of(world, pod);
    let named = named_nodes(&pod.spec);
    let mut fitting: Vec<&Node> = Vec::new();
    let mut misfits = Misfits::default();
    let asked = requests(&pod.spec);
    for node in nodes.iter().filter(|node| !told || node.metadata.since > pod.metadata.since) {
        let elsewhere = named.as_ref().is_some_and(|named| !named.contains(&node.metadata.name.as_str()));
        let before = if elsewhere { Some(Misfit::OtherNode) } else { misfit(world, pod, node) };
        if let Some(reason) = before {
            misfits.add(reason);
        } else if !misfits.lacks(world, node, &asked) {
            match placement.misfit(node) {
                None => fitting.push(node),
                Some(reason) => misfits.add(reason),
            }
        }
    }
    let best = best(world, pod, &fitting, &placement);
    match &best {
        Some(node) => bind(world, pod, node),
        None if told => {}
        None => report_pending(world, pod, &fit_error(nodes.len(), &misfits)),
    }
    best.is_some()
}

/// Whether a dump's Pod stays as its real scheduler left it, on every node that was there then: it was refused for a reason that
/// cannot be told from the dump, such as memory, or other Pods. What the nodes themselves say is judged here.
fn refused_elsewhere(world: &World, pod: &Pod) -> bool {
    if !shown_pending(world, pod) {
        return false;
    }
    let told = pod.status.conditions.iter().find(|own| own.type_ == "PodScheduled").map(|own| own.message.as_str());
    let all_nodes = world.cluster.store.all::<Node>().all(|node| came_from_dump(world, &ObjectRef::of(node)));
    let by_node = ["node(s) had untolerated taint", Misfit::Affinity.text(), Misfit::Unschedulable.text()];
    let named = |reason: &str| by_node.iter().any(|text| reason.contains(text));
    let reasons = told.and_then(|told| told.split_once("nodes are available: ")).map(|(_, rest)| rest);
    let reasons = reasons.and_then(|rest| rest.split(". ").next());
    !all_nodes || !reasons.is_some_and(|reasons| reasons.split(", ").all(named))
}

/// Why a node does not take a Pod. In the order in which upstream prints the texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Misfit {
    Ports,
    Affinity,
    Taints,
    Unschedulable,
    Spread,
    SpreadLabel,
    PodAffinity,
    AntiAffinity,
    ExistingAntiAffinity,
    /// The Pod names its nodes, as a DaemonSet's does: this one is not even looked at.
    OtherNode,
}

impl Misfit {
    fn text(self) -> &'static str {
        match self {
            Misfit::Ports => "node(s) didn't have free ports for the requested pod ports",
            Misfit::Affinity => "node(s) didn't match Pod's node affinity/selector",
            Misfit::Taints => "node(s) had untolerated taint(s)",
            Misfit::Unschedulable => "node(s) were unschedulable",
            Misfit::Spread => "node(s) didn't match pod topology spread constraints",
            Misfit::SpreadLabel => "node(s) didn't match pod topology spread constraints (missing required label)",
            Misfit::PodAffinity => "node(s) didn't match pod affinity rules",
            Misfit::AntiAffinity => "node(s) didn't match pod anti-affinity rules",
            Misfit::OtherNode => "node(s) didn't satisfy plugin(s) [NodeAffinity]",
            Misfit::ExistingAntiAffinity => "node(s) didn't satisfy existing pods anti-affinity rules",
        }
    }

    /// Whether evicting other Pods could help.
    fn resolvable(self) -> bool {
        let others = matches!(self, Misfit::Affinity | Misfit::OtherNode | Misfit::PodAffinity);
        !others && !matches!(self, Misfit::Taints | Misfit::Unschedulable | Misfit::SpreadLabel)
    }
}

/// What keeps nodes from taking a Pod.
#[derive(Default)]
struct Misfits {
    /// Nodes by reason; one node may have several.
    reasons: BTreeMap<String, u32>,
    /// Nodes where evicting others could help, and where it could not.
    resolvable: u32,
    hopeless: u32,
}

impl Misfits {
    fn add(&mut self, reason: Misfit) {
        self.count(reason.text().into());
        self.close(reason.resolvable());
    }

    fn count(&mut self, reason: String) {
        *self.reasons.entry(reason).or_default() += 1;
    }

    fn close(&mut self, resolvable: bool) {
        if resolvable { self.resolvable += 1 } else { self.hopeless += 1 }
    }

    /// Whether the node lacks room, and of what.
    fn lacks(&mut self, world: &World, node: &Node, asked: &Amounts) -> bool {
        let name = &node.metadata.name;
        let full = world.count_on(name) >= capacity(node);
        let taken = || together(world.pods_on(name).filter(|other| !has_ended(other)));
        let short = shortages(&world.cluster, node, asked, taken);
        if !full && short.is_empty() {
            return false;
        }
        if full {
            self.count("Too many pods".into());
        }
        for own in &short {
            self.count(format!("Insufficient {}", own.resource));
        }
        self.close(!short.iter().any(Shortage::is_hopeless));
        true
    }
}

fn misfit(world: &World, pod: &Pod, node: &Node) -> Option<Misfit> {
    let cordon = Taint { key: UNSCHEDULABLE.into(), value: String::new(), effect: "NoSchedule".into() };
    if node.spec.unschedulable == Some(true) && !tolerates(&pod.spec.tolerations, &cordon) {
        return Some(Misfit::Unschedulable);
    }
    if untolerated(pod, node) {
        return Some(Misfit::Taints);
    }
    if !selects_node(&pod.spec, node) {
        return Some(Misfit::Affinity);
    }
    let ports = host_ports(pod);
    let takes = |other: &&Arc<Pod>| !has_ended(other) && clash(&ports, &host_ports(other));
    (!ports.is_empty() && world.pods_on(&node.metadata.name).any(|other| takes(&other))).then_some(Misfit::Ports)
}

/// The taint of a cordoned node.
pub(crate) const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Whether the node has a taint that keeps the Pod away.
pub(crate) fn untolerated(pod: &Pod, node: &Node) -> bool {
    let guards = node.spec.taints.iter().filter(|taint| taint.effect != "PreferNoSchedule");
    guards.into_iter().any(|taint| !tolerates(&pod.spec.tolerations, taint))
}

/// Whether one of the tolerations bears the taint (`k8s.io/component-helpers/scheduling/corev1`).
pub(crate) fn tolerates(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|t| {
        let effect = t.effect.is_empty() || t.effect == taint.effect;
        let key = t.key.is_empty() || t.key == taint.key;
        let value = match t.operator.as_str() {
            "Exists" => true,
            "" | "Equal" => !t.key.is_empty() && t.value == taint.value,
            _ => false,
        };
        effect && key && value
    })
}

/// How many Pods the node takes.
pub(crate) fn capacity(node: &Node) -> usize {
    node.status.allocatable.get("pods").and_then(|count| count.parse().ok()).unwrap_or(110)
}

/// Address, protocol and number of each port that the Pod takes on its node.
pub(crate) fn host_ports(pod: &Pod) -> Vec<(&str, &str, i32)> {
    let host_network = pod.spec.host_network == Some(true);
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let wanted = ports.filter_map(|port| {
        let number = port.host_port.or(host_network.then_some(port.container_port)).filter(|number| *number > 0)?;
        let protocol = if port.protocol.is_empty() { "TCP" } else { port.protocol.as_str() };
        Some((port.host_ip.as_str(), protocol, number))
    });
    wanted.collect()
}

/// Whether one of ours is one of theirs.
pub(crate) fn clash(ours: &[(&str, &str, i32)], theirs: &[(&str, &str, i32)]) -> bool {
    let everywhere = |address: &str| address.is_empty() || address == "0.0.0.0";
    ours.iter().any(|(address, protocol, number)| {
        theirs.iter().any(|(a, p, n)| n == number && p == protocol && (a == address || everywhere(a) || everywhere(address)))
    })
}

/// The fitting node that the Pod likes best; among equals the one with the fewest Pods of the same controller.
fn best(world: &World, pod: &Pod, fitting: &[&Node], placement: &Placement) -> Option<String> {
    let owner = controller_of(&pod.metadata);
    let mut siblings: BTreeMap<&str, u32> = BTreeMap::new();
    let pods = owner.as_ref().map(|owner| world.pods_of(owner)).unwrap_or_default();
    for sibling in pods.iter().filter(|sibling| sibling.metadata.deletion_timestamp.is_none()) {
        *siblings.entry(sibling.spec.node_name.as_str()).or_default() += 1;
    }
    let group = owner.unwrap_or_else(|| ObjectRef::of(pod)).to_string();
    let order = |node: &Node| {
        let name = node.metadata.name.as_str();
        (-placement.liking(node), siblings.get(name).copied().unwrap_or(0), mixed_hash(&format!("{group}@{name}")))
    };
    fitting.iter().min_by_key(|node| order(node)).map(|node| node.metadata.name.clone())
}

fn bind(world: &mut World, pod: &Pod, node: &str) {
    let mut bound = pod.clone();
    bound.spec.node_name = node.to_string();
    bound.status.phase = "Pending".into();
    bound.status.conditions.retain(|condition| condition.type_ != "PodScheduled");
    bound.status.conditions.push(condition("True", "", "", world.timestamp()));
    let name = &pod.metadata.name;
    world.note("kube-scheduler", Verb::Schedule, ObjectRef::of(pod), msg!("change.schedule", pod = name, node = node));
    super::events::record(
        world,
        &ObjectRef::of(pod),
        ("default-scheduler", ""),
        ("Normal", "Scheduled"),
        &format!("Successfully assigned {}/{name} to {node}", pod.metadata.namespace),
    );
    world.put_pod(bound);
}

fn condition(status: &str, reason: &str, message: &str, now: String) -> Condition {
    Condition {
        type_: "PodScheduled".into(),
        status: status.into(),
        reason: reason.into(),
        message: message.into(),
        last_transition_time: Some(now),
        ..Condition::default()
    }
}

/// The condition that a Pod with scheduling gates is created with (`applySchedulingGatedCondition` of
/// `pkg/registry/core/pod/strategy.go`). The scheduler does not look at such a Pod, and records nothing.
fn report_gated(world: &mut World, pod: &Pod) {
    if pod.status.conditions.iter().any(|own| own.type_ == "PodScheduled") {
        return;
    }
    let why = "Scheduling is blocked due to non-empty scheduling gates";
    let mut gated = pod.clone();
    gated.status.phase = "Pending".into();
    gated.status.conditions.push(condition("False", "SchedulingGated", why, world.timestamp()));
    let message = msg!("change.unschedulable", pod = pod.metadata.name, why = why);
    world.note("kube-apiserver", Verb::Notice, ObjectRef::of(pod), message);
    world.put_pod(gated);
    world.queue.unscheduled.remove(&super::world::key_of(&pod.metadata));
}

fn report_pending(world: &mut World, pod: &Pod, why: &str) {
    let known = pod.status.conditions.iter().find(|condition| condition.type_ == "PodScheduled");
    if known.is_some_and(|condition| condition.message == why) {
        return;
    }
    let mut pending = pod.clone();
    pending.status.phase = "Pending".into();
    pending.status.conditions = vec![condition("False", "Unschedulable", why, world.timestamp())];
    world.note(
        "kube-scheduler",
        Verb::Notice,
        ObjectRef::of(pod),
        msg!("change.unschedulable", pod = pod.metadata.name, why = why),
    );
    super::events::record(world, &ObjectRef::of(pod), ("default-scheduler", ""), ("Warning", "FailedScheduling"), why);
    world.put_pod(pending);
    world.queue.unscheduled.remove(&super::world::key_of(&pod.metadata));
}

/// The plugin volumebinding refuses before it looks at any node (`podHasPVCs`).
fn no_claim(nodes: usize, claim: &str) -> String {
    format!(
        "0/{nodes} nodes are available: persistentvolumeclaim \"{claim}\" not found. no new claims to deallocate, preemption: \
         0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling."
    )
}

fn fit_error(nodes: usize, misfits: &Misfits) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".into();
    }
    let mut reasons: Vec<String> = misfits.reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    reasons.sort();
    let mut after = Vec::new();
    if misfits.resolvable > 0 {
        after.push(format!("{} No preemption victims found for incoming pod", misfits.resolvable));
    }
    if misfits.hopeless > 0 {
        after.push(format!("{} Preemption is not helpful for scheduling", misfits.hopeless));
    }
    after.sort();
    format!(
        "0/{nodes} nodes are available: {}. no new claims to deallocate, preemption: 0/{nodes} nodes are available: {}.",
        reasons.join(", "),
        after.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_cluster_says_so_in_the_schedulers_words() {
        let misfits = Misfits { reasons: BTreeMap::from([("Too many pods".into(), 3)]), resolvable: 3, hopeless: 0 };
        let text = "0/3 nodes are available: 3 Too many pods. no new claims to deallocate, preemption: 0/3 nodes are available: \
                    3 No preemption victims found for incoming pod.";
        assert_eq!(fit_error(3, &misfits), text);
    }

    #[test]
    fn a_toleration_that_exists_without_key_bears_every_taint() {
        let taint = Taint { key: "dedicated".into(), value: "db".into(), effect: "NoSchedule".into() };
        let all = Toleration { operator: "Exists".into(), ..Default::default() };
        let equal = Toleration { key: "dedicated".into(), value: "db".into(), ..Default::default() };
        let other = Toleration { key: "dedicated".into(), value: "web".into(), ..Default::default() };
        assert!(tolerates(&[all], &taint) && tolerates(&[equal], &taint) && !tolerates(&[other], &taint));
    }
}
