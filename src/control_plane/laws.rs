//! Laws of identity and of settled clusters, over generated manifests and events.

use crate::api::core::{Pod, Service};
use crate::api::discovery::EndpointSlice;
use crate::api::meta::selects;
use crate::cluster::{Action, Cluster, Store};
use crate::control_plane::apiserver::{Admission, admit};
use crate::kubectl::{Manifests, Reader, SourceFile, read};
use crate::node::kubelet::is_ready;
use crate::random::Seed;
use crate::settings::Settings;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

const NAMES: [&str; 6] = ["api", "cart", "db", "front", "mail", "web"];

fn workload(kind: &str, name: &str, replicas: u8, image: &str) -> String {
    let replicas = if kind == "DaemonSet" { String::new() } else { format!("replicas: {replicas}, ") };
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{replicas}selector: {{matchLabels: {{app: {name}}}}}, \
         template: {{metadata: {{labels: {{app: {name}}}}}, spec: {{containers: [{{name: c, image: {image}, \
         ports: [{{name: http, containerPort: 8080}}]}}]}}}}}}\n"
    )
}

fn service(name: &str, kind: &str, target: &str) -> String {
    let headless = if kind == "None" { "clusterIP: None" } else { &format!("type: {kind}") };
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{headless}, selector: {{app: {name}}}, \
         ports: [{{port: 80, targetPort: {target}}}]}}\n"
    )
}

/// One document for each name that is drawn, workloads and Services apart.
fn documents() -> impl Strategy<Value = Vec<String>> {
    let kinds = prop::sample::select(vec!["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]);
    let images = prop::sample::select(vec!["nginx", "httpd"]);
    let workloads = (prop::sample::select(NAMES.to_vec()), kinds, 0u8..5, images);
    let types = prop::sample::select(vec!["ClusterIP", "NodePort", "LoadBalancer", "None"]);
    let services = (prop::sample::select(NAMES.to_vec()), types, prop::sample::select(vec!["8080", "http", "nope"]));
    let workloads = prop::collection::btree_map(0usize..6, workloads, 0..5);
    let services = prop::collection::btree_map(0usize..6, services, 0..5);
    (workloads, services).prop_map(|(workloads, services)| {
        let workloads = workloads.into_iter().map(|(at, (_, kind, replicas, image))| workload(kind, NAMES[at], replicas, image));
        let services = services.into_iter().map(|(at, (_, kind, target))| service(NAMES[at], kind, target));
        workloads.chain(services).collect()
    })
}

fn manifests(documents: &[String]) -> Arc<Manifests> {
    Arc::new(read(&[SourceFile { name: "a.yaml".into(), text: documents.join("---\n") }]).0)
}

fn fresh() -> Cluster {
    Cluster::new(Settings::default(), Seed(7))
}

fn identities(store: &Store) -> BTreeSet<String> {
    let pods = store
        .all::<Pod>()
        .map(|pod| format!("{}/{} {} {}", pod.metadata.namespace, pod.metadata.name, pod.status.pod_ip, pod.spec.node_name));
    let services = store.all::<Service>().map(|service| {
        let ports: Vec<i32> = service.spec.ports.iter().map(|port| port.node_port).collect();
        let balancer = &service.status.load_balancer;
        format!("{}/{} {} {ports:?} {balancer:?}", service.metadata.namespace, service.metadata.name, service.spec.cluster_ip)
    });
    pods.chain(services).collect()
}

fn bytes(cluster: &Cluster) -> String {
    let objects = cluster.store.refs().into_iter().filter_map(|object| cluster.store.to_json(&object));
    objects.map(|object| object.to_string()).collect::<Vec<_>>().join("\n")
}

/// What holds whenever all components have done their work.
fn check_settled(cluster: &Cluster) -> Result<(), TestCaseError> {
    let mut used = BTreeSet::new();
    for pod in cluster.store.all::<Pod>().filter(|pod| !pod.status.pod_ip.is_empty()) {
        prop_assert!(used.insert(pod.status.pod_ip.clone()), "{} is used twice", pod.status.pod_ip);
    }
    for service in cluster.store.all::<Service>().filter(|service| !service.spec.selector.is_empty()) {
        let meta = &service.metadata;
        let selected = cluster.store.in_namespace::<Pod>(&meta.namespace);
        let ready: BTreeSet<String> = selected
            .filter(|pod| selects(&service.spec.selector, &pod.metadata.labels))
            .filter(|pod| is_ready(pod) && pod.metadata.deletion_timestamp.is_none())
            .map(|pod| pod.status.pod_ip.clone())
            .collect();
        let slices = cluster.store.in_namespace::<EndpointSlice>(&meta.namespace);
        let own = slices.filter(|slice| slice.metadata.labels.get("kubernetes.io/service-name") == Some(&meta.name));
        let listed = own.flat_map(|slice| &slice.endpoints).filter(|endpoint| endpoint.conditions.ready == Some(true));
        let listed: Vec<String> = listed.flat_map(|endpoint| endpoint.addresses.clone()).collect();
        prop_assert_eq!(listed.len(), ready.len(), "{}", &meta.name);
        prop_assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), ready, "{}", &meta.name);
    }
    for set in cluster.store.replica_sets.values() {
        let wanted = set.spec.replicas.unwrap_or(1);
        prop_assert_eq!(set.status.replicas, wanted, "{}", &set.metadata.name);
    }
    Ok(())
}

fn event() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(NAMES.to_vec());
    let verbs = vec!["unready", "ready", "delete", "scale 0", "scale 3"];
    prop_oneof![
        (name(), prop::sample::select(verbs)).prop_map(|(name, verb)| format!("deployment/default/{name} {verb}")),
        (name(), 0u8..3).prop_map(|(name, at)| format!("pod/default/{name}-{at} delete")),
        (1u8..4, prop::sample::select(vec!["down", "up"])).prop_map(|(node, verb)| format!("node/node-{node} {verb}")),
        (1u8..4, prop::sample::select(vec!["stop", "start"])).prop_map(|(node, verb)| format!("kube-proxy/node-{node} {verb}")),
        (1u32..400).prop_map(|seconds| format!("wait {seconds}s")),
        Just("coredns down".to_string()),
        Just("coredns up".to_string()),
        Just("node/node-1 delete".to_string()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_documents_changes_nothing(documents in documents(), seed in any::<u64>()) {
        let mut shuffled = documents.clone();
        let mut random = crate::random::Random::new(Seed(seed));
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, random.below(at as u64 + 1) as usize);
        }
        let plain = fresh().apply(manifests(&documents));
        let other = fresh().apply(manifests(&shuffled));
        prop_assert_eq!(bytes(&plain.cluster), bytes(&other.cluster));
        prop_assert_eq!(plain.changes, other.changes);
    }

    #[test]
    fn adding_an_object_moves_no_other(documents in documents(), kind in prop::sample::select(vec!["NodePort", "LoadBalancer"])) {
        let before = fresh().apply(manifests(&documents)).cluster;
        let mut more = documents.clone();
        more.push(service("another", kind, "80"));
        more.push(workload("Deployment", "another", 4, "redis"));
        let after = before.apply(manifests(&more)).cluster;
        let (before, after) = (identities(&before.store), identities(&after.store));
        prop_assert!(before.is_subset(&after), "{:?}", before.difference(&after).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_remembered_of_texts_changes_no_answer(edits in prop::collection::vec((documents(), 0u8..6), 1..5)) {
        let (mut reader, mut admission) = (Reader::default(), Admission::default());
        for (mut documents, change) in edits {
            match change {
                1 => documents.insert(0, "# a line above\n# and another\n".into()),
                2 => documents.insert(0, "kind: [\n".into()),
                3 => documents.reverse(),
                4 => documents.push(workload("Deployment", "web", 9, "nginx").replace("replicas", "replica")),
                5 => documents.extend(documents.first().cloned().map(|first| first + "kind: Pod\n")),
                _ => {}
            }
            let file = |name: &str| SourceFile { name: name.into(), text: documents.join("---\n") };
            let files = if change == 3 { vec![file("b.yaml"), file("a.yaml")] } else { vec![file("a.yaml")] };
            let remembered = reader.read(&files);
            prop_assert_eq!(&remembered, &read(&files));
            prop_assert_eq!(admission.admit(&remembered.0), admit(&remembered.0));
        }
    }

    #[test]
    fn the_same_text_seed_and_events_give_the_same_bytes(documents in documents(), events in prop::collection::vec(event(), 0..6)) {
        let play = || {
            let mut cluster = fresh().apply(manifests(&documents)).cluster;
            for event in &events {
                cluster = cluster.act(&Action::parse(event).unwrap()).cluster;
            }
            bytes(&cluster)
        };
        prop_assert_eq!(play(), play());
    }

    #[test]
    fn a_settled_cluster_is_consistent(documents in documents(), events in prop::collection::vec(event(), 0..10), edit in documents()) {
        let mut cluster = fresh().apply(manifests(&documents)).cluster;
        check_settled(&cluster)?;
        for event in &events {
            cluster = cluster.act(&Action::parse(event).unwrap()).cluster;
            check_settled(&cluster)?;
        }
        cluster = cluster.apply(manifests(&edit)).cluster;
        check_settled(&cluster)?;
        prop_assert_eq!(cluster.apply(manifests(&edit)).changes, vec![]);
    }
}
