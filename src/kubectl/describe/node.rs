//! Nodes: what they are, and what their Pods ask of them.
//!
//! Imitates `describeNode` and `describeNodeResource` of `k8s.io/kubectl/pkg/describe`. Of a resource that nobody has written for the
//! node there are no percentages: what a made-up machine has of it is not played. Leaves out leases, the machine's own identifiers and
//! ResourceSlices.

use super::{Page, or_none, written_date};
use crate::api::ObjectRef;
use crate::api::core::{Node, Pod, Taint};
use crate::api::quantity::Quantity;
use crate::cluster::Cluster;
use crate::kubectl::printers::age;
use crate::node::resources::{Amounts, is_told, limits, requests};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn node(page: &mut Page, node: &Node) {
    page.line(format!("Name:\t{}", node.metadata.name));
    let role = |(key, value): (&String, &String)| {
        let named = key.strip_prefix("node-role.kubernetes.io/").map(str::to_string);
        named.or_else(|| (key == "kubernetes.io/role").then(|| value.clone())).filter(|role| !role.is_empty())
    };
    let roles: BTreeSet<String> = node.metadata.labels.iter().filter_map(role).collect();
    page.line(format!("Roles:\t{}", or_none(roles.into_iter().collect::<Vec<_>>().join(","))));
    page.labels_and_annotations(&node.metadata);
    page.line(format!("CreationTimestamp:\t{}", written_date(node.metadata.creation_timestamp.as_deref())));
    let mut taints = node.spec.taints.clone();
    taints.sort_by_key(|taint| format!("{},{}", taint.effect, taint.key));
    let taint = |taint: &Taint| {
        let value = if taint.value.is_empty() { String::new() } else { format!("={}", taint.value) };
        format!("{}{value}:{}", taint.key, taint.effect)
    };
    page.list("Taints", &taints.iter().map(taint).collect::<Vec<_>>());
    page.line(format!("Unschedulable:\t{}", node.spec.unschedulable.unwrap_or_default()));
    if !node.status.conditions.is_empty() {
        page.line("Conditions:");
        page.line("  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
        page.line("  ----\t------\t-----------------\t------------------\t------\t-------");
    }
    for condition in &node.status.conditions {
        let since = condition.last_transition_time.as_deref();
        let at = written_date(since.or(node.metadata.creation_timestamp.as_deref()));
        let (type_, status) = (&condition.type_, &condition.status);
        // Who declares a node lost leaves the time at which its kubelet posted last.
        let posted = if status == "Unknown" { written_date(node.metadata.creation_timestamp.as_deref()) } else { at.clone() };
        page.line(format!("  {type_} \t{status} \t{posted} \t{at} \t{} \t{}", condition.reason, condition.message));
    }
    page.line("Addresses:");
    for address in &node.status.addresses {
        page.line(format!("  {}:\t{}", address.type_, address.address));
    }
    // What a machine has in all, only its own Node says.
    let written = page.cluster.origin(&ObjectRef::of(node)).and_then(|own| own.value.pointer("/status/capacity"));
    let capacity: BTreeMap<String, String> = written.into_iter().flat_map(amounts).collect();
    for (title, list) in [("Capacity", &capacity), ("Allocatable", &node.status.allocatable)] {
        if !list.is_empty() {
            page.line(format!("{title}:"));
            list.iter().for_each(|(name, amount)| page.line(format!("  {name}:\t{amount}")));
        }
    }
    page.line("System Info:");
    let info = &node.status.node_info;
    page.line(format!("  Kernel Version:\t{}", info.kernel_version));
    page.line(format!("  OS Image:\t{}", info.os_image));
    page.line(format!("  Container Runtime Version:\t{}", info.container_runtime_version));
    page.line(format!("  Kubelet Version:\t{}", info.kubelet_version));
    if !node.spec.pod_cidr.is_empty() {
        page.line(format!("PodCIDR:\t{}", node.spec.pod_cidr));
        page.line(format!("PodCIDRs:\t{}", node.spec.pod_cidr));
    }
    pods_of_node(page, node);
    page.events(node);
}

/// A list of amounts as a document writes it.
fn amounts(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| Quantity::of(value).map(|amount| amount.to_string());
    list.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

fn pods_of_node(page: &mut Page, node: &Node) {
    let cluster = page.cluster;
    let alive =
        |pod: &&Pod| pod.spec.node_name == node.metadata.name && !matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    let pods: Vec<&Pod> = cluster.store.all::<Pod>().filter(alive).collect();
    let budget = Budget { cluster, node };
    page.line(format!("Non-terminated Pods:\t({} in total)", pods.len()));
    page.line("  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
    page.line("  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
    for pod in &pods {
        let meta = &pod.metadata;
        let (asked, most) = (requests(&pod.spec), limits(&pod.spec));
        let cells = ["cpu", "memory"]
            .map(|name| [&asked, &most].map(|all| budget.share(name, all, std::slice::from_ref(pod))).join("\t"));
        let age = age(meta.creation_timestamp.as_deref(), cluster.clock());
        page.line(format!("  {}\t{}\t\t{}\t{age}", meta.namespace, meta.name, cells.join("\t")));
    }
    page.line("Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)");
    page.line("  Resource\tRequests\tLimits\n  --------\t--------\t------");
    let total = |of: fn(&crate::api::core::PodSpec) -> Amounts| {
        let mut all = Amounts::new();
        pods.iter().flat_map(|pod| of(&pod.spec)).for_each(|(name, amount)| *all.entry(name).or_default() += amount);
        all
    };
    let (asked, most) = (total(requests), total(limits));
    let pages = node.status.allocatable.keys().filter(|name| name.starts_with("hugepages-")).map(String::as_str);
    for name in ["cpu", "memory", "ephemeral-storage"].into_iter().chain(pages) {
        page.line(format!("  {name}\t{}\t{}", budget.share(name, &asked, &pods), budget.share(name, &most, &pods)));
    }
    let standard = |name: &str| matches!(name, "cpu" | "memory" | "ephemeral-storage" | "pods") || name.starts_with("hugepages-");
    for name in node.status.allocatable.keys().filter(|name| !standard(name)) {
        page.line(format!("  {name}\t{}\t{}", shown(name, &asked, &pods), shown(name, &most, &pods)));
    }
}

/// What a node has.
struct Budget<'a> {
    cluster: &'a Cluster,
    node: &'a Node,
}

impl Budget<'_> {
    /// An amount, and how much that is of what the node has: `250m (12%)`.
    fn share(&self, name: &str, all: &Amounts, pods: &[&Pod]) -> String {
        let text = shown(name, all, pods);
        let has = self.node.status.allocatable.get(name).and_then(|has| Quantity::parse(has).ok());
        // Upstream counts cpu in thousandths and everything else whole.
        let unit = |amount: i64| if name == "cpu" { amount } else { amount.saturating_add(999) / 1000 };
        match has.map(|has| unit(has.thousandths())) {
            Some(has) if has > 0 && is_told(self.cluster, self.node, name) => {
                let percent = (unit(all.get(name).copied().unwrap_or(0)) as f64 / has as f64 * 100.0) as i64;
                format!("{text} ({percent}%)")
            }
            // Of nothing, nothing is a share.
            _ if is_told(self.cluster, self.node, "cpu") => format!("{text} (0%)"),
            _ => text,
        }
    }
}

/// An amount as it is written: in the way of the first container that says one.
fn shown(name: &str, all: &Amounts, pods: &[&Pod]) -> String {
    let amount = all.get(name).copied().unwrap_or(0);
    let containers = pods.iter().flat_map(|pod| pod.spec.containers.iter().chain(&pod.spec.init_containers));
    let lists =
        containers.flat_map(|own| ["requests", "limits"].into_iter().filter_map(|list| own.resources.get(list)?.get(name)));
    let written = { lists }.filter_map(Quantity::of).find(|own| !own.is_zero());
    written.map_or_else(|| "0".to_string(), |own| own.like(amount).to_string())
}
