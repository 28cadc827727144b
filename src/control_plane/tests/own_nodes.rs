//! Nodes that a text brings, and the made-up ones whose place they take.

use super::{WEB, apply, fresh, with};
use crate::api::core::Node;
use crate::cluster::{Cluster, Outcome};
use crate::diagnostic::Finding;

fn node(name: &str, more: &str) -> String {
    format!("---\napiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n{more}\n")
}

/// Each node with its address and its Pods' range.
fn nodes(cluster: &Cluster) -> Vec<String> {
    let told = |node: &Node| format!("{} {} {}", node.metadata.name, node.status.addresses[0].address, node.spec.pod_cidr);
    cluster.store.all::<Node>().map(told).collect()
}

fn says_so(outcome: &Outcome) -> bool {
    outcome.diagnostics.iter().any(|own| matches!(&own.message, Finding::Ours(text) if text.id == "nodes.own"))
}

const MADE_UP: [&str; 3] = ["node-1 10.0.0.11 10.244.1.0/24", "node-2 10.0.0.12 10.244.2.0/24", "node-3 10.0.0.13 10.244.3.0/24"];

#[test]
fn a_texts_nodes_are_the_clusters_until_they_leave_it() {
    let two = apply(&fresh(), &[WEB, &node("east", ""), &node("west", "")].concat());
    assert!(says_so(&two));
    assert_eq!(nodes(&two.cluster), ["east 10.0.0.11 10.244.1.0/24", "west 10.0.0.12 10.244.2.0/24"]);
    let ready = |cluster: &Cluster| super::pods(cluster).iter().filter(|pod| crate::node::kubelet::is_ready(pod)).count();
    assert_eq!(ready(&two.cluster), 3);
    // Whoever comes later gets what nobody has.
    let other = apply(&two.cluster, &[WEB, &node("north", ""), &node("west", "")].concat());
    assert_eq!(nodes(&other.cluster), ["north 10.0.0.11 10.244.1.0/24", "west 10.0.0.12 10.244.2.0/24"]);
    // One that is refused stands as it stood.
    let refused = apply(&other.cluster, &[WEB, &node("north", "spec: {podCIDR: nonsense}"), &node("west", "")].concat());
    assert_eq!(nodes(&refused.cluster), nodes(&other.cluster));
    let alone = apply(&with(&[WEB, &node("west", "")].concat()), &[WEB, &node("west", "spec: {podCIDR: nonsense}")].concat());
    assert_eq!(nodes(&alone.cluster), ["west 10.0.0.11 10.244.1.0/24"]);
    let none = apply(&other.cluster, WEB);
    assert!(!says_so(&none));
    assert_eq!(nodes(&none.cluster), MADE_UP);
    assert_eq!(ready(&none.cluster), 3);
}

#[test]
fn a_node_named_as_a_made_up_one_says_more_about_it_and_a_further_apply_adds_nodes() {
    let labelled = apply(&fresh(), &[WEB, &node("node-2", ""), &node("west", "")].concat());
    assert!(!says_so(&labelled));
    let four = [&MADE_UP[..], &["west 10.0.0.14 10.244.4.0/24"]].concat();
    assert_eq!(nodes(&labelled.cluster), four);
    let more = with(WEB).apply_more(super::manifests(&node("west", "")));
    assert_eq!(nodes(&more.cluster), four);
}

#[test]
fn what_nodes_say_of_their_place_holds() {
    let west = "spec: {podCIDR: 10.42.1.0/24}\nstatus: {addresses: [{type: InternalIP, address: 192.168.7.2}]}";
    let cluster = apply(&fresh(), &[WEB, &node("east", ""), &node("west", west)].concat()).cluster;
    assert_eq!(nodes(&cluster), ["east 10.0.0.12 10.42.2.0/24", "west 192.168.7.2 10.42.1.0/24"]);
    assert_eq!(cluster.settings.pod_cidr, "10.42.0.0/16");
}
