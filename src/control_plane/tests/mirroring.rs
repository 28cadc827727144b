//! Endpoints written by hand, mirrored: the cases of upstream's own `reconciler_test.go`.

use super::{act, with};
use crate::api::core::Event;
use crate::api::discovery::EndpointSlice;
use crate::cluster::Cluster;

fn endpoints(meta: &str, subsets: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: db}}\nspec: {{ports: [{{name: http, port: 80}}, {{name: https, port: 443}}]}}\n---\n\
         apiVersion: v1\nkind: Endpoints\nmetadata: {{name: db{meta}}}\nsubsets: {subsets}\n"
    )
}

/// The mirrored slices: ports, then addresses, `-` before one that is not ready.
fn mirrored(cluster: &Cluster) -> Vec<String> {
    let own = |slice: &&EndpointSlice| slice.metadata.labels.get("kubernetes.io/service-name").is_some_and(|name| name == "db");
    let one = |slice: &EndpointSlice| {
        let ports: Vec<String> = slice.ports.iter().map(|port| port.port.unwrap_or_default().to_string()).collect();
        let address = |own: &crate::api::discovery::Endpoint| {
            format!("{}{}", if own.conditions.ready == Some(false) { "-" } else { "" }, own.addresses[0])
        };
        let addresses: Vec<String> = slice.endpoints.iter().map(address).collect();
        format!("{} {}: {}", slice.address_type, ports.join(","), addresses.join(" "))
    };
    let mut all: Vec<String> = cluster.store.all::<EndpointSlice>().filter(own).map(one).collect();
    all.sort();
    all
}

fn check(subsets: &str, expected: &[&str]) {
    assert_eq!(mirrored(&with(&endpoints("", subsets))), expected, "{subsets}");
}

const HTTP: &str = "ports: [{name: http, port: 80}]";
const HTTPS: &str = "ports: [{name: https, port: 443}]";

#[test]
fn each_set_of_ports_of_mirrored_endpoints_is_a_slice() {
    check("[]", &[]);
    check(&format!("[{{addresses: [{{ip: 10.0.0.1}}], {HTTP}}}]"), &["IPv4 80: 10.0.0.1"]);
    let two = |first: &str, second: &str, ports: &str| {
        format!("[{{addresses: [{{ip: {first}}}], {HTTP}}}, {{addresses: [{{ip: {second}}}], {ports}}}]")
    };
    check(&two("10.0.0.1", "10.0.0.2", HTTPS), &["IPv4 443: 10.0.0.2", "IPv4 80: 10.0.0.1"]);
    check(&two("10.0.0.1", "10.0.0.1", HTTPS), &["IPv4 80,443: 10.0.0.1"]);
    check(&two("10.0.0.1", "10.0.0.2", HTTP), &["IPv4 80: 10.0.0.1 10.0.0.2"]);
    let mixed = format!("[{{addresses: [{{ip: 10.0.0.1}}], notReadyAddresses: [{{ip: 10.0.0.2}}], {HTTP}}}]");
    check(&mixed, &["IPv4 80: 10.0.0.1 -10.0.0.2"]);
    // Not ready in one subset is not ready.
    let both = format!("[{{addresses: [{{ip: 10.0.0.1}}], {HTTP}}}, {{notReadyAddresses: [{{ip: 10.0.0.1}}], {HTTP}}}]");
    check(&both, &["IPv4 80: -10.0.0.1"]);
}

#[test]
fn addresses_of_ipv6_are_mirrored_into_a_slice_of_their_own() {
    let both = format!("[{{addresses: [{{ip: 10.0.0.1}}, {{ip: '2001:db8::1'}}], {HTTP}}}]");
    check(&both, &["IPv4 80: 10.0.0.1", "IPv6 80: 2001:db8::1"]);
}

#[test]
fn endpoints_that_elect_a_leader_or_say_so_are_not_mirrored() {
    let subsets = format!("[{{addresses: [{{ip: 10.0.0.1}}], {HTTP}}}]");
    let of = |meta: &str| mirrored(&with(&endpoints(meta, &subsets)));
    assert!(of(", annotations: {control-plane.alpha.kubernetes.io/leader: '{}'}").is_empty());
    assert!(of(", labels: {endpointslice.kubernetes.io/skip-mirror: 'true'}").is_empty());
    assert_eq!(of(", labels: {endpointslice.kubernetes.io/skip-mirror: 'false'}").len(), 1);
}

#[test]
fn a_mirrored_slice_follows_labels_annotations_and_ports_under_its_name() {
    let subsets = |ports: &str| format!("[{{addresses: [{{ip: 10.0.0.1}}], {ports}}}]");
    let first = with(&endpoints("", &subsets(HTTP)));
    let slice = |cluster: &Cluster| {
        let own = |slice: &&EndpointSlice| slice.metadata.name.starts_with("db-");
        cluster.store.all::<EndpointSlice>().find(own).unwrap().clone()
    };
    let told = super::apply(&first, &endpoints(", labels: {tier: data}, annotations: {note: x}", &subsets(HTTP))).cluster;
    assert_eq!(
        (slice(&told).metadata.labels["tier"].as_str(), slice(&told).metadata.annotations["note"].as_str()),
        ("data", "x")
    );
    let moved = super::apply(&told, &endpoints("", &subsets(HTTPS))).cluster;
    assert_eq!(slice(&moved).metadata.name, slice(&first).metadata.name);
    assert_eq!(mirrored(&moved), ["IPv4 443: 10.0.0.1"]);
    assert!(mirrored(&act(&moved, "endpoints/default/db delete").cluster).is_empty());
}

#[test]
fn a_thousand_addresses_of_a_subset_are_mirrored() {
    let addresses: Vec<String> = (0..1002).map(|at| format!("{{ip: 10.1.{}.{}}}", at / 250, at % 250 + 1)).collect();
    let cluster = with(&endpoints("", &format!("[{{addresses: [{}], {HTTP}}}]", addresses.join(", "))));
    let count: usize = cluster
        .store
        .all::<EndpointSlice>()
        .filter(|own| own.metadata.name.starts_with("db-"))
        .map(|own| own.endpoints.len())
        .sum();
    assert_eq!(count, 1000);
    let text = "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 2 addresses were skipped";
    assert!(cluster.store.all::<Event>().any(|event| event.message == text));
}

#[test]
fn a_service_keeps_its_slices_as_an_external_name_and_gets_a_mirror_once_its_selector_is_gone() {
    let text = |spec: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: db, labels: {{app: db}}}}\nspec: {{containers: [{{name: c, image: redis}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: db}}\nspec: {spec}\n"
        )
    };
    let before = with(&text("{selector: {app: db}, ports: [{port: 6379}]}"));
    let own = mirrored(&before);
    assert_eq!(own.len(), 1);
    let alias = super::apply(&before, &text("{type: ExternalName, externalName: db.example.com, selector: {app: db}}")).cluster;
    assert_eq!(mirrored(&alias), own);
    let bare = super::apply(&before, &text("{ports: [{port: 6379}]}")).cluster;
    assert_eq!(mirrored(&bare), [own.clone(), own].concat(), "its Endpoints stay, and are mirrored beside its slice");
}
