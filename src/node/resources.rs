//! What Pods ask of their node beside their number, and what nodes have of it.
//!
//! Imitates `AggregateContainerRequests` of `k8s.io/component-helpers/resource` and `fitsRequest` of the scheduler's plugin
//! noderesources. A node that the cluster has made up itself takes any amount of cpu, memory and storage: what it shows is nobody's
//! machine. Devices and huge pages (`nvidia.com/gpu`) are only where a Node's own text says so. Leaves out a Pod's overhead and the
//! requests of the Pod as a whole.

use crate::api::ObjectRef;
use crate::api::core::{Container, Node, Pod, PodSpec};
use crate::api::quantity::Quantity;
use crate::cluster::Cluster;
use crate::msg;
use crate::settings::Nodes;
use crate::words::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Thousandths by resource.
pub type Amounts = BTreeMap<String, i64>;

/// A resource of which a node has too little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// `cpu`, `nvidia.com/gpu`
    pub resource: String,
    /// Thousandths that the Pod asks for.
    pub asked: i64,
    /// Thousandths that other Pods have.
    pub used: i64,
    /// Thousandths that there are.
    pub most: i64,
}

impl Shortage {
    /// Whether the node has too little even without other Pods.
    pub fn is_hopeless(&self) -> bool {
        self.asked > self.most
    }

    /// Asked, used and most, as they are counted in messages: cpu in thousandths, everything else whole.
    pub fn counted(&self) -> (i64, i64, i64) {
        let unit = if self.resource == "cpu" { 1 } else { 1000 };
        let whole = |amount: i64| amount.saturating_add(unit - 1) / unit;
        (whole(self.asked), whole(self.used), whole(self.most))
    }
}

/// What a container asks for; a limit is also the request, where none is written (`SetDefaults_Pod`).
const ASKED: &[&str] = &["limits", "requests"];

/// What the lists of a container say, a later one before an earlier one.
fn of(container: &Container, lists: &[&str]) -> Amounts {
    let mut amounts = Amounts::new();
    for list in lists {
        let written = container.resources.get(list).and_then(|list| list.as_object());
        for (name, value) in written.into_iter().flatten() {
            amounts.insert(name.clone(), Quantity::of(value).map_or(0, |quantity| quantity.thousandths()));
        }
    }
    amounts
}

fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let all = to.entry(name.clone()).or_default();
        *all = all.saturating_add(*amount);
    }
}

fn raise(to: &mut Amounts, least: &Amounts) {
    for (name, amount) in least {
        let all = to.entry(name.clone()).or_default();
        *all = (*all).max(*amount);
    }
}

/// What a Pod asks for, together.
pub fn requests(spec: &PodSpec) -> Amounts {
    of_pod(spec, ASKED)
}

/// What the containers of a Pod, or of a template, ask for as it is written (`AggregateContainerRequests`).
pub fn written_requests(spec: &PodSpec) -> Amounts {
    of_pod(spec, &["requests"])
}

/// How much a Pod may use, together (`AggregateContainerLimits`).
pub fn limits(spec: &PodSpec) -> Amounts {
    of_pod(spec, &["limits"])
}

/// An init container runs beside the sidecars before it, and not beside the others.
fn of_pod(spec: &PodSpec, lists: &[&str]) -> Amounts {
    let (mut all, mut sidecars, mut first) = (Amounts::new(), Amounts::new(), Amounts::new());
    for container in spec.containers.iter().filter(|own| !own.resources.is_null()) {
        add(&mut all, &of(container, lists));
    }
    for container in spec.init_containers.iter().filter(|own| !own.resources.is_null()) {
        let own = of(container, lists);
        if container.is_sidecar() {
            add(&mut all, &own);
            add(&mut sidecars, &own);
            raise(&mut first, &sidecars);
        } else {
            let mut beside = sidecars.clone();
            add(&mut beside, &own);
            raise(&mut first, &beside);
        }
    }
    raise(&mut all, &first);
    all.retain(|_, amount| *amount > 0);
    all
}

/// Whether a resource is one that a node has only where it says so.
fn is_scalar(resource: &str) -> bool {
    resource.contains('/') || resource.starts_with("hugepages-")
}

/// Whether it is a device of some vendor.
pub fn is_extended(resource: &str) -> bool {
    resource.contains('/') && !resource.contains("kubernetes.io/") && !resource.starts_with("requests.")
}

/// Whether somebody has written how much the node has of a resource.
pub fn is_told(cluster: &Cluster, node: &Node, resource: &str) -> bool {
    let written = |list: &str| {
        let document = cluster.origin(&ObjectRef::of(node));
        document.is_some_and(|own| own.value.pointer(list).is_some_and(|list| list.get(resource).is_some()))
    };
    let set = match &cluster.settings.nodes {
        Nodes::List(nodes) => {
            nodes.iter().any(|own| own.metadata.name == node.metadata.name && own.status.allocatable.contains_key(resource))
        }
        Nodes::Count(_) => false,
    };
    set || written("/status/allocatable") || written("/status/capacity")
}

/// What these Pods ask for, together.
pub fn together<'a>(pods: impl Iterator<Item = &'a Arc<Pod>>) -> Amounts {
    let mut all = Amounts::new();
    pods.for_each(|pod| add(&mut all, &requests(&pod.spec)));
    all
}

/// What a node lacks for a Pod that asks for so much beside what others have taken.
pub fn shortages(cluster: &Cluster, node: &Node, asked: &Amounts, taken: impl Fn() -> Amounts) -> Vec<Shortage> {
    let mut found = Vec::new();
    let mut known: Option<Amounts> = None;
    for (resource, amount) in asked {
        if !is_scalar(resource) && !is_told(cluster, node, resource) {
            continue;
        }
        let has = node.status.allocatable.get(resource).and_then(|text| Quantity::parse(text).ok());
        let most = has.map_or(0, |quantity| quantity.thousandths());
        let used = known.get_or_insert_with(&taken).get(resource).copied().unwrap_or(0);
        if *amount > most.saturating_sub(used) {
            found.push(Shortage { resource: resource.clone(), asked: *amount, used, most });
        }
    }
    found
}

/// A ResourceClaim, or a template of one, that a Pod names and that nobody has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingClaim<'a> {
    /// Its place in the Pod's list.
    pub at: usize,
    /// Its name there.
    pub own: &'a str,
    /// `ResourceClaim` or `ResourceClaimTemplate`
    pub kind: &'static str,
    /// The name of what is missing.
    pub name: &'a str,
}

/// The first one. The scheduler's plugin dynamicresources keeps such a Pod out of its queue (`PreEnqueue`), without a word.
pub fn missing_claim<'a>(cluster: &Cluster, pod: &'a Pod) -> Option<MissingClaim<'a>> {
    let text = |claim: &'a serde_json::Value, key: &str| claim.get(key).and_then(|name| name.as_str());
    let missing = |(at, claim): (usize, &'a serde_json::Value)| {
        let (kind, name) = match text(claim, "resourceClaimName") {
            Some(name) => ("ResourceClaim", name),
            None => ("ResourceClaimTemplate", text(claim, "resourceClaimTemplateName")?),
        };
        let mut same = cluster.manifests.documents.iter().filter(|own| own.kind == kind && own.name == name);
        let there = same.any(|own| own.namespace == pod.metadata.namespace);
        (!there).then(|| MissingClaim { at, own: text(claim, "name").unwrap_or_default(), kind, name })
    };
    pod.spec.resource_claims.iter().enumerate().find_map(missing)
}

/// A Pod asks for more than its node shows, and runs there because nobody has written what that node has.
pub fn assumed_room(cluster: &Cluster, pod: &Pod) -> Option<Message> {
    let node = cluster.store.get::<Node>("", &pod.spec.node_name)?;
    let (resource, shown) = { requests(&pod.spec) }.into_iter().find_map(|(resource, asked)| {
        let shown = node.status.allocatable.get(&resource)?;
        let less = Quantity::parse(shown).is_ok_and(|most| most.thousandths() < asked);
        (less && !is_scalar(&resource) && !is_told(cluster, node, &resource)).then(|| (resource, shown.clone()))
    })?;
    let (pod, node) = (&pod.metadata.name, &node.metadata.name);
    Some(msg!("assume.room", pod = pod, node = node, resource = resource, shown = shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_asks_for_its_containers_together_and_for_each_init_container_beside_the_sidecars_before_it() {
        let spec: PodSpec = serde_yaml::from_str(
            "
containers:
- {name: a, resources: {requests: {cpu: 250m, memory: 1Gi}}}
- {name: b, resources: {limits: {cpu: '1', nvidia.com/gpu: 2}}}
initContainers:
- {name: c, resources: {requests: {cpu: '3'}}}
- {name: s, restartPolicy: Always, resources: {requests: {cpu: 500m}}}
- {name: d, resources: {requests: {cpu: '2', memory: 2Gi}}}
",
        )
        .unwrap();
        let expected = [("cpu", 3_000), ("memory", 2_147_483_648_000), ("nvidia.com/gpu", 2_000)];
        assert_eq!(requests(&spec), expected.map(|(name, amount)| (name.to_string(), amount)).into());
    }
}
