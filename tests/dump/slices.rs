//! A dump's EndpointSlices are what kube-proxy goes by: they stand as they are until something changes here, and what the real
//! controller did not follow is told.

use crate::facts::with;
use crate::{FRONT, applied, explained, manifests, send};
use kubehop::api::core::Pod;
use kubehop::api::discovery::EndpointSlice;
use kubehop::cluster::{Action, Cluster};
use kubehop::random::Seed;
use kubehop::settings::Settings;
use kubehop::trace::Verdict;
use std::fs;
use std::sync::Arc;

const STALE: &str = "
apiVersion: v1
kind: Service
metadata: {name: stale, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000021}
spec: {clusterIP: 10.96.77.20, clusterIPs: [10.96.77.20], selector: {app: frontend}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: stale-x
  namespace: shop
  uid: 5d1b7c0e-0000-4000-8000-000000000022
  labels: {kubernetes.io/service-name: stale, endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}
addressType: IPv4
ports: [{name: '', port: 8080, protocol: TCP}]
endpoints:
- addresses: [10.244.1.250]
  conditions: {ready: true, serving: true, terminating: false}
  targetRef: {kind: Pod, name: frontend-6b9f7c5d8c-gone0, namespace: shop}
";

#[test]
fn a_slice_that_the_real_controller_did_not_bring_up_to_date_stands_until_something_changes() {
    let addresses = |cluster: &Cluster| -> Vec<String> {
        let slices = cluster.store.in_namespace::<EndpointSlice>("shop");
        let own = slices.filter(|slice| slice.metadata.labels["kubernetes.io/service-name"] == "stale");
        own.flat_map(|slice| &slice.endpoints).flat_map(|own| own.addresses.clone()).collect()
    };
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(with(STALE)));
    assert!(outcome.diagnostics.iter().any(|found| format!("{found:?}").contains("endpoints.told.")));
    let cluster = outcome.cluster;
    assert_eq!(addresses(&cluster), ["10.244.1.250"]);
    let trace = send(&cluster, FRONT, "http://stale");
    assert_ne!(trace.verdict, Verdict::Delivered);
    assert!(trace.assumptions.iter().any(|note| note.id == "assume.toldSlices"), "{:?}", trace.assumptions);
    assert_eq!(addresses(&cluster.act(&Action::Wait(600)).cluster), ["10.244.1.250"]);
    let moved = cluster.act(&Action::parse("pod/shop/frontend-6b9f7c5d8c-8lqtw unready").unwrap()).cluster;
    assert!(!addresses(&moved).contains(&"10.244.1.250".to_string()), "{:?}", addresses(&moved));
}

#[test]
fn a_pod_of_the_dump_that_is_deleted_here_leaves_its_slice_as_any_other() {
    let cluster = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(with(""))).cluster;
    let name = "frontend-6b9f7c5d8c-8lqtw";
    let ip = cluster.store.get::<Pod>("shop", name).unwrap().status.pod_ip.clone();
    let listed = |cluster: &Cluster| {
        let slices = cluster.store.in_namespace::<EndpointSlice>("shop");
        slices.flat_map(|slice| &slice.endpoints).any(|own| own.addresses.contains(&ip))
    };
    assert!(!ip.is_empty() && listed(&cluster));
    let outcome = cluster.act(&Action::parse(&format!("pod/shop/{name} delete")).unwrap());
    assert!(!format!("{:?}", outcome.diagnostics).contains("endpoints.told."));
    assert!(!listed(&outcome.cluster.act(&Action::Wait(60)).cluster));
}

/// The shared dump, in which what follows `from` reads otherwise.
fn edited(from: &str, changes: &[(&str, &str)]) -> String {
    let text = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let at = text.find(from).unwrap();
    let (before, after) = text.split_at(at);
    let after = changes.iter().fold(after.to_string(), |after, (old, new)| {
        assert!(after.contains(old), "{old}");
        after.replacen(old, new, 1)
    });
    format!("{before}{after}")
}

const CATALOG: &str = "    - 10.244.2.6\n    conditions:";
const READY: &str = "      ready: true\n      serving: true";
const UNREADY: &str = "      ready: false\n      serving: false";

fn told(text: &str) -> Vec<String> {
    let outcome = Cluster::new(Settings::default(), Seed(1)).apply(Arc::new(manifests(text.to_string())));
    let all = outcome.diagnostics.iter().map(|found| format!("{:?}", found.message));
    all.filter(|found| found.contains("endpoints.told.")).collect()
}

#[test]
fn a_slice_that_says_unready_of_a_ready_pod_is_what_kube_proxy_goes_by() {
    let text = edited(CATALOG, &[(READY, UNREADY)]);
    assert_eq!(told(&text).len(), 1);
    let cluster = applied(manifests(text));
    let trace = send(&cluster, FRONT, "http://catalog");
    assert_eq!(trace.verdict, Verdict::Refused);
    let says = "The EndpointSlices of Service catalog, as the dump shows them, mark catalog-74d5bbf6b8-5hxkg as not ready, \
                though ready";
    let checks = explained(&cluster, FRONT, "http://catalog");
    assert_eq!(checks.last().unwrap(), &format!("FAIL {says}"));
    assert!(trace.assumptions.iter().any(|note| note.id == "assume.toldSlices"), "{:?}", trace.assumptions);
    // Another Pod of the Service changes, and the controller writes what is so.
    let moved = cluster.act(&Action::parse("pod/shop/catalog-74d5bbf6b8-mt2zp delete").unwrap()).cluster;
    assert_eq!(send(&moved, FRONT, "http://catalog").verdict, Verdict::Delivered);
}

#[test]
fn a_ready_pod_that_the_slice_leaves_out_gets_no_traffic() {
    let text =
        edited("  - addresses:\n    - 10.244.2.5\n", &[("  - addresses:\n    - 10.244.2.5\n", "  - addresses: [10.244.1.8]\n")]);
    let text = text.replace("name: frontend-6b9f7c5d8c-zv4rk\n      namespace: shop\n      uid: 16c54ff1-c237-4aea-abe1-592232de1e5e\n  kind: EndpointSlice",
        "name: catalog-74d5bbf6b8-mt2zp\n      namespace: shop\n      uid: 9961f3f8-3bfc-4d8a-ae97-f146ce2ad830\n  kind: EndpointSlice");
    // The Pod that is left out, and another Service's Pod in its place.
    let all = told(&text);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].contains("told.lack") && all[0].contains("frontend-6b9f7c5d8c-zv4rk"), "{all:?}");
    assert!(all[1].contains("told.other") && all[1].contains("catalog-74d5bbf6b8-mt2zp"), "{all:?}");
    let cluster = applied(manifests(text));
    let own = kubehop::explain::explain_pod(&cluster, "shop", "frontend-6b9f7c5d8c-zv4rk");
    assert_eq!(own.checks.last().unwrap().text.id, "explain.endpoints.told.lack");
}

const LEAVING: &str = "
apiVersion: v1
kind: Pod
metadata:
  name: stale-0
  namespace: shop
  uid: 5d1b7c0e-0000-4000-8000-000000000023
  labels: {app: stale}
  deletionTimestamp: '2026-05-19T14:40:37Z'
  deletionGracePeriodSeconds: 30
spec: {nodeName: shop-worker, containers: [{name: c, image: nginx}]}
status: {phase: Running, podIP: 10.244.1.250, podIPs: [{ip: 10.244.1.250}], conditions: [{type: Ready, status: 'True'}]}
---
";

#[test]
fn a_pod_on_its_way_out_that_a_slice_has_as_ready_is_told_as_terminating() {
    let stale = STALE.replace("{app: frontend}", "{app: stale}").replace("frontend-6b9f7c5d8c-gone0", "stale-0");
    let shared = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    let all = told(&format!("{shared}\n---{LEAVING}{stale}"));
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].contains("told.terminating") && all[0].contains("stale-0"), "{all:?}");
}

#[test]
fn nothing_is_told_of_a_slice_that_loading_brings_up_to_date() {
    let name = "    name: catalog-74d5bbf6b8-5hxkg\n";
    let leaves = format!("{name}    deletionGracePeriodSeconds: 30\n    deletionTimestamp: '2026-05-19T14:40:37Z'\n");
    let text = edited("kind: Pod", &[(name, &leaves)]);
    // Its ReplicaSet makes another Pod, whose coming the controller here follows.
    assert_eq!(told(&text), [""; 0]);
    let cluster = applied(manifests(text));
    let slice = cluster.store.get::<EndpointSlice>("shop", "catalog-46f22").unwrap();
    let left = slice.endpoints.iter().find(|own| own.addresses == ["10.244.2.6"]).unwrap();
    assert_eq!((slice.endpoints.len(), left.conditions.ready), (3, Some(false)));
}

#[test]
fn order_hints_and_fields_left_out_are_no_differences() {
    let plain = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    assert_eq!(told(&plain), [""; 0]);
    let hints = "    hints: {forZones: [{name: a}]}\n    nodeName: shop-worker2";
    let text = edited(CATALOG, &[(READY, "      ready: true"), ("    nodeName: shop-worker2", hints)]);
    let text = text.replace("    - 10.244.1.7\n    conditions:\n      ready: true\n      serving: true\n      terminating: false\n    nodeName: shop-worker\n",
        "    - 10.244.1.7\n    conditions: {}\n");
    assert_eq!(told(&text), [""; 0]);
    let cluster = applied(manifests(text)).act(&Action::Wait(60)).cluster;
    let slice = cluster.store.get::<EndpointSlice>("shop", "catalog-46f22").unwrap();
    assert!(slice.endpoints[0].hints.is_some());
    assert_eq!(send(&cluster, FRONT, "http://catalog").verdict, Verdict::Delivered);
}

const MIRRORED: &str = "
apiVersion: v1
kind: Service
metadata: {name: legacy, namespace: shop, uid: 5d1b7c0e-0000-4000-8000-000000000031}
spec: {clusterIP: 10.96.77.31, clusterIPs: [10.96.77.31], ports: [{port: 80, targetPort: 9000}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: legacy-x7x7x
  namespace: shop
  uid: 5d1b7c0e-0000-4000-8000-000000000032
  labels: {kubernetes.io/service-name: legacy, endpointslice.kubernetes.io/managed-by: endpointslicemirroring-controller.k8s.io}
addressType: IPv4
ports: [{name: '', port: 9000, protocol: TCP}]
endpoints:
- {addresses: [10.9.9.9], conditions: {ready: true}}
";

#[test]
fn a_mirrored_slice_stands_where_the_dump_leaves_its_endpoints_out() {
    let cluster = applied(with(MIRRORED)).act(&Action::Wait(60)).cluster;
    assert!(cluster.store.get::<EndpointSlice>("shop", "legacy-x7x7x").is_some());
    assert_eq!(send(&cluster, FRONT, "http://legacy").verdict, Verdict::Delivered);
    let gone = cluster.act(&Action::parse("service/shop/legacy delete").unwrap()).cluster;
    assert!(gone.store.get::<EndpointSlice>("shop", "legacy-x7x7x").is_none());
}

#[test]
fn a_mirrored_slice_that_differs_from_its_endpoints_stands_and_is_told() {
    let endpoints = |ip: &str| {
        let uid = "5d1b7c0e-0000-4000-8000-000000000033";
        let meta = format!("metadata: {{name: legacy, namespace: shop, uid: {uid}}}");
        format!(
            "{MIRRORED}---\napiVersion: v1\nkind: Endpoints\n{meta}\nsubsets: [{{addresses: [{{ip: {ip}}}], ports: [{{port: 9000}}]}}]"
        )
    };
    let shared = fs::read_to_string("tests/fixtures/applications/dump.yaml").unwrap();
    assert_eq!(told(&format!("{shared}\n---{}", endpoints("10.9.9.9"))), [""; 0]);
    let all = told(&format!("{shared}\n---{}", endpoints("10.9.9.7")));
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].contains("told.mirrorLack") && all[0].contains("10.9.9.7"), "{all:?}");
    assert!(all[1].contains("told.mirrorMore") && all[1].contains("10.9.9.9"), "{all:?}");
    let cluster = applied(with(&endpoints("10.9.9.7")));
    let trace = send(&cluster.act(&Action::Wait(60)).cluster, FRONT, "http://legacy");
    assert!(trace.hops.iter().any(|hop| hop.before.is_some_and(|flow| flow.dst.to_string() == "10.9.9.9:9000")));
    assert!(trace.assumptions.iter().any(|note| note.id == "assume.toldSlices"), "{:?}", trace.assumptions);
    // Endpoints that change here are followed.
    let edited = cluster.apply(Arc::new(with(&endpoints("10.9.9.6")))).cluster;
    let slice = edited.store.get::<EndpointSlice>("shop", "legacy-x7x7x").unwrap();
    assert_eq!(slice.endpoints[0].addresses, ["10.9.9.6"]);
}
